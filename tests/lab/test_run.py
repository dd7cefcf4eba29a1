"""Findings run on a scripted engine: settled first, asked once, resumed, judged the same again."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from kshot.cli import main
from kshot.eval.tasks import get_task
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import run_benchmark
from kshot.lab.claims.effects import Growth, ScoreGain
from kshot.lab.claims.finding import Finding
from kshot.lab.console import finish
from kshot.lab.cost import by_kind, share_of, steps
from kshot.lab.findings import FINDINGS
from kshot.lab.judge import judged
from kshot.lab.run import OutOfTimeError, Watch, keep, named_findings, reproduce, settle, settled, spent
from kshot.prompts.strategies import get_strategy
from kshot.types import Request, Source, UserError

QUIET = Watch(lambda step, at, hours: None, lambda record: None, lambda state: None)
ONE = Finding(
    "one", "Exemplars help.", "Somebody 2020, arXiv 0000.00000", ScoreGain("few-shot:k=4", "zero-shot"),
    ("word-pairs",), "above", margin=3, n=20,
)  # fmt: skip
TWO = replace(
    ONE, name="two", claim="More of them help.", effect=ScoreGain("few-shot:k=8", "zero-shot"), direction="near"
)


class Counting(ScriptedEngine):
    """Says the last word of the prompt's pairs where it is shown some."""

    def __init__(self) -> None:
        super().__init__(lambda request: "dogs" if "dog" in str(request.prompt) else "none", id="counting", capacity=4)


def test_what_two_findings_ask_alike_is_asked_once_and_a_resume_asks_nothing(tmp_path: Path) -> None:
    engine = Counting()
    assert reproduce([ONE, TWO], lambda: engine, tmp_path, None, QUIET) == []
    assert len(engine.asked) == 3 * 20  # zero-shot is shared
    again = Counting()
    assert reproduce([TWO, ONE], lambda: again, tmp_path, None, QUIET) == []
    assert again.asked == []


def test_a_claim_is_settled_before_anything_is_asked_and_does_not_change(tmp_path: Path) -> None:
    class Looks(Counting):
        def submit(self, ticket: int, request: Request) -> None:
            assert settled(tmp_path)["one"]["hash"] == ONE.hash
            super().submit(ticket, request)

    reproduce([ONE], Looks, tmp_path, None, QUIET)
    for other in (replace(ONE, margin=9), replace(ONE, direction="below"), replace(ONE, n=10), replace(ONE, seeds=2)):
        assert other.hash != ONE.hash
        with pytest.raises(UserError, match="does not change once it is tried"):
            settle([other], tmp_path)
    assert replace(ONE, numbers="+3").hash == ONE.hash


def test_hours_that_are_over_leave_findings_for_the_next_time(tmp_path: Path) -> None:
    left = reproduce([ONE, TWO], Counting, tmp_path, None, QUIET, hours=1e-9)
    assert [finding.name for finding in left] == ["one", "two"]
    assert reproduce([ONE, TWO], Counting, tmp_path, None, QUIET) == []


def test_a_kill_in_the_middle_keeps_what_was_answered(tmp_path: Path) -> None:
    answered = 0

    def stop(record: object) -> None:
        nonlocal answered
        answered += 1
        if answered == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reproduce([ONE], Counting, tmp_path, None, replace(QUIET, on_record=stop))
    engine = Counting()
    reproduce([ONE], lambda: engine, tmp_path, None, QUIET)
    assert 0 < len(engine.asked) < 2 * 20
    assert isinstance(OutOfTimeError(), Exception)


