"""A user's own task: JSONL without code, a Python file, and every mistake in them named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import get_task
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.types import Source, UserError

Rows = list[dict[str, Any]]


def write(path: Path, rows: Rows) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def numbered(count: int, **fields: Any) -> Rows:
    return [{"question": f"What is {n} + 1?", "answer": str(n + 1), **fields} for n in range(count)]


def test_the_name_is_the_stem_and_the_first_rows_are_the_pool(tmp_path: Path) -> None:
    task = get_task(write(tmp_path / "sums.jsonl", numbered(20)))
    assert task.name == "sums"
    train, test = task.load("train", Source()), task.load("test", Source())
    assert [s.target for s in train] == [str(n) for n in range(1, 9)]
    assert [s.target for s in test] == [str(n) for n in range(9, 21)]
    assert len(task.load("test", Source(limit=3))) == 3


@pytest.mark.parametrize("beside", ["train.jsonl", "sums.train.jsonl"])
def test_a_train_file_beside_it_is_the_pool(tmp_path: Path, beside: str) -> None:
    write(tmp_path / beside, [{"question": "2 + 2?", "answer": "4", "rationale": "Two and two make 4."}])
    task = get_task(write(tmp_path / "sums.jsonl", numbered(5)))
    [exemplar] = task.load("train", Source())
    assert (exemplar.question, exemplar.target, exemplar.rationale) == ("2 + 2?", "4", "Two and two make 4.")
    assert len(task.load("test", Source())) == 5


@pytest.mark.parametrize(
    ("rows", "name", "reply", "answer"),
    [
        (numbered(12), "number", "That makes 12. The answer is 12.", "12"),
        (
            [{"question": f"q{n}", "answer": ("yn"[n % 2] == "y" and "yes") or "no"} for n in range(12)],
            "yes-no",
            "No.",
            "no",
        ),
        (
            [{"question": f"q{n}", "choices": ["red", "blue"], "answer": "AB"[n % 2]} for n in range(12)],
            "letter",
            "The answer is (B).",
            "B",
        ),
        ([{"text": f"t{n}", "label": ["spam", "ham"][n % 2]} for n in range(12)], "label", "It is ham.", "ham"),
        ([{"question": f"q{n}", "answer": f"word {n}"} for n in range(12)], "text", "The answer is Rome.", "rome"),
    ],
)
def test_the_format_is_told_from_the_answers(tmp_path: Path, rows: Rows, name: str, reply: str, answer: str) -> None:
    task = get_task(write(tmp_path / "own.jsonl", rows))
    assert task.format.name == name
    choices = tuple(rows[0].get("choices", ()))
    assert task.format.extract(reply, choices).answer == answer
    for sample in task.load("test", Source()):
        found = task.format.extract(task.format.statement.format(answer=sample.target), sample.choices)
        assert task.score(found.answer, sample).value == 1


def test_a_choice_may_be_answered_by_its_text(tmp_path: Path) -> None:
    rows = [{"question": f"q{n}", "choices": ["red", "blue"], "answer": "blue"} for n in range(12)]
    assert {s.target for s in get_task(write(tmp_path / "own.jsonl", rows)).load("test", Source())} == {"B"}


@pytest.mark.parametrize(
    ("answers", "name", "targets"),
    [
        (["1,000", "$2.50", "-3", "1/2", 7, 5.0], "number", ["1000", "2.5", "-3", "0.5", "7", "5"]),
        (["2020-01-05", "12:30", "3"], "text", ["2020-01-05", "12:30", "3"]),
        (["Yes", "no", "NO"], "yes-no", ["yes", "no", "no"]),
        ([True, False, True], "yes-no", ["yes", "no", "yes"]),
        (["7 apples", "8"], "text", ["7 apples", "8"]),
        (["Paris", "Rome|Roma"], "text", ["Paris", "Rome|Roma"]),
    ],
)
def test_targets_are_canonical_and_dates_no_numbers(
    tmp_path: Path, answers: list[Any], name: str, targets: list[str]
) -> None:
    write(tmp_path / "train.jsonl", [{"question": "an exemplar", "answer": answers[0]}])
    task = get_task(write(tmp_path / "own.jsonl", [{"question": f"q{n}", "answer": a} for n, a in enumerate(answers)]))
    assert task.format.name == name
    samples = task.load("test", Source())
    assert [sample.target for sample in samples] == targets
    for sample in samples:
        for answer in sample.target.split("|"):
            found = task.format.extract(task.format.statement.format(answer=answer), ())
            assert task.score(found.answer, sample).value == 1


def test_a_byte_order_mark_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "own.jsonl").write_bytes(b'\xef\xbb\xbf{"question": "a", "answer": "x", "id": null}\n')
    [sample] = get_task(str(tmp_path / "own.jsonl")).load("test", Source())
    assert (sample.id, sample.target) == ("own-0", "x")


BROKEN: list[tuple[str, str]] = [
    ('{"question": "a", "answer": "1"}\n{"question": \n', r"own\.jsonl.*2"),
    ('{"question": "a", "answer": "1"}\n["list"]\n', r"own\.jsonl.*2"),
    ('{"question": "a", "answer": "1"}\n{"question": "b"}\n', r"own\.jsonl.*2.*answer"),
    ('{"answer": "1"}\n', r"own\.jsonl.*1.*question"),
    ('{"id": "x", "question": "a", "answer": "1"}\n{"id": "x", "question": "b", "answer": "2"}\n', r"own\.jsonl.*2.*x"),
    ("", r"own\.jsonl.*empty"),
    ('{"question": "a", "choices": ["r", "b"], "answer": "C"}\n', r"own\.jsonl.*1.*C"),
    ('{"question": "a", "choices": "r", "answer": "A"}\n', r"own\.jsonl.*1.*choices"),
    ('{"question": "a", "choices": ["r", "b"]}\n', r"own\.jsonl.*1.*answer"),
    (
        '{"question": "a", "choices": ["r", "b"], "answer": "A"}\n{"question": "b", "answer": "A"}\n',
        r"own\.jsonl.*line 2.*choices.*line 1",
    ),
    ('{"question": "a", "answer": ""}\n', r"own\.jsonl.*1.*answer.*empty"),
    ('{"question": "a", "answer": ["x", ["y"]]}\n', r"own\.jsonl.*1.*answer.*list"),
    ('{"question": "   ", "answer": "x"}\n', r"own\.jsonl.*1.*question.*empty"),
]


@pytest.mark.parametrize(("text", "named"), BROKEN)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, named: str) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=named):
        get_task(str(file))


def test_a_file_that_is_not_there_or_not_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gone"):
        get_task(str(tmp_path / "gone.jsonl"))
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "caf\xe9", "answer": "1"}\n')
    with pytest.raises(UserError, match="UTF-8"):
        get_task(str(tmp_path / "latin.jsonl"))


def test_a_label_that_only_the_pool_has_is_named(tmp_path: Path) -> None:
    write(tmp_path / "train.jsonl", [{"text": "t", "label": "other"}])
    spec = write(tmp_path / "own.jsonl", [{"text": f"t{n}", "label": "spam"} for n in range(3)])
    with pytest.raises(UserError, match="other"):
        get_task(spec)


SOURCE = """
from kshot.eval.answers import NUMBER, numeric
from kshot.types import Sample, Task

