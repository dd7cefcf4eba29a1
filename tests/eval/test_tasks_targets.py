"""A target is what a perfect reply reads as: formats are told or refused, every sample of every task is held to it."""

from __future__ import annotations

import json
import string
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kshot.cli import main
from kshot.eval.answers import ACTIONS, LETTER, NUMBER, TEXT, exact, numeric
from kshot.eval.tasks import answered, get_task
from kshot.eval.tasks.source.perfect import DIGIT, PLAIN, AsRead, is_itself, is_plain, replies_to
from kshot.eval.tasks.source.perfect import WORDS as perfect_words
from kshot.eval.tasks.source.told import number_of
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.prompts.templates import solved
from kshot.types import Sample, Source, Task, UserError

Rows = list[dict[str, Any]]


def write(path: Path, rows: Rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def questions(*answers: Any, **fields: Any) -> Rows:
    return [{"question": f"q{n}", "answer": answer, **fields} for n, answer in enumerate(answers)]


def labelled(*labels: Any) -> Rows:
    return [{"text": f"t{n}", "label": label} for n, label in enumerate(labels)]


def every(task: Task) -> list[Sample]:
    return [*task.load("train", Source()), *task.load("test", Source())]


def targets(task: Task) -> list[str]:
    return [sample.target for sample in every(task)]


def value(task: Task, reply: str, sample: Sample) -> float:
    return task.score(task.format.extract(reply, sample.choices).answer, sample).value


def perfect(task: Task) -> None:
    """Every sample's perfect replies, as templates write them, score 1."""
    exemplars = task.load("train", Source())
    for sample in every(task):
        replies = [solved(sample, task.format), task.format.statement.format(answer=sample.target.split("|")[0])]
        if sample.rationale.strip() and sample in exemplars:
            replies.append(solved(sample, task.format, rationale=True))
        for reply in replies:
            assert value(task, reply, sample) == 1, (sample, reply)


# ---------------------------------------------------------------- formats are told, or refused

TOLD: list[tuple[Rows, str, list[str]]] = [
    (questions(1e20, 0.00001, 5.0, -0.5, 7), "number", ["100000000000000000000", "0.00001", "5", "-0.5", "7"]),
    (
        questions("1e3", "$1,234.50", "50%", "\u22123", ".5", "3/6"),
        "number",
        ["1000", "1234.5", "50", "-3", "0.5", "0.5"],
    ),
    (questions("12345678901234567890123456789.5"), "number", ["12345678901234567890123456789.5"]),
    (questions("2+2=<<2+2=4>>4.\nSo 4.\n#### 4", "#### 1,000"), "number", ["4", "1000"]),
    (questions(True, "True", "yes", "FALSE", False), "yes-no", ["yes", "yes", "yes", "no", "no"]),
    (labelled(True, "true", "No"), "yes-no", ["yes", "yes", "no"]),
    (labelled(0.0, 1.0, 1), "label", ["0", "1", "1"]),
    (labelled("0.0", "1.0"), "label", ["0", "1"]),
    (labelled(-1, 0, 1), "label", ["-1", "0", "1"]),
    (labelled("yes", "no", "maybe"), "label", ["yes", "no", "maybe"]),
    (questions("3", "Paris", "Rome"), "text", ["3", "Paris", "Rome"]),
    (questions("2020-01-05", "555-1234"), "text", ["2020-01-05", "555-1234"]),
    (questions("red", 0, choices=["red", "blue"]), "letter", ["A", "A"]),
]


@pytest.mark.parametrize(("rows", "name", "wanted"), TOLD)
def test_a_format_is_told_from_the_answers(tmp_path: Path, rows: Rows, name: str, wanted: list[str]) -> None:
    task = get_task(write(tmp_path / "own.jsonl", rows))
    assert (task.format.name, targets(task)) == (name, wanted)
    perfect(task)


REFUSED: list[tuple[Rows, str]] = [
    (questions("3,5", 3, 7), r"line 1: the answer '3,5' is not a number, as 2 of 3 answers are.*--answer text"),
    (questions(1, 2, "1,2,3"), r"line 3: the answer '1,2,3' is not a number"),
    (questions(1, 2, "thirteen", 4), r"line 3: the answer 'thirteen' is not a number, as 3 of 4"),
    (questions(1, 2, "NaN"), r"line 3: the answer 'NaN' is not a number"),
    (questions(1, 2, float("nan")), r"line 3: the field 'answer' is nan"),
    (questions(1, 2, float("inf")), r"line 3: the field 'answer' is inf"),
    (questions("3,5", 1, 2, 3, "x"), r"line 1.*3 of 5"),
    (questions("yes", "No", "perhaps"), r"line 3: the answer 'perhaps' is not yes or no, as 2 of 3"),
    (labelled(-1, -1, -1), r"all labels are -1.*hidden"),
    (labelled(0, 2, -1, 1, 0), r"line 3: the label -1 beside 0 to 2 stands for a hidden one"),
    (questions(True, choices=["x", "y"]), r"line 1: the answer 'true' is neither"),
    (labelled("a|b", "c", "c"), r"line 1: a reply of the target 'a'"),
    (labelled("Spam", "spam", "ham"), r"line 2: the label 'spam' is 'Spam' but for its case"),
    (labelled(*(f"label {n}" for n in range(1001))), r"1,001 different labels"),
    (questions("word|"), r"line 1: the target 'word\|' has an alternative that is empty"),
    (questions("x", "y", "One story. Two.", "Red. Blue!"), r"line 3: .*only 'one story' is read, and so it is with 1"),
    (questions("first line\nsecond line"), r"line 1: .*only 'first line' is read"),
    (questions("..."), r"line 1: a reply of the target '\.\.\.' is read as no answer"),
    (questions(3, choices=["r", "b", "g"]), r"line 1: the answer 3 is no index from 0 to 2.*from 1"),
    (questions(-1, choices=["r", "b", "g"]), r"line 1: the answer -1 .*hidden"),
    (questions(2, choices=["1", "2", "3", "4"]), r"line 1: the answer 2 may be .*'3'.* or the choice '2'"),
]  # fmt: skip


@pytest.mark.parametrize(("rows", "named"), REFUSED)
def test_what_does_not_fit_is_refused_by_its_row(tmp_path: Path, rows: Rows, named: str) -> None:
    with pytest.raises(UserError, match=rf"(?s)own\.jsonl.*{named}") as caught:
        get_task(write(tmp_path / "own.jsonl", rows))
    assert len(str(caught.value)) < 500


def test_a_worked_solution_is_the_rationale(tmp_path: Path) -> None:
    rows = questions("2+2 = <<2+2=4>>4.\nThat is 4.\n#### 4", "3+4 = <<3+4=7>>7.\n#### 7")
    first, second = every(get_task(write(tmp_path / "own.jsonl", rows)))
    assert (first.rationale, first.target) == ("2+2 = 4. That is 4.", "4")
    assert (second.rationale, second.target) == ("3+4 = 7.", "7")


def test_whole_labels_take_the_reply_that_a_model_gives(tmp_path: Path) -> None:
    task = get_task(write(tmp_path / "own.jsonl", labelled(0.0, 1.0, 0.0, 1.0)))
    for sample in every(task):
        assert value(task, "1", sample) == float(sample.target == "1")
        assert value(task, "1.0", sample) == float(sample.target == "1")


def test_whole_numbers_are_indices_and_never_texts(tmp_path: Path) -> None:
    numbers = ["1", "2", "3", "4"]
    rows = [
        {"question": "a", "choices": ["red", "blue", "green"], "answer": 2},
        {"question": "b", "choices": numbers, "answer": 2},
        {"question": "c", "choices": numbers, "answer": 0.0},
        {"question": "d", "choices": numbers, "answer": "2"},
        {"question": "e", "choices": numbers, "answer": "B"},
    ]
    task = get_task(write(tmp_path / "own.jsonl", rows))
    assert targets(task) == ["C", "C", "A", "B", "B"]
    assert "indices from 0" in task.note and "exemplars" in task.note
    assert "indices from 0" not in get_task(write(tmp_path / "own.jsonl", rows[3:])).note


def test_true_and_false_are_said_to_be_yes_and_no(tmp_path: Path) -> None:
    assert "are yes and no" in get_task(write(tmp_path / "own.jsonl", questions("True", False))).note
    assert "are yes and no" not in get_task(write(tmp_path / "own.jsonl", questions("yes", "no"))).note


def test_true_and_false_are_choices_whatever_these_are_called(tmp_path: Path) -> None:
    for choices in (["True", "False"], ["true", "false"], ["Yes", "No"], ["yes", "no"]):
        assert targets(get_task(write(tmp_path / "own.jsonl", questions(True, False, choices=choices)))) == ["A", "B"]


def test_one_file_of_two_has_choices(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", questions("x"))
    with pytest.raises(UserError, match=r"only one of .*own\.jsonl and .*train\.jsonl has choices"):
        get_task(write(tmp_path / "own.jsonl", questions("A", choices=["r", "b"])))


def test_an_exemplar_of_another_kind_is_named(tmp_path: Path) -> None:
    write(tmp_path / "own.train.jsonl", questions("4", "four"))
    with pytest.raises(UserError, match=r"own\.train\.jsonl, line 2: the answer 'four' is not a number"):
        get_task(write(tmp_path / "own.jsonl", questions("1", "2")))


# ---------------------------------------------------------------- words

WORDS = [
    *("The Beatles.", "U.S.A.", "Washington, D.C.", "Yahoo!", '"Help!"', "Mr. T.", "What is love?", "Help (film)"),
    *("No. 5 Chanel", "a: b", "x -> y", "To be is to do", "Ok. Computer", "C++", "Guns N' Roses", "AC/DC", "日本"),
]


@pytest.mark.parametrize("target", WORDS)
def test_a_perfect_reply_in_words_scores_1(tmp_path: Path, target: str) -> None:
    task = get_task(write(tmp_path / "own.jsonl", questions(target, "some words", "blue")))
    assert (task.format.name, targets(task)[0]) == ("text", target)  # exemplars show it as it was written
    perfect(task)
    right = every(task)[0]
    assert value(task, f"{target}\n", right) == 1
    assert value(task, "something else", right) == 0
    assert task.score(None, right).value == 0


def test_alternatives_are_perfect_each(tmp_path: Path) -> None:
    task = get_task(write(tmp_path / "own.jsonl", questions("The Beatles.|Yahoo!", "x")))
    for reply in ("The Beatles.", "Yahoo!", "The answer is Yahoo!."):
        assert value(task, reply, every(task)[0]) == 1
    assert value(task, "The Beatles.|Yahoo!", every(task)[0]) == 0


# ---------------------------------------------------------------- how the answers are read may be said


@pytest.mark.parametrize(
    ("answer", "answers", "name", "wanted"),
    [
        ("text", [1, 2, "thirteen"], "text", ["1", "2", "thirteen"]),
        ("text", ["yes", "no"], "text", ["yes", "no"]),
        ("label", ["red", "blue", "red"], "label", ["red", "blue", "red"]),
        ("label", ["yes", "no", "perhaps"], "label", ["yes", "no", "perhaps"]),
        ("label", ["unknown", "known"], "label", ["unknown", "known"]),
        ("letter", ["a", "(B)", "C."], "letter", ["A", "B", "C"]),
        ("yes-no", ["True", "no"], "yes-no", ["yes", "no"]),
        ("number", ["1", "$2"], "number", ["1", "2"]),
    ],
)
def test_how_answers_are_read_may_be_said(
    tmp_path: Path, answer: str, answers: list[Any], name: str, wanted: list[str]
) -> None:
    file = write(tmp_path / "own.jsonl", questions(*answers))
    for spec in (f"{file}:answer={answer}", f"{file}(answer={answer})", answered(file, answer)):
        task = get_task(spec)
        assert (task.name, task.format.name, targets(task)) == (f"own:answer={answer}", name, wanted)
        perfect(task)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (":answer=number", r"line 2: the answer 'x' is not a number, as answer=number asks"),
        (":answer=yes-no", r"line 1: the answer '1' is not yes or no"),
        (":answer=letter", r"line 1: the answer '1' is not a letter"),
        (":answer=numbr", "did you mean number"),
        (":anser=text", "did you mean answer"),
        (":answer", "key=value"),
    ],
)
def test_a_mistake_in_what_is_said_is_named(tmp_path: Path, given: str, named: str) -> None:
    file = write(tmp_path / "own.jsonl", questions("1", "x", "2"))
    with pytest.raises(UserError, match=named):
        get_task(file + given)


