"""A prompt's own text as tokens: where they stand, and which exchanges of one of them are texts.

Only exchanges are told whose text, put into every prompt and cut into tokens again, gives these very tokens: what a
search finds by them is a text, and asking it by `text="..."` is what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kshot.prompts.search.flips import HOLE, FlipsAsked
from kshot.prompts.search.proposals import names_a_label
from kshot.prompts.templates import plain
from kshot.types import Request, UserError

if TYPE_CHECKING:
    import torch

    from kshot.harness.models.render import Renderer

LOOKED_AT = 16  # of the best exchanges of a place, as many times those wanted are looked at


@dataclass(frozen=True, slots=True)
class Spelled:
    """One continuation of one row as tokens: a prompt's, in which the text has a place, and those to be scored."""

    row: int
    ids: list[int]
    targets: list[int]
    span: range  # where the text's tokens are among `ids`

    @property
    def seen(self) -> tuple[int, ...]:
        """The tokens that the model has to see."""
        return (*self.ids, *self.targets[:-1])


def as_asked(engine: Any, request: Request, language: str) -> Request:
    """A request as the engine gets it: turns as text where the model has no chat template."""
    return request if engine.chat else plain(request, language)


def spell(engine: Any, asked: FlipsAsked) -> list[Spelled]:
    """Every continuation of every row as tokens, the text's own with the same ones everywhere."""
    found = []
    for at, row in enumerate(asked.rows):
        holed = as_asked(engine, row.filled(HOLE)[0], asked.language)
        span = None
        for request in row.filled(asked.text):
            said = as_asked(engine, request, asked.language)
            ids, targets = engine.renderer.continued(said.prompt, said.continuation)
            span = span_of(engine.renderer, holed, asked.text, ids) if span is None else span
            engine.check_length(len(ids) + len(targets))
            found.append(Spelled(at, ids, targets, span))
    first = [found[0].ids[at] for at in found[0].span]
    if any([one.ids[at] for at in one.span] != first for one in found):
        raise UserError(f"the text {asked.text!r} is cut into other tokens in other prompts; give other words.")
    return found


def span_of(renderer: Renderer, holed: Request, text: str, ids: Sequence[int]) -> range:
    """Where a text's tokens are in a prompt's. Raises UserError where it has none of its own there."""
    before, found, after = renderer.text(holed.prompt).partition(HOLE)
    encoded = renderer.tokenizer(f"{before}{text}{after}", add_special_tokens=False, return_offsets_mapping=True)
    start, end = len(before.rstrip()), len(before) + len(text)  # a blank before it may be in its first token
    inside = [
        at
        for at, (left, right) in enumerate(encoded.offset_mapping)
        if start <= left < right <= end and right > len(before)
    ]
    if found and inside:
        upto = inside[-1] + 1
        for ahead in (0, 1):  # without and with a beginning token
            if list(ids[ahead : ahead + upto]) == list(encoded.input_ids[:upto]):
                return range(inside[0] + ahead, upto + ahead)
    raise UserError(f"the text {text!r} has no tokens of its own in the prompt; give other words to begin with.")


# ---------------------------------------------------------------- exchanges that are texts


def best_flips(
    engine: Any, asked: FlipsAsked, spelled: Sequence[Spelled], place: int, told: torch.Tensor
) -> tuple[tuple[str, float], ...]:
    """The exchanges of a token that are texts and are told the lowest losses, with these, best first."""
    values, tokens = told.topk(min(len(told), LOOKED_AT * asked.top), largest=False)
    found: list[tuple[str, float]] = []
    for token, value in zip(tokens.tolist(), values.tolist(), strict=True):
        if len(found) == asked.top:
            break
        text = text_with(engine, asked, spelled, place, token)
        if text is not None:
            found.append((text, value))
    return tuple(found)


def text_with(engine: Any, asked: FlipsAsked, spelled: Sequence[Spelled], place: int, token: int) -> str | None:
    """The text with another token at a place; None where no prompt that says it has these tokens, or none may."""
    renderer, first = engine.renderer, spelled[0]
    tokenizer = renderer.tokenizer
    old = [first.ids[at] for at in first.span]
    if token == old[place] or token in tokenizer.all_special_ids or token >= len(tokenizer):
        return None
    was, now = decoded(tokenizer, old), decoded(tokenizer, [*old[:place], token, *old[place + 1 :]])
    lead = was[: len(was) - len(was.lstrip())]  # a blank of the prompt's, within the text's first token
    begins = asked.text.find(was.strip())
    if begins != 0 or not now.startswith(lead):
        return None
    text = now[len(lead) :] + asked.text[len(was.strip()) :]
    if not text.isprintable() or " ".join(text.split()) != text or HOLE in text or names_a_label(text, asked.without):
        return None
    return text if all(says(engine, asked, one, text, place, token) for one in firsts(spelled)) else None


def decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    """Tokens as the text that they are, nothing tidied up."""
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))


def firsts(spelled: Sequence[Spelled]) -> list[Spelled]:
    """Each row's first continuation."""
    return [one for at, one in enumerate(spelled) if not at or spelled[at - 1].row != one.row]


def says(engine: Any, asked: FlipsAsked, one: Spelled, text: str, place: int, token: int) -> bool:
    """Whether a row's prompt with the text in it is cut into its tokens with that one exchanged."""
    request = as_asked(engine, asked.rows[one.row].filled(text)[0], asked.language)
    ids, targets = engine.renderer.continued(request.prompt, request.continuation)
    wanted = list(one.ids)
    wanted[one.span[place]] = token
    return bool(ids == wanted and targets == one.targets)