@pytest.mark.parametrize("shares", [1, 2, 3])
def test_shares_ask_each_attempt_once_and_are_put_together(tmp_path: Path, shares: int) -> None:
    asked: list[Request] = []
    for share in range(1, shares + 1):
        engine = Counting()
        reproduce([ONE, TWO], lambda: engine, tmp_path / str(share), None, QUIET, share=(share, shares))  # noqa: B023
        asked += engine.asked
    assert len(asked) == len(set(map(repr, asked))) == 3 * 20
    told: list[str] = []
    again, others = Counting(), [tmp_path / str(share) for share in range(1, shares + 1)]
    reproduce([ONE, TWO], lambda: again, tmp_path / "all", None, replace(QUIET, tell=told.append), reuse=others)
    assert again.asked == [] and told == []
    found = []
    for folder in (tmp_path / "all", tmp_path / "alone"):
        reproduce([ONE, TWO], Counting, folder, None, QUIET)
        run, journal = read_run(folder)
        with journal:
            found.append([(each.verdict, each.p, each.estimate) for each in judged([ONE, TWO], run, draws=200)])
    assert found[0] == found[1]


def test_seconds_in_other_runs_are_told_once(tmp_path: Path) -> None:
    reproduce([ONE], Counting, tmp_path / "a", None, QUIET)
    known = settled(tmp_path / "a")
    known["one"]["seconds"] = 100.0
    keep(known, tmp_path / "a")
    for _ in range(2):
        reproduce([ONE], Counting, tmp_path / "b", None, QUIET, reuse=[tmp_path / "a"])
    assert 100 <= spent(settled(tmp_path / "b")["one"]) < 150


def test_seconds_are_added_of_runs_that_answers_can_be_taken_from_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Another(Counting):
        def __init__(self) -> None:
            super().__init__()
            self.id = "another"

    reproduce([ONE], Counting, tmp_path / "a", None, QUIET)
    reproduce([ONE], Another, tmp_path / "other", None, QUIET)
    monkeypatch.chdir(tmp_path)
    given = [tmp_path / "a", Path("a"), Path("../", tmp_path.name, "a"), tmp_path / "other", tmp_path / "b"]
    for _ in range(2):  # the second time its own folder has findings too
        reproduce([ONE], Counting, tmp_path / "b", None, QUIET, reuse=given)
    assert list(settled(tmp_path / "b")["one"]["elsewhere"]) == [str((tmp_path / "a").resolve())]


@pytest.mark.parametrize(
    ("name", "value"),
    [("hash", 3), ("seconds", "x"), ("seconds", None), ("seconds", -1), ("seconds", float("inf")), ("seconds", True),
     ("elsewhere", None), ("elsewhere", []), ("elsewhere", {"a": "x"}), ("elsewhere", {"a": float("nan")})],
)  # fmt: skip
def test_findings_that_were_damaged_are_named(tmp_path: Path, name: str, value: object) -> None:
    known = settle([ONE], tmp_path)
    known["one"][name] = value
    keep(known, tmp_path)
    with pytest.raises(UserError, match=r"findings\.json is damaged: restore it"):
        finish([tmp_path])


def test_a_run_of_another_command_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    run_benchmark(load_plan(Plan(("word-pairs",), ("zero-shot",), limit=3)), Counting(), tmp_path)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=r"a run of `kshot bench`: use another --run name"):
        reproduce([ONE], Counting, tmp_path, None, QUIET)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written: Not a directory; choose another with --runs"):
        reproduce([ONE], Counting, tmp_path / "file" / "run", None, QUIET)


