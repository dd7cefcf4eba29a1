"""The engine vllm against kshot's own: texts, scores, stops, room, counts, seeds, adapters, and how it ends.

Without vLLM only what is told before it is imported can be tested; `make engines` runs the rest.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

import kshot.adapters.registered  # noqa: F401  the engine adapted
from kshot.adapters.attach import attach, save
from kshot.harness.engines import get_engine
from kshot.harness.engines import vllm as module
from kshot.harness.engines.lora_folder import read_lora
from kshot.harness.engines.transformers import load_engine
from kshot.harness.engines.vllm_process import ProcessLog, refusal
from kshot.harness.models.load import load_model
from kshot.harness.models.sources import resolve
from kshot.types import EngineError, Generation, Message, Request, SamplingParams, UserError

needs_vllm = pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here: make engines")
CONTEXT = 2048
TIE = 1e-3  # of two logits: within it either may come first, as the batch has it


def answers(engine: Any, requests: list[Request]) -> list[Generation]:
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(dict(done))
    return [found[ticket] for ticket in range(len(requests))]


def questions() -> list[str]:
    """48 questions in the manner of GSM8K, each behind the same three worked ones."""
    names, things = ("Ana", "Bo", "Chen", "Dana", "Emil", "Farah"), ("pens", "apples", "tickets", "shells")
    stories = [
        f"{name} has {a} {thing} and buys {b} bags of {c} more. How many {thing} does {name} have now?"
        for a, b, c, name, thing in (
            (3 + n, 2 + n % 5, 4 + n % 7, names[n % len(names)], things[n % len(things)]) for n in range(51)
        )
    ]
    solved = [
        f"Q: {story}\nA: The bags hold {2 + n % 5} * {4 + n % 7} = {(2 + n % 5) * (4 + n % 7)}. With {3 + n} that is "
        f"{3 + n + (2 + n % 5) * (4 + n % 7)}. The answer is {3 + n + (2 + n % 5) * (4 + n % 7)}.\n\n"
        for n, story in enumerate(stories[:3])
    ]
    return ["".join(solved) + f"Q: {story}\nA:" for story in stories[3:]]


@pytest.fixture(scope="module")
def own(bundled_model: Any) -> Iterator[Any]:
    engine = load_engine(bundled_model.name)
    engine.context_length = CONTEXT  # as the other's
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def vllm(bundled_model: Any) -> Iterator[Any]:
    engine = get_engine(f"vllm:model={bundled_model.name},max_model_len={CONTEXT},enforce_eager=yes,memory=2")
    yield engine
    engine.close()


def gap(engine: Any, prompt: str, a: Generation, b: Generation) -> float:
    """How far apart the two likeliest tokens' logits are where two replies part."""
    at = next(i for i, (x, y) in enumerate(zip(a.tokens, b.tokens, strict=False)) if x != y)
    ids = [*engine.renderer.encode(prompt), *a.tokens[:at]]
    before = engine.model.config._attn_implementation
    engine.model.set_attn_implementation("sdpa")
    with torch.inference_mode():
        top = engine.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2).values
    engine.model.set_attn_implementation(before)
    return float(top[0] - top[1])


@needs_vllm
@pytest.mark.model
def test_greedy_texts_are_those_of_kshots_own_engine(vllm: Any, own: Any) -> None:
    params = SamplingParams(max_new_tokens=48, stop=("\nQ:", "\n\n"))
    asked = [Request(text, params, logprobs=True) for text in questions()]
    theirs, ours = answers(vllm, asked), answers(own, asked)
    parted = [n for n, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a.text != b.text]
    assert all(gap(own, asked[n].prompt, theirs[n], ours[n]) < TIE for n in parted)  # type: ignore[arg-type]
    assert len(parted) <= 2
    for a, b in ((a, b) for n, (a, b) in enumerate(zip(theirs, ours, strict=True)) if n not in parted):
        assert a.tokens == b.tokens
        assert (a.finish_reason, a.prompt_tokens, a.completion_tokens) == (
            b.finish_reason,
            b.prompt_tokens,
            b.completion_tokens,
        )
        assert a.token_logprobs == pytest.approx(b.token_logprobs, abs=1e-3)
        assert a.logprob == pytest.approx(sum(a.token_logprobs))
    assert {a.finish_reason for a in theirs} == {"stop", "length"} or theirs[0].finish_reason == "stop"
    assert sum(a.cached_tokens for a in theirs) > 0.3 * sum(a.prompt_tokens for a in theirs)  # the three before all


