"""Chinese prompts have no English word of ours in them, and English ones are what they were."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from kshot.program import advance
from kshot.prompts.exemplars import choose
from kshot.prompts.phrases import phrases
from kshot.prompts.selection.bm25 import words
from kshot.prompts.strategies import get_strategy
from kshot.prompts.strategies.least_to_most import parse_steps
from kshot.prompts.templates import conversation, plain, solved
from kshot.types import (
    AnswerFormat,
    Decomposition,
    Extraction,
    Generation,
    Message,
    Question,
    Request,
    Sample,
    SamplingParams,
    UserError,
)

FORM = AnswerFormat(
    "text", "只给出答案。", "因此，答案是", lambda text, _: Extraction(text or None), "答案是{answer}。"
)
SKY = Sample("1", "天空是什么颜色？", "B", "抬头看看。", choices=("红色", "蓝色"))
GRASS = Question(
    "草是什么颜色？",
    FORM,
    choices=("绿色", "粉色"),
    exemplars=(SKY,),
    instructions=("回答下面的问题。",),
    decompositions=(
        Decomposition("苹果熟了是什么颜色？", (("苹果熟了吗？", "熟了。"), ("苹果熟了是什么颜色？", "红色。"))),
    ),
    language="zh",
)


def texts(prompt: tuple[Message, ...]) -> list[str]:
    return [message.content for message in prompt]


def test_choices_and_solutions_are_worded_in_chinese() -> None:
    assert texts(conversation(GRASS, [SKY], direct=True)) == [
        "天空是什么颜色？\n选项：\nA. 红色\nB. 蓝色\n只给出答案。",
        "B",
        "草是什么颜色？\n选项：\nA. 绿色\nB. 粉色\n只给出答案。",
    ]
    assert solved(SKY, FORM, rationale=True) == "抬头看看。答案是B。"


@pytest.mark.parametrize(
    "spec",
    [
        *("zero-shot", "instruction", "few-shot:k=1", "zero-shot-cot", "chain-of-thought:k=1", "least-to-most"),
        *("plan-and-solve", "plan-and-solve:plus=true", "self-refine", "universal-self-consistency:n=2"),
        *("tree-of-thoughts:n=2,votes=1", "tree-of-thoughts:generate=propose,evaluate=value,n=2,votes=1"),
    ],
)
def test_no_strategy_says_an_english_word(spec: str) -> None:
    for change in (lambda request: request, lambda request: plain(request, "zh")):
        program = get_strategy(spec)(GRASS)
        asked = advance(program)
        while isinstance(asked, list):
            for request in map(change, asked):
                said = request.prompt if isinstance(request.prompt, str) else "\n".join(texts(request.prompt))
                assert not re.search(r"[A-Za-z]{2}|[C-Z]", said), said
            asked = advance(program, [Generation("1、草熟了吗？\n", "stop") for _ in asked])


def test_plain_text_has_no_blank_after_the_chinese_colon() -> None:
    turns = (Message("user", "一加一？"), Message("assistant", "二"), Message("user", "二加二？"))
    request = plain(Request(turns, SamplingParams(stop=("！",))), "zh")
    assert request.prompt == "问：一加一？\n答：二\n\n问：二加二？\n答："
    assert request.params.stop == ("！", "\n问：", "\n问:")
    scored = plain(Request(turns, continuation="四"), "zh")
    assert (scored.continuation, scored.params.stop) == ("四", ())


def first(spec: str, question: Question) -> Request:
    """The first request of a strategy."""
    asked = advance(get_strategy(spec)(question))
    assert isinstance(asked, list)
    request: Request = asked[0]
    return request


def test_the_lead_is_the_language_s_own_unless_one_is_given() -> None:
    for spec, lead in (("zero-shot-cot", "让我们一步一步地思考。"), ("zero-shot-cot:lead=逐步解答：", "逐步解答：")):
        request = first(spec, GRASS)
        assert request.prompt[-1] == Message("assistant", lead)
    request = first("zero-shot-cot", replace(GRASS, language="en"))
    assert request.prompt[-1] == Message("assistant", "Let's think step by step.")


def test_plans_are_numbered_as_chinese_numbers_them() -> None:
    for plan in (
        "1、甲？\n2、乙？",
        "1．甲？\n2．乙？",
        "（1）甲？\n（2）乙？",
        "①甲？\n②乙？",
        "一、甲？\n二、乙？",
        "1）甲？\n2）乙？",
    ):
        assert parse_steps(Generation(plan, "stop")) == ["甲？", "乙？"], plan


def test_a_language_without_words_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"no words for prompts in 'de'; it has them in en, zh"):
        phrases("de")


def test_the_nearest_question_is_found_without_blanks() -> None:
    assert words("苹果 and 香蕉多少钱") == ["苹果", "and", "香蕉", "蕉多", "多少", "少钱"]
    pool = tuple(
        Sample(str(at), text, "1")
        for at, text in enumerate(("小明有三个苹果，还剩几个？", "火车几点到站？", "教室里有几张桌子？"))
    )
    question = replace(GRASS, text="火车晚点了，它几点到？", choices=(), exemplars=pool)
    assert [sample.id for sample in choose(question, k=1, select="bm25")] == ["1"]
