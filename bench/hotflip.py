"""What a gradient tells of other tokens: taken where a token stands, as AutoPrompt does, and at the mean of all.

    python bench/hotflip.py [--data DIR] [--task sst2] [--model smollm2-135m] [--flips 100] [--samples 8] [--wording -1]

At the start, where the text is "the" five times or, with `--wording 0`, the task's own instruction: of `--flips`
exchanges, drawn among all places and all tokens whose text is cut into them again, the loss that each way tells, and
the true one, scored by the engine on the same samples. The same of the best of each place, among which hotflip draws.
The last line is one JSON object, `mean` and `stands` in it the two ways:

    spearman   rank correlation of told and true losses over exchanges drawn at random; its interval (95%)
    place      the same within each place, the mean over places: what hotflip goes by
    lower      share of exchanges that lower the loss: of the best of either way, and of those drawn at random
    change     by how much they change it, on average
    way        correlation a fiftieth of the way from the point of the gradient to another token's embedding
    loss       the loss at the start: by the pass that takes the gradient, and by the engine's own scoring
    seconds    of one gradient, and of a scoring of as many samples by the engine

The exit status is 1 where `way` is not above 0.9, or both losses differ by more than 1e-3: then the path of the
gradient is wrong; and where the mean's correlation is not over the bar of 0.3.
"""

from __future__ import annotations

import json
import random
import sys
import time
from dataclasses import replace
from statistics import fmean
from typing import Any

import torch
from sides import parser

from kshot.adapters.discrete import embeddings, gradient_of, told_of
from kshot.adapters.spelled import best_flips, spell, text_with
from kshot.eval.ranks import spearman
from kshot.eval.tasks import get_task
from kshot.harness.engines.transformers import load_engine
from kshot.harness.runs.search.subject import searchable
from kshot.prompts.instructions import instruction_of
from kshot.prompts.search.flips import FlipsAsked, Lossy, losses
from kshot.prompts.search.hotflip import NEUTRAL, lossy
from kshot.prompts.templates import plain
from kshot.types import Source

BAR, RIGHT = 0.3, 0.9


def true_losses(engine: Any, rows: list[Lossy], texts: list[str], language: str) -> list[float]:
    """Each text's mean loss over the rows, as the engine scores it."""
    asked = [request for text in texts for row in rows for request in row.filled(text)]
    for ticket, request in enumerate(asked):
        engine.submit(ticket, request if engine.chat else plain(request, language))
    found: dict[int, Any] = {}
    while len(found) < len(asked):
        found |= dict(engine.collect())
    count = len(asked) // len(texts)
    means = []
    for at in range(len(texts)):
        some = [found[ticket] for ticket in range(at * count, (at + 1) * count)]
        each = losses(rows, [one.logprob for one in some], [one.completion_tokens for one in some])
        means.append(sum(each) / len(each))
    return means


def drawn(engine: Any, asked: FlipsAsked, spelled: Any, vocabulary: int) -> dict[str, tuple[int, int]]:
    """Exchanges at random that are texts, each its place and its token."""
    drawing, found = random.Random(0), dict[str, tuple[int, int]]()
    while len(found) < asked.top:
        place, token = drawing.randrange(len(spelled[0].span)), drawing.randrange(vocabulary)
        text = text_with(engine, asked, spelled, place, token)
        if text is not None:
            found[text] = place, token
    return found


def told_where_it_stands(engine: Any, spelled: Any, rows: list[Lossy], table: Any) -> Any:
    """Losses to first order about the tokens that stand there, of each place and token; one gradient is all places'."""
    loss, gradient = gradient_of(engine.model, spelled, rows)
    own = table[[spelled[0].ids[at] for at in spelled[0].span]]
    return loss + torch.stack([(table - each) @ slope for each, slope in zip(own, gradient, strict=True)])


def told_at_the_mean(engine: Any, spelled: Any, rows: list[Lossy], table: Any) -> Any:
    """The same about the mean of all embeddings, a gradient a place."""
    return torch.stack([told_of(engine.model, spelled, rows, at)[1] for at in range(len(spelled[0].span))])


