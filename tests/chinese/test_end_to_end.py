"""Thirty Chinese questions of five kinds, from files to report: Chinese prompts, Chinese replies, all read."""

from __future__ import annotations

import io
import json
import os
import re
from functools import partial
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from kshot.eval.report import terminal
from kshot.eval.report.prompting.build import build
from kshot.eval.report.publish import write
from kshot.eval.tasks import get_task
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.types import Message, Request, Source

HERE = Path(__file__).parent
KINDS = {"应用题": "number", "选择题": "letter", "判断题": "yes-no", "填空题": "text", "影评": "label"}
SPECS = tuple(str(HERE / f"{name}.jsonl") for name in KINDS)
STRATEGIES = (
    *("zero-shot", "instruction", "few-shot:k=4", "few-shot:k=2,select=bm25", "zero-shot-cot", "chain-of-thought:k=4"),
    *("self-consistency:base=chain-of-thought(k=4),n=3", "few-shot:k=2,template=0"),
)
# how a Chinese model says it, by kind: {a} the answer, {t} the words of the choice
SAYS = {
    "number": (
        "{a}",
        "答案是{a}。",
        "所以答案是 **{a}**。",
        "一共是{a}个。",
        "\\boxed{{{a}}}",
        "答：{a}元。",
        "因此，结果是{a}。",
    ),
    "letter": (
        "{a}",
        "{a}. {t}",
        "答案：{a}",
        "正确答案是（{a}）。",
        "选{a}。",
        "{t}",
        "**{a}**",
        "应该选择{a}，因为其他都不对。",
    ),
    "yes-no": ("{a}", "{a}。", "答案：{a}", "答案是{a}。", "{y}。", "**{a}**", "{y}，这是常识。"),
    "text": ("{a}", "{a}。", "答案是{a}。", "「{a}」", "**{a}**", "答：{a}", "答案：\n{a}"),
    "label": ("{a}", "{a}。", "情感：{a}", "这条影评是{a}的。", "答案是{a}。", "**{a}**", "我认为是{a}评价。"),
}
ANSWERS = {"四十": "40", "１６０": "160", "蝙蝠": "C", "对": "是", "错": "否"}


def rows() -> list[tuple[str, dict[str, object]]]:
    found = []
    for name, kind in KINDS.items():
        for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines():
            found.append((kind, json.loads(line)))
    return found


ROWS = rows()


ROWS_OF: dict[str, list[dict[str, object]]] = {
    name: [row for kind_of, row in ROWS if kind_of == kind] for name, kind in KINDS.items()
}


def asked_in(request: Request) -> tuple[str, dict[str, object]]:
    """The row that a request asks about: its question stands last in the prompt."""
    prompt = request.prompt
    text = prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)
    places = [(text.rfind(str(row.get("question", row.get("text")))), at) for at, (_, row) in enumerate(ROWS)]
    return ROWS[max(places)[1]]


def reply(request: Request, *, turn: int = 0) -> str:
    """What a Chinese model that knows the answer might say, in one of several ways."""
    kind, row = asked_in(request)
    raw = str(row.get("answer", row.get("label")))
    answer = ANSWERS.get(raw, raw).split("|")[0]
    choices = row.get("choices")
    words = choices[ord(answer) - 65] if isinstance(choices, list) else ""
    ways = SAYS[kind]
    way = ways[(len(str(row)) + request.seed % 97 + turn) % len(ways)]
    said = way.format(a=answer, t=words, y="是的" if answer == "是" else "不是")
    last = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
    if last.endswith("让我们一步一步地思考。"):
        return "我们先看题目，再想一想。"
    if last.endswith(("是", "：")) and isinstance(request.prompt, tuple) and request.prompt[-1].role == "assistant":
        return answer  # after the trigger
    return f"先想一想。\n{said}" if len(said) > 9 and not said.startswith(("应该", "我认为")) else said


def english_of(prompt: str) -> list[str]:
    """Words of Latin letters in a prompt that no row has, and that are no letter of a choice."""
    known = " ".join(json.dumps(row, ensure_ascii=False) for _, row in ROWS)
    return [word for word in re.findall(r"[A-Za-z][A-Za-z0-9]*", prompt) if len(word) > 1 and word not in known]


