"""A judge on a run: an oracle agrees with all, one that takes places is found out, and no score of the run changes."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet
from starlette.testclient import TestClient

from kshot.eval.agreement import agreement
from kshot.eval.report import markdown
from kshot.eval.report.numbers import percent_range
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.judged import TITLE
from kshot.eval.report.prompting.judgings import Judging
from kshot.harness.engines.registry import NamedEngine
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.judging.items import items_of
from kshot.harness.runs.console import finish, print_attempts
from kshot.harness.runs.export import export
from kshot.harness.runs.judge import judge_run, judge_with, place_of, run_judge
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.harness.runs.view.server import find_runs, make_app
from kshot.types import Engine, Generation, Request, UserError

BEFORE = Path(__file__).parents[2] / "before" / "run"  # of an earlier kshot
LIMIT = 12
PLAN = Plan(("coin-flip",), ("zero-shot", "few-shot:k=2"), limit=LIMIT)
USUAL: dict[str, Any] = {"by": "likelihood", "of": "answer", "max_new_tokens": 32}
Reply = Callable[[Request], str | Generation]


def content(request: Request) -> str:
    return request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content


def answers(request: Request) -> str:
    """Yes, no or nothing that can be read, as the question falls."""
    seen = hashlib.sha256(content(request).encode()).digest()[0] + len(request.prompt)
    return ("Yes.", "No.", "Yes.", "No.", "Who knows?")[seen % 5]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    run_benchmark(load_plan(PLAN), ScriptedEngine(answers, id="the/answering"), tmp_path / "run")
    return tmp_path / "run"


def part(text: str, of: str) -> str:
    found = re.search(rf"\[The start of {of}\]\n(.*?)\n\[The end", text, re.DOTALL)
    assert found
    return found[1]


def oracle(request: Request) -> Generation:
    """Says yes where the answer is the target, and A where answer A is."""
    text = content(request)
    target = text.split("[Reference answer]\n")[1].split("\n")[0]
    right = {"A", "Yes"} if part(text, "answer A" if "answer A]" in text else "the answer") == target else {"B", "No"}
    return Generation("", "scored", logprob=-0.1 if request.continuation in right else -2.0)


def always(word: str) -> Reply:
    return lambda request: Generation("", "scored", logprob=-0.1 if request.continuation == word else -2.0)


def judge(folder: Path, reply: Reply, *, id: str = "the/judge", **given: Any) -> tuple[ScriptedEngine, Judging]:
    engine = ScriptedEngine(reply, id=id)
    data, journal = read_run(folder)
    with journal:
        one = judge_with(run=data, model="m", **{**USUAL, **given})
        judge_run(data, one, items_of(data, one), engine, place_of(folder, one))
    data, journal = read_run(folder)
    journal.close()
    [found] = [each for each in data.judgings if each.name == one.name]
    return engine, found


def report_of(folder: Path) -> str:
    data, journal = read_run(folder)
    with journal:
        return markdown.text(build(data))


def tables_of(folder: Path) -> dict[str, list[dict[str, str]]]:
    """The section's tables, by title, each row by its headings; of two the same heading the last is kept as x 2."""
    data, journal = read_run(folder)
    with journal:
        [section] = [each for each in build(data).sections if each.title == TITLE]
    found = {}
    for block in section.first():
        if hasattr(block, "rows"):
            heads: list[str] = []
            for column in block.columns:
                heads.append(f"{column.title} 2" if column.title in heads else column.title)
            found[block.title] = [dict(zip(heads, [str(cell) for cell in row], strict=True)) for row in block.rows]
    return found


def test_an_oracle_agrees_with_the_rules_on_everything(run: Path) -> None:
    _, found = judge(run, oracle)
    data, journal = read_run(run)
    journal.close()
    answered = [record for record in data.records if record.prediction.answer is not None]
    assert 0 < len(answered) < len(data.records)  # what has no answer is not judged
    assert found.total == len(found.verdicts) == len(answered)
    by_key = {(r.task, r.strategy, r.sample_id, r.repeat): r for r in answered}
    assert all(one.value == by_key[one.attempt].score.value for one in found.verdicts)
    tables = tables_of(run)
    [row] = tables[f"Agreement of {found.metric}"]
    assert (row["agree"], row["kappa"], row["attempts"]) == ("100.0%", "1.00", str(len(answered)))
    for row in tables[f"Verdicts of {found.metric}"]:
        assert row["judged yes"] == row["right by the rules"]
        assert int(row["judged"]) + int(row["not judged"]) == LIMIT
    assert "is the model that answered" not in report_of(run)


