"""The decisions of the engine, as pure functions of the tree and of counts: no tensors, no model.

A token costs a model's matrix products once for every time it is encoded, and one read of its keys in
every step for every row that attends to it separately. So a run of tokens that several requests want is
encoded once where that saves enough to be worth a pass of its own, and is attended in place where
enough rows read it; otherwise its keys are copied into the row, which costs the least when few share it.
"""

from __future__ import annotations

from collections.abc import Sequence

from kshot.harness.prefix.tree import Node

ENCODE_ONCE = 16  # tokens saved that pay for a forward pass of their own
ATTEND_IN_PLACE = 1500  # key reads saved a step that pay for one more product and merge a layer: 13% on mixed runs


def encoded_once(path: Sequence[Node]) -> int:
    """How many leading nodes of a path are to be encoded as nodes; the rest is the row's own."""
    count = 0
    for index, node in enumerate(path):
        if node.layers is not None or (node.demand - 1) * len(node.ids) >= ENCODE_ONCE:
            count = index + 1
    return count


def attended_in_place(path: Sequence[Node], rows: int, pays: int = ATTEND_IN_PLACE) -> int:
    """How many leading nodes of a path a row attends to in place; later ones are copied into the row.

    `pays` is how many key reads a step must be saved.
    """
    count = 0
    for index, node in enumerate(path):
        sharing = min(node.demand + node.uses, rows)
        if (sharing - 1) * len(node.ids) >= pays:
            count = index + 1
    return count


def runs_to_encode(paths: Sequence[Sequence[Node]]) -> list[list[Node]]:
    """The runs of unencoded nodes that can be encoded side by side: none stands on another of them.

    A path's whole missing run is one piece, so that a chain of nodes takes one pass; branches off its
    middle wait for the next round. Call again until the list is empty.
    """
    claimed: set[int] = set()
    runs = []
    for path in paths:
        missing = [node for node in path if node.layers is None]
        if missing and id(missing[0]) not in claimed:
            claimed.update(id(node) for node in missing)
            runs.append(missing)
    return runs


def admit(needed: Sequence[int], running: Sequence[int], rows: int, budget: int) -> int:
    """How many waiting rows may start, in order: `needed` and `running` are tokens a row may come to hold.

    Every slot is as long as the longest row's, so what counts is rows times the longest. One row is always
    admitted when nothing runs: whatever cannot be run alone cannot be run at all.
    """
    longest, count = max(running, default=0), len(running)
    admitted = 0
    for tokens in needed:
        longest = max(longest, tokens)
        if count + 1 > rows or ((count + 1) * longest > budget and count):
            break
        count += 1
        admitted += 1
    return admitted