@needs_vllm
@pytest.mark.model
def test_messages_and_stop_strings_are_read_alike(vllm: Any, own: Any) -> None:
    turns = (Message("system", "Be brief."), Message("user", "Name three colours, with commas between."))
    led = (*turns, Message("assistant", "Red,"))
    asked = [
        Request(prompt, SamplingParams(max_new_tokens=24, stop=stop))
        for prompt in (turns, led, "1, 2, 3, 4,")
        for stop in ((), (",",), (" 7", "."), ("not to be found",))
    ]
    assert [(a.text, a.finish_reason, a.completion_tokens) for a in answers(vllm, asked)] == [
        (b.text, b.finish_reason, b.completion_tokens) for b in answers(own, asked)
    ]


@needs_vllm
@pytest.mark.model
def test_scores_are_those_of_kshots_own_engine(vllm: Any, own: Any) -> None:
    long = questions()[0]
    asked = [
        Request(prompt, continuation=text, logprobs=True)
        for prompt in (long, "The capital of France is", (Message("user", "Is water wet?"),), "")
        for text in (" Paris", " Paris, and that of Italy is Rome.", "\n\nYes, of course it is.", "x")
    ]
    for a, b in zip(answers(vllm, asked), answers(own, asked), strict=True):
        assert (a.text, a.finish_reason, a.tokens) == (b.text, "scored", b.tokens)
        assert (a.prompt_tokens, a.completion_tokens) == (b.prompt_tokens, b.completion_tokens)
        assert a.token_logprobs == pytest.approx(b.token_logprobs, abs=1e-3)
        assert a.cached_tokens <= a.prompt_tokens


@needs_vllm
@pytest.mark.model
def test_what_is_cached_of_a_scored_prompt_spoils_no_score(vllm: Any) -> None:
    """Blocks of 128 tokens are cached: the second time all of the continuation but its end is among them."""
    ids = vllm.renderer.encode("Of the same: " + "".join(questions()[:3]))[:250]  # that no other test has asked
    targets = vllm.renderer.encode("the and of in to a is that it was for on are with as I his they be")[:16]
    found = []
    for _ in range(3):
        vllm.submit_tokens(0, ids, SamplingParams(), targets=targets, logprobs=True)
        done: list[Any] = []
        while some := vllm.collect():
            done += some
        found.append(done[0][1])
    assert found[0].cached_tokens == 0
    for again in found[1:]:
        assert again.token_logprobs == pytest.approx(found[0].token_logprobs, abs=1e-4)
    vllm.submit_tokens(0, [*ids, 5], SamplingParams(), targets=targets[:1])  # of which the first 128 are at hand
    assert vllm.collect()[0][1].cached_tokens == 128


@needs_vllm
@pytest.mark.model
def test_there_is_room_to_the_end_of_the_context_and_no_further(vllm: Any, own: Any) -> None:
    assert f"/context-{CONTEXT}" in vllm.id
    ids = (vllm.renderer.encode("".join(questions())) * 2)[:CONTEXT]
    for engine in (vllm, own):
        engine.submit_tokens(1, ids[:-7], SamplingParams(max_new_tokens=50))
        engine.submit_tokens(2, ids[:-3], SamplingParams(), targets=ids[-3:])  # as long as the context
        for targets in ([], ids[:1]):
            with pytest.raises(UserError, match="context holds 2048"):
                engine.submit_tokens(3, ids, SamplingParams(), targets=targets)
    found = []
    for engine in (vllm, own):
        some: dict[int, Generation] = {}
        while done := engine.collect():
            some.update(dict(done))
        found.append(some)
    theirs, ours = found
    assert (theirs[1].finish_reason, theirs[1].completion_tokens) == ("length", 7)
    assert theirs[1].text == ours[1].text
    assert theirs[2].logprob == pytest.approx(ours[2].logprob, abs=1e-3)


