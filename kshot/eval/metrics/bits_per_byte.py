"""How many bits a model needs for a byte of text."""

import math

from kshot.eval.corpus import Counts
from kshot.eval.metrics.kinds import Kind
from kshot.eval.metrics.perplexity import in_bits, likelihood
from kshot.eval.metrics.registry import metric
from kshot.types import Prediction, Sample


@metric(kind=Kind("bits per byte", "lower", 0.0, math.inf, None, "corpus"), reads="likelihood", total=in_bits)
def bits_per_byte(prediction: Prediction, sample: Sample) -> Counts:
    """Negative log2-likelihood over UTF-8 bytes, which no tokenizer enters (Gao et al. 2020, arXiv 2101.00027, 3.1)."""
    return likelihood(prediction, sample, "bytes")
