"""Which of several replicas a request goes to: the one that has its prefix already, unless that one is too busy.

A prompt is cut into blocks of 64 characters, each known by the hash of all text up to its end, so that prompts which
begin alike have their first blocks in common and two equal prompts all of them. An index says of every block which
replicas were sent a prompt with it. A request goes where its longest prefix is, and of several such replicas to the
least loaded; but to none that has more than `SLACK` requests, and more than half as many again, above the least loaded.
Where no replica is left, a shorter prefix decides, and at last the load alone.

The idea is that of cache-aware routing in SGLang (Zheng et al. 2024, arXiv 2312.07104, section 3), of Preble's
exploitation of prefixes under a bound of load (Srivatsa et al. 2024, arXiv 2407.00023, section 3) and of the hashed
blocks of vLLM's production stack; nothing of their code is here. Concedes: load is a number of requests, however long
they are, and what a replica has thrown out of its own cache is still taken to be there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from kshot.types import Prompt

BLOCK = 64  # characters; a shot's own text should end well beyond what all prompts share
SLACK = 4  # requests that a replica may have above the least loaded, however few those are
SHARE = 0.5  # and as a share of the least loaded's: a long queue bears a larger difference
MOST = 1 << 17  # blocks remembered, some 15 MB; those not met for the longest time go first


def block_keys(prompt: Prompt) -> list[int]:
    """A key for every block of a prompt, each of all the text up to the block's end; the last block may be shorter.

    >>> a, b = block_keys("x" * 100), block_keys("x" * 99 + "y")
    >>> (len(a), a[0] == b[0], a[1] == b[1])
    (2, True, False)
    """
    text = prompt if isinstance(prompt, str) else "".join(f"\x00{turn.role}\x00{turn.content}" for turn in prompt)
    keys, key = [], 0
    for at in range(0, len(text), BLOCK):
        key = hash((key, text[at : at + BLOCK]))
        keys.append(key)
    return keys


def room_above(least: int) -> int:
    """The load up to which a replica may be chosen for its prefix, where the least loaded has `least`."""
    return least + max(SLACK, int(least * SHARE))


class PrefixRouter:
    """Chooses replicas by prefix within a bound of load; with `by_prefix=False` in turn, to compare with."""

    def __init__(self, by_prefix: bool = True) -> None:
        self.by_prefix = by_prefix
        self.turn = 0
        self.seen: OrderedDict[int, int] = OrderedDict()  # block -> bits of the replicas that were sent it

    def route(self, prompt: Prompt, loads: Sequence[int], among: Sequence[int]) -> int:
        """The replica for a prompt, out of `among`; `loads` are all replicas' unanswered requests, by number."""
        if not self.by_prefix:
            self.turn += 1
            return among[(self.turn - 1) % len(among)]
        keys = block_keys(prompt)
        chosen = self.choose(keys, loads, among)
        self.note(keys, chosen)
        return chosen

    def choose(self, keys: Sequence[int], loads: Sequence[int], among: Sequence[int]) -> int:
        """The replica with the longest prefix that is not too busy, or the least loaded."""
        room = room_above(min(loads[at] for at in among))
        free = [at for at in among if loads[at] <= room]
        found = free
        for key in keys:
            having = self.seen.get(key, 0)
            there = [at for at in free if having >> at & 1]
            if not there:
                break
            found = there
        return min(found, key=lambda at: (loads[at], at))

    def note(self, keys: Sequence[int], at: int) -> None:
        """Remembers that a replica was sent these blocks; the first ones, which most share, are kept the longest."""
        for key in reversed(keys):
            self.seen[key] = self.seen.get(key, 0) | 1 << at
            self.seen.move_to_end(key)
        while len(self.seen) > MOST:
            self.seen.popitem(last=False)

    def moved(self, prompt: Prompt, at: int) -> None:
        """A request went to another replica than was chosen."""
        if self.by_prefix:
            self.note(block_keys(prompt), at)

    def forget(self, at: int) -> None:
        """A replica was lost, and all that it had with it."""
        left = ((key, having & ~(1 << at)) for key, having in self.seen.items())
        self.seen = OrderedDict((key, having) for key, having in left if having)
