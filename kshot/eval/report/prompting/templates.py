"""The best human template, chosen on a validation split: the baseline that prompt search and adapters have to beat.

Meets: what would have been chosen on the test set stands beside it under a name that nobody takes for a baseline.
Concedes: what a candidate does on the test set is known only where it ran as a strategy of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from kshot.eval.report.model import Cell, Section, Table, columns
from kshot.eval.report.numbers import percent, percent_range, points
from kshot.eval.report.prompting.comparisons import pair
from kshot.eval.report.prompting.forms import (
    BEST,
    OWN,
    Form,
    Variation,
    called,
    chosen_template,
    form_of,
    template_name,
)
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.statistics import wilson
from kshot.spec import split_spec, write_spec
from kshot.types import Template, UserError

TITLE = "Best human template"


@dataclass(frozen=True, slots=True)
class ChosenTemplate:
    """A strategy whose template was chosen on a validation split."""

    measure: Measure  # on the test set
    template: str
    validation: Mapping[str, tuple[float, int]]  # candidate -> (right, of)
    tested: Mapping[str, Measure]  # candidate -> the same strategy with this template, where it ran on the test set

    @property
    def share(self) -> float:
        """Validation accuracy of the template chosen; 0 where it is not known."""
        right, of = self.validation.get(self.template, (0.0, 1))
        return right / of


def choices_of(listed: Sequence[Measure], run: RunData) -> list[ChosenTemplate]:
    """Every such choice of a run, in its order."""
    by_form: dict[tuple[tuple[str, str], Form], Measure] = {form_of(measure, run): measure for measure in listed}
    found = []
    for (key, form), measure in by_form.items():
        said = run.prepared.get((measure.task, measure.strategy), {})
        template = chosen_template(run, measure.task, measure.strategy)
        if form[0] != BEST or template is None:
            continue
        validation = counts(said.get("validation"))
        candidates = {name: by_form.get((key, (name, *form[1:]))) for name in {template: 0, **validation}}
        tested = {name: known for name, known in candidates.items() if known is not None}
        found.append(ChosenTemplate(measure, template, validation, {**tested, template: measure}))
    return found


def counts(said: object) -> dict[str, tuple[float, int]]:
    """How many of how many a candidate had right; what makes no sense is left out."""
    found = {}
    for name, each in said.items() if isinstance(said, Mapping) else ():
        right, of = (each.get("right"), each.get("n")) if isinstance(each, Mapping) else (None, None)
        if isinstance(right, int | float) and isinstance(of, int) and 0 <= right <= of > 0:
            found["" if name == OWN else str(name)] = (float(right), of)
    return found


def template_sections(run: RunData, choices: Sequence[ChosenTemplate]) -> list[Section]:
    """What was chosen and what the candidates did, and what each template says; [] where a run has nothing of it."""
    sections = []
    if choices:
        candidates = [candidate_table(choices)] if any(one.validation for one in choices) else []
        sections.append(Section(TITLE, [baseline_sentence(choices), choice_table(run, choices), *candidates]))
    texts = text_table(run.templates, {(one.measure.task, one.template) for one in choices})
    return [*sections, Section("Templates", [texts])] if texts else sections


def choice_table(run: RunData, choices: Sequence[ChosenTemplate]) -> Table:
    """What was chosen, and what it brings on the test set."""
    rows: list[list[str | Cell]] = []
    for one in choices:
        m = one.measure
        best, difference = on_test(run, one)
        rows.append([
            m.task, m.strategy, f"{called(one.template)}{of_equals(one)}", of_validation(one), f"{m.n:,}",
            percent(m.value),
            percent_range(m.interval.low, m.interval.high), Cell(best, "quiet"), Cell(difference, "quiet"),
        ])  # fmt: skip
    heads = columns(
        *("task", "strategy", "chosen", "on validation", "samples#", f"{choices[0].measure.scale.metric}#"),
        *("95% interval#", "best on the test set (no fair baseline)", "its lead#"),
    )
    heads = [replace(head, wide_only=head.title == "samples") for head in heads]
    caption = (
        "The last two columns say what would have been reported had the test set been used to choose: no fair "
        "baseline, as it has seen its own test. Only templates that ran as strategies of their own stand there; the "
        "lead is in points, paired, with its bootstrap interval."
    )
    return Table(TITLE, heads, rows, caption)


def of_equals(one: ChosenTemplate) -> str:
    """Said where the template chosen was no better on validation than others: it was then the first of them."""
    best = [name for name, (right, of) in one.validation.items() if right / of >= one.share]
    return "" if len(best) < 2 else f", first of {len(best)} equals"


def of_validation(one: ChosenTemplate) -> str:
    """The chosen template's validation accuracy: "51 of 64, 79.7% (68.3–87.7)"."""
    if one.template not in one.validation:
        return "–"
    right, of = one.validation[one.template]
    interval = wilson(right, of)
    return f"{right:g} of {of:,}, {percent(right / of)} ({percent_range(interval.low, interval.high)})"


