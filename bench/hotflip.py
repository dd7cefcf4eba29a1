"""Whether hotflip's first-order scores tell true changes of the loss, and whether what it finds by them is better.

    python bench/hotflip.py [--data DIR] [--task sst2] [--model smollm2-135m] [--flips 100] [--samples 8]

At the start, where the text is "the" five times: of `--flips` exchanges, drawn among all places and all tokens whose
text is cut into them again, the change of the loss that the gradient says, and the true one, scored by the engine on
the same samples. The same of the first-order best of each place, among which hotflip draws. The last line is one JSON:

    spearman   rank correlation of both over exchanges drawn at random, whole ones; its lower end (95%)
    way        the same a fiftieth and a quarter of the way from one token's embedding to the other's
    best       the same over the best, whose range is small
    lower      share of exchanges that lower the loss: of the best, and of those drawn at random
    loss       the loss at the start: by the pass that takes the gradient, and by the engine's own scoring
    seconds    of the gradient, and of a scoring of as many samples by the engine

The exit status is 1 where the correlation a fiftieth of the way is not above 0.9, or both losses differ by more than
1e-3: then the path of the gradient is wrong. That of whole exchanges is a property of the model: `above` says whether
it is over the bar of 0.3.
"""

from __future__ import annotations

import json
import random
import sys
import time
from typing import Any

from sides import parser

from kshot.adapters.discrete import first_order, gradient_of, spell, text_with
from kshot.eval.ranks import spearman
from kshot.eval.tasks import get_task
from kshot.harness.engines.transformers import load_engine
from kshot.harness.runs.search.subject import searchable
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


def drawn(engine: Any, asked: FlipsAsked, spelled: Any, changes: Any, count: int) -> dict[str, float]:
    """So many exchanges at random that are texts, each with the change that the gradient says."""
    drawing, found = random.Random(0), dict[str, float]()
    while len(found) < count:
        place, token = drawing.randrange(changes.shape[0]), drawing.randrange(changes.shape[1])
        text = text_with(engine, asked, spelled, place, token)
        if text is not None:
            found[text] = float(changes[place, token])
    return found


def changes_on_the_way(
    engine: Any, rows: list[Lossy], spelled: Any, flips: list[tuple[int, int]], share: float
) -> list[float]:
    """The change of the loss where a place's embedding goes so far towards another token's."""
    layer, found = engine.model.get_input_embeddings(), []
    loss, _ = gradient_of(engine.model, spelled, rows)
    for place, token in flips:
        at = spelled[0].span[place]

        def moved(module: Any, given: Any, out: Any, at: int = at, token: int = token) -> Any:
            out = out.clone()
            out[:, at] += share * (layer.weight[token] - out[:, at])
            return out

        hook = layer.register_forward_hook(moved)
        try:
            found.append(gradient_of(engine.model, spelled, rows)[0] - loss)
        finally:
            hook.remove()
    return found


def best(engine: Any, asked: FlipsAsked, spelled: Any, changes: Any, count: int) -> dict[str, float]:
    """The best exchanges of each place, so many in all."""
    found: dict[str, float] = {}
    for place in range(changes.shape[0]):
        own = 0
        for token in changes[place].argsort().tolist():
            text = text_with(engine, asked, spelled, place, token)
            if text is not None:
                found[text] = float(changes[place, token])
                own += 1
            if own == -(-count // changes.shape[0]):
                break
    return found


def main() -> None:
    made = parser(__doc__, 0)
    made.add_argument("--task", default="sst2")
    made.add_argument("--flips", type=int, default=100)
    made.add_argument("--samples", type=int, default=8)
    made.add_argument("--way", type=int, default=24, help="exchanges that are gone a part of the way")
    options = made.parse_args()
    task = searchable(get_task(options.task), Source(options.data if options.data.is_dir() else None, 0))
    engine = load_engine(options.model, rows=options.batch, template="plain")
    text, language = " ".join([NEUTRAL] * 5), task.question.language
    rows = [lossy(task, one, text) for one in task.train[: options.samples]]
    asked = FlipsAsked(text, tuple(rows), options.flips, language=language)
    spelled = spell(engine, asked)
    began = time.perf_counter()
    loss, gradient = gradient_of(engine.model, spelled, rows)
    took = time.perf_counter() - began
    began = time.perf_counter()
    [scored] = true_losses(engine, rows, [text], language)
    seconds = {"gradient": round(took, 2), "scoring": round(time.perf_counter() - began, 2)}
    changes = first_order(engine.model, gradient, [spelled[0].ids[at] for at in spelled[0].span])
    said: dict[str, Any] = {"model": options.model, "task": options.task, "samples": len(rows)}
    said |= {"loss": {"gradient": loss, "engine": scored}, "seconds": seconds, "lower": {}}
    for name, choose in (("spearman", drawn), ("best", best)):
        flips = choose(engine, asked, spelled, changes, options.flips)
        true = [one - scored for one in true_losses(engine, rows, list(flips), language)]
        found = spearman(list(flips.values()), true)
        said[name] = {"rho": round(found.rho, 3), "low": round(found.interval.low, 3), "n": found.n}
        said["lower"]["random" if name == "spearman" else name] = sum(one < 0 for one in true) / len(true)
        print(f"{name}: rho {found.rho:.3f}, true changes from {min(true):.3f} to {max(true):.3f}", flush=True)
    drawing = random.Random(1)
    way = [(drawing.randrange(changes.shape[0]), drawing.randrange(changes.shape[1])) for _ in range(options.way)]
    predicted = [float(changes[place, token]) for place, token in way]
    said["way"] = {}
    for share in (0.02, 0.25):
        moved = changes_on_the_way(engine, rows, spelled, way, share)
        said["way"][str(share)] = round(spearman(predicted, moved).rho, 3)
    said["above"] = said["spearman"]["rho"] > BAR
    print(json.dumps(said))
    sys.exit(0 if said["way"]["0.02"] > RIGHT and abs(loss - scored) < 1e-3 else 1)


if __name__ == "__main__":
    main()
