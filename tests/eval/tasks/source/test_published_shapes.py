"""Files as published sets have them, that a person reads at once and that were read otherwise."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kshot.eval.tasks.source.choosing import lettered_parts, unlettered
from kshot.prompts.wording import asked_of, template_of
from kshot.types import Source, UserError
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
        "letter_and_text.csv",
        "question,A,B,answer\nMetal?,iron,wood,A. iron\nSoft?,iron,wood,b) wood\n",
        "Metal?",
        "A",
        ("iron", "wood"),
        "letter",
        {"A": "iron", "B": "wood"},
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
        "xnli.zh.tsv",
        "premise\thypo\tlabel\n他走了\t他跑了\tneutral\n",
        "前提：他走了\n假设：他跑了",
        "neutral",
        form="label",
        fields={"premise": "他走了", "hypo": "他跑了"},
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


@pytest.mark.parametrize("pair", ["Y N", "t f", "√ ×", "正确 错误"])
def test_yes_and_no_by_their_signs(tmp_path: Path, pair: str) -> None:
    yes, no = pair.split()
    rows = [{"question": f"Is it {at}?", "answer": answer} for at, answer in enumerate((yes, no, yes))]
    task = whole(made(tmp_path, Shape("judged.jsonl", as_lines(rows), "", "")))
    assert [sample.target for sample in task.load("test", Source())] == ["yes", "no", "yes"]
    perfect(task)


def test_letters_that_are_answers_of_another_kind_stay_text(tmp_path: Path) -> None:
    rows = [{"question": f"Symbol {at}?", "answer": answer} for at, answer in enumerate("NYC")]
    task = whole(made(tmp_path, Shape("symbols.jsonl", as_lines(rows), "", "")))
    assert (task.format.name, task.load("test", Source())[1].target) == ("text", "Y")


def test_decimal_commas_that_are_read_as_text_are_told(tmp_path: Path) -> None:
    content = "question;answer\nHalf of 3?;1,5\nAll?;1.234,5\nTwo?;2\n"
    assert (
        "decimal commas and are read as text: --language de"
        in whole(made(tmp_path, Shape("sums.csv", content, "", ""))).note
    )
    assert "decimal commas" not in whole(made(tmp_path, Shape("sums.csv", content, "", "", said=":language=de"))).note


@pytest.mark.parametrize(
    ("encoding", "content", "question", "said"),
    [
        ("gbk", "label,review\n1,房间很好，服务也不错\n0,太差了，再也不来\n", "房间很好，服务也不错", "read as GBK"),
        ("gb18030", "标签,评论\n正面,房间不错\n负面,我们再也不来了\n", "房间不错", "read as GBK"),
        (
            "cp1252",
            "text;label\nGroß und schön – für 5 €;gut\nDie Möwe fällt;schlecht\n",
            "Groß und schön – für 5 €",
            "1252",
        ),
        ("cp1252", "text,label\nCafé à côté,oui\nL’été,non\n", "Café à côté", "1252"),
        ("utf-8", "text,label\nGroß,gut\nfällt,schlecht\n", "Groß", ""),
    ],
)
def test_csv_as_excel_saves_it(tmp_path: Path, encoding: str, content: str, question: str, said: str) -> None:
    task = whole(made(tmp_path, Shape("excel.csv", content.encode(encoding), "", "")))
    assert task.load("test", Source())[0].question == question
    assert said in task.note and ("UTF-8" in task.note) == bool(said)


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1251", "Привет, как дела? Всё хорошо, спасибо"),
        ("cp1250", "Zażółć gęślą jaźń"),
        ("euc-kr", "이 영화는 정말 재미있었습니다 그리고 배우들도 좋았다"),
        ("shift-jis", "この映画はとても面白かったです"),
        ("euc-jp", "この映画はとても面白かったです"),
        ("big5", "這部電影非常好看，我很喜歡"),
    ],
)
def test_text_in_another_encoding_is_refused(tmp_path: Path, encoding: str, text: str) -> None:
    with pytest.raises(UserError, match="is not UTF-8 text; save it as UTF-8"):
        whole(made(tmp_path, Shape("other.csv", f"text,label\n{text},a\n{text}!,b\n".encode(encoding), "", "")))


def test_mmlus_own_files_have_no_header(tmp_path: Path) -> None:
    """Hendrycks et al. 2021: data/test/abstract_algebra_test.csv."""
    content = 'Find the degree of Q(sqrt(2)).,0,4,2,6,B\n"Zeros, in Z_5",0,1,"0,1","0,4",D\n'
    task = whole(made(tmp_path, Shape("algebra_test.csv", content, "", "")))
    found = [(sample.question, sample.target, sample.choices) for sample in task.load("test", Source())]
    assert found == [
        ("Find the degree of Q(sqrt(2)).", "B", ("0", "4", "2", "6")),
        ("Zeros, in Z_5", "D", ("0", "1", "0,1", "0,4")),
    ]
    assert "has no header, and its columns are taken for question, A, B, C, D, answer" in task.note


def test_a_first_line_that_is_a_row_is_told(tmp_path: Path) -> None:
    content = "3,Wall St. falls,Short-sellers\n4,Carlyle looks,Reuters\n"
    with pytest.raises(UserError, match="if it is a row, write a line of names above it"):
        whole(made(tmp_path, Shape("news.csv", content, "", "")))


ARRAYS = "\"{'text': array(['It\\'s France', 'FR'], dtype=object), 'answer_start': array([1, 2])}\""


@pytest.mark.parametrize(
    ("column", "cells", "target"),
    [
        ("answers", (ARRAYS, ARRAYS), "It's France|FR"),
        ("answer", ("\"['France', 'FR']\"", "\"['Italy']\""), "France|FR"),
        ("answer", ("\"['New York' 'NY']\"", "\"['Italy']\""), "New York|NY"),
        ("answer", ('"[""France""]"', '"[""Italy""]"'), "France"),
        ("answer", ("[sic]", "Italy"), "[sic]"),
    ],
)
def test_lists_of_answers_as_pandas_writes_them(
    tmp_path: Path, column: str, cells: tuple[str, ...], target: str
) -> None:
    content = f"question,{column}\n" + "".join(f"Where is it {at}?,{cell}\n" for at, cell in enumerate(cells))
    task = whole(made(tmp_path, Shape("exported.csv", content, "", "")))
    assert task.load("test", Source())[0].target == target
    if target != "[sic]":
        perfect(task)


def test_choices_as_numpy_writes_them(tmp_path: Path) -> None:
    content = "question,choices,answer\nWhich?,\"['a b' 'c' \"\"d's\"\"]\",1\nWho?,\"['e' 'f g'\n 'h']\",0\n"
    found = [
        (s.choices, s.target) for s in whole(made(tmp_path, Shape("mmlu.csv", content, "", ""))).load("test", Source())
    ]
    assert found == [(("a b", "c", "d's"), "B"), (("e", "f g", "h"), "A")]


def test_letters_of_full_width(tmp_path: Path) -> None:
    content = "题目,选项A,选项B,答案\n金属？,铁,木,Ａ\n木？,铁,木,（Ｂ）\n"
    task = whole(made(tmp_path, Shape("exam.csv", content, "", "")))
    assert [sample.target for sample in task.load("test", Source())] == ["A", "B"]
