"""Requests go where their prefix is, within a bound of load; no Ray is needed to say where."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kshot.harness.engines import router
from kshot.harness.engines.router import BLOCK, SLACK, PrefixRouter, block_keys, room_above
from kshot.types import Message

SHOTS = ["".join(random.Random(n).choices("abcdefgh ", k=10 * BLOCK)) for n in range(4)]


def test_prompts_that_begin_alike_have_their_first_blocks_in_common() -> None:
    a, b = block_keys(SHOTS[0] + "first question"), block_keys(SHOTS[0] + "second")
    assert (a[:10], len(a), len(b)) == (b[:10], 11, 11)
    assert a[10] != b[10]
    assert set(block_keys(SHOTS[1])).isdisjoint(block_keys(SHOTS[0]))
    moved = block_keys("x" * BLOCK + SHOTS[0])
    assert set(moved).isdisjoint(a)  # the same text after another one is another prefix
    assert block_keys("") == []


def test_turns_of_a_conversation_count_with_who_speaks() -> None:
    long = "x" * 3 * BLOCK
    user, assistant = block_keys((Message("user", long),)), block_keys((Message("assistant", long),))
    assert set(user).isdisjoint(assistant)
    more = block_keys((Message("user", long), Message("assistant", "yes")))
    assert more[:3] == user[:3]


def test_a_prefix_stays_where_it_is_and_its_longest_owner_wins() -> None:
    router = PrefixRouter()
    assert router.route(SHOTS[0] + "a", [0, 0], [0, 1]) == 0
    assert router.route(SHOTS[1] + "a", [1, 0], [0, 1]) == 1
    for load in range(SLACK + 1):
        assert router.route(SHOTS[0] + f"b{load}", [load, 0], [0, 1]) == 0
        assert router.route(SHOTS[1] + f"b{load}", [0, load], [0, 1]) == 1
    half = SHOTS[0][: 5 * BLOCK] + SHOTS[2]
    assert router.route(half, [SLACK + 1, 0], [0, 1]) == 1  # too busy: the whole of it is now with the other
    assert router.route(half + "again", [0, SLACK], [0, 1]) == 1  # of which it has more than the first owner
    assert router.route(SHOTS[0] + "c", [3, 0], [0, 1]) == 0  # and this one's longest prefix is still at the first


def test_where_none_has_it_the_least_loaded_does() -> None:
    router = PrefixRouter()
    assert router.route(SHOTS[0], [3, 1, 2], [0, 1, 2]) == 1
    assert router.route(SHOTS[1], [3, 1, 2], [0, 2]) == 2
    assert router.route("", [3, 2, 1], [0, 1, 2]) == 2


def test_a_lost_replica_has_nothing_any_more() -> None:
    router = PrefixRouter()
    assert router.route(SHOTS[0], [0, 1], [0, 1]) == 0
    assert router.route(SHOTS[0], [1, 0], [0, 1]) == 0
    router.forget(0)
    assert router.seen == {}
    assert router.route(SHOTS[0], [1, 0], [0, 1]) == 1
    router.moved(SHOTS[0] + "x", 0)
    assert router.route(SHOTS[0] + "x", [1, 0], [0, 1]) == 0


def test_in_turn_it_knows_no_prefix() -> None:
    router = PrefixRouter(by_prefix=False)
    assert [router.route(SHOTS[0], [9, 0, 0], [0, 1, 2]) for _ in range(6)] == [0, 1, 2, 0, 1, 2]


def test_what_was_not_met_for_the_longest_time_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "MOST", 25)
    known = PrefixRouter()
    for shots in (0, 1, 0, 2):  # 10 blocks each
        known.route(SHOTS[shots], [0, 0], [0, 1])
    assert len(known.seen) == 25
    assert set(block_keys(SHOTS[0]) + block_keys(SHOTS[2])) <= set(known.seen)
    left = [key in known.seen for key in block_keys(SHOTS[1])]
    assert left == [True] * 5 + [False] * 5  # its first blocks, which others could begin with, stay the longest


@given(st.integers(1, 5), st.lists(st.tuples(st.integers(0, 6), st.booleans(), st.integers(0, 99)), max_size=200))
def test_no_replica_is_chosen_above_the_bound(count: int, steps: list[tuple[int, bool, int]]) -> None:
    router, loads, prompts = PrefixRouter(), [0] * count, [shots + tail for shots in SHOTS[:2] for tail in "abcd"]
    for number, ends, which in steps:
        among = [at for at in range(count) if at == 0 or (which >> at) & 1 == 0]
        at = router.route(prompts[number], loads, among)
        least = min(loads[other] for other in among)
        assert at in among
        assert loads[at] <= room_above(least) == least + max(SLACK, int(least * 0.5))
        loads[at] += 1
        if ends:
            loads[which % count] = max(loads[which % count] - 1, 0)


def test_groups_of_one_prompt_stay_together() -> None:
    """As draws of self-consistency do, and the choices of a question: in turn, all replicas would compute all of it."""
    prompts = [f"{SHOTS[0]}Question {n}: {SHOTS[1 + n % 3][n:]}" for n in range(100) for _ in range(5)]

    def computed(router: PrefixRouter) -> int:
        loads, where = [0, 0], Counter[tuple[str, int]]()
        for prompt in prompts:
            at = router.route(prompt, loads, [0, 1])
            loads[at] += 1
            where[prompt, at] += 1
        assert abs(loads[0] - loads[1]) <= max(loads) / 3 + SLACK
        return len(where)

    assert computed(PrefixRouter(by_prefix=False)) == 200
    assert computed(PrefixRouter()) < 110