def on_the_way(engine: Any, spelled: Any, rows: list[Lossy], table: Any, told: Any, count: int) -> float:
    """How well what is told of a token tells the loss a fiftieth of the way to it."""
    drawing, said, true = random.Random(1), list[float](), list[float]()
    for _ in range(count):
        place, token = drawing.randrange(told.shape[0]), drawing.randrange(told.shape[1])
        said.append(float(told[place, token] - told[place].mean()))  # less the loss at the mean
        step = (place, table.mean(0) + 0.02 * (table[token] - table.mean(0)))
        true.append((gradient_of(engine.model, spelled, rows, step)[0] - float(told[place].mean())) / 0.02)
    return spearman(said, true).rho


def main() -> None:
    made = parser(__doc__, 0)
    made.add_argument("--task", default="sst2")
    made.add_argument("--flips", type=int, default=100)
    made.add_argument("--samples", type=int, default=8)
    made.add_argument("--best", type=int, default=12, help="of each place, by either way")
    made.add_argument("--wording", type=int, default=-1)
    made.add_argument("--way", type=int, default=24, help="exchanges that are gone a part of the way")
    options = made.parse_args()
    task = searchable(get_task(options.task), Source(options.data if options.data.is_dir() else None, 0))
    engine = load_engine(options.model, rows=options.batch, template="plain")
    text = instruction_of(task.question.instructions, options.wording) or " ".join([NEUTRAL] * 5)
    language = task.question.language
    rows = [lossy(task, one, text) for one in task.train[: options.samples]]
    asked = FlipsAsked(text, tuple(rows), options.flips, language=language)
    spelled, table = spell(engine, asked), torch.cat(list(embeddings(engine.model))).cpu()
    began = time.perf_counter()
    loss, _ = gradient_of(engine.model, spelled, rows)
    took = time.perf_counter() - began
    began = time.perf_counter()
    [scored] = true_losses(engine, rows, [text], language)
    seconds = {"gradient": round(took, 2), "scoring": round(time.perf_counter() - began, 2)}
    said: dict[str, Any] = {"model": options.model, "task": options.task, "text": text, "samples": len(rows)}
    said |= {"loss": {"gradient": loss, "engine": scored}, "seconds": seconds}
    flips = drawn(engine, asked, spelled, len(table))
    true = true_losses(engine, rows, list(flips), language)
    said["random"] = changed(true, scored)
    for name, way in (("stands", told_where_it_stands), ("mean", told_at_the_mean)):
        told = way(engine, spelled, rows, table)
        found = spearman([float(told[flip]) for flip in flips.values()], true)
        of_place = [
            [(float(told[flip]), one) for flip, one in zip(flips.values(), true, strict=True) if flip[0] == place]
            for place in range(len(told))
        ]
        within = [spearman(*map(list, zip(*some, strict=True))).rho for some in of_place if len(some) > 3]
        few = replace(asked, top=options.best)
        best = [flip for at in range(len(told)) for flip, _ in best_flips(engine, few, spelled, at, told[at])]
        said[name] = {
            "spearman": [round(one, 3) for one in (found.rho, found.interval.low, found.interval.high)],
            "place": round(fmean(within), 3),
            **changed(true_losses(engine, rows, best, language), scored),
        }
        print(f"{name}: {json.dumps(said[name])}", flush=True)
    said["way"] = round(on_the_way(engine, spelled, rows, table, told, options.way), 3)
    print(json.dumps(said))
    right = said["way"] > RIGHT and abs(loss - scored) < 1e-3
    sys.exit(0 if right and said["mean"]["spearman"][0] > BAR else 1)


def changed(losses: list[float], before: float) -> dict[str, float]:
    """What became of the loss."""
    lower = sum(one < before for one in losses) / len(losses)
    return {"lower": round(lower, 3), "change": round(fmean(losses) - before, 4)}


if __name__ == "__main__":
    main()