def test_choices_are_answered_by_letters_alone(tmp_path: Path) -> None:
    file = write(tmp_path / "own.jsonl", questions("A", choices=["r", "b"]))
    assert get_task(f"{file}:answer=letter").format is LETTER
    with pytest.raises(UserError, match="has choices"):
        get_task(f"{file}:answer=text")


def kshot(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def bench(tmp_path: Path, *args: str) -> Result:
    return kshot("bench", "--strategy", "zero-shot", "--engine", "scripted", "--runs", str(tmp_path / "runs"), *args)


def test_the_command_says_how_answers_are_read_and_a_resume_agrees(tmp_path: Path) -> None:
    file = write(tmp_path / "own.jsonl", questions(1, 2, "thirteen", 4))
    refused = bench(tmp_path, "--task", file, "--run", "r")
    assert refused.exit_code == 2 and "--answer text" in refused.output
    for _ in range(2):
        done = bench(tmp_path, "--task", file, "--answer", "text", "--run", "r")
        assert done.exit_code == 0, done.output
    changed = bench(tmp_path, "--task", file, "--answer", "label", "--run", "r")
    assert changed.exit_code == 0, changed.output  # another task, which the run takes beside it
    with Journal.read(tmp_path / "runs" / "r") as journal:
        assert len({record.task for record in journal.records()}) == 2


@pytest.mark.parametrize(
    ("task", "answer", "named"),
    [
        ("coin-flip", "text", "format of its own"),
        ("own.jsonl:answer=text", "text", "already"),
        ("own.jsonl", "words", "'words'"),
    ],
)
def test_an_answer_that_cannot_be_said_is_named(tmp_path: Path, task: str, answer: str, named: str) -> None:
    write(tmp_path / "own.jsonl", questions("x"))
    result = bench(tmp_path, "--task", str(tmp_path / task) if "own" in task else task, "--answer", answer)
    assert result.exit_code == 2 and named in result.output, result.output


# ---------------------------------------------------------------- damage

DAMAGED: list[tuple[str, str]] = [
    ('{"question": "a", "answer": ' + "7" * 5000 + "}\n", r"line 1: a number has more than 4,300 digits"),
    ('{"question": "a", "answer": "x", "n": -' + "7" * 5000 + "}\n", r"line 1: a number has more than 4,300 digits"),
    ('{"question": "a\\ud83d", "answer": "x"}\n', r"line 1: it holds half of a character"),
    ('{"question": "a", "answer": "\\uDC00"}\n', r"line 1: it holds half of a character"),
    ('{"id": "\\ud800", "question": "a", "answer": "x"}\n', r"line 1: it holds half of a character"),
    ('{"text": "a", "label": "\\udfff\\ud800"}\n', r"line 1: it holds half of a character"),
    ('{"question": "a", "answer": "x", "deep": ' + "[" * 100_000 + "}\n", r"line 1: nested too deeply"),
    ('{"question": "a", "answer": ' + "[" * 500 + "]" * 500 + "}\n", r"line 1: the field 'answer' is a list"),
    ('{"id": ["x"], "question": "a", "answer": "x"}\n', r"line 1: the field 'id' is a list"),
    ('{"question": "a", "answer": "x", "rationale": {"a": 1}}\n', r"line 1: the field 'rationale' is a dict"),
    ('{"question": "a", "answer": "A", "choices": [["r"], "b"]}\n', r"line 1: a choice is a list"),
]


@pytest.mark.parametrize(("text", "named"), DAMAGED, ids=[named for _, named in DAMAGED])
def test_damage_is_named_by_its_line(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "own.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"own\.jsonl, {named}") as caught:
        get_task(str(tmp_path / "own.jsonl"))
    assert len(str(caught.value)) < 600


def test_a_whole_pair_is_one_character(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_text('{"question": "\\ud83d\\ude00?", "answer": "x"}\n')
    assert every(get_task(str(tmp_path / "own.jsonl")))[0].question == "\U0001f600?"


def test_the_name_of_a_file_is_no_markup(tmp_path: Path) -> None:
    (tmp_path / "[").mkdir()
    file = write(tmp_path / "[" / "red]x.jsonl", questions(*range(1, 5)))
    done = bench(tmp_path, "--task", file, "--run", "r", "--strategy", "few-shot:k=1")
    assert done.exit_code == 0, done.output
    assert "[/red]x.jsonlhasnotrainfile" in "".join(done.output.split())  # a long path is wrapped anywhere


@pytest.mark.parametrize("name", ["data.xlsx", "data.log", "folder/data", "data.csv.zip", "my_task.py"])
def test_a_name_of_another_kind_says_what_can_be_read(tmp_path: Path, name: str) -> None:
    result = bench(tmp_path, "--task", name)
    assert result.exit_code == 2
    assert f"unknown task {name!r}" in result.output and "Traceback" not in result.output
    for kind in ("NAME", "FILE.csv", "FILE.jsonl", "FILE.parquet", "hub:OWNER/NAME", "FILE.py:NAME"):
        assert kind in result.output
    assert "addsub" not in result.output


@pytest.mark.parametrize(
    "text",
    [
        "import sys\nsys.exit(0)\n",
        "raise BaseException('no')\n",
        "import sys\ndef own():\n    sys.exit(0)\n",
        "raise GeneratorExit\n",
    ],
)
def test_a_file_that_exits_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.py").write_text(text)
    result = bench(tmp_path, "--task", f"{tmp_path / 'own.py'}:own")
    assert result.exit_code == 2 and "own.py" in result.output and "mend the file" in result.output
    if "def own" not in text:
        strategy = f"{tmp_path / 'own.py'}:own"
        result = kshot("bench", "--task", "coin-flip", "--strategy", strategy, "--engine", "scripted")
        assert result.exit_code == 2 and "could not be loaded" in result.output


def test_bbh_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"bbh:name=NAME.*boolean_expressions.*word_sorting"):
        get_task("bbh")
    assert get_task("bbh:name=word_sorting").name == "bbh:name=word_sorting"


# ---------------------------------------------------------------- a resumed run


def test_a_run_goes_on_with_the_same_samples_only(tmp_path: Path) -> None:
    rows = questions(*range(1, 7))
    write(tmp_path / "train.jsonl", questions(7))
    file = write(tmp_path / "own.jsonl", rows)

    def run() -> None:
        run_benchmark(load_plan(Plan((file,), ("zero-shot",))), ScriptedEngine(lambda _: "1"), tmp_path / "run")

    run()
    run()
    for changed, said in (
        (rows[:4], "'own-4' is gone"),
        ([*rows, {"question": "q9", "answer": 9}], "'own-6' is new"),
        ([{**rows[0], "answer": 5}, *rows[1:]], "'own-0' differs"),
    ):
        write(tmp_path / "own.jsonl", changed)
        with pytest.raises(UserError, match=rf"the samples of own are not .*{said}.*another --run name"):
            run()
    write(tmp_path / "own.jsonl", rows)
    run()


# ---------------------------------------------------------------- every task is held to it

HELD = """
from kshot.eval.answers import NUMBER, TEXT, YES_NO, exact, labels, numeric
from kshot.types import AnswerFormat, Extraction, Sample, Score, Task

def made(target, form=TEXT, score=exact, **fields):
    return Task("own", lambda split, source: [Sample("s1", "q", "red" if form is TEXT else target, **fields),
                                              Sample("s2", "q2", target, **fields)], form, score)

words = made("The Beatles.")
lines = made("one\\ntwo")
number = made("3,5", NUMBER, numeric)
apples = made("7 apples", NUMBER, numeric)
label = made("maybe", YES_NO)
typed = made(3, NUMBER, numeric)
shouting = made("RED", score=lambda answer, sample: Score(float(answer == sample.target), True))
failing = made("red", score=lambda answer, sample: Score(sample.missing, True))
untold = Task("own", lambda split, source: [Sample("s1", "q", "")], TEXT, lambda answer, sample: Score(0.5, True))
half = made("red", score=lambda answer, sample: Score(0.5, True))
asking = made("5", NUMBER, numeric, rationale="So the answer is 6.\\nQ: And now?")
broken = made("red", AnswerFormat("own", "i", "t", lambda text, choices: Extraction(text), "The answer is {x}."))
other = Task("own", lambda split, source: ["s1"], TEXT, exact)
unloaded = Task("own", lambda split, source: [][0], TEXT, exact)
"""


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("lines", r"sample 's2': of the target 'one\\ntwo' only 'one' is read"),
        ("number", r"sample 's1': the target '3,5' is more than a number"),
        ("apples", r"sample 's1': the target '7 apples' is more than a number"),
        ("label", r"sample 's1': a reply of the target 'maybe' is read as no answer"),
        ("typed", r"gave Sample\(id='s1', .*target=3, .*: texts, .* make a sample; mend the file"),
        ("shouting", r"sample 's1'.*'red'|sample 's2': a reply of the target 'RED' is read as 'red'"),
        ("failing", r"sample 's1': its score failed \(AttributeError"),
        ("half", r"sample 's1': a reply of the target 'red' is read as 'red', which does not score 1"),
        ("asking", r"sample 's1': its rationale with the answer behind it is read as '6'"),
        ("broken", r"the statement 'The answer is \{x\}\.'"),
        ("other", r"gave a str among its samples"),
        ("unloaded", r"failed: IndexError"),
    ],
)
def test_a_task_of_ones_own_is_held_to_it(tmp_path: Path, name: str, named: str) -> None:
    (tmp_path / "own.py").write_text(HELD)
    task = get_task(f"{tmp_path / 'own.py'}:{name}")
    with pytest.raises(UserError, match=named):
        task.load("train", Source())
    if name != "asking":  # a rationale is shown by exemplars only
        with pytest.raises(UserError, match=named):
            load_plan(Plan((f"{tmp_path / 'own.py'}:{name}",), ("zero-shot",)))


