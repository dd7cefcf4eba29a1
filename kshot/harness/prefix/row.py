"""A sequence's place in a decoder that shares prefixes: what it stands on, what it holds, who shares its pass."""

from __future__ import annotations

from dataclasses import dataclass, field

from kshot.harness.decoding.sequence import TokenSequence
from kshot.harness.prefix.tree import Node


@dataclass(eq=False)
class Row:
    """A sequence, waiting in the tree or running on its nodes."""

    sequence: TokenSequence
    leaf: Node | None = None  # in the tree, while waiting
    above: Node | None = None  # the deepest node that it attends to in place
    held: int = 0  # tokens in its own store
    twins: list[TokenSequence] = field(default_factory=list)  # score other targets after the same input, in its pass

    @property
    def shareable(self) -> list[int]:
        """Leading tokens whose logits are not needed, so that their keys are all there is to compute."""
        return self.sequence.ids[: self.sequence.prompt_tokens - 1]

    @property
    def room(self) -> int:
        """Tokens that it may come to hold beside the nodes that it attends to in place."""
        assert self.above is not None
        return len(self.sequence.ids) + self.sequence.max_new - self.above.end
