"""Which column of a user's data is what: told from the names that public sets give theirs, or said with --field.

A name counts without case, blanks and signs: "Answer Key", "answerKey" and "answer_key" are one. Names stand in order of
preference. The whole table decides, never a row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kshot.eval.tasks.source.files.table import Row, RowTable
from kshot.eval.tasks.source.language import is_chinese
from kshot.registry import suggest
from kshot.types import UserError

QUESTION = (
    *(
        "question",
        "text",
        "questiontext",
        "questionstem",
        "query",
        "problem",
        "prompt",
        "instruction",
        "input",
        "inputs",
    ),
    *("sentence", "goal", "ctx", "claim", "review", "utterance", "tweet", "content", "document", "q"),
    *("statement", "comment", "commenttext", "reviewtext", "headline", "message", "originaltext"),
    *("问题", "题目", "提问", "题干", "问", "指令", "输入", "文本", "句子", "内容", "评论"),
)
ANSWER = (
    *("answer", "answerkey", "answers", "target", "targets", "output", "outputs", "response", "completion"),
    *(
        "correctanswer",
        "correctanswers",
        "bestanswer",
        "correctoption",
        "correct",
        "answeridx",
        "answerindex",
        "goldanswer",
        "gold",
        "golden",
        "reference",
    ),
    *(
        "expected",
        "expectedoutput",
        "finalanswer",
        "cop",
        "finaldecision",
        "solution",
        "summary",
        "highlights",
        "ans",
        "a",
    ),
    *("答案", "正确答案", "标准答案", "参考答案", "回答", "答", "输出"),
)
LABEL = (
    *("labeltext", "labelname", "label", "labels", "goldlabel", "class", "category", "sentiment", "intent"),
    *("isduplicate", "polarity", "emotion", "stance", "rating", "stars"),
    *("标签", "类别", "分类", "情感"),
)
CHOICES = ("choices", "choice", "options", "endings", "candidates", "alternatives", "选项", "候选项", "候选")
CONTEXT = (
    *("context", "passage", "article", "paragraph", "story", "background"),
    *("文章", "上下文", "背景", "材料", "原文", "段落"),
)
RATIONALE = ("rationale", "explanation", "reasoning", "chainofthought", "cot", "解析", "解释")
PAIRS = (
    ("premise", "hypothesis", "Premise", "Hypothesis"),
    ("premise", "hypo", "Premise", "Hypothesis"),
    ("sentence1", "sentence2", "Sentence 1", "Sentence 2"),
    ("question1", "question2", "Question 1", "Question 2"),
    ("text1", "text2", "Text 1", "Text 2"),
    ("question", "sentence", "Question", "Sentence"),
    ("前提", "假设", "Premise", "Hypothesis"),
    ("句子1", "句子2", "Sentence 1", "Sentence 2"),
)
IN_CHINESE = {
    **{"Premise": "前提", "Hypothesis": "假设", "Question": "问题", "Sentence": "句子"},
    **{
        f"{name} {at}": f"{said}{at}"
        for name, said in (("Sentence", "句子"), ("Question", "问题"), ("Text", "文本"))
        for at in (1, 2)
    },
}
TOLD_FROM = 200  # rows that tell in which language a pair's names are
OPTION = re.compile(r"(option|choice|opt|op|sol|ending|candidate|answer|选项|)([a-z]|\d)")  # a column a choice
TALKS = ("messages", "conversations", "conversation")
DATA = re.compile(r"-?\d+(?:\.\d+)?|.{50,}", re.S)  # no names of columns
HEADLESS = " Its first line is taken as the columns' names: if it is a row, write a line of names above it."
SHOWN = 6  # columns that a note lists
PLAIN = {"question", "text", "answer", "label", "choices", "rationale", "id", "cluster"}  # need no word


Composed = Callable[[str, str], str]


@dataclass(frozen=True)
class Columns:
    """Which columns are what; of several the first that a row has."""

    question: tuple[str, ...]
    answer: tuple[str, ...]
    labelled: bool = False  # the answer is a label, by its column's name
    choices: tuple[str, ...] = ()  # one column of lists, or a column a choice
    rationale: str = "rationale"
    id: str = "id"
    cluster: str = "cluster"
    composed: Composed | None = None  # a question of two columns, made of their texts
    both: bool = False  # of which each row has either
    passage: str = ""  # the column of the text that a question is about
    used: Mapping[str, str] = field(default_factory=dict)  # what each field was taken from, as a note says it
    unused: tuple[str, ...] = ()  # columns that no field was taken from

    def renamed(self, column: str, other: str) -> Columns:
        """The same with a column by another name."""
        named = {column: other}
        return replace(
            self,
            question=tuple(named.get(name, name) for name in self.question),
            answer=tuple(named.get(name, name) for name in self.answer),
            choices=tuple(named.get(name, name) for name in self.choices),
            rationale=named.get(self.rationale, self.rationale),
            id=named.get(self.id, self.id),
            cluster=named.get(self.cluster, self.cluster),
            passage=named.get(self.passage, self.passage),
        )

    @property
    def note(self) -> str:
        """What was taken for what, where the columns' names do not say it."""
        if all(plain_key(column) in PLAIN for column in self.used.values()) and not self.unused:
            return ""
        used = ", ".join(f"{name} from {column!r}" for name, column in self.used.items())
        return used + (f"; not asked: {', '.join(map(repr, self.unused))}" if self.unused else "")


