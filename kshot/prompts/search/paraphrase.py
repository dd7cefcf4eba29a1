"""The task's wordings, said in other words by a model."""

from __future__ import annotations

from collections.abc import Mapping

from kshot.prompts.phrases import said_in
from kshot.prompts.search.beginning import asked_to_go_on, first_wording, is_filtered
from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.types import Program

REWORD: Mapping[str, tuple[str, str]] = {  # the paper's resampling template, and put into Chinese
    "en": (
        "Generate a variation of the following instruction while keeping the semantic meaning.\n\nInput: {text}",
        "Output:",
    ),
    "zh": ("请换一种说法改写下面的指令，意思保持不变。\n\n输入：{text}", "输出："),
}


@search
def paraphrase(
    task: Searchable,
    trials: Trials,
    *,
    temperature: float = 0.9,
    label_words: str = "allowed",
    seed: int = 0,
) -> Program[Found]:
    """The task's own wordings reworded by a model, the best on the validation samples; a control of what writes.

    The template is that by which APE resamples (Zhou et al. 2022, arXiv 2211.01910). The wordings are used
    in turn, as often as the proposals allow; they themselves are tried too. What `ape` and `opro` find beyond it,
    samples and scores have told them.
    """
    filtered = is_filtered(label_words)
    wordings = task.question.instructions or (first_wording(task),)
    if filtered:
        wordings = (first_wording(task, filtered=True),)
    said, lead = said_in(task.question.language, REWORD)
    own = [trials.add(task.worded(one), one, "human", checked=False) for one in wordings]
    asked = [asked_to_go_on(said.format(text=wordings[at % len(wordings)]), lead) for at in range(trials.writes_left)]
    texts = yield from trials.write(asked, temperature=temperature, max_new_tokens=50, seed=seed)
    made = [
        trials.add_text(text, "paraphrase", own[at % len(wordings)], filtered=filtered) for at, text in enumerate(texts)
    ]
    yield from trials.halving(number for number in (*own, *made) if number is not None)
    return (yield from trials.concluded())
