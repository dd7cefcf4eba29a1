"""Every registered engine keeps one contract: stops, seeds, mixed parameters, scores, refusals, tickets, its end.

A new engine is made by its defaults; one that needs more has a line in CASES.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

import kshot.adapters.registered  # noqa: F401  one of the engines
from bench.faulty_server import FaultyServer, TokenModel
from kshot.adapters.attach import attach, save
from kshot.harness.engines import ENGINES, get_engine
from kshot.harness.engines.transformers import load_engine
from kshot.harness.models.load import load_model
from kshot.harness.models.sources import resolve
from kshot.spec import write_spec
from kshot.types import Engine, Generation, Message, Request, SamplingParams, UserError


@dataclass(frozen=True)
class Case:
    """How an engine is made for the contract: its hyperparameters, in which MODEL and ADAPTER stand for folders."""

    params: dict[str, str]
    samples: bool = True  # whether a temperature above 0 draws
    context: int | None = None  # tokens, a byte each; None: it has no limit
    package: str = ""  # without which it cannot be tried


CASES = {
    "adapted": Case({"model": "MODEL", "adapter": "ADAPTER", "batch": "6"}, context=2048),
    "ray": Case({"engine": "transformers(model=MODEL,batch=3)", "replicas": "2"}, context=2048, package="ray"),
    "openai": Case({"base_url": "SERVER", "tokenizer": "MODEL", "concurrency": "6"}, context=2048, package="openai"),
    "scripted": Case({"reply": "one two three four five six seven eight nine ten", "capacity": "6"}, samples=False),
    "transformers": Case({"model": "MODEL", "batch": "6"}, context=2048),
    "vllm": Case({"model": "WIDE", "batch": "6", "enforce_eager": "yes"}, context=2048, package="vllm"),
}


def case(name: str) -> Case:
    """How an engine is made; one that is not listed by its defaults."""
    return CASES.get(name, Case({}, samples=False))


NAMES = tuple(ENGINES)  # as of now: another test may register one of its own
PROMPT = "Count, as far as you can:"
MESSAGES = (Message("user", "Count!"),)


@pytest.fixture(scope="module")
def folders(
    tiny_folder: Path, tiny_wide_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """A tiny model, an adapter on it that has learned something, and a server that has the model."""
    loaded = load_model(resolve(str(tiny_folder)))
    adapted = attach(loaded.model, loaded.tokenizer, "lora", seed=0)
    with torch.no_grad():
        for _, parameter in adapted.parameters():
            parameter.add_(0.05)
    adapter = tmp_path_factory.mktemp("adapter")
    save(adapted, adapter, base=loaded.source.name, base_hash=loaded.weights_hash)
    truth = TokenModel(load_engine(str(tiny_folder), rows=8), context=2048)
    with FaultyServer(truth) as server:
        yield {"MODEL": str(tiny_folder), "ADAPTER": str(adapter), "SERVER": server.url, "WIDE": str(tiny_wide_folder)}
    truth.close()


def made(name: str, folders: dict[str, str]) -> Engine:
    if case(name).package and find_spec(case(name).package) is None:
        pytest.skip(f"the package {case(name).package} is not installed")
    params = dict(case(name).params)
    for word, folder in folders.items():
        params = {key: value.replace(word, folder) for key, value in params.items()}
    return get_engine(write_spec(name, params))


@pytest.fixture(scope="module", params=NAMES)
def named(request: pytest.FixtureRequest, folders: dict[str, str]) -> Iterator[tuple[str, Engine]]:
    name = request.param
    engine = made(name, folders)
    yield name, engine
    engine.close()


@pytest.fixture
def engine(named: tuple[str, Engine]) -> Engine:
    return named[1]


def answers(engine: Engine, requests: list[Request]) -> list[Generation]:
    """All at once."""
    for ticket, request in enumerate(requests):
        engine.submit(ticket, request)
    found: dict[int, Generation] = {}
    while done := engine.collect():
        found.update(done)
    return [found[ticket] for ticket in range(len(requests))]


def answer(engine: Engine, prompt: Any = PROMPT, *, seed: int = 0, **params: Any) -> Generation:
    """One alone."""
    [found] = answers(engine, [Request(prompt, SamplingParams(**{"max_new_tokens": 40, **params}), seed)])
    return found


def essence(generation: Generation) -> tuple[Any, ...]:
    """What may not hang on the company in which a request is answered."""
    logprob = pytest.approx(generation.logprob, abs=1e-3)
    return generation.text, generation.finish_reason, generation.completion_tokens, generation.prompt_tokens, logprob


def test_it_says_what_the_runner_must_know(named: tuple[str, Engine], folders: dict[str, str]) -> None:
    name, engine = named
    again = made(name, folders)
    assert engine.id
    assert again.id == engine.id
    assert isinstance(engine.chat, bool)
    assert engine.capacity == int(case(name).params.get("batch", case(name).params.get("capacity", engine.capacity)))
    assert engine.capacity > 0
    again.close()
    assert answer(engine, MESSAGES if engine.chat else PROMPT).prompt_tokens > 0


def test_a_stop_string_ends_a_text_and_is_no_part_of_it(engine: Engine) -> None:
    whole = answer(engine)
    early, late = whole.text[7:10], whole.text[20:23]
    assert early != late
    cut = answer(engine, stop=(late, early))
    first = min(whole.text.index(stop) for stop in (early, late))
    assert (cut.text, cut.finish_reason) == (whole.text[:first], "stop")
    assert answer(engine, stop=("not to be found",)).text == whole.text


def test_a_seed_decides_a_draw(named: tuple[str, Engine]) -> None:
    name, engine = named

    def draws(seeds: list[int]) -> list[str]:
        params = SamplingParams(temperature=1.0, top_p=0.95, max_new_tokens=10)
        return [found.text for found in answers(engine, [Request(PROMPT, params, seed) for seed in seeds])]

    seeds = list(range(8))
    first = draws(seeds)
    assert draws(seeds[::-1]) == first[::-1]
    assert [draws([seed])[0] for seed in seeds] == first
    assert (len(set(first)) > 1) == case(name).samples
    assert len({answer(engine, seed=seed).text for seed in (0, 1)}) == 1  # greedy: a seed is nothing to it


def test_parameters_are_a_requests_own(engine: Engine) -> None:
    stop = answer(engine).text[3:6]
    mixed = [
        Request(PROMPT, SamplingParams(max_new_tokens=40)),
        Request(PROMPT, SamplingParams(1.0, 0.9, 12), seed=3),
        Request(PROMPT, continuation=" one and more"),
        Request(PROMPT, SamplingParams(max_new_tokens=2)),
        Request(PROMPT, SamplingParams(max_new_tokens=40, stop=(stop,))),
        Request(PROMPT + " Now!", SamplingParams(0.5, 1.0, 7), seed=3),
        Request("Other: ", SamplingParams(1.0, 0.9, 12), seed=4),
        Request(PROMPT, continuation=" two"),
    ]
    together = list(map(essence, answers(engine, mixed)))
    assert together == [essence(answers(engine, [request])[0]) for request in mixed]
    assert len({text for text, *_ in together}) > 4


def test_a_continuation_is_scored(engine: Engine) -> None:
    short, longer = answers(engine, [Request(PROMPT, continuation=text) for text in (" one", " one two three")])
    for text, found in ((" one", short), (" one two three", longer)):
        assert (found.text, found.finish_reason) == (text, "scored")
        assert math.isfinite(found.logprob)
        assert found.logprob < 0
        assert found.completion_tokens > 0
    assert longer.logprob < short.logprob
    assert longer.completion_tokens > short.completion_tokens


def test_there_is_nothing_to_collect_when_nothing_waits(engine: Engine) -> None:
    assert engine.collect() == []
    answer(engine)
    assert engine.collect() == []


def test_max_new_tokens_cuts_a_text_off(engine: Engine) -> None:
    whole = answer(engine)
    for count in (1, 3):
        cut = answer(engine, max_new_tokens=count)
        assert (cut.finish_reason, cut.completion_tokens) == ("length", count)
        assert whole.text.startswith(cut.text)


@pytest.mark.parametrize("continuation", [None, " one"])
def test_a_prompt_beyond_the_context_is_refused(named: tuple[str, Engine], continuation: str | None) -> None:
    name, engine = named
    context = case(name).context
    if context is None:
        assert answer(engine, "x " * 100_000).text
        return
    with pytest.raises(UserError, match="context"):
        engine.submit(0, Request("x" * (context + 1), continuation=continuation))
        engine.collect()  # where it is told elsewhere
    assert engine.collect() == []
    assert answer(engine).text


def test_every_ticket_is_answered_once(engine: Engine) -> None:
    generator = random.Random(0)
    tickets = generator.sample(range(1 << 40), 40)
    found: list[int] = []
    for at, ticket in enumerate(tickets):  # some equal, more than it holds at once, some while others are at work
        engine.submit(ticket, Request(PROMPT + "!" * (at % 7), SamplingParams(max_new_tokens=1 + at % 5)))
        if at > 20 and at % 4 == 0:
            found += [ticket for ticket, _ in engine.collect()]
    while done := engine.collect():
        found += [ticket for ticket, _ in done]
    assert Counter(found) == Counter(tickets)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_closed_holds_nothing(name: str, folders: dict[str, str]) -> None:
    engine = made(name, folders)
    for ticket in range(3):
        engine.submit(ticket, Request(PROMPT))
    engine.close()
    assert engine.collect() == []
    engine.close()
