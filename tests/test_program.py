"""Combinators: side by side, changed on the way out, to the end."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kshot.program import Done, advance, critical_path, drive, gather, mix, reseed, rewrite
from kshot.types import Generation, Program, Request, SamplingParams


def upper(request: Request) -> Generation:
    assert isinstance(request.prompt, str)
    return Generation(f"{request.prompt.upper()}{request.seed or ''}", "stop")


def chain(*rounds: str) -> Program[list[str]]:
    """Asks the letters of each round together; returns all replies."""
    heard: list[str] = []
    for letters in rounds:
        replies = yield [Request(letter) for letter in letters]
        heard += [reply.text for reply in replies]
    return heard


def broken(after: str) -> Program[list[str]]:
    yield [Request(after)]
    raise ValueError("broken")


def test_a_program_is_advanced_from_its_first_requests_to_its_result() -> None:
    program = chain("ab", "", "c")
    asked = advance(program)
    assert asked == [Request("a"), Request("b")]
    assert advance(program, [Generation("1", "stop"), Generation("2", "stop")]) == []
    assert advance(program, []) == [Request("c")]  # no replies are replies too: the program does not begin again
    assert advance(program, [Generation("3", "stop")]) == Done(["1", "2", "3"])
    assert advance(chain()) == Done([])


def test_gather_keeps_order_whatever_the_lengths() -> None:
    programs = [chain("ab", "c"), chain(), chain("d", "ef", "g"), chain("", "h")]
    assert drive(gather(programs), upper) == [["A", "B", "C"], [], ["D", "E", "F", "G"], ["H"]]


def test_gather_yields_each_round_as_one_list() -> None:
    program = gather([chain("ab", "c"), chain("d", "ef", "g")])
    rounds = [next(program)]
    with pytest.raises(StopIteration) as stop:
        while True:
            rounds.append(program.send([upper(request) for request in rounds[-1]]))
    assert ["".join(str(request.prompt) for request in asked) for asked in rounds] == ["abd", "cef", "g"]
    assert stop.value.value == [["A", "B", "C"], ["D", "E", "F", "G"]]


def test_gather_of_nothing_asks_nothing_and_nests() -> None:
    assert drive(gather([]), upper) == []
    nested = gather([gather([chain("a"), chain("b", "c")]), gather([]), gather([chain("d")])])
    assert drive(nested, upper) == [[["A"], ["B", "C"]], [], [["D"]]]


def test_an_error_passes_through() -> None:
    with pytest.raises(ValueError, match="broken"):
        drive(gather([chain("a", "b"), broken("c")]), upper)
    with pytest.raises(ValueError, match="broken"):
        drive(rewrite(broken("c"), lambda request: request), upper)


def test_rewrite_changes_every_request_and_nothing_else() -> None:
    program = rewrite(chain("ab", "", "c"), lambda request: replace(request, prompt=f"<{request.prompt}>"))
    assert drive(program, upper) == ["<A>", "<B>", "<C>"]


def test_reseed_mixes_every_seed() -> None:
    assert drive(reseed(chain("ab", "c"), 0), upper) == ["A", "B", "C"]
    assert drive(reseed(chain("ab", "c"), 5), upper) == [f"{letter}{mix(0, 5)}" for letter in "ABC"]


def test_nested_seeds_are_distinct_and_pinned() -> None:
    seeds = {mix(mix(0, draw), repeat) for draw in range(1, 40) for repeat in range(1, 40)}
    assert len(seeds) == 39 * 39
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert mix(1, 2) != mix(2, 1)
    assert mix(0, 1) == 1506311409109703068  # journals of older runs hang on it


def test_critical_path_sums_the_longest_of_each_round() -> None:
    def asks(*lengths: int) -> Program[None]:
        for length in lengths:
            yield [Request("x", SamplingParams(max_new_tokens=length)), Request("y", SamplingParams(max_new_tokens=1))]

    assert critical_path(asks()) == 0
    assert critical_path(asks(16)) == 16
    assert critical_path(gather([asks(16, 5), asks(20), asks(2, 7, 9)])) == 20 + 7 + 9
    assert critical_path(asks(*[3] * 1000), rounds=10) == 30
