"""The engine `openai` against real servers, where they are installed, held against kshot's own engine.

`make engines` installs them into `.venv-engines` beside the checkout; KSHOT_ENGINES_VENV names another environment. A
server that runs already is taken as it is: KSHOT_VLLM_URL, KSHOT_TRANSFORMERS_URL, KSHOT_LLAMA_URL.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kshot.harness.engines import get_engine
from kshot.harness.engines.transformers import load_engine
from kshot.types import Generation, Message, Request, SamplingParams, UserError
from tests.places import ROOT

pytest.importorskip("openai", reason='the library is not installed: pip install "kshot[openai]"')
pytestmark = pytest.mark.model

VENV = Path(os.environ.get("KSHOT_ENGINES_VENV", ROOT / ".venv-engines"))
PATIENCE = 600  # seconds for a server to start
FOLDER, PORT = "FOLDER", "PORT"
COMMANDS: dict[str, tuple[str, list[str]]] = {
    "vllm": (
        "KSHOT_VLLM_URL",
        [
            *("-m", "vllm.entrypoints.openai.api_server", "--model", FOLDER, "--served-model-name", "smollm2"),
            *("--dtype", "float32", "--max-model-len", "2048", "--port", PORT),
        ],
    ),
    "transformers": (
        "KSHOT_TRANSFORMERS_URL",
        [
            *("-c", "import sys; from transformers.cli.transformers import main; sys.exit(main())", "serve", FOLDER),
            *("--port", PORT, "--dtype", "float32", "--device", "cpu"),
        ],
    ),
    "llama_cpp": (
        "KSHOT_LLAMA_URL",
        ["-m", "llama_cpp.server", "--model", "GGUF", "--n_ctx", "2048", "--logits_all", "true", "--port", PORT],
    ),
}
FIVE = "Question: Tom has {} apples and buys {} more. How many has he?\nAnswer:"
PROMPTS = [FIVE.format(a, b) for a in range(2, 10) for b in range(3, 9)]  # 48
GREEDY = SamplingParams(max_new_tokens=24)


def installed(package: str) -> bool:
    return any(VENV.glob(f"lib/python*/site-packages/{package}"))


def url_of(kind: str, folder: str, log: Path) -> Iterator[str]:
    """A server's address; one that is started here ends with the tests."""
    variable, command = COMMANDS[kind]
    if given := os.environ.get(variable):
        yield given
        return
    if not installed(kind):
        pytest.skip(f"{kind} is not installed in {VENV.name} (make engines), and {variable} is not set")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    words = [{FOLDER: folder, PORT: port}.get(word, word) for word in command]
    own = {"HF_HUB_OFFLINE": "1", "VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "0-1"}
    with log.open("wb") as file:
        server = subprocess.Popen(
            [str(VENV / "bin" / "python"), *words],
            env={**os.environ, **own, "PYTHONPATH": ""}, stdout=file, stderr=file, start_new_session=True,
        )  # fmt: skip
    try:
        wait_for(f"http://localhost:{port}", server, log)
        yield f"http://localhost:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def wait_for(root: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Until a server answers whatever."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{root}/health", timeout=5)
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def own(bundled_model: Any) -> Iterator[Any]:
    """kshot's own engine, and the folder of the model."""
    engine = load_engine("smollm2-135m")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def vllm(own: Any, bundled_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from url_of("vllm", str(bundled_model.folder), tmp_path_factory.mktemp("vllm") / "log")


@pytest.fixture(scope="module")
def transformers_serve(bundled_model: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from url_of("transformers", str(bundled_model.folder), tmp_path_factory.mktemp("serve") / "log")


def answers(engine: Any, requests: list[Request], *, close: bool = True) -> list[Generation]:
    try:
        for ticket, request in enumerate(requests):
            engine.submit(ticket, request)
        found: dict[int, Generation] = {}
        while done := engine.collect():
            found.update(done)
        return [found[ticket] for ticket in range(len(requests))]
    finally:
        if close:
            engine.close()


def alike(found: list[Generation], true: list[Generation]) -> int:
    """How many are equal: text, reason, and tokens counted."""
    pairs = zip(found, true, strict=True)
    return sum(
        (a.text, a.finish_reason, a.prompt_tokens) == (b.text, b.finish_reason, b.prompt_tokens) for a, b in pairs
    )


CHATS = [(Message("user", prompt),) for prompt in PROMPTS[:12]]
OPEN = [(Message("user", prompt), Message("assistant", "He has")) for prompt in PROMPTS[:12]]
STOPPED = SamplingParams(max_new_tokens=24, stop=("\n", " 1", "has", "#", "?", "Question"))


@pytest.mark.parametrize("how", ["", ",tokenizer=smollm2-135m"])
def test_vllm_writes_what_our_own_engine_writes(own: Any, vllm: str, how: str) -> None:
    requests = [
        *(Request(prompt, GREEDY) for prompt in [*PROMPTS, *CHATS, *OPEN]),
        *(Request(prompt, STOPPED) for prompt in PROMPTS[:12]),
    ]
    found = answers(get_engine(f"openai:base_url={vllm}{how}"), requests)
    true = answers(own, requests, close=False)
    equal = alike(found, true)
    print(f"vLLM{how}: {equal} of {len(requests)} equal")
    assert equal >= 0.97 * len(requests)  # a tie within rounding may fall either way
    assert sum(one.finish_reason == "stop" for one in found) > 6


@pytest.mark.parametrize("how", ["", ",tokenizer=smollm2-135m"])
def test_vllm_scores_as_our_own_engine_scores(own: Any, vllm: str, how: str) -> None:
    requests = [Request(p, continuation=f" {n}") for p in PROMPTS[:6] for n in ("5", "twelve apples.")]
    if how:
        requests += [Request(p, continuation="He has five.", logprobs=True) for p in [*CHATS[:3], *OPEN[:3]]]
    found = answers(get_engine(f"openai:base_url={vllm}{how}"), requests)
    true = answers(own, requests, close=False)
    most = max(abs(a.logprob - b.logprob) for a, b in zip(found, true, strict=True))
    print(f"vLLM{how}: scores differ by {most:.1e} at most")
    assert most < 1e-3
    assert [one.completion_tokens for one in found] == [one.completion_tokens for one in true]


def test_vllm_draws_and_tells_tokens(own: Any, vllm: str) -> None:
    requests = [Request(PROMPTS[0], SamplingParams(0.8, 0.9, 12, top_k=20, min_p=0.02), n) for n in range(6)]
    found = answers(get_engine(f"openai:base_url={vllm},seed=no"), requests)
    assert len({one.text for one in found}) > 1
    [told] = answers(get_engine(f"openai:base_url={vllm}"), [Request(PROMPTS[0], GREEDY, logprobs=True)])
    [true] = answers(own, [Request(PROMPTS[0], GREEDY, logprobs=True)], close=False)
    assert told.tokens == true.tokens
    assert told.token_logprobs == pytest.approx(true.token_logprobs, abs=1e-3)


def test_transformers_serve_writes_what_our_own_engine_writes(
    own: Any, transformers_serve: str, bundled_model: Any
) -> None:
    where = f"openai:base_url={transformers_serve},model={bundled_model.folder},server=transformers,concurrency=2"
    requests = [Request(prompt, GREEDY) for prompt in [*PROMPTS, *CHATS]]
    for how, some in (("", requests), (",tokenizer=smollm2-135m", [*requests[:6], Request(OPEN[0], GREEDY)])):
        found = answers(get_engine(where + how), some)
        equal = alike(found, answers(own, some, close=False))
        print(f"transformers serve{how}: {equal} of {len(some)} equal")
        assert equal >= 0.97 * len(some)


def test_transformers_serve_refuses_what_it_would_ignore(transformers_serve: str, bundled_model: Any) -> None:
    where = f"openai:base_url={transformers_serve},model={bundled_model.folder},server=transformers"
    for request, sentence in (
        (Request(OPEN[0], GREEDY), "does not continue a turn"),
        (Request(PROMPTS[0], continuation=" 5"), "does not tell the log-probabilities"),
        (Request(PROMPTS[0], SamplingParams(0.7, 1.0, 8)), "does not draw"),
    ):
        with pytest.raises(UserError, match=sentence):
            answers(get_engine(where), [request])
