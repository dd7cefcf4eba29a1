"""A model infers the instruction from demonstrations."""

from __future__ import annotations

import random
from collections.abc import Mapping

from kshot.prompts.phrases import said_in
from kshot.prompts.search.beginning import asked_to_go_on, check_counts, demonstrations, first_wording, is_filtered
from kshot.prompts.search.registry import search
from kshot.prompts.search.searchable import Found, Searchable
from kshot.prompts.search.trials import Trials
from kshot.types import Program, Prompt

FORWARD: Mapping[str, tuple[str, str]] = {  # the paper's, figure 4, top; and put into Chinese
    "en": (
        "I gave a friend an instruction and {count} inputs. The friend read the instruction and wrote an output for "
        "every one of the inputs. Here are the input-output pairs:\n\n{pairs}",
        "The instruction was to",
    ),
    "zh": (
        "我给了一位朋友一条指令和{count}个输入。这位朋友读了指令，并为每个输入写出了输出。下面是这些输入和输出：\n\n{pairs}",
        "这条指令是：",
    ),
}
META: Mapping[str, tuple[str, str]] = {
    "en": (
        "Here is a task for a language model, described in one line: {task}\nWrite the one instruction to the language "
        "model that makes it do this task as well as it can.",
        "The best instruction is to",
    ),
    "zh": (
        "有一个交给语言模型的任务，描述如下：{task}\n请写出一条指令，使语言模型尽可能好地完成这个任务。",
        "最好的指令是：",
    ),
}


@search
def ape(
    task: Searchable,
    trials: Trials,
    *,
    meta: bool = False,
    subsets: int = 3,
    demonstrated: int = 5,
    temperature: float = 0.9,
    label_words: str = "allowed",
    seed: int = 0,
) -> Program[Found]:
    """Instructions that a model infers from samples, the best on the validation samples: APE (Zhou et al. 2022).

    arXiv 2211.01910, the forward template: `subsets` draws of `demonstrated` train samples, each asked as
    often as the proposals allow, 50 tokens at temperature 0.9. With `meta` the model sees no sample, only the task's
    own one-line description, and is asked how it should be asked. All candidates are tried on the same samples, by
    halving; the authors' code draws other samples for each. Concedes: no resampling of good ones (`paraphrase` has its
    template); a long input is cut. Raises UserError for numbers below 1.
    """
    check_counts(subsets=subsets, demonstrated=demonstrated)
    filtered = is_filtered(label_words)
    generator = random.Random(f"ape {seed}")
    said, lead = said_in(task.question.language, META if meta else FORWARD)
    prompts: list[Prompt]
    if meta:
        prompts = [asked_to_go_on(said.format(task=first_wording(task)), lead)]
    else:
        prompts = [
            asked_to_go_on(
                said.format(
                    count=min(demonstrated, len(task.train)), pairs=demonstrations(task, demonstrated, generator)
                ),
                lead,
            )
            for _ in range(subsets)
        ]
    asked = [prompts[at % len(prompts)] for at in range(trials.writes_left)]
    texts = yield from trials.write(asked, temperature=temperature, max_new_tokens=50, seed=seed)
    numbers = [trials.add_text(text, "meta" if meta else "ape", filtered=filtered) for text in texts]
    yield from trials.halving(number for number in numbers if number is not None)
    return (yield from trials.concluded())
