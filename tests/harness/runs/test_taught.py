"""What is trained on: the very request that evaluation sends, with the right answer behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kshot.eval.tasks import get_task
from kshot.harness.runs.plan import Loaded, Plan, load_plan
from kshot.harness.runs.taught import taught
from kshot.program import Done, advance
from kshot.prompts.strategies import get_strategy
from kshot.prompts.templates import plain
from kshot.types import Request, UserError


def sent(loaded: Loaded, spec: str, *, chat: bool) -> tuple[list[Request], Request]:
    """What evaluation sends for the first sample, and what is trained on."""
    [task] = loaded.tasks
    [sample], pool, strategy = loaded.samples[task.name], loaded.pools[task.name], get_strategy(spec)
    asked = advance(strategy(task.question(sample, pool)))
    assert not isinstance(asked, Done)
    return [each if chat else plain(each) for each in asked], taught(task, strategy, sample, pool, chat=chat)


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("words", ["", ",label_words=so+not so"])
@pytest.mark.parametrize("template", ["", "0", "3"])
@pytest.mark.parametrize("name", ["zero-shot", "few-shot", "choice-logprob"])
def test_it_is_what_is_asked_and_what_is_right(name: str, template: str, words: str, chat: bool) -> None:
    loaded = load_plan(Plan(("coin-flip",), ("zero-shot",), limit=1))
    asked, trained = sent(loaded, f"{name}:template={template}{words}", chat=chat)
    target = loaded.samples["coin-flip"][0].target
    said = {"yes": "so", "no": "not so"}[target] if words else target
    assert trained.prompt == asked[0].prompt and trained.continuation is not None
    assert trained.continuation.strip() == said
    if name == "choice-logprob":  # the request that scores the right label, to the blank
        assert trained.continuation in {request.continuation for request in asked}
    else:
        assert trained.continuation[:1].isspace() == isinstance(trained.prompt, str)


@pytest.mark.parametrize(
    "spec", ["zero-shot-cot", "self-consistency:n=3", "least-to-most", "choice-logprob:score=text"]
)
def test_what_asks_otherwise_cannot_be_trained_on(spec: str) -> None:
    loaded = load_plan(Plan(("coin-flip",), ("zero-shot",), limit=1))
    sample, task = loaded.samples["coin-flip"][0], loaded.tasks[0]
    if "score=text" in spec:  # the choices' own words are scored, and a letter would be taught
        task, sample = get_task("aqua"), replace(sample, target="B", choices=("one", "two"))
    with pytest.raises(UserError, match="cannot be trained on"):
        taught(task, get_strategy(spec), sample, loaded.pools["coin-flip"], chat=True)
