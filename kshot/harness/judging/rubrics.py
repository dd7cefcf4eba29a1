"""What a judge is asked: rubrics by name, or a user's own in Jinja, rendered in the project's sandbox.

A rubric may use question, choices, options (the choices, "(A) first", a line each), target ("" where no reference is
to be shown), scale, and `answer`; one that compares uses `first` and `second` in its place. How a verdict is to be
given is the scale's to say and stands behind it, so that asking and reading cannot drift apart.

Meets: the named ones are short, for small judges, and say what the published ones say: whether an answer is right by a
reference, as the reference-guided prompts of Zheng et al. 2023 (arXiv 2306.05685, appendix A); whether it helps, by
their criteria (helpfulness, relevance, accuracy). Concedes: the words are kshot's own, so figures published for those
prompts are not theirs; they are English; nothing keeps an answer from addressing its judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.prompts import sandbox
from kshot.registry import suggest
from kshot.types import UserError

FIELDS = ("question", "choices", "options", "target", "scale")
ONE, TWO = ("answer",), ("first", "second")
MARKS = "[The start of {0}]\n{{{{ {1} }}}}\n[The end of {0}]\n"
QUESTION = "[Question]\n{{ question }}\n{% if options %}{{ options }}\n{% endif %}\n"
REFERENCE = "{% if target %}[Reference answer]\n{{ target }}\n\n{% endif %}"
ANSWER = MARKS.format("the answer", "answer")
ANSWERS = f"{MARKS.format('answer A', 'first')}\n{MARKS.format('answer B', 'second')}"
RATED = '{{% if scale == "yes-no" %}}{0}{{% else %}}{1}{{% endif %}}'


@dataclass(frozen=True, slots=True)
class Rubric:
    """What a judge is asked."""

    name: str
    text: str  # Jinja
    source: str  # where its idea was published, or the user's file

    @property
    def sha256(self) -> str:
        """What names its text."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def compares(self) -> bool:
        """Whether it sets two answers side by side."""
        return bool(sandbox.names_in(self.text) & set(TWO))

    @property
    def refers(self) -> bool:
        """Whether it can show a reference."""
        return "target" in sandbox.names_in(self.text)

    def render(self, values: Mapping[str, Any]) -> str:
        """The rubric of one attempt, or of two. Raises UserError, with its name and the line."""
        try:
            return sandbox.write(self.text, values).strip()
        except UserError as error:
            raise UserError(f"the rubric {self.name}{error}") from error


ZHENG = "after Zheng et al. 2023, arXiv 2306.05685"
GIVEN = " {% if target %}It is correct where it says the same as the reference answer, in whatever words.{% endif %}"
CORRECT = RATED.format("Is the answer correct?", "How correct is the answer, from 1 (wrong) to 5 (correct)?")
HELPS = RATED.format("Is the answer helpful?", "How helpful is the answer, from 1 (not at all) to 5 (very)?")
CRITERIA = "Consider whether it is helpful, relevant and accurate. Its length does not matter."
RUBRICS: dict[str, Rubric] = {
    one.name: one
    for one in (
        Rubric("correctness", f"{QUESTION}{REFERENCE}{ANSWER}\n{CORRECT}{GIVEN}", ZHENG),
        Rubric("helpfulness", f"{QUESTION}{ANSWER}\n{HELPS} {CRITERIA}", ZHENG),
        Rubric(
            "better",
            f"{QUESTION}{REFERENCE}{ANSWERS}\nWhich answer is better? Consider which is more correct"
            "{% if target %} by the reference answer{% endif %}. "
            "The order in which they stand and their length do not matter.",
            ZHENG,
        ),
    )
}
"""By name. `better` compares two answers; the others are of one."""


def find_rubric(given: str, *, compares: bool) -> Rubric:
    """A rubric by name, or of @FILE. Raises UserError for one that is unknown, cannot be read, or judges otherwise."""
    if given.startswith("@"):
        rubric = own_rubric(Path(given[1:]).expanduser(), given)
    elif given in RUBRICS:
        rubric = RUBRICS[given]
    else:
        raise UserError(f"unknown rubric {given!r}, and no @FILE either: {suggest(given, list(RUBRICS))}")
    used = sandbox.names_in(rubric.text)
    wanted = TWO if compares else ONE
    lacking = [name for name in wanted if name not in used]
    unknown = sorted(used - {*FIELDS, *wanted})
    if lacking or unknown:
        kind = "compares two answers" if rubric.compares else "judges one answer"
        what = f"it lacks {{{{ {lacking[0]} }}}}" if lacking else f"it uses {unknown[0]}"
        raise UserError(
            f"--rubric {given}: {what}, and a rubric that {'compares two answers' if compares else 'judges one answer'}"
            f" uses {' and '.join(wanted)}, and may use {', '.join(FIELDS)}"
            + (f"; this one {kind}, {'with' if rubric.compares else 'without'} --pairwise." if lacking else ".")
        )
    return rubric


def own_rubric(path: Path, given: str) -> Rubric:
    """A user's rubric. Raises UserError where it is no text, or no Jinja."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = "is not UTF-8" if isinstance(error, UnicodeDecodeError) else "cannot be read"
        raise UserError(f"--rubric {given}: {path} {why}; give a text file as @FILE.") from error
    try:
        sandbox.compiled(text)
    except UserError as error:
        raise UserError(f"--rubric {given}{error}") from error
    return Rubric(path.stem, text, str(path))
