"""Tasks in Chinese: stories, coins, last characters and the exemplars of Wei et al., each worked out a second time."""

from __future__ import annotations

import re

import pytest

from kshot.eval.tasks import get_task, in_language
from kshot.eval.tasks.source.language import language_of
from kshot.eval.tasks.source.perfect import hold
from kshot.eval.tasks.source.wei2022 import DECOMPOSITIONS, EXEMPLARS
from kshot.eval.tasks.source.wei2022_zh import DECOMPOSITIONS as DECOMPOSITIONS_ZH
from kshot.eval.tasks.source.wei2022_zh import EXEMPLARS as EXEMPLARS_ZH
from kshot.types import Sample, Source, Task, UserError

SPECS = (
    *("word-problems:language=zh", "word-problems:steps=0,language=zh", "word-problems:steps=6,language=zh"),
    *("coin-flip:language=zh", "coin-flip:flips=4,language=zh"),
    *("last-letters:language=zh", "last-letters:words=4,language=zh"),
    *("word-pairs:relation=opposites,language=zh", "word-pairs:relation=capitals,language=zh"),
)
ENGLISH = re.compile(r"[A-Za-z]")


@pytest.mark.parametrize("spec", SPECS)
def test_contract_of_a_chinese_task(spec: str) -> None:
    task = get_task(spec)
    assert task.name == spec and task.language == "zh"
    test, train = list(task.load("test", Source(limit=40))), list(task.load("train", Source()))
    assert len(test) == 40 and len(train) >= 16, len(train)
    assert not {sample.question for sample in test} & {sample.question for sample in train}
    hold([*test, *train], task.format, task.score, lambda sample: sample.id, "", shown=True)
    said = [task.format.instruction, task.format.trigger, task.format.statement.format(answer=""), *task.instructions]
    said += [text for sample in [*test, *train] for text in (sample.question, sample.rationale, sample.target)]
    said += [text for item in task.decompositions for step in item.steps for text in step]
    said += [re.sub(r"\{\{.*?\}\}", "", template.text) for template in task.templates]
    assert not [text for text in said if ENGLISH.search(text)]
    assert len(task.instructions) >= 3 and len(task.templates) >= 3
    for sample in [*test, *train]:
        stated = sample.rationale + task.format.statement.format(answer=sample.target.split("|")[0])
        assert task.score(task.format.extract(stated, ()).answer, sample).value == 1, stated


def test_chinese_pairs_are_distinct_and_well_known() -> None:
    for relation, facts in (
        ("opposites", {"大": "小", "前进": "后退"}),
        ("capitals", {"法国": "巴黎", "中国": "北京"}),
    ):
        task = get_task(f"word-pairs:relation={relation},language=zh")
        every = [*task.load("test", Source()), *task.load("train", Source())]
        known = {sample.question: sample.target for sample in every}
        assert len(known) == len(every) >= 100 and facts.items() <= known.items()
    with pytest.raises(UserError, match=r"unknown word-pairs relation 'plurals' in zh: .*capitals, opposites"):
        get_task("word-pairs:language=zh")


def worked_out(story: str) -> int:
    """The answer of a Chinese story, from its sentences alone."""
    first, *rest = re.findall(r"[^。？]+[。？]", story)
    have = int(re.findall(r"\d+", first)[0])
    for sentence in rest[:-1]:
        numbers = [int(number) for number in re.findall(r"\d+", sentence)]
        if "翻了一番" in sentence:
            have *= 2
        elif "倍" in sentence:
            have *= numbers[0]
        elif "平均" in sentence:
            have //= numbers[0]
        elif re.search(r"送给了|弄丢了|卖掉了|借走了|坏了", sentence):
            have -= numbers[0]
        else:
            assert re.search(r"又给了|买了|赢了|收到|找到", sentence), sentence
            have += numbers[0]
    return have


def test_chinese_stories_come_to_their_targets_and_equations_hold() -> None:
    for sample in get_task("word-problems:steps=0,language=zh").load("test", Source(limit=150)):
        assert str(worked_out(sample.question)) == sample.target, sample.question
        for left, right in re.findall(r"([\d +×÷-]+) = (\d+)", sample.rationale):
            assert eval(left.replace("×", "*").replace("÷", "/")) == int(right), sample.rationale


def test_chinese_coins_and_last_characters() -> None:
    for sample in get_task("coin-flip:flips=4,language=zh").load("test", Source(limit=60)):
        assert sample.target == ("是" if sample.question.count("翻了硬币") % 2 == 0 else "否"), sample
    for sample in get_task("last-letters:words=3,language=zh").load("test", Source(limit=60)):
        [quoted] = re.findall("“(.*?)”", sample.question)
        assert sample.target == "".join(word[-1] for word in quoted.split("、"))


