"""From logits to tokens. A draw depends on its seed, its position and its logits, not on its batch.

The uniform number comes from a counter-based generator (a keyed hash of seed and position), and picks
the token by inverting the distribution's cumulative sum, added up in float64 in vocabulary order. Concedes:
logits differ in their last bits between batch shapes, so a number within about 1e-6 of a boundary may
fall on its other side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from kshot.harness.decoding.finite import check_finite
from kshot.types import SamplingParams

FEW = 256  # tokens of a row that are put in order where their mass will do
PIECE = 32  # rows at a time: a piece's numbers stay in the cache, and its memory is used again


def uniform(seed: int, position: int) -> float:
    """A number in [0, 1), the same for a seed and position on every machine."""
    digest = hashlib.blake2b(f"{seed}/{position}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) * 2.0**-53


def sample(logits: torch.Tensor, draws: Sequence[tuple[SamplingParams, int, int]]) -> tuple[list[int], list[float]]:
    """A token a row and its log-likelihood under the untempered distribution.

    `logits` is (rows, vocabulary); a row's draw is (parameters, seed, position). Greedy rows take the
    largest logit, the first of equals, as torch.argmax and `model.generate` do. Raises NotFiniteError.
    """
    tokens: list[int] = []
    logprobs: list[float] = []
    for start in range(0, len(draws), PIECE):
        some = draws[start : start + PIECE]
        chosen, likelihoods = sample_piece(logits[start : start + PIECE].float(), some)
        tokens += chosen
        logprobs += likelihoods
    check_finite(logprobs)
    return tokens, logprobs


def likelihoods_of(logits: torch.Tensor, targets: Sequence[Sequence[int]]) -> list[list[float]]:
    """The log-likelihoods of several continuations of one length, from the logits (tokens, vocabulary) of their input.

    Raises NotFiniteError.
    """
    wanted = torch.tensor(targets, device=logits.device)
    found: list[list[float]] = logits.float().log_softmax(-1).gather(-1, wanted.T).T.tolist()
    for logprobs in found:
        check_finite(logprobs)
    return found


def sample_piece(
    logits: torch.Tensor, draws: Sequence[tuple[SamplingParams, int, int]]
) -> tuple[list[int], list[float]]:
    """`sample` for a few rows."""
    tokens = logits.argmax(-1)
    hot = [row for row, (params, _, _) in enumerate(draws) if params.temperature > 0]
    if hot:
        index = torch.tensor(hot, device=logits.device)
        temperature = torch.tensor([draws[row][0].temperature for row in hot], device=logits.device)
        scaled = logits[index].div_(temperature[:, None])
        probabilities = kept(scaled, [draws[row][0] for row in hot])
        numbers = torch.tensor([uniform(seed, at) for _, seed, at in (draws[row] for row in hot)], dtype=torch.float64)
        cumulative = probabilities.cumsum(-1, dtype=torch.float64)
        target = numbers.to(logits.device)[:, None] * cumulative[:, -1:]
        tokens[index] = torch.searchsorted(cumulative, target, right=True).squeeze(-1).clamp(max=logits.shape[-1] - 1)
    logprobs = logits.log_softmax(-1).gather(-1, tokens[:, None]).squeeze(-1)
    return tokens.tolist(), logprobs.tolist()


def kept(scaled: torch.Tensor, params: Sequence[SamplingParams]) -> torch.Tensor:
    """The weights that each row draws from: the largest is 1, and 0 is what its parameters leave out.

    `scaled` are the tempered logits, overwritten: (rows, vocabulary). In transformers' order: top_k, top_p, min_p.
    """
    scaled = likeliest(scaled, [row.top_k for row in params])
    weights = scaled.sub_(scaled.amax(-1, keepdim=True)).exp_()
    weights = nucleus(weights, [row.top_p for row in params])
    if any(row.min_p for row in params):
        least = torch.tensor([row.min_p for row in params], dtype=weights.dtype, device=weights.device)
        weights = weights.masked_fill(weights < least[:, None], 0.0)
    return weights


def likeliest(scaled: torch.Tensor, top_k: Sequence[int]) -> torch.Tensor:
    """Logits with -inf outside each row's `top_k` largest, in place; equals of the last stay, and 0 leaves out none."""
    size = scaled.shape[-1]
    rows = [row for row, k in enumerate(top_k) if 0 < k < size]
    if rows:
        some = scaled if len(rows) == len(top_k) else scaled[rows]
        last = torch.tensor([top_k[row] - 1 for row in rows], device=scaled.device)[:, None]
        least = some.topk(int(last.max()) + 1).values.gather(-1, last)
        some.masked_fill_(some < least, -torch.inf)
        if some is not scaled:
            scaled[rows] = some
    return scaled


def nucleus(probabilities: torch.Tensor, top_p: Sequence[float]) -> torch.Tensor:
    """Zeroes what lies outside each row's smallest set of tokens with mass `top_p` (Holtzman et al. 2019, 3.1).

    Of equals at its edge the first of the vocabulary stay. Rows need not add up to one. Most often the few likeliest
    tokens have the mass, so that the others need no sorting.
    """
    rows = [row for row, p in enumerate(top_p) if p < 1]
    if not rows:
        return probabilities
    some = probabilities if len(rows) == len(top_p) else probabilities[rows]
    limit = torch.tensor([top_p[row] for row in rows], dtype=some.dtype, device=some.device)[:, None]
    limit = limit * some.sum(-1, keepdim=True)
    ordered = some.topk(min(FEW, some.shape[-1])).values
    count, edge = edge_of(ordered, limit)
    flat = (ordered.sum(-1) < limit.squeeze(-1)).nonzero().squeeze(-1)
    if len(flat):
        count[flat], edge[flat] = edge_of(some[flat].sort(dim=-1, descending=True).values, limit[flat])
    out = some < edge
    spare = (~out).sum(-1, keepdim=True) - count  # equals of the edge beyond it
    if bool(spare.any()):
        equal = some == edge
        out |= equal & (equal.cumsum(-1) > equal.sum(-1, keepdim=True) - spare)
    left = some.masked_fill(out, 0.0)
    return (
        left if len(rows) == len(top_p) else probabilities.index_copy(0, torch.tensor(rows, device=some.device), left)
    )


def edge_of(ordered: torch.Tensor, limit: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """How many of each row's tokens, the likeliest first, have that mass, and the last of them: (rows, 1) each."""
    before = ordered.cumsum(-1) - ordered  # mass ahead of a token: the first always stays
    count = (before < limit).sum(-1, keepdim=True).clamp(min=1)
    return count, ordered.gather(-1, count - 1)