def test_a_judge_that_always_says_yes_does_not_agree_better_than_chance(run: Path) -> None:
    judge(run, always("Yes"), id="the/answering")
    text = report_of(run)
    assert "On coin-flip the judge says yes of all " in text and "chance alone would bring" in text
    assert "The judge is the model that answered. It says yes to 100.0% of these answers" in text


def test_two_answers_to_a_sample_are_no_independent_ones(run: Path) -> None:
    def falls(request: Request) -> Generation:
        liked = "Yes" if len(content(request)) % 3 else "No"
        return Generation("", "scored", logprob=-0.1 if request.continuation == liked else -2.0)

    _, found = judge(run, falls)
    data, journal = read_run(run)
    journal.close()
    by_key = {(r.task, r.strategy, r.sample_id, r.repeat): "yes" if r.score.right else "no" for r in data.records}
    said = [(str(one.said), by_key[one.attempt]) for one in found.verdicts]
    expected = agreement(said, ("yes", "no"), clusters=[one.attempt[2] for one in found.verdicts]).share_interval
    [row] = tables_of(run)[f"Agreement of {found.metric}"]
    assert row["95% interval"] == percent_range(expected.low, expected.high)
    assert expected != agreement(said, ("yes", "no")).share_interval


def test_the_runs_own_scores_do_not_change(run: Path) -> None:
    before = report_of(run)
    journal = hashlib.sha256((run / "journal.sqlite").read_bytes()).hexdigest()
    _, found = judge(run, always("Yes"))
    assert hashlib.sha256((run / "journal.sqlite").read_bytes()).hexdigest() == journal
    data, opened = read_run(run)
    opened.close()
    assert not any("judge" in name for record in data.records for name in record.score.values)
    after = report_of(run)
    section = after[after.index(f"## {TITLE}") : after.index("## Cost")]
    assert after.replace(section, "") == before
    assert found.metric.startswith("judge:") and "What follows is a model's opinion." in section
    assert rescore(run)[1] == 0


def test_a_judge_that_takes_the_first_place_is_found_out(run: Path) -> None:
    _, found = judge(run, always("A"), pair=("zero-shot", "few-shot"))
    asked = [one for one in found.verdicts if one.places]
    assert {one.said for one in found.verdicts} == {"tie"} and len(asked) >= 2
    tables = tables_of(run)
    [wins] = tables[f"Pairs of {found.metric}"]
    assert (wins["A wins"], wins["B wins"], wins["orders disagree"]) == ("0", "0", str(len(asked)))
    assert int(wins["same answer"]) == len(found.verdicts) - len(asked)
    [bias] = tables[f"Bias for a place of {found.metric}"]
    assert (bias["first place"], bias["same winner in both"]) == ("100.0%", "0.0%")
    assert bias["first won both"] == bias["pairs asked"] == str(len(asked))


def test_an_oracle_of_pairs_finds_the_right_one_from_either_place(run: Path) -> None:
    engine, found = judge(run, oracle, pair=("few-shot:k=2", "zero-shot"))
    tables = tables_of(run)
    [row] = tables[f"Pairs of {found.metric} against the rules"]
    assert row["found"] == "100.0%" and int(row["one of two is right"]) == int(row["judge took it"]) > 0
    [bias] = tables[f"Bias for a place of {found.metric}"]
    assert (bias["first place"], bias["same winner in both"]) == ("50.0%", "100.0%")
    asked = [one for one in found.verdicts if one.places]
    assert asked and len(set(engine.asked)) == len(engine.asked) <= 4 * len(asked)


def test_an_unread_verdict_is_counted_apart_and_never_graded(run: Path) -> None:
    def writes(request: Request) -> str:
        return "Perhaps." if "few" in content(request) or len(content(request)) % 2 else "Yes."

    _, found = judge(run, writes, by="text")
    unread = [one for one in found.verdicts if one.said is None]
    assert 0 < len(unread) < len(found.verdicts)
    rows = tables_of(run)[f"Verdicts of {found.metric}"]
    assert sum(int(row["unread"]) for row in rows) == len(unread)
    assert {row["judged yes"] for row in rows} <= {"100.0%", "–"}  # of those that were read
    [row] = export_rows(run, "judgements", lambda row: row["verdict"] is None)[:1]
    assert row["value"] is None and row["counts"] is False


