"""Files as published sets have them, that a person reads at once and that were read otherwise."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kshot.eval.tasks.source.choosing import lettered_parts, unlettered
from kshot.prompts.wording import asked_of, template_of
from kshot.types import Source
from tests.eval.tasks.source.test_shapes import Shape, as_lines, made, perfect, whole

AQUA = ["A)21", "B)21.5", "C)22"]
SHAPES = [
    Shape(
        "aqua.jsonl",
        as_lines([{"question": "Two?", "options": AQUA, "rationale": "So.", "correct": "B"}]),
        "Two?",
        "B",
        ("21", "21.5", "22"),
        "letter",
    ),
    Shape(
        "aqua_by_text.jsonl",
        as_lines([{"question": "Two?", "options": AQUA, "answer": "C)22"}]),
        "Two?",
        "C",
        ("21", "21.5", "22"),
        "letter",
    ),
    Shape(
        "agieval.jsonl",
        as_lines([{"passage": "", "question": "金属？", "options": ["(A)铁", "(B)木"], "label": "A", "answer": None}]),
        "金属？",
        "A",
        ("铁", "木"),
        "letter",
        {"passage": "", "question": "金属？"},
        note="not asked: 'answer'",
    ),
    Shape(
        "mathqa.jsonl",
        as_lines([{"Problem": "gain?", "options": "a ) rs . 400 , b ) rs . 1,300 , c ) none", "correct": "b"}]),
        "gain?",
        "B",
        ("rs . 400", "rs . 1,300", "none"),
        "letter",
        {"Problem": "gain?"},
    ),
    Shape(
        "logiqa2.jsonl",
        as_lines([{"text": "All A are B.", "question": "Which follows?", "options": ["x", "y"], "answer": 1}]),
        "All A are B.\nWhich follows?",
        "B",
        ("x", "y"),
        "letter",
        {"text": "All A are B.", "question": "Which follows?"},
        note=r"question from 'text \+ question'",
    ),
    Shape(
        "with_the_whole_prompt.jsonl",
        as_lines([{"question": "Why?", "answer": "because", "text": "### Why?\n### because"}]),
        "Why?",
        "because",
        fields={"text": "### Why?\n### because"},
        note="not asked: 'text'",
    ),
    Shape(
        "c3.jsonl",
        as_lines([{"context": ["男：你好", "女：再见"], "question": "谁？", "choice": ["男", "女"], "answer": "女"}]),
        "男：你好\n女：再见\n谁？",
        "B",
        ("男", "女"),
        "letter",
        {"question": "谁？"},
    ),
    Shape(
        "xnli.tsv",
        "gold_label\tsentence1\tsentence2\tlabel1\nneutral\tHe left.\tHe ran.\tneutral\n",
        "Sentence 1: He left.\nSentence 2: He ran.",
        "neutral",
        form="label",
        fields={"sentence1": "He left.", "sentence2": "He ran."},
    ),
    Shape(
        "quora.csv",
        '"id","question1","question2","is_duplicate"\n"0","Who?","What?","0"\n"1","Who?","Whom?","1"\n',
        "Question 1: Who?\nQuestion 2: What?",
        "0",
        form="label",
        fields={"question1": "Who?", "question2": "What?"},
    ),
]


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_a_published_file_is_read_as_a_person_reads_it(tmp_path: Path, shape: Shape) -> None:
    task = whole(made(tmp_path, shape))
    sample = task.load("test", Source())[0]
    assert (sample.question, sample.target, sample.choices) == (shape.question, shape.target, shape.choices)
    assert (task.format.name, dict(sample.fields)) == (shape.form, shape.fields)
    assert re.search(shape.note, task.note), task.note
    perfect(task)


def test_letters_go_only_where_every_choice_has_its_own() -> None:
    assert unlettered(["A. iron", "B. wood"]) == ("iron", "wood")
    assert unlettered(["A. iron", "wood"]) == ("A. iron", "wood")
    assert unlettered(["B. iron", "A. wood"]) == ("B. iron", "A. wood")
    assert unlettered(["A", "B"]) == ("A", "B")
    assert lettered_parts("A．铁 B．木 C．盐") == ["铁", "木", "盐"]
    assert lettered_parts("a list, but (b) none of letters") == []
    assert lettered_parts("a. one") == []


def test_a_template_of_a_users_data_shows_all_that_is_asked(tmp_path: Path) -> None:
    """A row's own column `text` must not stand for a question of two columns."""
    rows = [{"context": "Ann is ill.", "text": "She is glad.", "label": label} for label in ("yes!", "no!")]
    task = whole(made(tmp_path, Shape("stance.jsonl", as_lines(rows), "", "")))
    sample = task.load("test", Source())[0]
    question = task.question(sample, ())
    for name in range(len(task.templates)):
        worded = replace(question, template=template_of(question, str(name)))
        assert "Ann is ill.\nShe is glad." in asked_of(worded).text


def test_labels_of_digits_are_in_the_order_of_their_worth(tmp_path: Path) -> None:
    """`label_words=` names them in this order."""
    rows = [{"sentence": f"s{at}", "label": at} for at in range(12)]
    task = whole(made(tmp_path, Shape("topics.jsonl", as_lines(rows), "", "")))
    assert task.labels == tuple(map(str, range(12)))
