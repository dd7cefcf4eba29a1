"""A user's own files that cannot be read rightly: one sentence each, which names the file, the row and the field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kshot.cli import main
from kshot.eval.tasks import get_task
from kshot.types import Source, UserError


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def choose(answers: list[Any], choices: list[str], **more: Any) -> str:
    return lines(*({"question": f"q{n}", "choices": choices, "answer": a, **more} for n, a in enumerate(answers)))


NUMBERS, CITIES = ["1", "2", "3", "4"], ["Paris", "Oslo", "Rome", "Bern"]
REFUSED: list[tuple[str, str | bytes, str]] = [
    ("gone.csv", "", r"gone\.csv is empty"),
    ("header.csv", "question,answer\n", r"header\.csv has no row under its header"),
    ("short.csv", "question,answer\na,b\nc\n", r"short\.csv, line 3: it has 1 cells and the header 2"),
    ("long.csv", "question,answer\na,b,c\n", r"long\.csv, line 2: it has 3 cells"),
    ("open.csv", 'question,answer\na,b\n"c,d\ne,f\n', r"open\.csv, line 3: its quotes do not close"),
    ("inner.csv", 'question,answer\n"a "b" c",d\n', r"inner\.csv, line 2: its quotes do not close"),
    ("after.csv", 'question,answer\n"a\n\nb",c\nd,\n', r"after\.csv, line 5: the field 'answer' is missing"),
    ("blank.csv", "question,answer\n  ,x\n", r"blank\.csv, line 2: the field 'question' is empty"),
    ("pair.csv", "premise,hypothesis,label\na,b,x\nc,,y\n", r"pair\.csv, line 3: the field 'hypothesis' is missing"),
    (
        "multirc.csv",
        "paragraph,question,answer,label\na,b,c,0\na,b,d,1\n",
        r"multirc\.csv, line 2: both 'answer' and 'label'",
    ),
    ("twice.csv", "question,answer,answer\na,b,c\n", r"twice\.csv, line 1: the column 'answer' stands twice"),
    (
        "polish.csv",
        "question,answer\nGdzie?,Łódź\n".encode("cp1250"),
        r"polish\.csv is not UTF-8 text; save it as UTF-8 \(in Excel: CSV UTF-8\)",
    ),
    ("latin.jsonl", '{"question": "Wo?", "answer": "Zürich"}'.encode("latin-1"), r"latin\.jsonl is not UTF-8 text"),
    ("zero.csv", b"question,answer\na,b\0\n", r"zero\.csv is not UTF-8 text"),
    ("own.csv", "Frage,Loesung\nWer?,Rom\n", r"own\.csv, line 2: .*'Frage', 'Loesung'.*--field answer=COLUMN"),
    ("asked.csv", "topic,answer\nWer?,Rom\n", r"asked\.csv, line 2: .*--field question=COLUMN"),
    ("ids.csv", "id,question,answer\n007,a,b\n007,c,d\n", r"ids\.csv, line 3: the id '007' stands in line 2 already"),
    ("odd.csv", "question,answer\na,1\nb,2\nc,three\n", r"odd\.csv, line 4: the answer 'three' is not a number"),
    ("code.csv", "question,answer\na,1\nb,2\nc,07\n", r"code\.csv, line 4: the answer '07' is not a number"),
    ("nan.jsonl", '{"question": "a", "answer": NaN}\n', r"nan\.jsonl, line 1: the field 'answer' is nan"),
    ("bad.json", '[{"question": "a",\n "answer": }]', r"bad\.json, line 2: not valid JSON"),
    ("list.json", '[["a", "b"]]', r"list\.json, row 1: it is a list and no object"),
    ("one.json", '{"a": 1}', r"one\.json holds one object and no list of rows"),
    ("two.json", '{"a": [{"q": 1}], "b": [{"q": 1}]}', r"two\.json holds several lists \(a, b\)"),
    ("text.json", '"a"', r"text\.json holds a str"),
    ("half.json", '[{"question": "\\ud83d", "answer": "a"}]', r"half\.json, row 1: it holds half of a character"),
    ("digits.json", f'[{{"question": "a", "answer": {"7" * 5000}}}]', r"digits\.json: a number has more than 4,300"),
    ("deep.json", "[" * 100_000, r"deep\.json is nested too deeply"),
    ("not.parquet", b"PAR1 no", r"not\.parquet is no whole Parquet file"),
    ("not.csv.gz", b"question,answer\n", r"not\.csv\.gz is no whole gzip file"),
    # ------------------------------------------------------------ choices and answers
    ("text.jsonl", choose([2, 1], NUMBERS), r"text\.jsonl, line 1: the answer 2 may be .*index 2 \('3'\).*'2'"),
    ("text.csv", "question,A,B,C,answer\nq,1,2,3,2\n", r"text\.csv, line 2: the answer 2 may be .*index 2 \('3'\)"),
    ("one.csv", "question,sol1,sol2,label\nq,a,b,1\nr,a,b,1\n", r"one\.csv, line 2: the answer 1 may be"),
    ("past.jsonl", choose([0, 1, 2, 3, 4], CITIES), r"past\.jsonl, line 5: the answer 4 is no index from 0 to 3"),
    ("zero.jsonl", choose([1, 2, 3, 4, 4, 4, 0], CITIES), r"zero\.jsonl, line 7: the answer 0 is no index from 1 to 4"),
    (
        "words.csv",
        "question,A,B,answer\nq,x,y,0\nr,x,y,1\ns,x,y,0\nt,x,y,B\n",
        r"words\.csv, line 5: the answer 'B' is no index from 0",
    ),
    (
        "key.jsonl",
        lines(
            *(
                {"question": "q", "choices": {"text": ["x", "y"], "label": ["1", "2"]}, "answerKey": key}
                for key in "123"
            )
        ),
        r"key\.jsonl, line 3: the answer '3' is none of the choices' labels 1, 2",
    ),
    (
        "letters.jsonl",
        choose(["A", "B"], ["B", "A", "C"]),
        r"letters\.jsonl, line 1: the answer 'A' may be the letter of",
    ),
    ("hole.csv", "question,A,B,C,answer\nq,x,,z,A\n", r"hole\.csv, line 2: the field 'B' has no text"),
    ("both.jsonl", choose([["A", "B"]], CITIES), r"both\.jsonl, line 1: the field 'answer' is a list"),
    ("bar.jsonl", lines({"question": "q", "answer": ["a|b", "c"]}), r"bar\.jsonl, line 1: .*'a\|b'.*parts answers"),
    ("lone.jsonl", lines({"question": "q", "answer": ["a|b"]}), r"lone\.jsonl, line 1: .*'a\|b'.*parts answers"),
    ("none.jsonl", lines({"question": "q", "answer": []}), r"none\.jsonl, line 1: the field 'answer' is a list of no"),
    ("inside.jsonl", lines({"question": "q", "answer": [["a"]]}), r"inside\.jsonl, line 1: .*a list that holds a list"),
    # ------------------------------------------------------------ talks
    ("tool.jsonl", lines({"messages": [{"role": "tool", "content": "a"}]}), r"tool\.jsonl, line 1: .*turn of 'tool'"),
    (
        "half.jsonl",
        lines({"messages": [{"role": "user", "content": "a"}]}),
        r"half\.jsonl, line 1: .*no turn of the assist",
    ),
    ("image.jsonl", lines({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}), r"line 1: .*no text"),
]


@pytest.mark.parametrize(("name", "content", "named"), REFUSED, ids=[name for name, _, _ in REFUSED])
def test_what_cannot_be_read_rightly_is_named(tmp_path: Path, name: str, content: str | bytes, named: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=f"(?s){named}") as caught:
        get_task(str(tmp_path / name))
    assert len(str(caught.value)) < 600 and str(caught.value).rstrip().endswith(".")


@pytest.mark.parametrize("name", ["data.xlsx", "data.log", "data.pkl", "data.toml", "data"])
def test_another_kind_of_file_is_told_what_can_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("question,answer\na,b\n")
    with pytest.raises(
        UserError, match=r"a file of another kind.*FILE\.csv.*FILE\.parquet.*save_to_disk.*hub:OWNER/NAME"
    ):
        get_task(str(tmp_path / name))
    with pytest.raises(UserError) as caught:
        get_task(str(tmp_path / name))
    assert ("to be saved as CSV" in str(caught.value)) == name.endswith("xlsx")


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (":questoin=Frage", "did you mean question"),
        (":question=Fragen,answer_column=Loesung", "'?Fragen'? names no column.*did you mean Frage"),
        (":question=Frage,answer_column=Loesung,split=test", "no split 'test'"),
        (":question=Frage,answer_column=Loesung,exemplars=two", "exemplars is 'two'"),
        (":question=Frage,answer_column=Loesung,exemplars=3", "has 3 rows, of which at least one is asked"),
        (":question=Frage,answer_column=Loesung,config=x", "no parameter 'config'"),
    ],
)
def test_a_mistake_in_what_is_said_of_data_is_named(tmp_path: Path, given: str, named: str) -> None:
    (tmp_path / "own.csv").write_text("Frage,Loesung\na,b\nc,d\ne,f\n")
    named = named.replace("'?Fragen'?", "question=Fragen")
    with pytest.raises(UserError, match=f"(?s){named}"):
        get_task(f"{tmp_path / 'own.csv'}{given}")


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--field", "question"], "is not FIELD=COLUMN"),
        (["--field", "frage=x"], "names no field"),
        (["--field", "question=Frage", "--field", "question=x"], "given twice"),
        (["--field", "question=Frage"], "--field answer=COLUMN"),
        (["--exemplars", "-1"], "exemplars"),
    ],
)
def test_a_mistake_on_the_command_line_is_a_sentence(tmp_path: Path, args: list[str], named: str) -> None:
    (tmp_path / "own.csv").write_text("Frage,Loesung\na,b\nc,d\n")
    command = ["bench", "-t", str(tmp_path / "own.csv"), "-s", "zero-shot", "--engine", "scripted", *args]
    result = CliRunner().invoke(main, [*command, "--runs", str(tmp_path / "runs")])
    assert result.exit_code == 2 and named in result.output and "Traceback" not in result.output, result.output


def test_fields_are_said_on_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("Frage, kurz;Lösung\nWer?;Rom\nWo?;Oslo\n")
    args = ["--field", "question=Frage, kurz", "--field", "answer=Lösung", "--exemplars", "1", "--dry-run"]
    command = ["bench", "-t", str(tmp_path / "own.csv"), "-s", "few-shot:k=1", "--engine", "scripted", *args]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert "Wer?" in result.output and "Rom" in result.output and "the first of 1 samples" in result.output


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    for answer in ("Rome", "Oslo"):
        table = pyarrow.Table.from_pylist([{"question": "q", "answer": answer}])
        pyarrow.parquet.write_table(table, tmp_path / "own.parquet")
        [sample] = get_task(str(tmp_path / "own.parquet")).load("test", Source())
        assert sample.target == answer


@pytest.mark.parametrize(
    ("labels", "named"),
    [
        ([-1, -1], "all labels are -1, which stands for a hidden"),
        ([0, 1, -1], "row 3: the label -1 stands for a hidden"),
    ],
)
def test_a_hidden_class_is_named(tmp_path: Path, labels: list[int], named: str) -> None:
    import datasets

    rows = datasets.Dataset.from_list([{"text": f"t{n}", "label": label} for n, label in enumerate(labels)])
    rows.cast_column("label", datasets.ClassLabel(names=["bad", "good"])).save_to_disk(tmp_path / "own")
    with pytest.raises(UserError, match=named):
        get_task(str(tmp_path / "own"))


def test_a_damaged_folder_is_named(tmp_path: Path) -> None:
    import datasets

    rows = [{"question": f"q{n}", "answer": "Rome"} for n in range(2000)]
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "own")
    [arrow] = (tmp_path / "own").glob("*.arrow")
    whole = arrow.read_bytes()
    for content in (whole[: len(whole) // 2], b"", None):
        arrow.unlink() if content is None else arrow.write_bytes(content)
        with pytest.raises(UserError, match="own is no whole folder of save_to_disk"):
            get_task(str(tmp_path / "own"))
    (tmp_path / "own" / "state.json").write_text("{")
    with pytest.raises(UserError, match="own is no whole folder of save_to_disk"):
        get_task(str(tmp_path / "own"))


def test_a_folder_without_data_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\na,b\n")
    (tmp_path / "b.csv").write_text("question,answer\na,b\n")
    with pytest.raises(UserError, match="holds no data set"):
        get_task(str(tmp_path))
    (tmp_path / "b.csv").unlink()
    assert len(get_task(str(tmp_path)).load("test", Source())) == 1
