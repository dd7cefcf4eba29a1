"""Short made-up passages with a question each: a stand-in for SQuAD, QA-ZRE and QA-SRL that needs no data.

Meets: a passage tells of 4 to 8 deeds, each with its own person, thing, place and time, so that the answer is one span of
the passage and occurs there once; which deeds there are is varied so much that train and test never share a passage.
Concedes: every sentence has one of a few forms, which makes it far easier to read than an encyclopedia.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from kshot.eval.answers import TEXT
from kshot.eval.metrics import scored_by
from kshot.eval.tasks.last_letters import FIRST
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.generated import draw_samples, in_train
from kshot.eval.tasks.source.templates import FREE
from kshot.registry import suggest
from kshot.types import AnswerFormat, Extraction, Sample, Source, Split, Task, Template, UserError

VERBS = """
repair/repaired paint/painted clean/cleaned photograph/photographed measure/measured carry/carried borrow/borrowed
inspect/inspected sketch/sketched polish/polished describe/described rescue/rescued discover/discovered pack/packed
admire/admired film/filmed unload/unloaded examine/examined decorate/decorated purchase/purchased
"""
OBJECTS = """
old clock, red bicycle, silver mirror, wooden boat, stone lion, glass lamp, brass telescope, velvet curtain, iron gate,
broken radio, blue vase, leather saddle, paper lantern, copper kettle, striped tent, marble statue, oak table, rusty anchor,
golden harp, straw hat, clay jug, ivory chessboard, wicker chair, porcelain doll, steel ladder, woollen carpet
"""
PLACES = """
in the library, at the harbour, in the kitchen, behind the theatre, near the lighthouse, in the museum, at the bakery,
beside the fountain, in the orchard, at the station, under the bridge, in the courtyard, near the windmill, at the airport,
in the cellar, behind the chapel, at the market, in the greenhouse, near the quarry, at the stadium
"""
TIMES = """
on Monday, on Tuesday, on Wednesday, on Thursday, on Friday, on Saturday, on Sunday, in January, in February, in April,
in June, in July, in August, in September, in October, in November, in December, at noon, at midnight, at dawn, at sunset,
in 1968, in 1974, in 1983, in 1991, in 1999, in 2004, in 2012
"""
SHAPES = ("{who} {did} the {thing} {where} {when}.", "{When}, {who} {did} the {thing} {where}.",
          "{Where}, {who} {did} the {thing} {when}.")  # fmt: skip
ASKED = {
    "facts": {
        "who": "Who {did} the {thing}?",
        "where": "Where did {who} {do} the {thing}?",
        "when": "When did {who} {do} the {thing}?",
    },
    "roles": {  # of one verb alone, as QA-SRL asks (He et al. 2015)
        "who": "Who {did} something?",
        "what": "What was {did}?",
        "where": "Where was something {did}?",
        "when": "When was something {did}?",
    },
}
UNANSWERABLE = "unanswerable"
SCORE = scored_by("token-f1", "exact-match:normalise=words")  # the two of SQuAD's own script
FORMS = (
    Template(
        "{{ context }}\nQ: {{ asked }}\nA: {{ answer }}", source="Brown et al. 2020, arXiv 2005.14165, appendix G"
    ),
    Template("Passage: {{ context }}\nQuestion: {{ asked }}\nAnswer: {{ answer }}"),
    *FREE[:2],
)


@dataclass(frozen=True, slots=True)
class Deed:
    """Who did what, where and when; a place or time that is "" is not told."""

    who: str
    do: str
    did: str
    thing: str
    where: str
    when: str

    def told(self, shape: str) -> str:
        """As a sentence."""
        words = {"who": self.who, "did": self.did, "thing": self.thing, "where": self.where, "when": self.when}
        whole = all((self.where, self.when))
        first = {"Where": self.where[:1].upper() + self.where[1:], "When": self.when[:1].upper() + self.when[1:]}
        return " ".join((shape if whole else SHAPES[0]).format(**words, **first).split()).replace(" .", ".")


def listed(text: str) -> list[str]:
    """What stands between commas."""
    return [" ".join(part.split()) for part in text.split(",")]


def verbs_of(split: Split | None) -> list[tuple[str, str]]:
    """The verbs, base and past; those of one split alone where they are held out of the other."""
    found = [(base, past) for base, _, past in (word.partition("/") for word in VERBS.split())]
    ordered = sorted(found, key=lambda verb: in_train(verb[0]))
    half = {"train": ordered[len(found) // 2 :], "test": ordered[: len(found) // 2]}
    return half[split] if split else found


def make(kind: str, verbs: list[tuple[str, str]], share: float, generator: random.Random) -> Sample:
    """A passage with a question; of a `share` of them the passage does not tell the answer."""
    count = generator.randint(4, 8)
    who, things = generator.sample(FIRST, count + 1), generator.sample(listed(OBJECTS), count + 1)
    where, when = generator.sample(listed(PLACES), count + 1), generator.sample(listed(TIMES), count + 1)
    done = generator.sample(verbs, count + 1)
    deeds = [Deed(who[at], *done[at], things[at], where[at], when[at]) for at in range(count + 1)]
    spare, at = deeds.pop(), generator.randrange(count)
    asked, question = generator.choice(list(ASKED[kind].items()))
    deed = deeds[at]
    lacking = generator.random() < share
    if lacking and asked in ("where", "when"):
        deeds[at] = replace(deed, **{asked: ""})
    elif lacking:  # somebody did something else
        deed = replace(spare, who=deed.who)
    sentences = [each.told(generator.choice(SHAPES)) for each in deeds]
    passage = " ".join(sentences)
    words = {"who": deed.who, "do": deed.do, "did": deed.did, "thing": deed.thing}
    question = question.format(**words)
    if lacking:
        target, rationale = UNANSWERABLE, "The passage does not tell."
    else:
        target, rationale = span_of(deed, asked), sentences[at]
    return Sample("", f"{passage}\n{question}", target, rationale, fields=(("context", passage), ("asked", question)))


def span_of(deed: Deed, asked: str) -> str:
    """The answer as it stands in the passage; of a place or time with or without its preposition."""
    if asked == "who":
        return deed.who
    if asked == "what":
        return f"the {deed.thing}"
    whole = deed.where if asked == "where" else deed.when
    return f"{whole.partition(' ')[2]}|{whole}"


def read_span(text: str, choices: tuple[str, ...]) -> Extraction:
    """An answer in words; a text that says that there is none answers that it is unanswerable."""
    found = TEXT.extract(text, choices)
    if found.rule != "declined" or found.span is None:
        return found
    return replace(found, answer=UNANSWERABLE, explicit=found.span[1] < len(text))


SPAN = replace(TEXT, instruction=f"Give only the answer, or {UNANSWERABLE} where the passage does not tell it.",
               extract=read_span)  # fmt: skip


@task
def passages(*, kind: str = "facts", unanswerable: float = 0.0, held_out: bool = False) -> Task:
    """A passage of 4 to 8 deeds and a question whose answer is a span of it, scored by token F1 (as SQuAD is).

    `kind` facts asks who, where and when of a deed; roles asks of its verb alone (as QA-SRL does, He et al. 2015).
    `unanswerable` is the share of questions that the passage does not answer, and `held_out` keeps the verbs of the
    test out of the exemplars (as QA-ZRE does with relations, Levy et al. 2017, arXiv 1706.04115). Raises UserError.
    """
    if kind not in ASKED:
        raise UserError(f"unknown passages kind {kind!r}: {suggest(kind, ASKED)}")
    if not 0 <= unanswerable <= 1:
        raise UserError(f"passages: unanswerable is {unanswerable}; it is a share and must lie between 0 and 1.")
    form: AnswerFormat = SPAN if unanswerable else TEXT

    def load(split: Split, source: Source) -> list[Sample]:
        verbs = verbs_of(split if held_out else None)
        name = f"passages {kind} {unanswerable} {held_out}"
        return draw_samples(name, lambda generator: make(kind, verbs, unanswerable, generator), split, source)

    return Task(
        name="passages",
        load=load,
        format=form,
        score=SCORE,
        instructions=(
            f"Answer the question with words of the passage{SAID if unanswerable else ''}.",
            f"Read the passage and answer the question about it{SAID if unanswerable else ''}.",
            f"Find the part of the passage that answers the question{SAID if unanswerable else ''}.",
        ),
        templates=FORMS,
        as_question=lambda sample: (
            dict(sample.fields)["context"],
            f"{dict(sample.fields)['asked']}{f' Or is it {UNANSWERABLE}?' if unanswerable else ''}",
        ),
    )


SAID = f", or write {UNANSWERABLE} where it does not tell"