def plain_key(column: str) -> str:
    """A column's name as names are held against each other.

    >>> plain_key("Answer Key"), plain_key("answer_key"), plain_key("选项 A")
    ('answerkey', 'answerkey', '选项a')
    """
    return re.sub(r"[\W_]+", "", column).casefold()


def is_unnamed(column: str) -> bool:
    """Whether a column has no name of its own, as the numbers have that pandas writes before rows."""
    return re.fullmatch(r"column \d+|Unnamed: \d+|__index_level_\d+__", column) is not None


def columns_of(table: RowTable, given: Mapping[str, str]) -> Columns:
    """Which columns of a table are what. Raises UserError where there is no question or no answer among them."""
    for name, column in given.items():
        for part in column.split("+") if name == "choices" and column not in table.columns else [column]:
            known(table, name, part)
    keys = {plain_key(column): column for column in reversed(table.columns)}
    choices = choices_in(table, keys, given)
    rest = {key: column for key, column in keys.items() if column not in choices}
    answer, labelled = answer_in(table, rest, given)
    question: tuple[str, ...]
    composed: Composed | None
    if "question" in given:
        question, composed, passage, used = (given["question"],), None, given.get("context", ""), given["question"]
        if passage:
            question, composed, used = (given["question"], passage), about, f"{passage} + {given['question']}"
    else:
        question, composed, passage, used = question_in(table, rest, given, bool(choices), answer)
    taken = {"question": used, "choices": "+".join(choices), "answer": answer[0]}
    rationale = given.get("rationale") or first(rest, RATIONALE) or ""
    if not rationale and "solution" in rest and rest["solution"] not in answer:
        rationale = rest["solution"]
    taken_all = {*question, *answer, *choices, rationale, given.get("id", "id"), given.get("cluster", "cluster")}
    return Columns(
        question,
        answer,
        labelled,
        choices,
        rationale or "rationale",
        given.get("id", "id"),
        given.get("cluster", "cluster"),
        composed,
        composed not in (None, about, instructed),
        passage,
        {name: column for name, column in {**taken, "rationale": rationale}.items() if column},
        tuple(column for column in table.columns if column not in taken_all and not is_unnamed(column))[:SHOWN],
    )


def known(table: RowTable, name: str, column: str) -> None:
    """Raises UserError for a column that a table does not have; `answers.text` is the text in the column answers."""
    head = column if column in table.columns else column.partition(".")[0]
    if head not in table.columns:
        raise UserError(f"{table.place(0)}: --field {name}={column} names no column: {suggest(column, table.columns)}")


def first(keys: Mapping[str, str], names: Iterable[str]) -> str | None:
    """The column of the first of these names that there is."""
    return next((keys[name] for name in names if name in keys), None)


def answer_in(table: RowTable, keys: Mapping[str, str], given: Mapping[str, str]) -> tuple[tuple[str, ...], bool]:
    """The columns of the answer, and whether it is a label. Raises UserError where there is none."""
    if "answer" in given:
        return (given["answer"],), False
    if "label" in given:
        return (given["label"],), True
    keys = {key: column for key, column in keys.items() if any(row.get(column) is not None for row in table.rows)}
    names = [name for name in ANSWER if name != "a" or len(keys) <= 3]
    answer, label = first(keys, names), first(keys, LABEL)
    either = {"answer", "label"}
    if {answer, label} == either and not any(either <= row.keys() for row in table.rows):
        return ("answer", "label"), all("label" in row and "answer" not in row for row in table.rows)
    whole = label is not None and all(row.get(label) is not None for row in table.rows)
    if answer and whole and plain_key(label or "") in ("label", "labels", "标签") and "choices" not in given:
        raise UserError(
            f"{table.place(0)}: both {answer!r} and {label!r} may be the answer; say which is: --field answer={answer} or "
            f"--field label={label}."
        )
    if answer or label:
        return (answer or label or "",), not answer
    raise UserError(lacking(table, "answer", ("answer", "label")))