def export_rows(run: Path, table: str, keep: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    export(run, run.parent / "out", "parquet")
    return [row for row in parquet.read_table(run.parent / "out" / f"{table}.parquet").to_pylist() if keep(row)]


def test_verdicts_are_exported_in_a_table_of_their_own(run: Path) -> None:
    judge(run, oracle)
    _, pairs = judge(run, oracle, pair=("zero-shot", "few-shot"))
    rows = export_rows(run, "judgements", lambda row: row["against"] is None)
    assert all((row["value"] == 1) == (row["outcome"] == "right") for row in rows)
    assert {row["metric"] for row in rows} == {"judge:correctness-by-m"}
    assert len(export_rows(run, "judgements", lambda row: row["against"] == "few-shot:k=2")) == len(pairs.verdicts)
    assert "judge" not in json.dumps(export_rows(run, "scores", lambda row: True))


class Interrupting(ScriptedEngine):
    """Is stopped by Ctrl-C after so many answers."""

    left = 9

    def collect(self) -> list[tuple[int, Generation]]:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().collect()


@pytest.mark.parametrize("pair", [None, ("zero-shot", "few-shot")])
def test_a_judging_that_was_stopped_goes_on_and_asks_nothing_twice(
    run: Path, tmp_path: Path, pair: tuple[str, str] | None
) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(run, whole)
    undisturbed, expected = judge(whole, oracle, pair=pair)
    data, journal = read_run(run)
    with journal:
        one = judge_with(run=data, model="m", pair=pair, **USUAL)
        stopped = Interrupting(oracle, id="the/judge", capacity=2)
        with pytest.raises(KeyboardInterrupt):
            judge_run(data, one, items_of(data, one), stopped, place_of(run, one))
    with Journal.read(place_of(run, one)) as journal:
        answered = {key for key, _, _ in journal.calls()}
    assert len(answered) == 9
    assert "command goes on" in report_of(run)
    engine, found = judge(run, oracle, pair=pair)
    assert len(engine.asked) == len(undisturbed.asked) - 9
    assert found == expected
    again, _ = judge(run, oracle, pair=pair)
    assert again.asked == []


DYING = """
import os
from kshot.harness.engines import engine
from kshot.harness.engines.scripted import ScriptedEngine

class Dying(ScriptedEngine):
    def collect(self):
        self.left = getattr(self, "left", 7) - 1
        if self.left < 0:
            os._exit(9)  # as kill -9 does: nothing is closed
        return super().collect()

@engine
def dying(*, dies: bool = True) -> ScriptedEngine:
    kind = Dying if dies else ScriptedEngine
    return kind(lambda request: "-1" if request.continuation in ("Yes", "A") else "-2", id="dying", capacity=2)
"""


def test_a_judge_that_was_killed_goes_on_with_the_same_command(run: Path, tmp_path: Path) -> None:
    (tmp_path / "dying.py").write_text(DYING)

    def command(dies: str) -> subprocess.CompletedProcess[str]:
        given = ["judge", str(run), "--engine", f"{tmp_path / 'dying.py'}:dying:dies={dies}", "--name", "k"]
        return subprocess.run([sys.executable, "-m", "kshot", *given], capture_output=True, text=True, check=False)

    def answered() -> dict[str, str]:
        with Journal.read(run / "judge" / "k") as journal:
            return dict(journal.connection.execute("SELECT key, text || seconds FROM generations"))

    assert command("True").returncode == 9
    kept = answered()
    assert len(kept) == 7
    done = command("False")
    assert done.returncode == 0, done.stderr
    assert kept.items() < answered().items()
    assert "judge:k" in (run / "report.md").read_text()


def test_a_verdict_on_an_answer_that_has_changed_counts_as_nothing(run: Path) -> None:
    _, found = judge(run, oracle)
    changed = found.verdicts[0]
    with closing(sqlite3.connect(run / "journal.sqlite")) as connection, connection:
        key = changed.attempt
        old = json.loads(connection.execute("SELECT answer FROM records WHERE sample_id = ?", (key[2],)).fetchone()[0])
        connection.execute(
            "UPDATE records SET answer = ?, value = 1 - value WHERE strategy = ? AND sample_id = ?",
            (json.dumps({"yes": "no", "no": "yes"}[old]), key[1], key[2]),
        )
    [stale] = [one for one in judgings(run)[0].verdicts if not one.current]
    assert stale.attempt == changed.attempt and not stale.counts
    assert "1 are of answers that have since been read otherwise" in report_of(run)
    engine, again = judge(run, oracle)
    assert all(one.current for one in again.verdicts)
    assert len(engine.asked) <= 2  # the new answer alone


def judgings(run: Path) -> list[Judging]:
    data, journal = read_run(run)
    journal.close()
    return list(data.judgings)


def test_peoples_labels(run: Path, tmp_path: Path) -> None:
    data, journal = read_run(run)
    journal.close()
    path = tmp_path / "people.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["task", "strategy", "sample_id", "repeat", "label"])
        for record in data.records[::2]:
            said = "right" if record.score.value else "wrong"
            writer.writerow([record.task, record.strategy, record.sample_id, record.repeat, said])
    named = NamedEngine("n", lambda: ScriptedEngine(oracle, id="the/judge"), {})
    given = {"rubric": "", "scale": "", "reference": None, "pair": None, "name": "j", **USUAL}
    run_judge(run, named, path, given)
    rows = {row["who"]: row for row in tables_of(run)["Agreement of judge:j"]}
    assert list(rows) == ["judge and rules", "judge and people", "people and rules"]
    assert {row["kappa"] for row in rows.values()} == {"1.00"}
    assert 0 < int(rows["judge and people"]["attempts"]) < int(rows["judge and rules"]["attempts"])
    finish(run, None)  # the report keeps them
    assert "judge and people" in (run / "report.md").read_text()


def test_ratings(run: Path) -> None:
    def rates(request: Request) -> Generation:
        liked = "5" if oracle(Request(request.prompt, continuation="Yes")).logprob == -0.1 else "2"
        return Generation("", "scored", logprob=-0.1 if request.continuation == liked else -2.0)

    _, found = judge(run, rates, scale="1-5")
    assert {one.said for one in found.verdicts} == {"2", "5"}
    [row] = tables_of(run)[f"Agreement of {found.metric}"]
    assert row["kappa"] == "1.00"
    for row in tables_of(run)[f"Verdicts of {found.metric}"]:
        right = float(row["right by the rules"].rstrip("%")) / 100
        assert float(row["mean verdict"]) == pytest.approx(2 + 3 * right, abs=0.01)


def test_a_whole_reply_is_judged_where_it_is_one(run: Path, tmp_path: Path) -> None:
    seen: list[str] = []

    def looks(request: Request) -> Generation:
        seen.append(part(content(request), "the answer"))
        return Generation("", "scored", logprob=-len(request.continuation or ""))

    _, found = judge(run, looks, of="reply")
    assert len(found.verdicts) == 2 * LIMIT  # a reply in which no answer was read is one too
    assert set(seen) == {"Yes.", "No.", "Who knows?"}
    plan = Plan(("coin-flip",), ("self-consistency:base=zero-shot-cot,n=3",), limit=2)
    run_benchmark(load_plan(plan), ScriptedEngine(answers, id="the/answering"), tmp_path / "votes")
    with pytest.raises(UserError, match="votes over several replies"):
        judge(tmp_path / "votes", looks, of="reply")


def test_a_model_without_a_chat_template_is_asked_in_text(run: Path) -> None:
    data, journal = read_run(run)
    engine = ScriptedEngine(always(" Yes"), id="base", chat=False)
    with journal:
        one = judge_with(run=data, model="m", **USUAL)
        judge_run(data, one, items_of(data, one), engine, place_of(run, one))
    assert all(isinstance(request.prompt, str) and request.prompt.endswith("A:") for request in engine.asked)
    assert {request.continuation for request in engine.asked} == {" Yes", " No"}
    assert {one.said for one in judgings(run)[0].verdicts} == {"yes"}


def test_no_command_takes_a_judging_for_a_run(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, found = judge(run, oracle)
    place = run / "judge" / found.name
    for use in (
        lambda: finish(place, None),
        lambda: rescore(place),
        lambda: export(place, tmp_path / "x", "csv"),
        lambda: judge(place, oracle),
    ):
        with pytest.raises(UserError, match="holds a judge's verdicts"):
            use()
    with pytest.raises(UserError, match="holds no run"):
        find_runs([place])
    print_attempts(place, 1, None, None, None, None)  # but its transcripts are there to be read
    said = capsys.readouterr().out
    assert "[The start of the answer]" in said and "constant answer" not in said


def test_a_view_shows_a_judging_that_came_later(run: Path) -> None:
    client = TestClient(make_app(find_runs([run.parent]), "t"), base_url="http://127.0.0.1")
    assert TITLE not in client.get("/t/run/0/").text
    judge(run, oracle)
    assert TITLE in client.get("/t/run/0/").text


def test_a_run_of_an_earlier_kshot_is_read_as_before_and_can_be_judged(tmp_path: Path) -> None:
    shutil.copytree(BEFORE, tmp_path / "r")
    assert judgings(tmp_path / "r") == [] and TITLE not in report_of(tmp_path / "r")
    _, found = judge(tmp_path / "r", always("Yes"))
    assert found.verdicts and TITLE in report_of(tmp_path / "r")


def test_a_damaged_judging_is_named_and_the_run_is_read(run: Path, tmp_path: Path) -> None:
    _, found = judge(run, oracle)
    path = run / "judge" / found.name / "journal.sqlite"
    path.write_bytes(b"nothing of the kind" * 99)
    text = report_of(run)
    assert f"judge/{found.name} cannot be read" in text and "## Cost" in text
    with pytest.raises(UserError, match="mend or delete it"):
        export(run, tmp_path / "x", "csv")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE records SET answer = '\"perhaps\"'",
        "UPDATE records SET detail = json_set(detail, '$.places', json('[\"third\", \"first\"]'))",
        "UPDATE meta SET value = '\"stars\"' WHERE name = 'setting scale'",
        "DELETE FROM meta WHERE name = 'setting rubric'",
    ],
)
def test_what_a_stranger_made_of_a_judging_is_named(run: Path, change: str) -> None:
    _, found = judge(run, oracle, pair=("zero-shot", "few-shot"))
    with closing(sqlite3.connect(run / "judge" / found.name / "journal.sqlite")) as connection, connection:
        connection.execute(change)
    assert f"judge/{found.name} cannot be read" in report_of(run)