def test_words_of_a_task_of_ones_own_are_read_as_replies_are(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(HELD)
    task = get_task(f"{tmp_path / 'own.py'}:words")
    perfect(task)
    assert every(task)[1].target == "The Beatles."
    assert [s.target for s in get_task(f"{tmp_path / 'own.py'}:untold").load("test", Source())] == [""]


@pytest.mark.parametrize(
    ("spec", "path", "row"),
    [
        ("svamp", "svamp/test.jsonl", {"question": "q", "answer": "3,5"}),
        ("aqua", "aqua/test.jsonl", {"question": "q", "answer": 2, "choices": ["1", "2", "3"]}),
        ("sst2", "sst2/test.jsonl", {"text": "t", "label": "poor"}),
        ("bbh:name=word_sorting", "bbh/word_sorting.jsonl", {"question": "q", "answer": "one\ntwo"}),
    ],
)
def test_a_row_of_a_public_set_is_named_by_its_line(tmp_path: Path, spec: str, path: str, row: dict[str, Any]) -> None:
    (tmp_path / path).parent.mkdir()
    write(tmp_path / path, [row])
    with pytest.raises(UserError, match=rf"{path}, line 1: "):
        task = get_task(spec)
        [task.load(split, Source(data=tmp_path)) for split in ("test", "train")]


# ---------------------------------------------------------------- what is not read, since nothing can be read into it

SENTENCE_WORDS = """
the a an of to is are was be been not no yes and or but because since as if so it he she we you i that this answer final
correct right choice unknown unclear none nothing perhaps depends cannot can would must equals means becomes sure okay
paris blue river song cat dog in on at for with from by about there here what which who how when why letter option
"""
NASTY = SENTENCE_WORDS.split()


@given(st.from_regex(PLAIN[NUMBER.extract], fullmatch=True))
def test_a_plain_number_is_itself_in_every_reply(target: str) -> None:
    sample = Sample("s", "q", target)
    assert is_plain(sample, NUMBER, numeric) and number_of(target) in (target, target.removeprefix("-"))
    for reply in replies_to(target, NUMBER):
        assert numeric(NUMBER.extract(reply, ()).answer, sample).value == 1


@given(st.lists(st.sampled_from(["I_WALK", "I_LOOK", "I_RUN", "I_JUMP", "I_TURN_LEFT", "I_TURN_RIGHT"]), min_size=1))
def test_plain_actions_are_themselves_in_every_reply(actions: list[str]) -> None:
    sample = Sample("s", "q", " ".join(actions))
    assert is_plain(sample, ACTIONS, exact)
    for reply in replies_to(sample.target, ACTIONS):
        assert ACTIONS.extract(reply, ()).answer == sample.target


CHOICE = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*string.ascii_uppercase, "(A)", "B.", "The answer is", "(B).", "answer", "is (C)", ""]),
    st.lists(st.sampled_from(NASTY), max_size=4).map(" ".join),
)