def lacking(table: RowTable, name: str, usual: Sequence[str]) -> str:
    """The sentence about a field for which no column was found."""
    columns = ", ".join(map(repr, table.columns[:12]))
    wanted = " or ".join(map(repr, usual))
    return (
        f"{table.place(0)}: the field {wanted} is missing, and none of the columns ({columns}) is known as the {name}; "
        f"say which is: --field {name}=COLUMN."
        + ("" if table.typed or not any(map(DATA.fullmatch, table.columns)) else HEADLESS)
    )


def question_in(
    table: RowTable, keys: Mapping[str, str], given: Mapping[str, str], choosing: bool, answer: Sequence[str]
) -> tuple[tuple[str, ...], Composed | None, str, str]:
    """The question's columns, how they make a text, the passage's column, and all of them in words."""
    keys = {key: column for key, column in keys.items() if column not in answer}
    asked = first(keys, QUESTION)
    for one, other, name, second in PAIRS:
        if one in keys and other in keys and (one == "question" or not {"question", "问题"} & keys.keys()):
            left, right = keys[one], keys[other]
            return (left, right), pair(*names_of_pair(table, left, right, name, second)), "", f"{left} + {right}"
    passage = given.get("context") or first(keys, (*CONTEXT, *(("premise",) if choosing else ())))
    if asked is None:
        if passage is None or "context" in given:
            raise UserError(lacking(table, "question", ("question", "text")))
        raise UserError(lacking(table, "question", ("question",)))
    if passage and passage != asked:
        return (asked, passage), about, passage, f"{passage} + {asked}"
    if plain_key(asked) in ("instruction", "指令"):
        more = first(keys, ("input", "inputs", "输入"))
        if more:
            return (asked, more), instructed, "", f"{asked} + {more}"
    legacy = tuple(name for name in ("question", "text") if name in table.columns and name not in answer)
    if asked not in legacy or not any(all(row.get(name) for name in legacy) for row in table.rows):
        return legacy if asked in legacy else (asked,), None, "", asked
    if len(legacy) == 2 and is_passage(table, *legacy):
        return legacy, about, "text", "text + question"
    return (asked,), None, "", asked


def is_passage(table: RowTable, question: str, text: str) -> bool:
    """Whether a column is what questions are about (LogiQA 2.0), and not a question once more, with its answer perhaps."""
    return not any(row.get(text) and str(row.get(question)) in str(row[text]) for row in table.rows)


def names_of_pair(table: RowTable, left: str, right: str, name: str, second: str) -> tuple[str, str]:
    """What two texts are called, with a colon: in Chinese where most of them are."""
    texts = [str(row.get(left) or "") + str(row.get(right) or "") for row in table.rows[:TOLD_FROM]]
    if 2 * sum(map(is_chinese, texts)) > len(texts):
        return f"{IN_CHINESE[name]}：", f"{IN_CHINESE[second]}："
    return f"{name}: ", f"{second}: "


def pair(name: str, second: str) -> Composed:
    """Two texts, each under its name, as the built-in rte shows them."""
    return lambda one, other: f"{name}{one}\n{second}{other}"


def about(asked: str, passage: str) -> str:
    """A passage, where a row has one, and the question about it."""
    return f"{passage}\n{asked}" if passage else asked


def instructed(instruction: str, more: str) -> str:
    """An instruction, and its input where a row has one (Alpaca)."""
    return f"{instruction}\n{more}" if more else instruction


def choices_in(table: RowTable, keys: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """The column of the choices, or a column a choice; () where there are none."""
    if "choices" in given:
        column = given["choices"]
        return (column,) if column in table.columns else tuple(column.split("+"))
    one = first(keys, CHOICES)
    if one:
        return (one,)
    groups: dict[tuple[str, bool], dict[str, str]] = {}
    for key, column in keys.items():
        found = OPTION.fullmatch(key)
        if found and not (found[2].isdigit() and found[1] in ("", "answer")):  # answer1 may be another right one
            groups.setdefault((found[1], found[2].isdigit()), {})[found[2]] = column
    for (_, digits), found_columns in groups.items():
        ends = sorted(found_columns)
        start = "a" if not digits else ends[0]
        if len(ends) > 1 and start in "a01" and ends == [chr(ord(start) + at) for at in range(len(ends))]:
            return tuple(found_columns[end] for end in ends)
    return ()


def value_at(row: Row, column: str) -> Any:
    """What a row has in a column; `answers.text` is the text in the column answers."""
    if column in row or "." not in column:
        return row.get(column)
    value: Any = row
    for part in column.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
