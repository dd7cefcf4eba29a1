"""Several models in words: for how many a strategy is better than the baseline, and whether some gain more."""

from __future__ import annotations

from collections.abc import Sequence

from kshot.eval.report.prompting.comparisons import Comparison, described, tests_of
from kshot.eval.report.prompting.contrasts import Contrast, Gain
from kshot.eval.report.prompting.measures import Measure
from kshot.eval.report.prompting.scale import ACCURACY
from kshot.eval.report.prompting.subjects import Joined
from kshot.eval.report.prompting.words import TIE, always, enumerated, nothing

HONEST = (
    "Models differ in family, data and tuning as well as in size: what is size alone can be read only between models "
    "of one family that were trained alike."
)
FEW = 4  # models that a sentence names


def finding_of_models(whole: Joined, gains: Sequence[Gain], between: Sequence[Comparison]) -> str:
    """The main finding: for how many models the most telling strategy is better than the baseline; without a baseline
    how far the models are apart."""
    if not gains:
        return between_models(whole, between)
    groups: dict[tuple[str, str], list[Gain]] = {}
    for gain in gains:
        groups.setdefault((gain.comparison.task, gain.comparison.strategy), []).append(gain)
    shown = [gain for gain in gains if gain.comparison.real]
    tested = f"{len(gains)} comparison{'s' if len(gains) > 1 else ''}"
    corrected = f"{tests_of(gain.comparison for gain in gains)}, Holm over {len(gains)}"
    if not shown:
        top = max(gains, key=lambda gain: gain.comparison.lead).comparison
        label = next(gain.label for gain in gains if gain.comparison is top)
        largest = f"the largest lead is {top.strategy} over {top.baseline} on {top.task} with {label}, {top.sentence}"
        if top.lead <= TIE:
            largest = "no strategy leads its baseline with any model"
        return (
            f"No difference from the baseline is shown for any of {len(whole.labels)} models in {tested} "
            f"({corrected}); {largest}, where {top.would_show}."
        )
    better = any(gain.comparison.word == "better" for gain in shown)
    word = "better" if better else "worse"
    (task, strategy), group = max(groups.items(), key=lambda item: weight(item[1], word))
    base = group[0].comparison.baseline
    there = [gain for gain in group if gain.comparison.word == word]
    names = f" ({enumerated([gain.label for gain in there])})" if len(there) <= FEW and len(group) > 1 else ""
    rest = others(group, word)
    write, unit = group[0].comparison.scale.kind.difference, group[0].comparison.scale.of_points
    values = sorted(gain.comparison.result.difference for gain in group)
    span = write(values[0]) if len(values) == 1 else f"{write(values[0])} to {write(values[-1])}"
    return (
        f"{strategy} is {word} than {base} on {task} with {len(there)} of {len(group)} models{names}{rest}: "
        f"{span}{unit} on {group[0].comparison.result.n:,} samples ({corrected}); {len(shown)} of {tested} "
        f"show{'s' * (len(shown) == 1)} a difference."
    )


def weight(group: Sequence[Gain], word: str) -> tuple[int, int, float]:
    """How telling a strategy's gains are: the most models first, then the fewest against it, then by how much."""
    words = [gain.comparison.word for gain in group]
    against = sum(each not in (word, "no difference shown") for each in words)
    sign = 1 if word == "better" else -1
    return words.count(word), -against, sign * sum(gain.comparison.lead for gain in group) / len(group)


def others(group: Sequence[Gain], word: str) -> str:
    """What is shown with the other models."""
    words = [gain.comparison.word for gain in group]
    opposite = "worse" if word == "better" else "better"
    said = [f"{opposite} with {words.count(opposite)}"] if opposite in words else []
    if "no difference shown" in words:
        said.append(f"no difference shown with {words.count('no difference shown')}")
    return f", {' and '.join(said)}" if said else ""


def between_models(whole: Joined, between: Sequence[Comparison]) -> str:
    """How far models are apart, where each was asked one way alone."""
    if not between:
        said = "; ".join(f"{label} on {task}: {described(m)}" for (label, task, _), m in list(whole.found.items())[:3])
        return f"{said}; nothing to compare them with."
    real = [c for c in between if c.real]
    count = f"{len(real)} of {len(between)} comparisons of models show{'s' * (len(real) == 1)} a difference"
    tests = f"{tests_of(between)}, Holm over {len(between)}"
    top = max(real or between, key=lambda c: abs(c.lead))
    if not real:
        return (
            f"No difference between {len(whole.labels)} models is shown ({tests}); the largest is {top.strategy} "
            f"against {top.baseline} on {top.task}, {top.sentence}, where {top.would_show}."
        )
    return f"{top.strategy} is {top.word} than {top.baseline} on {top.task}: {top.sentence}; {count} ({tests})."


def sentences(whole: Joined, gains: Sequence[Gain], contrasts: Sequence[Contrast]) -> list[str]:
    """What else there is to say: of gains between models, and of each task's best."""
    said = [contrast_sentence(contrasts)] if contrasts else []
    return [*said, *(best_of_task(whole, task) for task in whole.tasks())]


def contrast_sentence(contrasts: Sequence[Contrast]) -> str:
    """The largest difference between two models' gains, or that none is shown."""
    real = [one for one in contrasts if one.real]
    top = max(real or contrasts, key=lambda one: abs(one.lead))
    told = f"{top.strategy} over {top.baseline} on {top.task}, with {top.label} less with {top.other}: {top.sentence}"
    if not real:
        return (
            f"No difference between two models' gains is shown in {len(contrasts)} (sign flips, Holm); the largest is "
            f"{told}, where {top.result.n:,} samples would show {top.smallest}{top.scale.of_points} or more."
        )
    return (
        f"{len(real)} of {len(contrasts)} differences between two models' gains are shown (sign flips, Holm); the "
        f"largest is {told}."
    )


def best_of_task(whole: Joined, task: str) -> str:
    """Which model with which strategy has a task's best score."""
    here = [(label, m) for (label, at, _), m in whole.found.items() if at == task]
    if all(nothing(m) for _, m in here):
        return f"{task}: no model scores anything."
    top = max(m.scale.better(m.value) for _, m in here)
    best = [(label, m) for label, m in here if m.scale.better(m.value) >= top - TIE]
    m = best[0][1]
    most = "highest" if m.scale.kind.sign > 0 else "lowest"
    names = enumerated([f"{each} with {one.strategy}" for each, one in best[:FEW]])
    more = f" (and {len(best) - FEW} more)" if len(best) > FEW else ""
    has = f"has the {most}" if len(best) == 1 else f"share the {most}"
    beside = "" if not m.no_better else f" It is not shown to be above {always(m)}."
    return f"{task}: {names}{more} {has} {name_of(m)}, {described(m)} of {m.n:,} samples.{beside}"


def name_of(m: Measure) -> str:
    """What a measure's values are called."""
    return ACCURACY if m.scale.metric == ACCURACY else m.scale.name