@needs_vllm
@pytest.mark.model
def test_draws_of_one_prompt_share_it_and_hang_on_their_seeds(vllm: Any) -> None:
    [prompt, other] = questions()[10:12]

    def draws(prompt: str, seeds: list[int], **params: Any) -> list[Generation]:
        drawn = SamplingParams(**{"temperature": 0.9, "max_new_tokens": 12, **params})
        return answers(vllm, [Request(prompt, drawn, seed) for seed in seeds])

    first = draws(prompt, list(range(12)))
    assert len({a.text for a in first}) > 6
    assert [a.text for a in draws(prompt, [7, 3])] == [first[7].text, first[3].text]
    assert all(a.cached_tokens >= 128 for a in first[1:])
    assert draws(other, [0, 1, 1 << 63], top_k=1)[0].text == draws(other, [5], temperature=0.0)[0].text
    assert {a.text for a in draws(other, [1, 2, 3], min_p=1.0)} == {draws(other, [0], temperature=0.0)[0].text}


@needs_vllm
@pytest.mark.model
def test_requests_that_vllm_would_read_otherwise_are_refused(vllm: Any) -> None:
    for temperature in (2.5, 0.001):
        with pytest.raises(UserError, match=r"vLLM draws at 0\.01 to 2"):
            vllm.submit(0, Request("x", SamplingParams(temperature)))
    with pytest.raises(UserError, match="its tokenizer does not belong to it"):
        vllm.submit_tokens(0, [10_000_000], SamplingParams())
    assert vllm.collect() == []


@pytest.fixture(scope="module")
def trained(tiny_wide_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA on the tiny model that has learned something."""
    loaded = load_model(resolve(str(tiny_wide_folder)))
    adapted = attach(loaded.model, loaded.tokenizer, "lora:r=4", seed=0)
    torch.manual_seed(0)
    with torch.no_grad():
        for _, parameter in adapted.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    folder = tmp_path_factory.mktemp("lora")
    save(adapted, folder, base=loaded.source.name, base_hash=loaded.weights_hash)
    return folder


@needs_vllm
def test_a_lora_folder_answers_as_on_kshots_own_engine(
    trained: Path, tiny_wide_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """One that dies says so in a sentence, keeps what it answered, and is closed all the same; nothing is printed."""
    spec = f"model={tiny_wide_folder},adapter={trained}"
    capfd.readouterr()
    theirs = get_engine(f"vllm:{spec},enforce_eager=yes,memory=1,batch=4")
    ours, bare = get_engine(f"adapted:{spec}"), get_engine(f"transformers:model={tiny_wide_folder}")
    asked = [
        *(Request(f"Count to {n}:", SamplingParams(max_new_tokens=20)) for n in range(6)),
        *(Request("Once upon a time", continuation=text) for text in "abcd"),  # a token each
    ]
    with pytest.raises(UserError, match="several tokens of a text with an adapter"):
        theirs.submit(99, Request("Once upon a time", continuation=" there were"))
    found, truth, without = (answers(engine, asked) for engine in (theirs, ours, bare))
    assert [a.text for a in found] == [b.text for b in truth]
    assert [a.logprob for a in found] == pytest.approx([b.logprob for b in truth], abs=2e-3)
    assert [a.logprob for a in found] != pytest.approx([b.logprob for b in without], abs=1e-1)
    made_for = json.loads((trained / "kshot_adapter.json").read_text())["base_hash"]
    assert read_lora(str(trained), base="tiny", base_hash=made_for, engine="vllm").hash in theirs.id
    theirs.submit(0, Request("Count:", SamplingParams(max_new_tokens=1000)))
    for process in theirs.decoder.llm.engine_core.resources.engine_manager.processes:
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EngineError, match="vLLM ended while it was at work"):
        while theirs.collect():
            pass
    assert theirs.collect() == []
    for engine in (theirs, ours, bare, theirs):
        engine.close()
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")


def children(pid: int) -> list[int]:
    """A process' children and theirs."""
    text = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    found = [int(child) for child in text.split()]
    return [*found, *(below for child in found for below in children(child))]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@needs_vllm
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="children are found in /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_is_stopped_leaves_no_process_and_goes_on(tiny_wide_folder: Path, tmp_path: Path, how: int) -> None:
    command = [sys.executable, "-m", "kshot", "bench", "--task", "word-pairs", "--limit", "60", "--runs", str(tmp_path)]
    command += ["--run", "r", "--strategy", "zero-shot:max_new_tokens=400,stop=never", "--engine"]
    command += [f"vllm:model={tiny_wide_folder},enforce_eager=yes,memory=1,batch=4"]
    environment = os.environ | {"PYTHONPATH": str(Path(module.__file__).parents[3])}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as run:
        journal = tmp_path / "r" / "journal.sqlite-wal"
        while run.poll() is None and not (journal.exists() and journal.stat().st_size > 200_000):
            time.sleep(0.1)
        below = children(run.pid)
        assert len(below) >= 2
        run.send_signal(how)
        assert run.stderr is not None
        said = run.stderr.read()
    assert run.returncode == (130 if how == signal.SIGINT else -how)
    assert "Traceback" not in said
    assert how != signal.SIGINT or "stopped after" in said
    for _ in range(600):
        if not any(map(alive, below)):
            break
        time.sleep(0.1)
    assert not any(map(alive, below))
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, "60" in done.stdout) == (0, True), done.stderr


