"""How likely a model finds a text."""

import math

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.registry import metric
from kshot.types import Prediction, Sample, UserError

NATS = "nats"
MOST = 1e15  # nats, or units, of a text


def likelihood(prediction: Prediction, sample: Sample, unit: str) -> Counts:
    """Nats and units of a scored text, counted as its sample says ("words counted"), else as they are in it.

    Raises UserError where no text was scored.
    """
    said = dict(sample.fields).get(f"{unit} counted")
    detail = {"texts": 1, **prediction.detail, **({unit: said} if said else {})}
    if unit not in detail or "logprob" not in detail:
        raise UserError(
            "perplexity and bits per byte are of a text that was scored: use the strategy log-likelihood, on a task "
            "with such texts."
        )
    try:
        nats, units = -float(detail["logprob"]), float(detail[unit])
    except (TypeError, ValueError, OverflowError):
        nats = units = math.nan
    if not (abs(nats) < MOST and 0 < units < MOST):
        said = f"log-likelihood {detail['logprob']!r:.40} of {detail[unit]!r:.40} {unit}"
        raise UserError(f"{sample.id}: {said} is no likelihood of a text; mend what counts them, or restore the run.")
    return {NATS: nats, unit: units}


def per_unit(counts: Counts) -> float:
    """The mean of nats over the one other count, of which there is at least one."""
    [units] = (value for name, value in counts.items() if name != NATS)
    return counts[NATS] / units


def exponent(counts: Counts) -> float:
    """e to the mean of nats, as far as floats go."""
    return math.exp(min(per_unit(counts), 700.0))


def in_bits(counts: Counts) -> float:
    """The mean in bits."""
    return per_unit(counts) / math.log(2)


@metric(
    kind=Kind("", "lower", 1.0, math.inf, None, "corpus"), reads="likelihood", total=exponent,
)  # fmt: skip
def perplexity(prediction: Prediction, sample: Sample, *, per: str = "token") -> Counts:
    """e to the mean negative log-likelihood of a token; per=word, byte or text instead of token, to compare models.

    Over all texts together, so that long ones weigh more (Jelinek et al. 1977, J. Acoust. Soc. Am. 62:S63). Words are
    what blanks separate, bytes those of UTF-8; tokens differ from model to model.
    """
    if per not in ("token", "word", "byte", "text"):
        raise UserError(f"perplexity is per token, word, byte or text, not per {per!r}.")
    return likelihood(prediction, sample, f"{per}s")