@given(st.lists(CHOICE, min_size=2, max_size=6), st.data())
def test_a_letter_is_itself_whatever_the_choices_say(choices: list[str], data: st.DataObject) -> None:
    letter = data.draw(st.sampled_from(string.ascii_uppercase[: len(choices)]))
    sample = Sample("s", "q", letter, choices=tuple(choices))
    assert is_plain(sample, LETTER, exact) != any("(" in choice for choice in choices)
    assert not is_plain(Sample("s", "q", chr(65 + len(choices)), choices=tuple(choices)), LETTER, exact)
    for reply in replies_to(letter, LETTER) if is_plain(sample, LETTER, exact) else ():
        assert LETTER.extract(reply, sample.choices).answer == letter


DIGITS = ["0", "1", "7", "10", "2024", "90210", "A320", "x2", "5th", "1st", "mp3"]
SAID = st.lists(
    st.sampled_from([*NASTY, *(word.capitalize() for word in NASTY), *DIGITS]), min_size=1, max_size=6
).map(" ".join).filter(lambda text: perfect_words.fullmatch(text) is not None)  # fmt: skip


@settings(max_examples=500)
@given(SAID)
def test_words_that_are_read_as_themselves_alone_are_so_when_stated(target: str) -> None:
    alone, stated = (TEXT.extract(reply, ()).answer for reply in replies_to(target, TEXT))
    assert alone != target.lower() or stated == alone


