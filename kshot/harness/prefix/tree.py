"""A radix tree over token ids: the prefixes that exist, who waits for them, and their keys and values.

Every waiting request is in the tree with all its prompt but the last token (whose logits it needs), so
that a node is exactly a run of tokens wanted by the same set of requests. A node is encoded when a second
request wants it, and stays until memory is short; the least recently used leaf goes first. Lists of
Python ints are compared a slice at a time, so an insertion costs its number of nodes, not of tokens.
Concedes: a node that is cut in two is copied, so that each half can be freed alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from kshot.harness.decoding.layers import Layers, piece


class Node:
    """A run of tokens after its parent's; `layers` is None until it has been encoded."""

    __slots__ = ("children", "demand", "ids", "layers", "parent", "start", "used_at", "uses")

    def __init__(self, ids: list[int], parent: Node | None, start: int) -> None:
        self.ids = ids
        self.parent = parent
        self.start = start  # position of the first token
        self.children: dict[int, Node] = {}
        self.layers: Layers | None = None
        self.demand = 0  # waiting requests whose prompt runs through here
        self.uses = 0  # running rows that attend to it in place
        self.used_at = 0

    @property
    def end(self) -> int:
        return self.start + len(self.ids)


def common(first: list[int], second: list[int]) -> int:
    """Number of leading tokens that two lists share."""
    length = min(len(first), len(second))
    if first[:length] == second[:length]:
        return length
    low, high = 0, length  # first[:low] equal, first[:high] not
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low


class PrefixTree:
    """Radix tree of prompts, with a budget in tokens for the keys and values it keeps."""

    def __init__(self, budget: int) -> None:
        self.root = Node([], None, 0)
        self.budget = budget
        self.held = 0  # tokens with keys and values
        self.clock = 0

    def insert(self, ids: list[int]) -> Node:
        """The node that ends exactly at the end of `ids`, made and split as needed."""
        node, at = self.root, 0
        while at < len(ids):
            child = node.children.get(ids[at])
            if child is None:
                child = Node(ids[at:], node, at)
                node.children[ids[at]] = child
                return child
            shared = common(child.ids, ids[at : at + len(child.ids)])
            if shared < len(child.ids):
                child = self.split(child, shared)
            node, at = child, at + shared
        return node

    def split(self, node: Node, at: int) -> Node:
        """Cuts a node after `at` tokens and returns the new upper half; the node itself keeps its lower end.

        Rows that attend to the node know only its lower end and find the rest by `path`, so a cut in the
        middle of their run changes nothing for them.
        """
        assert 0 < at < len(node.ids) and node.parent is not None
        upper = Node(node.ids[:at], node.parent, node.start)
        upper.demand, upper.uses, upper.used_at = node.demand, node.uses, node.used_at
        node.parent.children[node.ids[0]] = upper
        upper.children[node.ids[at]] = node
        node.parent, node.ids, node.start = upper, node.ids[at:], node.start + at
        if node.layers is not None:
            whole, end = node.layers, at + len(node.ids)
            upper.layers, node.layers = piece(whole, 0, at), piece(whole, at, end)  # each can go alone
        return upper

    def path(self, node: Node) -> list[Node]:
        """From below the root down to the node."""
        found: list[Node] = []
        while node.parent is not None:
            found.append(node)
            node = node.parent
        return found[::-1]

    def want(self, ids: list[int]) -> Node:
        """Registers a waiting request for the prefix `ids`."""
        leaf = self.insert(ids)
        for node in self.path(leaf):
            node.demand += 1
        return leaf

    def unwant(self, leaf: Node) -> None:
        """Takes a waiting request back; nodes that nobody wants and that hold nothing are dropped."""
        for node in self.path(leaf):
            node.demand -= 1
        self.prune(leaf)

    def prune(self, node: Node) -> None:
        """Removes empty, unwanted leaves from here upwards."""
        while node.parent is not None and not node.children and not node.demand and not node.uses:
            if node.layers is not None:
                return
            parent = node.parent
            del parent.children[node.ids[0]]
            node = parent

    def fill(self, node: Node, layers: Layers) -> None:
        """Gives a node its keys and values."""
        assert node.layers is None
        node.layers = layers
        self.held += len(node.ids)
        self.touch(node)

    def plant(self, ids: list[int], layers: Layers) -> None:
        """A node that is used by one for ever, and counts for nothing in the budget."""
        node = self.insert(ids)
        node.layers, node.uses = layers, 1

    def touch(self, node: Node) -> None:
        self.clock += 1
        node.used_at = self.clock

    def keep(self, ids: list[int], known: Node, layers: Layers) -> None:
        """Keeps what a finished row has encoded: `layers` hold the keys and values of ids[known.end:].

        So a prompt that grows by what the model wrote (least-to-most, the second stage of zero-shot
        chain-of-thought) finds its beginning encoded.
        """
        leaf = self.insert(ids)
        for node in self.path(leaf):
            if node.layers is None:
                at = node.start - known.end
                if at < 0:  # an ancestor has been evicted meanwhile
                    self.prune(leaf)
                    return
                self.fill(node, piece(layers, at, at + len(node.ids)))
            self.touch(node)

    def shrink(self) -> None:
        """Drops leaves until the budget is met: first those that nobody waits for, the least recently used first.

        What running rows attend to stays.
        """
        while self.held > self.budget:
            leaves = [node for node in self.walk() if self.evictable(node)]
            if not leaves:
                return
            leaves.sort(key=lambda node: (node.demand > 0, node.used_at))
            for node in leaves[: max(1, len(leaves) // 4)]:
                node.layers = None
                self.held -= len(node.ids)
                self.prune(node)
                if self.held <= self.budget:
                    return

    @staticmethod
    def evictable(node: Node) -> bool:
        """Whether the node holds keys that no row attends to and no encoded child stands on."""
        return (
            node.layers is not None and not node.uses and all(child.layers is None for child in node.children.values())
        )

    def walk(self) -> Iterator[Node]:
        """All nodes below the root."""
        stack = list(self.root.children.values())
        while stack:
            node = stack.pop()
            yield node
            stack.extend(node.children.values())