# ---------------------------------------------------------------- what takes no vLLM


def test_without_vllm_a_sentence_says_how_to_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="make engines"):
        get_engine("vllm")


def test_another_kind_of_adapter_is_refused_by_its_name(trained: Path, tmp_path: Path) -> None:
    good = {"base": "tiny", "base_hash": json.loads((trained / "kshot_adapter.json").read_text())["base_hash"]}
    assert read_lora(str(trained), engine="vllm", **good).rank == 4

    def refused(config: Any, kept: Any = None, **base: str) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        (folder / "adapter_model.safetensors").write_bytes(b"")
        for name, said in (("adapter_config.json", config), ("kshot_adapter.json", kept)):
            if said is not None:
                (folder / name).write_text(said if isinstance(said, str) else json.dumps(said))
        with pytest.raises(UserError) as error:
            read_lora(str(folder), engine="vllm", **{**good, **base})
        return str(error.value)

    lora = {"peft_type": "LORA", "r": 8, "base_model_name_or_path": "tiny"}
    assert "is PREFIX_TUNING, and the engine vllm runs LoRA alone" in refused({**lora, "peft_type": "PREFIX_TUNING"})
    assert "is bitfit, and the engine vllm" in refused(None, {"spec": "bitfit", "base": "tiny"})
    assert "holds no adapter" in refused(None)
    assert "damaged" in refused("{")
    assert "damaged" in refused("[]")
    assert "no rank" in refused({**lora, "r": "eight"})
    assert "trained on me/other" in refused({**lora, "base_model_name_or_path": "me/other"})
    assert "fits only its own base" in refused(lora, {"spec": "lora", "base": "tiny", "base_hash": "00"})
    with pytest.raises(UserError, match="does not exist"):
        read_lora(str(tmp_path / "nowhere"), engine="vllm", **good)


def test_the_reason_of_a_failure_is_the_first_that_was_written() -> None:
    log = ProcessLog()
    with log.aside():
        os.write(2, b"(Worker pid=1) ERROR [x.py:1] Traceback (most recent call last):\n")
        os.write(1, b"(Worker pid=1) ERROR [x.py:1] ValueError: no architecture of that name\n")
        os.write(2, b"RuntimeError: Engine core initialization failed. See root cause above.\n")
    error = RuntimeError("Engine core initialization failed.\nMore.")
    assert log.reason(error) == "ValueError no architecture of that name"
    assert log.reason(error) == "Engine core initialization failed."
    log.close()
    assert "max_model_len=TOKENS" in refusal("m", "ValueError 9 GiB KV cache is needed")
    assert "did not start with m (OSError x)" in refusal("m", "OSError x")
