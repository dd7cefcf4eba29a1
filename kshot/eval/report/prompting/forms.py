"""The forms of a prompt: strategies of one task that are equal but for their template, words, format or wording.

Meets: `template=best` is no form of its own but stands for the template that it chose, which is marked. Concedes: a
strategy inside another, such as self-consistency's base, is not looked into.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.sweeps import INDIFFERENT, parsed, sweeps_of
from kshot.spec import split_spec, write_spec
from kshot.types import UserError

AS_WRITTEN: Mapping[str, object] = {"template": "", "label_words": "", "format_seed": -1, "wording": None}
"""What words a prompt, and the value that leaves it as kshot has it. A wording has no such value."""

SAID = {"template": "template", "label_words": "words", "format_seed": "format", "wording": "wording"}
OWN, BEST = "own", "best"
SCORES = ("choice-logprob", "channel-logprob")  # what scores labels, in the task's own template by default

Form = tuple[str, ...]
"""The values of `AS_WRITTEN`'s hyperparameters, as text."""


@dataclass(frozen=True, slots=True)
class Variation:
    """What was varied on a task with all else equal: a value a measure."""

    panel: str  # the task
    line: str  # the strategy, without what was varied
    over: str  # what was varied, in words
    points: Sequence[tuple[str, Measure]]  # (what the value is called, measure)
    own: frozenset[int] = frozenset()  # which points are kshot's own form, where others are templates or formats
    chosen: int | None = None  # which point was chosen on validation
    templates: bool = False  # whether templates were varied


@dataclass(frozen=True, slots=True)
class Member:
    """A strategy in a group of forms."""

    form: Form
    measure: Measure
    chosen: bool = False


def variations(listed: Sequence[Measure], run: RunData) -> list[Variation]:
    """Every group of forms, what each hyperparameter of one does alone where several vary, and the sweeps of other
    choices that should not matter."""
    found = []
    for (task, _), members in grouped(listed, run).items():
        whole = variation(task, members)
        if whole is None:
            continue
        varied = varying(members)
        alone = [largest(members, at) for at in varied] if len(varied) > 1 else []
        found += [whole, *(each for part in alone if (each := variation(task, part)))]
    for sweep in sweeps_of(listed, run.params):
        if sweep.over in INDIFFERENT and sweep.over not in AS_WRITTEN:
            points = [(str(value), measure) for value, measure in sweep.points]
            found.append(Variation(sweep.panel, sweep.line, sweep.over.replace("_", " "), points))
    return found


def grouped(listed: Sequence[Measure], run: RunData) -> dict[tuple[str, str], dict[Form, Member]]:
    """Forms by (task, the strategy without its form), the chosen one marked."""
    groups: dict[tuple[str, str], dict[Form, Member]] = {}
    chosen: list[tuple[tuple[str, str], Member]] = []
    for measure in listed:
        key, form = form_of(measure, run)
        if form[0] != BEST:
            groups.setdefault(key, {})[form] = Member(form, measure)
        elif (name := chosen_template(run, measure.task, measure.strategy)) is not None:
            chosen.append((key, Member((name, *form[1:]), measure, chosen=True)))
    for key, member in chosen:  # it stands for its template where that was not run by its own name
        known = groups.setdefault(key, {}).get(member.form, member)
        groups[key][member.form] = Member(member.form, known.measure, chosen=True)
    return groups


def form_of(measure: Measure, run: RunData) -> tuple[tuple[str, str], Form]:
    """((task, the strategy without its form), its form)."""
    head, found = parsed(measure.strategy, run.params)
    if "template" in found:
        found = {**found, "template": template_name(run, measure.task, head, str(found["template"]))}
    rest = write_spec(head, {name: value for name, value in found.items() if name not in AS_WRITTEN})
    return (measure.task, rest), tuple(text_of(found.get(name, plain)) for name, plain in AS_WRITTEN.items())


def text_of(value: object) -> str:
    """A hyperparameter's value as text: words as they are given, bad+good."""
    return "" if value is None else "+".join(map(str, value)) if isinstance(value, tuple) else str(value)


def template_name(run: RunData, task: str, strategy: str, given: str) -> str:
    """The template that words a task where a strategy of this kind gives this one: "" for kshot's own form."""
    forms = run.info.get("default_templates", {})
    written = run.info.get("in_writing", ())
    said = strategy in SCORES or (isinstance(written, list) and task in written)
    default = forms.get(task, "") if isinstance(forms, Mapping) and said else ""
    name = given or default
    return "" if name == OWN else str(name)


def chosen_template(run: RunData, task: str, strategy: str) -> str | None:
    """The template that a preparation chose, "" for kshot's own form; None where it chose none."""
    name = run.prepared.get((task, strategy), {}).get(BEST)
    return None if not isinstance(name, str) else "" if name == OWN else name


def varying(members: Mapping[Form, Member]) -> list[int]:
    """The places at which forms differ."""
    return [at for at in range(len(AS_WRITTEN)) if len({form[at] for form in members}) > 1]


def largest(members: Mapping[Form, Member], at: int) -> dict[Form, Member]:
    """The most forms that differ at one place alone; of equals the first."""
    parts: dict[Form, dict[Form, Member]] = {}
    for form, member in members.items():
        parts.setdefault((*form[:at], *form[at + 1 :]), {})[form] = member
    return max(parts.values(), key=len)


def variation(task: str, members: Mapping[Form, Member]) -> Variation | None:
    """The forms as a variation; None for fewer than two."""
    varied = varying(members)
    if not varied:
        return None
    names = list(AS_WRITTEN)
    listed = list(members.values())
    own = [at for at, member in enumerate(listed) if is_own(member.form)] if varied != [names.index("wording")] else []
    return Variation(
        task,
        common_name([member.measure.strategy for member in listed]),
        ", ".join(names[at].replace("_", " ") for at in varied),
        [(form_name(member.form, varied), member.measure) for member in listed],
        frozenset(own),
        next((at for at, member in enumerate(listed) if member.chosen), None),
        names.index("template") in varied,
    )


def is_own(form: Form) -> bool:
    """Whether it is kshot's own, whatever its wording."""
    return all(form[at] == str(plain) for at, plain in enumerate(AS_WRITTEN.values()) if plain is not None)


def form_name(form: Form, varied: Sequence[int]) -> str:
    """What a form is called among others: its value where one thing varies, else all that differ from kshot's own."""
    names, plain = list(AS_WRITTEN), [str(value) for value in AS_WRITTEN.values()]
    if len(varied) == 1:
        value, as_is = form[varied[0]], {"template": OWN, "label_words": "the labels", "format_seed": "as written"}
        return as_is[names[varied[0]]] if value == plain[varied[0]] else called(value)
    said = [f"{SAID[names[at]]} {called(form[at])}" for at in varied if form[at] not in (plain[at], "")]
    return ", ".join(said) or OWN


def called(value: str) -> str:
    """A value in a cell: a template's file by its name, nothing as kshot's own form."""
    return Path(value).name if value.endswith((".jinja", ".j2")) else value or OWN


def common_name(strategies: Sequence[str]) -> str:
    """The strategies' name with the hyperparameters that all of them give alike."""
    try:
        heads = [split_spec(strategy)[0] for strategy in strategies]
        given = [split_spec(strategy)[1] for strategy in strategies]
    except UserError:
        return strategies[0]
    same = {key: value for key, value in given[0].items() if all(other.get(key) == value for other in given)}
    return write_spec(heads[0], {key: value for key, value in same.items() if (key, value) != ("template", BEST)})
