"""A metric out of a folder that holds an `evaluate` module, such as a copy of a metric of the hub.

Meets: the folder's code runs only where its user says so, and nothing is fetched. Concedes: it is asked about an
attempt at a time, and a run's value is the mean; a metric of a whole corpus, such as BLEU, is more than that (kshot has
its own). Its values have the bounds, the unit and the direction that one says they have.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import Metric, MetricTraits
from kshot.spec import split_spec
from kshot.types import Sample, UserError

OWN = ("key", "better")  # hyperparameters that are ours; others go to the module's compute


def is_folder(spec: str) -> bool:
    """Whether a specification names a folder, by the look of it."""
    name = split_spec(spec)[0]
    return "/" in name and ".py:" not in name


def folder_metric(spec: str, *, trust_code: bool) -> Metric:
    """`./my_metric:key=f1,better=lower`, the rest of the hyperparameters being compute's.

    Raises UserError where it is not there, is not to be trusted, or cannot be loaded.
    """
    name, given = split_spec(spec)
    path = Path(name).expanduser()
    if not path.is_dir():
        raise UserError(
            f"there is no metric in {name}: it is no folder; give one with an evaluate module, such as ./my_metric "
            "(a metric of the hub: copy its folder here)."
        )
    if not trust_code:
        raise UserError(f"the metric in {path} is code, which would be run: add --trust-code where you trust it.")
    better = given.get("better", "higher")
    if better not in ("higher", "lower"):
        raise UserError(f"{spec}: better is {better!r}; it is higher or lower.")
    module = loaded(path)
    options = {key: typed(value) for key, value in given.items() if key not in OWN}
    predicted, referred = shapes(module, name)

    def value(answer: str, sample: Sample) -> float:
        accepted = sample.target.split("|")
        wanted = (
            [referred(accepted, sample.id)] if referred.takes_all else [referred([one], sample.id) for one in accepted]
        )
        values = [one(answer, sample.id, reference) for reference in wanted]
        return max(values) if better == "higher" else min(values)

    def one(answer: str, name_: str, reference: Any) -> float:
        try:
            found = module.compute(predictions=[predicted(answer, name_)], references=[reference], **options)
        except Exception as error:  # a module's own code may raise anything
            raise UserError(f"the metric in {path} failed on the answer {answer!r:.60}: {error!s:.200}.") from error
        return number_of(found, given.get("key", ""), path)

    kind = Kind("", "lower" if better == "lower" else "higher", -math.inf, math.inf, None)
    return Metric(spec, value, MetricTraits(kind))


def loaded(path: Path) -> Any:
    """The module of a folder, in memory. Raises UserError for whatever its code raises."""
    import evaluate

    try:
        return evaluate.load(str(path), keep_in_memory=True, cache_dir=tempfile.mkdtemp(prefix="kshot-metric-"))
    except Exception as error:  # its own code runs here
        said = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(f"the metric in {path} cannot be loaded: {said:.200}; mend the folder.") from error


class Shape:
    """What a module wants for one answer, or for one sample's accepted answers."""

    def __init__(self, make: Callable[[Any, str], Any], takes_all: bool = True) -> None:
        self.make, self.takes_all = make, takes_all

    def __call__(self, given: Any, name: str) -> Any:
        return self.make(given, name)


def shapes(module: Any, name: str) -> tuple[Shape, Shape]:
    """How a module wants predictions and references. Raises UserError for a kind that no text fits."""
    import datasets

    features = module.features[0] if isinstance(module.features, Sequence) else module.features
    prediction, reference = features.get("predictions"), features.get("references")
    if isinstance(prediction, Mapping) and "prediction_text" in prediction and isinstance(reference, Mapping):
        return (
            Shape(lambda answer, key: {"id": key, "prediction_text": answer, **extra(prediction)}),
            Shape(
                lambda accepted, key: {"id": key, "answers": {"text": accepted, "answer_start": [0] * len(accepted)}}
            ),
        )
    if isinstance(prediction, datasets.Value):
        cast = caster(prediction.dtype)
        if isinstance(reference, datasets.Value):
            return Shape(lambda answer, _: cast(answer)), Shape(lambda accepted, _: cast(accepted[0]), takes_all=False)
        inner = getattr(reference, "feature", None)
        if isinstance(inner, datasets.Value):
            return Shape(lambda answer, _: cast(answer)), Shape(lambda accepted, _: [cast(one) for one in accepted])
    raise UserError(
        f"the metric in {name} wants predictions as {prediction} and references as {reference}; what can be given are "
        "texts, numbers, lists of them, or SQuAD's."
    )


def extra(prediction: Mapping[str, Any]) -> dict[str, float]:
    """SQuAD 2.0's probability that there is no answer."""
    return {"no_answer_probability": 0.0} if "no_answer_probability" in prediction else {}


def caster(dtype: str) -> Callable[[str], Any]:
    """From an answer's text to what a feature holds. It raises UserError for a text that is no number."""

    def cast(text: str) -> Any:
        if dtype in ("string", "large_string"):
            return text
        try:
            return int(text) if dtype.startswith(("int", "uint")) else float(text)
        except ValueError as error:
            raise UserError(
                f"the metric wants numbers ({dtype}), and {text!r:.40} is none; use another metric."
            ) from error

    return cast


def number_of(found: Any, key: str, path: Path) -> float:
    """The number that a module computed. Raises UserError where it is not clear which."""
    numbers = {
        name: value for name, value in (found or {}).items() if isinstance(value, int | float) or hasattr(value, "item")
    }
    if key and key not in numbers:
        raise UserError(f"the metric in {path} gives no {key!r}; it gives {', '.join(numbers) or 'no number'}.")
    if not key and len(numbers) != 1:
        given = ", ".join(numbers) or "no number"
        raise UserError(
            f"the metric in {path} gives {given}: say which, as in {path}:key={next(iter(numbers), 'NAME')}."
        )
    return float(numbers[key or next(iter(numbers))])


def typed(text: str) -> Any:
    """A hyperparameter's text as a number or a truth value where it is one."""
    for convert in (int, float):
        try:
            return convert(text)
        except ValueError:
            continue
    return {"true": True, "false": False, "yes": True, "no": False}.get(text.lower(), text)