def rows(split, source):
    return [Sample(f"{split}-0", "1 + 1?", "2")]

ready = Task("ready", rows, NUMBER, numeric)

def made(*, size: int = 1) -> Task:
    return Task(f"made-{size}", lambda split, source: rows(split, source) * size, NUMBER, numeric)

wrong = 3

def none():
    return None

def fails():
    return [][0]

def needy(path):
    return ready

def greedy(**options):
    return ready
"""


def test_a_python_file_gives_a_task_or_a_function_of_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SOURCE)
    assert get_task(f"{file}:ready").load("test", Source())[0].target == "2"
    assert get_task(f"{file}:ready").name == f"{file}:ready"
    assert get_task(f"{file}:made:size=1").name == f"{file}:made"
    assert get_task(f"{file}:made(size=3)").name == f"{file}:made:size=3"
    assert len(get_task(f"{file}:made").load("test", Source())) == 1
    assert len(get_task(f"{file}:made:size=3").load("test", Source())) == 3


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("redy", "redy"),
        ("wrong", "neither a Task"),
        ("none", "NoneType"),
        ("made:sise=3", "size"),
        ("made:size=big", "whole number"),
        ("ready:size=3", "takes no parameter 'size'"),
        ("none:size=3", "takes none"),
        ("fails", "IndexError"),
        ("needy", "path"),
        ("greedy", "options"),
    ],
)
def test_a_mistake_in_a_python_file_is_named(tmp_path: Path, name: str, named: str) -> None:
    file = tmp_path / "mine.py"
    file.write_text(SOURCE)
    with pytest.raises(UserError, match=named):
        get_task(f"{file}:{name}")


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ("[Sample('1', 'q', '4'), Sample('2', 'p', '4'), Sample('1', 'r', '4')]", "2 samples of .* have the id '1'"),
        ("[Sample(1, 'q', '4')]", r"gave Sample\(id=1, .* make a sample"),
        ("[Sample('1', None, '4')]", "make a sample"),
        ("[Sample('1', 'q', 4)]", "make a sample"),
        ("[Sample('1', 'q', 'A', choices=['a', 'b'])]", "choices as a tuple"),
        ("[Sample('1', 'q', 'A', choices=('a', 5))]", "make a sample"),
    ],
)
def test_samples_of_a_python_file_are_told_apart(tmp_path: Path, samples: str, said: str) -> None:
    (tmp_path / "mine.py").write_text(f"{SOURCE}\nodd = Task('odd', lambda *_: {samples}, NUMBER, numeric)\n")
    with pytest.raises(UserError, match=said):
        load_plan(Plan((f"{tmp_path}/mine.py:odd",), ("zero-shot",)))


def test_an_own_score_is_a_number_or_several_by_metric(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from kshot.eval.answers import TEXT\n"
        "from kshot.types import Sample, Score, Task\n"
        "def load(split, source):\n"
        "    return [Sample('a', 'Say a', 'a')]\n"
        "def closeness(answer, sample):\n"
        "    return Score({'a': 1, None: 0}.get(answer, 0.25), answer is not None)\n"
        "def both(answer, sample):\n"
        "    return Score({'closeness': closeness(answer, sample).value, 'length': 1}, answer is not None)\n"
        "number = Task('number', load, TEXT, closeness)\n"
        "several = Task('several', load, TEXT, both)\n"
    )
    names = [f"{tmp_path / 'own.py'}:{name}" for name in ("number", "several")]
    run_benchmark(load_plan(Plan(tuple(names), ("zero-shot",))), ScriptedEngine(lambda request: "b"), tmp_path / "run")
    with Journal.read(tmp_path / "run") as journal:
        scores = {record.task: record.score for record in journal.records()}
    assert [dict(scores[name].values) for name in names] == [{"accuracy": 0.25}, {"closeness": 0.25, "length": 1.0}]
    assert [score.value for score in scores.values()] == [0.25, 0.25]
