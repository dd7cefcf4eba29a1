"""Any data at all: it is a task whose every target reads as itself, or an error that names the file and the place."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kshot.eval.tasks import get_task
from kshot.types import Sample, Source, Task, UserError
from tests.eval.tasks.source.test_shapes import perfect

Rows = list[dict[str, Any]]
NAMES = [
    *("question", "answer", "label", "text", "choices", "options", "A", "B", "C", "a", "b", "option1", "option2", "id"),
    *("context", "premise", "hypothesis", "instruction", "input", "output", "messages", "answers", "answerKey", "line"),
    *(
        "rationale",
        "question.x",
        "答案",
        "问题",
        "",
        "solution",
        "label_text",
        "target",
        "cluster",
        "qas",
        "paragraphs",
    ),
]
PLAIN = st.one_of(
    st.sampled_from(
        ["Paris", "a|b", "A", "B", "2", "0", "1", "-1", "007", "true", "No", "", " ", "x\ny", "#### 3", '"', "=1"]
    ),
    st.integers(-2, 5),
    st.sampled_from([0.5, 1.0, float("nan"), float("inf"), True, False, None, 10**30]),
    st.text(max_size=6),
)
NESTED = st.one_of(
    st.lists(PLAIN, max_size=4),
    st.fixed_dictionaries({"text": st.lists(PLAIN, max_size=3), "label": st.lists(PLAIN, max_size=3)}),
    st.dictionaries(st.sampled_from(["A", "B", "C", "text", "label", "stem", "role", "content"]), PLAIN, max_size=3),
    st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "system", "x", None]), "content": PLAIN}
        ),
        max_size=4,
    ),
)  # fmt: skip


@st.composite
def tables(draw: st.DrawFn) -> Rows:
    """Rows whose columns are mostly of one kind each."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=6, unique=True))
    usual = draw(st.sampled_from([(), ("question", "answer"), ("question", "answer", "choices"), ("text", "label")]))
    names = list(dict.fromkeys([*usual, *names]))
    kinds = {
        name: draw(st.sampled_from([PLAIN, PLAIN, NESTED, st.sampled_from(["yes", "no"]), st.integers(0, 3)]))
        for name in names
    }
    rows = []
    for _ in range(draw(st.integers(1, 6))):
        odd = draw(st.integers(0, 9)) == 0
        rows.append({name: draw(st.one_of(PLAIN, NESTED) if odd else kind) for name, kind in kinds.items()})
    return rows


def write(rows: Rows, path: Path) -> None:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text(json.dumps(rows) if path.suffix == ".json" else "".join(json.dumps(row) + "\n" for row in rows))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=tables(), ending=st.sampled_from(["csv", "json", "jsonl"]))
def test_any_table_is_a_task_that_can_be_won_or_an_error_of_a_place(tmp_path: Path, rows: Rows, ending: str) -> None:
    path = tmp_path / f"own.{ending}"
    write(rows, path)
    try:
        task = get_task(str(path))
    except UserError as error:
        assert "own." in str(error) and len(str(error)) < 1000
        return
    perfect(task)
    whole = (task.undivided or task).load("test", Source())
    assert all(isinstance(text, str) for sample in whole for pair in sample.fields for text in pair)
    assert all(sample.target and sample.question.strip() for sample in whole)


def samples(path: Path) -> list[Sample]:
    task: Task = get_task(f"{path}:exemplars=0")
    return list(task.load("test", Source()))


@pytest.mark.parametrize("form", ["number", "text", "letter", "index", "label"])
def test_every_kind_of_file_says_the_same(tmp_path: Path, form: str) -> None:
    """Written by other libraries, the same rows are the same samples."""
    import datasets
    import pandas

    drawn = random.Random(0)
    cities = ["Paris", "Oslo", "Rome", "Bern"]
    answer = {
        "number": lambda n: {"answer": n * 7},
        "text": lambda n: {"answer": f"{cities[n % 4]} {'x' * (n % 9 + 1)}"},
        "letter": lambda n: {"answer": "ABCD"[n % 4], **dict(zip("ABCD", drawn.sample(cities, 4), strict=True))},
        "index": lambda n: {"answer": n % 4, **dict(zip("ABCD", drawn.sample(cities, 4), strict=True))},
        "label": lambda n: {"label": ["spam", "ham"][n % 2]},
    }[form]
    rows = [{"question": f'Is "{n}", {n}; so?\nÅ', "topic": f"0{n}", **answer(n)} for n in range(40)]
    frame = pandas.DataFrame(rows)
    frame.to_csv(tmp_path / "own.csv", index=False)
    frame.to_csv(tmp_path / "own.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "own.parquet")
    frame.to_json(tmp_path / "own.json", orient="records")
    frame.to_json(tmp_path / "own.jsonl", orient="records", lines=True)
    frame.to_csv(tmp_path / "own.csv.gz", index=False)
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "own")
    wanted = samples(tmp_path / "own.jsonl")
    assert [sample.question for sample in wanted] == [row["question"] for row in rows]
    for name in ("own.csv", "own.tsv", "own.parquet", "own.json", "own.csv.gz", "own"):
        assert samples(tmp_path / name) == wanted, name


@pytest.mark.parametrize("odd", ["nine", "", "07", "1|2", "NaN", "yes"])
def test_one_row_never_changes_how_the_others_are_read(tmp_path: Path, odd: str) -> None:
    """A column is of one type: the odd row is named, wherever it stands, or the others stay as they were."""
    path = tmp_path / "own.csv"
    for at in (0, 7, 14):
        answers = [str(n) for n in range(3, 18)]
        answers[at] = odd
        path.write_text("question,answer\n" + "".join(f"q{n},{answer}\n" for n, answer in enumerate(answers)))
        with pytest.raises(UserError, match=rf"own\.csv, line {at + 2}: .*(not a number|missing)"):
            get_task(str(path))


@pytest.mark.parametrize("odd", ["4", "7", "B", "Rome", "", "-1"])
def test_one_row_never_changes_how_indices_count(tmp_path: Path, odd: str) -> None:
    path = tmp_path / "own.csv"
    for at in (0, 7, 14):
        answers = [str(n % 4) for n in range(15)]
        answers[at] = odd
        rows = "".join(f"q{n},Paris,Oslo,Rome,Bern,{answer}\n" for n, answer in enumerate(answers))
        path.write_text(f"question,A,B,C,D,answer\n{rows}")
        with pytest.raises(UserError, match=rf"own\.csv, line {at + 2}: "):
            get_task(str(path))