def test_the_translated_exemplars_have_the_published_answers_and_equations() -> None:
    for english, chinese in zip(EXEMPLARS, EXEMPLARS_ZH, strict=True):
        assert english.target == chinese.target and chinese.id == english.id.replace("wei2022", "wei2022-zh")
        sums = [re.sub(r"\s", "", text) for text in re.findall(r"\d[\d+*x× -]* = \d+", chinese.rationale)]
        assert sums
        for left, right in (one.split("=") for one in sums):
            assert eval(left.replace("×", "*")) == int(right)
    for ours, theirs in zip(DECOMPOSITIONS_ZH, DECOMPOSITIONS, strict=True):
        assert len(ours.steps) == len(theirs.steps)
        assert re.findall(r"\d+", ours.steps[-1][1])[-1] == re.findall(r"\d+", theirs.steps[-1][1])[-1]


def test_gsm8k_in_chinese_is_read_from_local_files(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "gsm8k-zh").mkdir()
    (tmp_path / "gsm8k-zh" / "test.jsonl").write_text(
        '{"question": "小明有3个苹果，又买了4个，一共有多少个？", "answer": "7"}\n', encoding="utf-8"
    )
    task = get_task("gsm8k:language=zh")
    [sample] = task.load("test", Source(data=tmp_path))
    assert (sample.target, task.language, task.exemplars) == ("7", "zh", EXEMPLARS_ZH)
    with pytest.raises(UserError, match="gsm8k-zh"):
        task.load("test", Source())


@pytest.mark.parametrize("name", ["word-problems", "coin-flip", "last-letters", "gsm8k"])
def test_a_language_that_a_task_has_not_is_refused(name: str) -> None:
    with pytest.raises(UserError, match="not to be had in 'de': language is one of en, zh"):
        get_task(f"{name}:language=de")


@pytest.mark.parametrize(
    ("questions", "language"),
    [
        (["天空是什么颜色？"], "zh"),
        (["What colour is the sky?"], "en"),
        (["空は何色ですか。"], "en"),
        (["GPU 和 CPU 有什么区别？"], "zh"),
        (["What does 中国 mean in English?"], "en"),
        (["3 + 4 = ?"], "en"),
        (["天空是什么颜色？", "草是什么颜色？", "What?"], "zh"),
        (["天空是什么颜色？", "What?", "Why?"], "en"),
        ([], "en"),
    ],
)
def test_the_language_is_told_from_the_questions(questions: list[str], language: str) -> None:
    assert language_of(questions) == language


def test_english_tasks_are_english_still() -> None:
    task: Task = get_task("coin-flip")
    assert task.language == "en" and task.labels == ("yes", "no")
    assert all(isinstance(sample, Sample) for sample in task.load("test", Source(limit=2)))


def test_said_languages_of_tasks_and_data(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "zahlen.jsonl"
    path.write_text(
        "".join(
            f'{{"question": "Wie viel? {at}", "answer": {answer}}}\n'
            for at, answer in enumerate(('"8,5"', '"1.234,5"', "2", "0.125", '"-3,75"'))
        ),
        encoding="utf-8",
    )
    german = get_task(in_language(f"{path}:exemplars=0", "de"))
    assert [s.target for s in german.load("test", Source())] == ["8.5", "1234.5", "2", "0.125", "-3.75"]
    assert german.language == "en" and "kshot has no German words" in german.note
    assert german.format.extract("Die Antwort lautet 1.234,5.", ()).answer == "1234.5"
    assert in_language("coin-flip:flips=4", "zh") == "coin-flip:flips=4,language=zh"
    assert in_language("sst2", "en") == "sst2" and in_language("coin-flip", "en") == "coin-flip"
    for spec, language, sentence in (
        ("sst2", "zh", "sst2 is to be had in en alone, not in zh; coin-flip, gsm8k"),
        ("coin-flip:language=zh", "zh", "says its language already"),
        (f"{path}:language=de", "de", "says language already"),
        ("mine.py:task", "zh", "make it a parameter of its function"),
        ("coin-flip", "klingon", "unknown language 'klingon'"),
    ):
        with pytest.raises(UserError, match=sentence):
            in_language(spec, language)


@pytest.mark.parametrize("answer", ["1.234", "-12.500"])
def test_a_number_that_may_be_two_is_refused_in_a_language_with_a_decimal_comma(tmp_path, answer: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "zahlen.jsonl"
    path.write_text(f'{{"question": "Wie viel?", "answer": "{answer}"}}\n{{"question": "Und?", "answer": 2}}\n')
    with pytest.raises(UserError, match=r"line 1: the answer .* may be a decimal or, as German writes it, a thousand"):
        get_task(f"{path}:language=de")
    assert get_task(str(path)).load("train", Source())[0].target == str(float(answer))


def test_json_s_own_truths_are_the_language_s(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "判断.jsonl"
    path.write_text('{"question": "7是质数吗？", "answer": true}\n{"question": "9是质数吗？", "answer": false}\n')
    task = get_task(f"{path}:exemplars=0")
    assert [sample.target for sample in task.load("test", Source())] == ["是", "否"]
    assert "are 是 and 否." in task.note and task.format.extract('{"answer": false}', ()).answer == "否"