def test_one_that_has_just_begun_says_nothing(run: Path) -> None:
    data, journal = read_run(run)
    with journal:
        one = judge_with(run=data, model="m", **USUAL)
        stopped = Interrupting(oracle, id="the/judge")
        stopped.left = 0
        with pytest.raises(KeyboardInterrupt):
            judge_run(data, one, items_of(data, one), stopped, place_of(run, one))
    assert judgings(run) == []


def unmade() -> Engine:
    raise AssertionError("a model was loaded")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rubric": "corectness"}, "did you mean correctness"),
        ({"rubric": "helpfulness", "reference": True}, "shows none"),
        ({"pair": ("zero-shot", "few")}, "no such strategy"),
        ({"pair": ("zero-shot", "zero-shot")}, "not compared with itself"),
        ({"pair": ("zero-shot", "few-shot"), "scale": "1-5"}, "leave one out"),
        ({"name": "../x"}, "cannot be a folder's"),
        ({"name": "taken"}, "verdicts of another judge .*use another --name"),
    ],
)
def test_mistakes_are_told_before_a_model_is_loaded(run: Path, given: dict[str, Any], said: str) -> None:
    judge(run, oracle, name="taken", scale="1-5")
    whole = {"rubric": "", "scale": "", "reference": None, "pair": None, "name": "", **USUAL, **given}
    with pytest.raises(UserError, match=said):
        run_judge(run, NamedEngine("n", unmade, {}), None, whole)


def test_another_engine_under_the_same_name_is_refused(run: Path) -> None:
    judge(run, oracle, name="j")
    with pytest.raises(UserError, match=r"engine: the/judge -> another.*use another --name"):
        judge(run, oracle, name="j", id="another")


def test_links_are_not_written_through(run: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (run / "judge").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="is a link"):
        judge(run, oracle)
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_rubric_of_ones_own_is_kept_beside_its_verdicts(run: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.jinja"
    path.write_text("[Reference answer]\n{{ target }}\n[The start of the answer]\n{{ answer }}\n[The end. Good?")
    _, found = judge(run, oracle, rubric=f"@{path}")
    sha = hashlib.sha256(path.read_bytes()).hexdigest()
    assert found.sha256 == sha and sha[:8] in found.name
    assert (run / "judge" / found.name / "rubric.jinja").read_bytes() == path.read_bytes()
    assert sha[:12] in report_of(run)
    path.write_text(path.read_text() + " Say so.")
    _, other = judge(run, oracle, rubric=f"@{path}")
    assert other.name != found.name and len(judgings(run)) == 2