@pytest.mark.parametrize("chat", [True, False], ids=["chat", "plain"])
@pytest.mark.parametrize("turn", range(4))
def test_thirty_chinese_questions_end_to_end(chat: bool, turn: int, tmp_path: Path) -> None:
    assert len(ROWS) == 30
    loaded = load_plan(Plan(SPECS, STRATEGIES))
    engine = ScriptedEngine(partial(reply, turn=turn), chat=chat)
    run_benchmark(loaded, engine, tmp_path, info={"model": "脚本"})
    assert len(engine.asked) > 30 * len(STRATEGIES)
    for request in engine.asked:
        prompt = request.prompt if isinstance(request.prompt, str) else "\n".join(m.content for m in request.prompt)
        assert not english_of(prompt), prompt
        if not chat and "template=0" not in prompt and prompt.startswith("问："):
            assert prompt.rstrip("。").rpartition("\n")[2].startswith("答：") or "\n因此" in prompt
    _, journal = read_run(tmp_path)
    with journal:
        wrong = [
            (record.task, record.strategy, record.sample_id, record.prediction)
            for record in journal.records()
            if not record.score.right
        ]
        assert not wrong


def test_the_report_of_a_chinese_run_is_made_without_a_warning(tmp_path: Path) -> None:
    loaded = load_plan(Plan(SPECS[2:4], ("zero-shot", "few-shot:k=4")))
    run_benchmark(loaded, ScriptedEngine(reply), tmp_path, info={"model": "脚本"})
    run, journal = read_run(tmp_path)
    with journal:
        report = build(run, baseline="zero-shot")
        page = write(report, tmp_path)  # a letter that no font has would warn, and so fail
    for width in (60, 80, 100):
        out = io.StringIO()
        terminal.render(report, Console(file=out, width=width))
        lines = out.getvalue().splitlines()
        assert max(map(cell_len, lines)) <= width
        table = lines[lines.index("Accuracy") :]
        rows = [line for line in table[: table.index("Paired comparisons")] if re.search(r"^ *\S*.*\d% +\d", line)]
        assert len(rows) == 4 and len({cell_len(line[: line.index("%")]) for line in rows}) == 1, rows
    html = page.read_text(encoding="utf-8")
    assert all(name in html for name in ("判断题", "填空题", "珠穆朗玛峰"))


def test_the_files_are_taken_as_chinese_and_read_by_kind() -> None:
    for spec, (name, kind) in zip(SPECS, KINDS.items(), strict=True):
        task = get_task(spec)
        assert (task.language, task.format.name, task.name) == ("zh", kind, name)
        assert "is taken as Chinese" in task.note
        assert not re.search("[A-Za-z]", task.format.instruction + "".join(task.instructions))
        assert len(task.load("test", Source())) + len(task.load("train", Source())) == len(ROWS_OF[name]) + 4
    assert get_task(SPECS[2]).labels == ("是", "否")
    assert {sample.target for sample in get_task(SPECS[2]).load("test", Source())} == {"是", "否"}
    assert [sample.target for sample in get_task(SPECS[0]).load("test", Source())][4:] == ["40", "3", "9", "160"]


def test_english_is_asked_where_it_is_said() -> None:
    task = get_task(f"{SPECS[0]}:language=en")
    assert (task.language, task.note) == ("en", "")
    assert task.format.instruction == "Answer with a number."


@pytest.mark.skipif(
    not os.environ.get("KSHOT_CHINESE_MODEL"), reason="KSHOT_CHINESE_MODEL names no model that speaks Chinese"
)
@pytest.mark.timeout(1800)
def test_a_model_that_speaks_chinese_is_read(tmp_path: Path) -> None:
    from kshot.harness.engines.registry import find_engine

    named = find_engine(f"transformers:model={os.environ['KSHOT_CHINESE_MODEL']}")
    loaded = load_plan(Plan(SPECS, ("zero-shot", "few-shot:k=4")))
    engine = named()
    run_benchmark(loaded, engine, tmp_path)
    _, journal = read_run(tmp_path)
    with journal:
        records = list(journal.records())
    assert len(records) == 60
    assert sum(record.prediction.answer is not None for record in records) >= 54
    assert sum(record.score.right for record in records) >= 20


def test_the_questions_are_told_apart() -> None:
    for kind, row in ROWS:
        asked = (Message("user", str(row.get("question", row.get("text")))),)
        assert asked_in(Request(asked)) == (kind, row)