@settings(max_examples=300)
@given(SAID)
def test_which_digits_stand_among_words_is_of_no_account(target: str) -> None:
    other = DIGIT.sub("1", target)
    assert is_itself(target) == is_itself(other)


# ---------------------------------------------------------------- any file at all

NUMBERS = st.one_of(
    st.integers(-(10**18), 10**18),
    st.integers(-(10**6), 10**6).map("{:,}".format),
    st.floats(allow_nan=True, allow_infinity=True),
    st.decimals(-1000, 1000, places=3).map(str),
    st.sampled_from(
        ["1e5", "3,5", "1,2,3", "50%", "$3.20", "\u00bd", "1/3", "1/0", "-.5", "+7", "07", "\u0663", "5.", "NaN"]
    ),
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [*WORDS, "#### 3", "a|b", "a||b", "answer: 7", "unknown", "line\nline", "One. Two.", "\\boxed{4}", "<think>"]
    ),
    st.lists(st.sampled_from(NASTY), min_size=1, max_size=4).map(" ".join),
)
FEW = st.sampled_from(["yes", "No", "true", "False", "A", "(b)", "spam", "ham", "-1", "0.0", "1.0"])
ANSWER = st.one_of(NUMBERS, TEXTS, FEW, st.booleans(), st.sampled_from([0, 1, 0.0, 1.0, -1, None, [], {}, "", " "]))
ROW = st.fixed_dictionaries(
    {"question": st.text(min_size=1, max_size=5)},
    optional={
        "rationale": st.one_of(TEXTS, st.sampled_from(["Q: a\nA: b", "1\nQ: 2?", "<think>", "[x", 5, None])),
        "choices": st.lists(st.one_of(TEXTS, st.integers(0, 4)), min_size=1, max_size=4),
    },
)  # fmt: skip


