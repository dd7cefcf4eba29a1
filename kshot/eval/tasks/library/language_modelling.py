"""Texts whose own words are scored: the last word of LAMBADA, all of WikiText. Asked with `log-likelihood`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from kshot.eval.answers import LINE
from kshot.eval.metrics import scored_by
from kshot.eval.tasks.library.sets import HARNESS, public
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row
from kshot.eval.tasks.source.templates import FREE
from kshot.types import Sample, Source, Split, Task, Template, UserError

COMPLETE = (
    "What is the next word of the text?",
    "Complete the text with its last word.",
    "Give the one word that ends the text.",
)


@task
def lambada() -> Task:
    """The last word of a passage (Paperno et al. 2016, arXiv 1606.06031; OpenAI's detokenised version).

    As published with `log-likelihood:greedy=yes`, which is right where greedy decoding writes that very word, and which
    `--metric perplexity` scores as well.
    """

    def read(row: Row) -> Sample:
        before, _, word = row["text"].rpartition(" ")
        return Sample("", before, " ".join(word.replace("|", "").split()), continuation=f" {word}")

    return public(
        "lambada",
        HubSet("EleutherAI/lambada_openai", config="default", train=None),
        read,
        form=LINE,
        score=scored_by("exact-match:normalise=words"),
        templates=(Template("{{ question }} {{ answer }}", source=f"{HARNESS}lambada_openai"), *FREE),
        instructions=COMPLETE,
    )


def detokenised(page: str) -> str:
    """WikiText as it was before words and signs were set apart, as lm-evaluation-harness has it."""
    text = page.replace("s '", "s'")
    for sign in ("@-@", "@,@", "@.@"):
        text = text.replace(f" {sign} ", sign[1])
    for sign in ":;.!?,":
        text = text.replace(f" {sign} ", f"{sign} ")
    for opening, closing in (("(", ")"), ("[", "]"), ("{", "}"), ('"', '"'), ("'", "'")):
        inner = rf"\{opening}\s*([^\{closing}]*?)\s*\{closing}"
        text = re.sub(inner, lambda found, o=opening, c=closing: f"{o}{found[1]}{c}", text)  # type: ignore[misc]
    for blanked, kept in (("= = = =", "===="), ("= = =", "==="), ("= =", "=="), (" \u00b0 ", "\u00b0")):
        text = text.replace(blanked, kept)
    for blanked, kept in ((" \n", "\n"), ("\n ", "\n"), (" N ", " 1 "), (" 's", "'s")):
        text = text.replace(blanked, kept)
    return text


def pieces(page: Sample, words: int) -> Iterator[Sample]:
    """A page cut at the ends of lines, each piece as soon as it has so many words."""
    lines: list[str] = []
    number = 0
    for line in [*page.continuation.splitlines(keepends=True), None]:
        text = "".join(lines)
        if text.strip() and (line is None or len(text.split()) >= words):
            yield replace(page, id=f"{page.id}-{number}", continuation=text.strip(), cluster=page.id)
            lines, number = [], number + 1
        lines.append(line or "")


@task
def wikitext(*, words: int = 300) -> Task:
    """Articles of WikiText-2 (Merity et al. 2016, arXiv 1609.07843), by bits per byte and perplexity a word.

    An article is cut at the ends of lines into pieces of `words` words or a little more, each scored by itself, so that
    it fits a model's context; published figures, whose windows are whole contexts, are lower. The harness also counts
    the words and bytes of an article before it is detokenised; here they are those of the text that is scored.
    """
    if words < 1:
        raise UserError(f"wikitext: words is {words}; it must be at least 1.")
    made = public(
        "wikitext",
        HubSet("EleutherAI/wikitext_document_level", config="wikitext-2-raw-v1", train=None),
        lambda row: Sample("", "", "", continuation=detokenised(row["page"])),
        form=LINE,
        score=scored_by("bits-per-byte", "perplexity:per=word"),
        templates=(),
        instructions=(),
        pool=False,
    )

    def load(split: Split, source: Source) -> Sequence[Sample]:
        pages = made.load(split, replace(source, limit=None))
        return [piece for page in pages for piece in pieces(page, words)][: source.limit]

    vars(load).update(vars(made.load))
    return replace(made, load=load, note="wikitext: texts whose likelihood is asked (--strategy log-likelihood).")