def test_hours_are_a_number(tmp_path: Path) -> None:
    words = ["reproduce", "run", "few-shot-helps", "--engine", "scripted", "--runs", str(tmp_path), "--hours", "nan"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 2 and "--hours is nan" in str(result.exception or "") + result.output


def test_shares_take_about_as_long_as_each_other() -> None:
    ordered = steps([each for each in FINDINGS.values() if each.name != "votes-beat-one-chain"])  # a prompt of its own
    for shares in (2, 5, 8):
        dealt = [share_of(ordered, share, shares) for share in range(1, shares + 1)]
        assert {cell for share in dealt for step in share for cell in step.new} == {c for s in ordered for c in s.new}
        assert sum(step.attempts for share in dealt for step in share) == sum(step.attempts for step in ordered)
        units = [sum(step.units for step in share) for share in dealt]
        assert max(units) < 1.25 * min(units)


def test_a_share_is_named_as_i_of_n_and_has_something_to_ask(tmp_path: Path) -> None:
    for given, said in (("0/2", "is no share"), ("3/2", "is no share"), ("half", "is no share")):
        result = CliRunner().invoke(main, ["reproduce", "run", "few-shot-helps", "--share", given])
        assert result.exit_code == 2 and said in result.output
    words = ["reproduce", "run", "few-shot-helps", "--engine", "scripted:reply=cat", "--runs", str(tmp_path)]
    result = CliRunner().invoke(main, [*words, "--share", "900/900"])
    assert result.exit_code == 2 and "has nothing to ask" in result.output
    result = CliRunner().invoke(main, [*words, "--share", "1/2"])
    assert result.exit_code == 0 and "with --reuse for the folder of each share" in result.output


def test_verdicts_come_out_the_same_again(tmp_path: Path) -> None:
    reproduce([ONE, TWO], Counting, tmp_path, None, QUIET)
    found = []
    for _ in range(2):
        run, journal = read_run(tmp_path)
        with journal:
            found.append([(each.verdict, each.p, each.estimate) for each in judged([ONE, TWO], run, draws=200)])
    assert found[0] == found[1]


def test_the_report_has_hits_and_misses_in_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kshot.lab.findings.FINDINGS", {"one": ONE, "two": TWO})
    monkeypatch.setattr("kshot.lab.judge.DRAWS", 200)
    reproduce([ONE, TWO], Counting, tmp_path, None, QUIET)
    finish([tmp_path])
    page = (tmp_path / "report.md").read_text()
    verdicts = json.loads((tmp_path / "results.json").read_text())
    assert {each["name"]: each["hash"] for each in verdicts["findings"]} == {"one": ONE.hash, "two": TWO.hash}
    assert page.index("## The findings") < page.index("## one") < page.index("## two")
    assert "Of 2 findings on" in capsys.readouterr().out


def test_a_finding_of_another_kshot_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reproduce([ONE], Counting, tmp_path, None, QUIET)
    monkeypatch.setattr("kshot.lab.findings.FINDINGS", {"one": replace(ONE, margin=1)})
    with pytest.raises(UserError, match="settled by another kshot"):
        finish([tmp_path])
    with pytest.raises(UserError, match="holds no findings"):
        finish([tmp_path / "none"])


def test_names_and_hashes() -> None:
    name, finding = next(iter(FINDINGS.items()))
    assert named_findings([f"{name}@{finding.hash}"]) == [finding]
    assert {each.name for each in named_findings(["starred"])} == {n for n, each in FINDINGS.items() if each.starred}
    with pytest.raises(UserError, match="in this kshot and not abc"):
        named_findings([f"{name}@abc"])
    with pytest.raises(UserError, match="did you mean"):
        named_findings(["few-shot-help"])


@pytest.mark.parametrize("finding", FINDINGS.values(), ids=str)
def test_every_finding_can_be_asked(finding: Finding) -> None:
    assert all(get_strategy(spec).name for spec in finding.strategies())
    assert finding.claim.endswith(".") and "arXiv" in finding.source and finding.margin > 0
    assert len({each.hash for each in FINDINGS.values()}) == len(FINDINGS) >= 26


def test_the_command_lists_and_refuses(tmp_path: Path) -> None:
    listed = CliRunner().invoke(main, ["reproduce", "list"])
    assert listed.exit_code == 0 and all(name in listed.output for name in FINDINGS)
    wrong = CliRunner().invoke(main, ["reproduce", "run", "nothing", "--runs", str(tmp_path)])
    assert wrong.exit_code == 2 and "unknown finding" in wrong.output and not list(tmp_path.iterdir())


def test_what_is_shared_is_counted_once_and_the_least_to_ask_goes_first(tmp_path: Path) -> None:
    dear = replace(ONE, name="dear", n=90, effect=ScoreGain("chain-of-thought:k=2", "few-shot:k=4"))
    ordered = steps([dear, ONE, TWO])
    assert [(step.finding.name, step.attempts) for step in ordered] == [("one", 40), ("two", 20), ("dear", 160)]
    assert ordered[2].new["word-pairs", get_strategy("few-shot:k=4").name] == 70
    assert by_kind(ordered) == {
        "few-shot": {"word-pairs": 110},
        "zero-shot": {"word-pairs": 20},
        "chain-of-thought": {"word-pairs": 90},
    }
    told: list[tuple[str, float | None]] = []
    engine = Counting()
    watch = replace(QUIET, begin=lambda step, at, hours: told.append((step.finding.name, hours)))
    assert (
        reproduce(
            [replace(dear, effect=ScoreGain("few-shot:k=2", "few-shot:k=4")), ONE],
            lambda: engine,
            tmp_path,
            None,
            watch,
        )
        == []
    )
    assert len(engine.asked) == 20 + 90 + 90
    assert told[0] == ("one", None) and told[1][1] is not None and told[1][1] > 0


def test_a_prompt_raw_and_calibrated_costs_once() -> None:
    raw = "choice-logprob:template=0,k=4"
    plain = replace(ONE, tasks=("sst2",), effect=ScoreGain(f"{raw},calibrate=domain", raw))
    step = steps([plain])[0]
    assert (step.attempts, step.units) == (40, 20 + 20)  # the prior's inputs
    later = steps([replace(plain, effect=ScoreGain(raw, "knn-vote")), replace(plain, name="cc", seeds=3)])
    assert [(each.finding.name, each.attempts, each.units) for each in later] == [("one", 40, 20), ("cc", 20, 20)]
    with_own = steps([replace(plain, effect=ScoreGain(f"{raw},select=knn", "choice-logprob:select=knn"))])[0]
    assert with_own.units == 20 * (1 + 4) + 20


GROWS = replace(ONE, name="grows", claim="It grows.", effect=Growth(ONE.effect))


class Knows(ScriptedEngine):
    """Answers a share of the questions right where it is shown exemplars."""

    def __init__(self, id: str, every: int) -> None:
        answers = {
            sample.question: sample.target for sample in get_task("word-pairs").load("test", Source(limit=ONE.n))
        }

        def reply(request: Request) -> str:
            assert not isinstance(request.prompt, str)
            question = request.prompt[-1].content
            known = len(request.prompt) > 1 and every and zlib.crc32(question.encode()) % every == 0
            return answers[question] if known else "none"

        super().__init__(reply, id=id, capacity=4)


def several(folder: Path, models: dict[str, tuple[int, int]], findings: Sequence[Finding]) -> list[Path]:
    """A run a model: its parameters, and that it knows one answer in so many, 0 none."""
    for name, (parameters, every) in models.items():
        info = {"model": name, "size": {"parameters": parameters, "embedding": 0, "bytes": 0, "dtype": "float32"}}
        reproduce(findings, lambda name=name, every=every: Knows(name, every), folder / name, None, QUIET, info=info)
    return [folder / name for name in models]


def test_what_compares_models_is_judged_on_the_smallest_and_the_largest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("kshot.lab.findings.FINDINGS", {"one": ONE, "grows": GROWS})
    folders = several(tmp_path, {"large": (300, 1), "small": (100, 0), "middle": (200, 2)}, [ONE, GROWS])
    finish(folders[1:2])
    alone = json.loads((folders[1] / "results.json").read_text())
    assert [each["name"] for each in alone["findings"]] == ["one"] and alone["not_run"] == []
    with pytest.raises(UserError, match="say where with --out"):
        finish(folders)
    finish(folders, tmp_path / "joint")
    said = json.loads((tmp_path / "joint" / "results.json").read_text())
    assert [each["model"] for each in said["models"]] == ["small", "middle", "large"]
    effects = [each["findings"][0]["effect"] for each in said["models"]]
    assert effects[0] == 0 < effects[1] < effects[2] > 80
    [grows] = said["between_models"]
    assert (grows["effect"], grows["verdict"]) == (effects[2], "reproduced")
    page = (tmp_path / "joint" / "report.md").read_text()
    assert "| source | finding | claimed | small | middle | large |" in page and "findings-between-models.png" in page
    with pytest.raises(UserError, match="two of the runs are of large"):
        finish([folders[0], folders[0]], tmp_path / "joint")
