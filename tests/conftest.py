"""What many tests stand on: the bundled model, a tiny one made on the spot, and copies of public data.

Tests never ask the hub for anything; the bundled model comes from the package index, once.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import settings

settings.register_profile("kshot", deadline=None)  # no test is a matter of time
settings.load_profile("kshot")
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="session", autouse=True)
def outlines_in_pdfs() -> None:
    """Letters as outlines: cutting TrueType out of its font takes longer than all else of a report."""
    from kshot.eval.report import style

    style.SETTINGS["pdf.fonttype"] = 3


@pytest.fixture
def fonts_in_pdfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """TrueType, as it is outside of tests."""
    from kshot.eval.report import style

    monkeypatch.setitem(style.SETTINGS, "pdf.fonttype", 42)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Copies of the public benchmarks, where they lie beside this checkout."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no copies of the public sets beside this checkout")
    return folder


@pytest.fixture(scope="session")
def bundled_model() -> Any:
    """The bundled model's source, fetched and converted the first time (about a minute)."""
    from kshot.harness.models.sources import resolve
    from kshot.types import UserError

    try:
        return resolve("smollm2-135m")
    except UserError as error:
        if os.environ.get("CI") or "could not be fetched" not in str(error):
            raise
        pytest.skip(str(error))


def save_tiny(folder: Path, *, chat: bool, context: int = 512, head_dim: int | None = None) -> Path:
    """A random Llama of two layers with a byte-level tokenizer, in a folder as save_pretrained writes it."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
    pieces = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    backend = Tokenizer(models.BPE(vocab={piece: index for index, piece in enumerate(pieces)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token="<s>",
        eos_token="<|end|>" if chat else "</s>",
        pad_token="<pad>",
        additional_special_tokens=special[3:],
    )
    if chat:
        tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=300,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=head_dim,
            max_position_embeddings=context,
            bos_token_id=1,
            eos_token_id=6 if chat else 2,
            pad_token_id=0,
        )
    )
    for parameter in model.parameters():  # larger weights, so that the next token hangs on what came before
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    assert json.loads((folder / "config.json").read_text())["model_type"] == "llama"
    return folder


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny base model's folder: no chat template."""
    return save_tiny(tmp_path_factory.mktemp("tiny"), chat=False)


@pytest.fixture(scope="session")
def tiny_chat_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny chat model's folder: the same with a chat template."""
    return save_tiny(tmp_path_factory.mktemp("tiny-chat"), chat=True)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny chat model with room for exemplars, a byte a token."""
    return save_tiny(tmp_path_factory.mktemp("tiny-long"), chat=True, context=2048)


@pytest.fixture(scope="session")
def tiny_wide_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with heads as wide as vLLM's kernels for a CPU know."""
    return save_tiny(tmp_path_factory.mktemp("tiny-wide"), chat=True, context=2048, head_dim=64)


@pytest.fixture(scope="session")
def bundled(bundled_model: Any) -> Any:
    """The bundled model, loaded once."""
    from kshot.harness.models.load import load_model

    return load_model(bundled_model)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; the test is skipped where none is on the machine."""
    api = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium on this machine")
    with api.sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[[str], Any]]:
    """Opens an address in a tab; afterwards nothing may have been fetched elsewhere, logged as an error, or run."""
    tabs, troubles = [], []

    def open_(address: str) -> Any:
        page = browser.new_page()
        tabs.append(page)
        home = urlsplit(address)

        def within(url: str) -> bool:
            asked = urlsplit(url)
            same = (asked.scheme, asked.netloc) == (home.scheme, home.netloc)
            return same and (home.scheme != "file" or asked.path == home.path)

        page.on("console", lambda said: troubles.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: troubles.append(dialog.message))
        page.on("request", lambda request: None if within(request.url) else troubles.append(request.url))
        page.goto(address)
        return page

    yield open_
    for tab in tabs:
        tab.close()
    assert troubles == []