def on_test(run: RunData, one: ChosenTemplate) -> tuple[str, str]:
    """(the template that is best on the test set, its lead over the one chosen with its interval)."""
    if len(one.tested) < 2:
        return "–", "–"
    name, best = max(one.tested.items(), key=lambda item: (item[1].value, item[0] == one.template))
    if name == one.template:
        return f"{called(name)}, the one chosen", "–"
    found = pair(best, one.measure, run.samples)
    if found is None:
        return f"{called(name)}: {percent(best.value)}", "–"
    low, high = found.result.interval.low, found.result.interval.high
    lead = f"{points(found.result.difference)} ({points(low)} to {points(high)})"
    return f"{called(name)}: {percent(best.value)}", lead


def candidate_table(choices: Sequence[ChosenTemplate]) -> Table:
    """Every candidate on the validation split, and on the test set where it ran."""
    rows: list[list[str | Cell]] = []
    for one in choices:
        for name, (right, of) in one.validation.items():
            interval, tested = wilson(right, of), one.tested.get(name)
            rows.append([
                one.measure.task, one.measure.strategy, called(name), f"{right:g}", f"{of:,}", percent(right / of),
                percent_range(interval.low, interval.high), percent(tested.value) if tested else "–",
                Cell("chosen", "good") if name == one.template else "",
            ])  # fmt: skip
    heads = columns(
        *("task", "strategy", "template", "right#", "of#", "on validation#", "95% interval#", "on the test set#"),
        "",
    )
    own = any(name == "" for one in choices for name in one.validation)
    caption = "Validation samples are none of the test samples. Intervals by Wilson." + (
        " Own is kshot's form: Q: and A:, or turns of a conversation." if own else ""
    )
    return Table("Templates on validation", heads, rows, caption)


def text_table(templates: Mapping[str, Mapping[str, Template]], chosen: set[tuple[str, str]]) -> Table | None:
    """What each template says; None where a run has none."""
    worded = any(one.words for named in templates.values() for one in named.values())
    rows: list[list[str | Cell]] = [[
        task, f"{called(name)}{' (chosen)' if (task, name) in chosen else ''}", on_one_line(one.text),
        *([" + ".join(one.words) or "the labels themselves"] if worded else []), one.source or "kshot",
    ] for task, named in templates.items() for name, one in named.items()]  # fmt: skip
    if not rows:
        return None
    heads = columns("task", "template", "text", *(["words for the labels"] if worded else []), "from")
    caption = "↵ ends a line. What stands before {{ answer }} is asked; all of it is an exemplar."
    return Table("What the templates say", heads, rows, caption)


def on_one_line(text: str) -> str:
    """A text with its line breaks shown."""
    return text.replace("\n", " ↵ ")


def baseline_sentence(choices: Sequence[ChosenTemplate]) -> str:
    """The baseline of each task in one sentence: of its strategies the one that is best on validation; "" without."""
    best: dict[str, ChosenTemplate] = {}
    for one in choices:
        known = best.setdefault(one.measure.task, one)
        if one.share > known.share:
            best[one.measure.task] = one
    said = [
        f"on {task} {one.measure.strategy} (template {called(one.template)}) with {percent(one.measure.value)} "
        f"({percent_range(one.measure.interval.low, one.measure.interval.high)}%) of {one.measure.n:,} test samples"
        for task, one in best.items()
    ]
    if not said:
        return ""
    return (
        f"The best human template chosen on validation, the baseline that a search or an adapter has to beat: "
        f"{'; '.join(said)}."
    )


def advice(found: Sequence[Variation], choices: Sequence[ChosenTemplate], specs: Mapping[str, str]) -> Iterator[str]:
    """How a template is chosen, where templates were varied and none was; `specs` are specifications by short name."""
    decided = {one.measure.task for one in choices}
    for one in found:
        if one.templates and one.panel not in decided:
            decided.add(one.panel)
            example = best_spec(specs.get(one.points[-1][1].strategy, one.points[-1][1].strategy))
            yield (
                f"No template of {one.panel} was chosen on a validation split, and the highest below is no fair "
                f"baseline; give --strategy {example} as well, which chooses one."
            )


def best_spec(spec: str) -> str:
    """The specification with its template chosen on validation."""
    try:
        head, given = split_spec(spec)
    except UserError:
        return spec
    return write_spec(head, {**{key: value for key, value in given.items() if key != "format_seed"}, "template": BEST})


def described_template(run: RunData, task: str, strategy: str) -> tuple[str, str] | None:
    """(what the template that worded a strategy's prompts is called, its text); None for kshot's own form."""
    params = run.params.get(strategy, {})
    given, seed = str(params.get("template", "")), params.get("format_seed", -1)
    name = (
        chosen_template(run, task, strategy)
        if given == BEST
        else template_name(run, task, strategy.partition(":")[0], given)
    )
    if not name:
        return None
    known = run.templates.get(task, {}).get(name)
    words = f"\n(labels as {' + '.join(known.words)})" if known and known.words else ""
    text = f"{known.text}{words}" if known else "(its text is not kept in this run)"
    chosen = ", chosen on validation" if given == BEST else ""
    return f"{called(name)}{chosen}{'' if seed == -1 else f', before its format {seed}'}", text