@st.composite
def files(draw: st.DrawFn) -> Rows:
    """Rows of mostly one kind, with their choices or without, and an odd one now and then."""
    kind = draw(st.sampled_from([NUMBERS, TEXTS, FEW, st.booleans(), st.integers(0, 3), ANSWER]))
    field, choices = draw(st.sampled_from(["answer", "label"])), draw(st.booleans())
    rows: Rows = []
    for _ in range(draw(st.integers(1, 12))):
        row = draw(ROW)
        if not choices:
            row.pop("choices", None)
        rows.append({**row, field: draw(ANSWER if draw(st.integers(0, 9)) == 0 else kind)})
    return rows


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=files(), said=st.sampled_from(["", "", "", ":answer=text", ":answer=label", ":answer=number"]))
def test_any_file_is_a_task_that_can_be_won_or_an_error_of_a_row(tmp_path: Path, rows: Rows, said: str) -> None:
    file = write(tmp_path / "own.jsonl", rows)
    try:
        task = get_task(file + said)
    except UserError as error:
        assert "own.jsonl" in str(error)
        assert "line " in str(error) or "all labels are -1" in str(error) or "has choices" in str(error), error
        return
    perfect(task)
    assert len(every(task)) == len(rows)


@pytest.mark.parametrize("kind", ["number", "letter", "label", "text"])
def test_a_large_file_is_held_to_it_whole(tmp_path: Path, kind: str) -> None:
    answer = {
        "number": lambda n: {"answer": f"${n:,}.50"},
        "letter": lambda n: {"answer": "ABCD"[n % 4], "choices": [f"{n}", f"not {n}", "both", "neither"]},
        "label": lambda n: {"label": ("spam", "ham")[n % 2]},
        "text": lambda n: {"answer": f"{NASTY[-1 - n % 30]} song by {chr(97 + n % 26)}{chr(97 + n // 26 % 26)}x"},
    }[kind]
    file = write(tmp_path / "own.jsonl", [{"question": f"q{n}", **answer(n)} for n in range(20_000)])
    assert len(every(get_task(file))) == 20_000


def test_a_score_of_words_is_a_value() -> None:
    assert AsRead(TEXT) == AsRead(TEXT)
    assert AsRead(TEXT)("the beatles", Sample("s", "q", "The Beatles.")).value == 1
