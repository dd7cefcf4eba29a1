"""Every recipe of docs/words.md runs as it stands there, and does what it says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from kshot.harness.journal import Journal
from tests.cli.test_cli import kshot, records
from tests.conftest import TEMPLATE
from tests.places import ROOT

TEXT = (ROOT / "docs" / "words.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"`([\w.]+)`:\n\n```\w+\n(.*?)```", TEXT, re.DOTALL))
RECIPES = {
    re.sub(r"\W+", "-", title.lower()): shlex.split(block.replace("\\\n", " "))
    for title, body in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", TEXT, re.DOTALL | re.MULTILINE)
    for block in re.findall(r"(?:^    .*\n)+", body, re.MULTILINE)
}
THINKING = TEMPLATE.replace("{% endif %}", "{% if enable_thinking is false %}<think></think>{% endif %}{% endif %}")
SAYS = {  # in the prompts of a dry run
    "a-system-message": "<|system|>You are a film critic.<|end|><|user|>It sings.",
    "an-instruction": "<|user|>Is this praise?\n\nIt sings.",
    "the-form-of-a-sample": "Review (1952): It sings.\nVerdict: positive\n\nReview (1999): Two hours of",
    "words-for-labels": "Review (1952): It sings.\nVerdict: good\n",
    "where-a-reply-ends": "<|user|>It sings.",
    "how-it-is-drawn": "<|user|>It sings.",
    "what-a-chat-template-takes": "<|assistant|><think></think>",
}


@pytest.fixture(scope="module")
def model(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny chat model whose template can be told not to think."""
    folder = shutil.copytree(tiny_folder, tmp_path_factory.mktemp("words") / "model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = THINKING
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_and_asks_what_it_says(
    name: str, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for file, content in FILES.items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    program, *args = [*RECIPES[name], "--model", str(model), "--limit", "2", "--run", "r"]
    assert program == "kshot"
    shown = kshot(*args, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert SAYS[name] in shown.output


def test_a_recipe_runs_to_its_report(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for file, content in FILES.items():
        (tmp_path / file).write_text(content, encoding="utf-8")
    args = [word.replace("64", "4") for word in RECIPES["where-a-reply-ends"][1:]]
    result = kshot(*args, "--model", str(model), "--limit", "2", "--run", "r", "--template", "film.jinja")
    assert result.exit_code == 0, result.output
    assert len(records(tmp_path / "runs" / "r")) == 2
    with Journal.read(tmp_path / "runs" / "r") as journal:
        assert {request.params.stop[:2] for _, request, _ in journal.calls()} == {("\nReview (", "\n\n")}
    assert [path.suffix for path in (tmp_path / "runs" / "r" / "sources").iterdir()] == [".jinja"]


def test_every_recipe_is_short_and_checked() -> None:
    assert set(RECIPES) == set(SAYS)
    assert set(FILES) == {"films.jsonl", "film.jinja"}
