"""First a plan, then the steps of it."""

from __future__ import annotations

from kshot.prompts.phrases import said_in
from kshot.prompts.strategies.registry import strategy
from kshot.prompts.strategies.zero_shot_cot import zero_shot_cot
from kshot.types import Prediction, Program, Question

# as in the authors' repository (prompt.py, 201 and 302); the Chinese is ours
PS = {
    "en": "Let's first understand the problem and devise a plan to solve the problem. Then, let's carry out the plan "
    "to solve the problem step by step.",
    "zh": "让我们先理解题目，并制定一个解题计划。然后，让我们按照计划一步一步地解决问题。",
}
PS_PLUS = {
    "en": "Let's first understand the problem, extract relevant variables and their corresponding numerals, and devise "
    "a complete plan. Then, let's carry out the plan, calculate intermediate variables (pay attention to correct "
    "numerical calculation and commonsense), solve the problem step by step, and show the answer.",
    "zh": "让我们先理解题目，找出相关的变量和对应的数值，并制定一个完整的计划。然后，让我们按照计划计算中间变量"
    "（注意计算正确并符合常识），一步一步地解决问题，并给出答案。",
}


@strategy
def plan_and_solve(
    question: Question,
    *,
    plus: bool = False,
    temperature: float = 0.0,
    top_p: float = 1.0,
    max_new_tokens: int = 256,
    answer_tokens: int = 32,
) -> Program[Prediction]:
    """A chain that begins with a plan, in place of "Let's think step by step." (Wang et al. 2023).

    arXiv 2305.04091, section 2: zero-shot-cot with other words to open the chain, and in its two stages. `plus` is
    PS+, which asks for variables, intermediate results and care in calculation as well.
    """
    return (
        yield from zero_shot_cot(
            question,
            lead=said_in(question.language, PS_PLUS if plus else PS),
            temperature=temperature,
            top_p=top_p,
            max_new_tokens=max_new_tokens,
            answer_tokens=answer_tokens,
        )
    )
