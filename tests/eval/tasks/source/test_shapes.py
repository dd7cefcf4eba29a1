"""A user's own files: those of many shapes load, as a person would read them, or are refused in one sentence."""

from __future__ import annotations

import gzip
import json
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import get_task
from kshot.prompts.templates import solved
from kshot.types import Source, Task

Rows = list[dict[str, Any]]
ARC = {"text": ["ice", "steam", "sand"], "label": ["A", "B", "C"]}


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("a file was read and the network asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@dataclass(frozen=True)
class Shape:
    """A file, and its first sample as a person reads it."""

    name: str
    content: str | bytes | Callable[[Path], object]
    question: str
    target: str
    choices: tuple[str, ...] = ()
    form: str = "text"
    fields: dict[str, str] = field(default_factory=dict)
    said: str = ""  # behind the file's name
    note: str = ""


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def as_lines(rows: Rows) -> str:
    return "".join(as_json(row) + "\n" for row in rows)


def parquet(rows: Rows) -> Callable[[Path], object]:
    def write(path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)

    return write


def stored(rows: dict[str, Rows] | Rows, **names: list[str]) -> Callable[[Path], object]:
    """A folder of save_to_disk, or by its ending the Parquet file of the same, with classes of these names."""

    def made(of: Rows) -> Any:
        import datasets

        one = datasets.Dataset.from_list(of)
        for column, known in names.items():
            one = one.cast_column(column, datasets.ClassLabel(names=known))
        return one

    def write(path: Path) -> None:
        import datasets

        whole = made(rows) if isinstance(rows, list) else datasets.DatasetDict({k: made(v) for k, v in rows.items()})
        whole.to_parquet(path) if path.suffix else whole.save_to_disk(path)

    return write


SQUAD = {"context": "Rome lies on the Tiber.", "question": "On what does Rome lie?", "id": "56"}
TIBER = "Rome lies on the Tiber.\nOn what does Rome lie?"
CAPITALS = ["Paris", "Oslo", "Rome", "Bern"]
SHAPES = [
    # ------------------------------------------------------------ tables of text
    Shape("qa.csv", "question,answer\nCapital of France?,Paris\nOf Italy?,Rome\n", "Capital of France?", "Paris"),
    Shape("bom.csv", b"\xef\xbb\xbfquestion,answer\r\nCapital of France?,Paris\r\n", "Capital of France?", "Paris"),
    Shape("excel.csv", "sep=;\nquestion;answer\nWho, then?;Paris\nWho?;Rome\n", "Who, then?", "Paris"),
    Shape("semicolons.csv", 'question;answer\n"a; b";Paris\nc;Rome\n', "a; b", "Paris"),
    Shape("unicode.csv", "question\tanswer\nWhere?\tÅrhus\n".encode("utf-16"), "Where?", "Århus"),
    Shape("bars.csv", "question|answer\nWho, then?|Paris\n", "Who, then?", "Paris"),
    Shape("quoted.csv", 'question,answer\n"He said ""hi"",\nthen left?",Paris\n', 'He said "hi",\nthen left?', "Paris"),
    Shape("codes.csv", "question,answer\nCode of Lyon?,007\nOf Nice?,012\n", "Code of Lyon?", "007"),
    Shape("nulls.csv", "question,answer\nNA,null\nNone,nothing\n", "NA", "null"),
    Shape("sums.csv", "question,answer\n1+1?,2\n2+2?,4\n3+3?,6\n", "1+1?", "2", form="number"),
    Shape(
        "big.csv", "question,answer\nBig?,123456789012345678901\nb?,4\n", "Big?", "123456789012345678901", form="number"
    ),
    Shape("dates.csv", "question,answer\nWhen?,2020-01-05\nAnd?,2021-02-06\n", "When?", "2020-01-05"),
    Shape(
        "truths.csv",
        "question,answer\nIs it?,True\nIs that?,False\n",
        "Is it?",
        "yes",
        form="yes-no",
        note="yes and no",
    ),
    Shape("several.csv", "question,answer\nWho?,Roma|Rome\n", "Who?", "Roma|Rome"),
    Shape("listed.csv", "question,answers\nWho?,\"['Roma', 'Rome']\"\n", "Who?", "Roma|Rome"),
    Shape(
        "glue.tsv",
        'sentence\tlabel\nso "good\t1\nbad\t0\n',
        'so "good',
        "1",
        form="label",
        fields={"sentence": 'so "good'},
    ),
    Shape("quoted.tsv", 'question\tanswer\n"a\tb"\tRome\n', "a\tb", "Rome"),
    Shape(
        "中文.csv",
        "问题,答案\n法国的首都?,巴黎\n",
        "法国的首都?",
        "巴黎",
        fields={"问题": "法国的首都?"},
        note="question from '问题'",
    ),
    Shape(
        "fields.csv",
        "Frage,Loesung,Thema\nWer?,Rom,Stadt\n",
        "Wer?",
        "Rom",
        fields={"Frage": "Wer?", "Thema": "Stadt"},
        said=":question=Frage,answer_column=Loesung",
    ),
    Shape("packed.csv.gz", gzip.compress(b"question,answer\nWho?,Paris\n"), "Who?", "Paris"),
    # ------------------------------------------------------------ choices
    Shape(
        "mmlu.csv",
        "question,A,B,C,D,answer\nThe capital of Italy?,Paris,Oslo,Rome,Bern,C\n",
        "The capital of Italy?",
        "C",
        tuple(CAPITALS),
        "letter",
        dict(zip("ABCD", CAPITALS, strict=True)),
    ),
    Shape(
        "mmlu.jsonl",
        as_lines([{"question": "Italy's?", "subject": "x", "choices": CAPITALS, "answer": n} for n in (2, 0)]),
        "Italy's?",
        "C",
        tuple(CAPITALS),
        "letter",
        {"subject": "x"},
        note="indices from 0",
    ),
    Shape(
        "mmlu.parquet",
        stored([{"question": "Italy's?", "choices": CAPITALS, "answer": 2}], answer=["A", "B", "C", "D"]),
        "Italy's?",
        "C",
        tuple(CAPITALS),
        "letter",
    ),
    Shape(
        "from1.csv",
        "question,option1,option2,answer\nThe _ was big,box,bag,2\nThe _ is,cat,dog,1\n",
        "The _ was big",
        "B",
        ("box", "bag"),
        "letter",
        {"option1": "box", "option2": "bag"},
        note="indices from 1",
    ),
    Shape(
        "arc.jsonl",
        as_lines([{"id": "M1", "question": "Hot?", "choices": ARC, "answerKey": "B"}]),
        "Hot?",
        "B",
        ("ice", "steam", "sand"),
        "letter",
    ),
    Shape(
        "arc1.jsonl",
        as_lines([{"id": "M1", "question": "Hot?", "choices": {**ARC, "label": ["1", "2", "3"]}, "answerKey": "3"}]),
        "Hot?",
        "C",
        ("ice", "steam", "sand"),
        "letter",
    ),
    Shape(
        "raw_arc.jsonl",
        as_lines(
            [
                {
                    "question": {
                        "stem": "Hot?",
                        "choices": [{"label": "A", "text": "ice"}, {"label": "B", "text": "steam"}],
                    },
                    "answerKey": "B",
                }
            ]
        ),
        "Hot?",
        "B",
        ("ice", "steam"),
        "letter",
    ),
    Shape(
        "hellaswag.parquet",
        parquet(
            [
                {"ind": 4, "ctx": "A man sits.", "endings": ["He runs.", "He eats."], "label": "1"},
                {"ind": 5, "ctx": "b", "endings": ["c", "d"], "label": "0"},
            ]
        ),
        "A man sits.",
        "B",
        ("He runs.", "He eats."),
        "letter",
        {"ind": "4", "ctx": "A man sits."},
        note="indices from 0",
    ),
    Shape(
        "medqa.json",
        as_json([{"question": "Which?", "options": {"A": "liver", "B": "lung"}, "answer": "lung", "answer_idx": "B"}]),
        "Which?",
        "B",
        ("liver", "lung"),
        "letter",
    ),
    Shape(
        "siqa.json",
        as_json(
            [
                {
                    "context": "Al left.",
                    "question": "Why?",
                    "answerA": "ill",
                    "answerB": "sad",
                    "answerC": "mad",
                    "label": "3",
                },
                {
                    "context": "Bo left.",
                    "question": "Why?",
                    "answerA": "ill",
                    "answerB": "sad",
                    "answerC": "mad",
                    "label": "1",
                },
            ]
        ),
        "Al left.\nWhy?",
        "C",
        ("ill", "sad", "mad"),
        "letter",
        {"context": "Al left.", "question": "Why?", "answerA": "ill", "answerB": "sad", "answerC": "mad"},
        note="indices from 1",
    ),
    Shape(
        "piqa.json",
        as_json([{"goal": "Open it.", "sol1": "Pull.", "sol2": "Push.", "label": n} for n in (1, 0)]),
        "Open it.",
        "B",
        ("Pull.", "Push."),
        "letter",
        {"goal": "Open it.", "sol1": "Pull.", "sol2": "Push."},
        note="indices from 0",
    ),
    Shape(
        "exam.csv",
        "题目,选项A,选项B,答案\n水是?,冰,液体,B\n",
        "水是?",
        "B",
        ("冰", "液体"),
        "letter",
        {"题目": "水是?", "选项A": "冰", "选项B": "液体"},
    ),
    Shape(
        "cells.csv",
        "question,choices,answer\nHot?,\"['ice', 'steam']\",1\nCold?,\"['ice', 'steam']\",0\n",
        "Hot?",
        "B",
        ("ice", "steam"),
        "letter",
    ),
    Shape(
        "mixed.csv",
        "question,A,B,C,answer\nThree?,1,2,3,C\nTwo?,yes,no,,B\n",
        "Three?",
        "C",
        ("1", "2", "3"),
        "letter",
        {"A": "1", "B": "2", "C": "3"},
    ),
    # ------------------------------------------------------------ passages and pairs
    Shape(
        "squad.json",
        as_json(
            {
                "version": "1.1",
                "data": [
                    {
                        "title": "Rome",
                        "paragraphs": [
                            {
                                "context": SQUAD["context"],
                                "qas": [
                                    {
                                        "question": SQUAD["question"],
                                        "id": "56",
                                        "answers": [
                                            {"text": "the Tiber", "answer_start": 13},
                                            {"text": "Tiber", "answer_start": 17},
                                        ],
                                    },
                                ],
                            }
                        ],
                    }
                ],
            }
        ),
        TIBER,
        "the Tiber|Tiber",
        fields={"context": SQUAD["context"], "question": SQUAD["question"], "title": "Rome"},
    ),
    Shape(
        "squad.parquet",
        parquet([{**SQUAD, "answers": {"text": ["the Tiber", "Tiber", "Tiber"], "answer_start": [13, 17, 17]}}]),
        TIBER,
        "the Tiber|Tiber",
        fields={"context": SQUAD["context"], "question": SQUAD["question"]},
    ),
    Shape(
        "squad2.jsonl",
        as_lines([{**SQUAD, "answers": {"text": ["Tiber"]}}, {**SQUAD, "id": "57", "answers": {"text": []}}]),
        TIBER,
        "Tiber",
        fields={"context": SQUAD["context"], "question": SQUAD["question"]},
        note="1 rows .* without an answer",
    ),
    Shape(
        "boolq.jsonl",
        as_lines(
            [{"passage": "Ice floats.", "question": "does ice float", "answer": truth} for truth in (True, False)]
        ),
        "Ice floats.\ndoes ice float",
        "yes",
        form="yes-no",
        fields={"passage": "Ice floats.", "question": "does ice float"},
    ),
    Shape(
        "rte.csv",
        "premise,hypothesis,label\nIt rains.,It is wet.,entailment\nIt rains.,It is dry.,contradiction\n",
        "Premise: It rains.\nHypothesis: It is wet.",
        "entailment",
        form="label",
        fields={"premise": "It rains.", "hypothesis": "It is wet."},
    ),
    Shape(
        "mrpc",
        stored(
            {
                "train": [{"sentence1": "a b", "sentence2": "b a", "label": 1}],
                "validation": [
                    {"sentence1": "It rains.", "sentence2": "It pours.", "label": 0},
                    {"sentence1": "c", "sentence2": "d", "label": 1},
                ],
            },
            label=["different", "same"],
        ),
        "Sentence 1: It rains.\nSentence 2: It pours.",
        "different",
        form="label",
        fields={"sentence1": "It rains.", "sentence2": "It pours."},
    ),
    # ------------------------------------------------------------ instructions and talks
    Shape(
        "alpaca.json",
        as_json(
            [
                {"instruction": "Translate.", "input": "chat", "output": "cat"},
                {"instruction": "Name a city.", "input": "", "output": "Rome"},
            ]
        ),
        "Translate.\nchat",
        "cat",
        fields={"instruction": "Translate.", "input": "chat"},
    ),
    Shape(
        "chat.jsonl",
        as_lines(
            [
                {
                    "messages": [
                        {"role": "system", "content": "Be brief."},
                        {"role": "user", "content": "Capital of France?"},
                        {"role": "assistant", "content": "Paris"},
                    ]
                }
            ]
        ),
        "Be brief.\nCapital of France?",
        "Paris",
        note="chat messages",
    ),
    Shape(
        "sharegpt.json",
        as_json(
            [
                {
                    "id": "x",
                    "conversations": [
                        {"from": "human", "value": "Hi"},
                        {"from": "gpt", "value": "Hello"},
                        {"from": "human", "value": "Capital of France?"},
                        {"from": "gpt", "value": "Paris"},
                    ],
                }
            ]
        ),
        "User: Hi\nAssistant: Hello\nUser: Capital of France?",
        "Paris",
    ),
    Shape("pairs.ndjson", as_lines([{"input": "sing", "target": "song"}]), "sing", "song", fields={"input": "sing"}),
    Shape(
        "prompts.json",
        as_json({"data": [{"prompt": "sing", "completion": "song"}]}),
        "sing",
        "song",
        fields={"prompt": "sing"},
    ),
    Shape(
        "rows.json",
        as_json(
            {
                "features": [{"name": "question"}],
                "rows": [{"row_idx": 0, "row": {"question": "sing", "answer": "song"}}],
            }
        ),
        "sing",
        "song",
    ),
    Shape("columns.json", as_json({"question": ["sing", "ring"], "answer": ["song", "rang"]}), "sing", "song"),
    Shape(
        "pandas.json",
        as_json({"question": {"0": "sing", "1": "ring"}, "answer": {"0": "song", "1": "rang"}}),
        "sing",
        "song",
    ),
    Shape(
        "lines.json",
        as_lines([{"question": "sing", "answer": "song"}, {"question": "ring", "answer": "rang"}]),
        "sing",
        "song",
    ),
    Shape(
        "splits.json",
        as_json({"train": [{"question": "ring", "answer": "rang"}], "test": [{"question": "sing", "answer": "song"}]}),
        "sing",
        "song",
    ),
    # ------------------------------------------------------------ types that were stored
    Shape(
        "labels.parquet",
        stored([{"text": "so good", "label": 1}, {"text": "so bad", "label": 0}], label=["negative", "positive"]),
        "so good",
        "positive",
        form="label",
        fields={"text": "so good"},
    ),
    Shape(
        "floats.parquet",
        parquet([{"question": "1+1?", "answer": 2.0}, {"question": "1/2?", "answer": 0.5}]),
        "1+1?",
        "2",
        form="number",
    ),
    Shape(
        "named.csv",
        "text,label,label_text\nso good,1,positive\nso bad,0,negative\n",
        "so good",
        "positive",
        form="label",
        fields={"text": "so good"},
    ),
    Shape("set", stored([{"question": "sing", "answer": ["song", "songs"]}]), "sing", "song|songs"),
    Shape(
        "trivia.jsonl",
        as_lines([{"question": "Who?", "answer": {"value": "Rome", "aliases": ["Roma"]}}]),
        "Who?",
        "Rome|Roma",
    ),
    Shape(
        "by_id.json",
        as_json({"q7": {"question": "sing", "answer": "song"}, "q8": {"question": "ring", "answer": "rang"}}),
        "sing",
        "song",
    ),
    Shape(
        "trl.jsonl",
        as_lines(
            [
                {
                    "prompt": [{"role": "user", "content": "sing"}],
                    "completion": [{"role": "assistant", "content": "song"}],
                }
            ]
        ),
        "sing",
        "song",
    ),
    Shape(
        "bigbench.json",
        as_json({"name": "x", "examples": [{"input": "Hot?", "target_scores": {"ice": 0, "steam": 1}}]}),
        "Hot?",
        "B",
        ("ice", "steam"),
        "letter",
        {"input": "Hot?"},
    ),
    Shape(
        "truthful.parquet",
        parquet([{"question": "Hot?", "mc1_targets": {"choices": ["steam", "ice"], "labels": [1, 0]}}]),
        "Hot?",
        "A",
        ("steam", "ice"),
        "letter",
    ),
    Shape(
        "lettered.csv", 'question,options,answer\nHot?,"A. ice\nB. steam",B\n', "Hot?", "B", ("ice", "steam"), "letter"
    ),
    Shape("parted.csv", "question,choices,answer\nHot?,ice; steam,steam\n", "Hot?", "B", ("ice", "steam"), "letter"),
    Shape(
        "floats.csv",
        "question,A,B,answer\nHot?,ice,steam,1.0\nCold?,ice,steam,0.0\n",
        "Hot?",
        "B",
        ("ice", "steam"),
        "letter",
        {"A": "ice", "B": "steam"},
    ),
    Shape(
        "letters.jsonl",
        as_lines(
            [
                {"question": "First?", "choices": ["C", "A"], "answer": "A"},
                {"question": "Second?", "choices": ["ab", "cd"], "answer": "cd"},
            ]
        ),
        "First?",
        "B",
        ("C", "A"),
        "letter",
    ),
    Shape("partly.csv", 'question,answers\nWho?,"[""Roma"", ""Rome""]"\nWo?,Oslo\n', "Who?", "Roma|Rome"),
    Shape(
        "dict.jsonl", as_lines([{"question": "Who?", "answer": {"text": "Rome", "answer_start": 1}}]), "Who?", "Rome"
    ),
    Shape("numbered.csv", ",question,answer\n0,Who?,Rome\n", "Who?", "Rome", note="^$"),
    Shape(
        "spelt.jsonl",
        as_lines([{"question": "Many?", "answer": ["1000", "1,000"]}, {"question": "Few?", "answer": 3}]),
        "Many?",
        "1000",
        form="number",
    ),
    Shape(
        "poem.csv",
        "line,rhyme\nso red,bed\nso blue,two\n",
        "so red",
        "bed",
        fields={"line": "so red"},
        said=":question=line,answer_column=rhyme",
    ),
    Shape("open.jsonl", as_lines([{"question": "sing", "answer": "song", "options": []}]), "sing", "song"),
    Shape(
        "qnli.csv",
        "question,sentence,label\nWho?,Al did.,yes\nWhen?,Al did.,no\n",
        "Question: Who?\nSentence: Al did.",
        "yes",
        form="yes-no",
        fields={"question": "Who?", "sentence": "Al did."},
    ),
    Shape(
        "topics.csv",
        "Question,Answer,topic\nsing,song,verbs\n",
        "sing",
        "song",
        fields={"Question": "sing", "topic": "verbs"},
        note="not asked: 'topic'",
    ),
    Shape(
        "translation.jsonl",
        as_lines([{"translation": {"en": "cat", "fr": "chat"}}]),
        "cat",
        "chat",
        said=":question=translation.en,answer_column=translation.fr",
    ),
    Shape("gsm.csv", 'question,answer\n2+2?,"It is <<2+2=4>>4.\n#### 4"\n', "2+2?", "4", form="number"),
]


def made(tmp_path: Path, shape: Shape) -> str:
    path = tmp_path / shape.name
    if callable(shape.content):
        shape.content(path)
    else:
        path.write_bytes(shape.content if isinstance(shape.content, bytes) else shape.content.encode())
    return str(path) + shape.said


def whole(spec: str) -> Task:
    task = get_task(spec)
    return task.undivided or task


def perfect(task: Task) -> None:
    """Every target reads as itself, each of its alternatives too."""
    for sample in [*task.load("test", Source()), *task.load("train", Source())]:
        replies = [
            solved(sample, task.format),
            *(task.format.statement.format(answer=a) for a in sample.target.split("|")),
        ]
        for reply in replies:
            assert task.score(task.format.extract(reply, sample.choices).answer, sample).value == 1, (sample, reply)


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.name for shape in SHAPES])
def test_a_file_is_read_as_a_person_reads_it(tmp_path: Path, shape: Shape) -> None:
    task = whole(made(tmp_path, shape))
    sample = task.load("test", Source())[0]
    assert (sample.question, sample.target, sample.choices) == (shape.question, shape.target, shape.choices)
    assert (task.format.name, dict(sample.fields)) == (shape.form, shape.fields)
    assert re.search(shape.note, task.note), task.note
    perfect(task)
