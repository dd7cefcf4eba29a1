"""`kshot search` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kshot.cli import main
from kshot.harness.journal import Journal
from tests.harness.runs.search.conftest import no_pictures as no_pictures
from tests.harness.runs.search.conftest import world as world

SMALL = ("--budget", "60", "--validation", "12", "--train", "16", "--seeds", "1", "--limit", "8", "--proposals", "6")


def kshot(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_a_search_from_the_command_line_to_json_and_on_to_every_other_command(
    tmp_path: Path, no_pictures: None
) -> None:
    words = ("--task", "planted", "--method", "edits", "--engine", "scripted", "--runs", str(tmp_path), "--run", "s")
    done = kshot("search", *words, *SMALL, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["schema"] == "kshot-search"
    found = {one["method"]: one for one in said["searches"]}
    assert set(found) == {"best-human", "random", "edits"}
    assert all(one["scorings"] <= one["budget"] == 60 for one in found.values())

    again = kshot("report", str(tmp_path / "s"), "--json")
    assert json.loads(again.stdout) == said
    assert "best-human" in kshot("report", str(tmp_path / "s"), "--baseline", "zero-shot").output
    spec = found["edits"]["strategy"]
    shown = kshot("show", str(tmp_path / "s"), "--strategy", spec)
    assert shown.exit_code == 0 and "test item" in shown.output
    benched = kshot(
        "bench", "--task", "planted", "--strategy", spec, "--engine", "scripted", "--runs", str(tmp_path), "--run", "b",
        "--limit", "8", "--json",
    )  # fmt: skip
    [cell] = json.loads(benched.stdout)["cells"]
    assert cell["value"] == found["edits"]["test"]  # the same engine, samples and prompt
    refused = kshot("show", str(tmp_path / "s" / "search"))
    assert refused.exit_code == 2 and "what searches for prompts asked" in refused.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--task", "planted", "--method", "edit"), "did you mean edits"),
        (
            (
                "--task",
                "planted:train=3",
            ),
            "has 3 train samples",
        ),
        (("--task", "planted", "--budget", "11"), "budget is 11"),
        (("--task", "planted", "--template", "own.jinja"), "own.jinja"),
        (("--task", "planted", "--data", "nowhere"), "--data nowhere is not a folder"),
        (("--task", "planted", "--method", "edits:wrong=1"), "no parameter 'wrong'"),
        (("--task", "planted", "--proposer", "scripted:wrong=1"), "no parameter 'wrong'"),
        (("--task", "planted", "--method", "edits:balance=-1"), "balance is -1"),
        (("--task", "planted", "--transfer", "scripted"), "is the model that is searched on"),
    ],
)
def test_mistakes_are_a_sentence(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    small = [word for word in SMALL if word != "--budget" and word != "60"] if "--budget" in words else SMALL
    done = kshot("search", *words, *small, "--engine", "scripted", "--runs", str(tmp_path))
    assert done.exit_code == 2 and said in done.output and "Traceback" not in done.output


def test_what_can_be_searched_with_is_listed() -> None:
    listed = kshot("list", "searches").output
    assert all(name in listed for name in ("ape", "best-human", "demos", "edits", "opro", "random"))
    assert "kshot list searches" in kshot("search", "--help").output


def test_a_proposer_and_a_transfer_are_engines_of_their_own(tmp_path: Path, no_pictures: None) -> None:
    done = kshot(
        "search", "--task", "planted", "--method", "ape", *SMALL, "--engine", "scripted", "--runs", str(tmp_path),
        "--run", "s", "--proposer", "scripted:reply=Look at the item.", "--transfer", "scripted:reply=good",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "s" / "found.json").read_text())
    [ape] = [one for one in found["searches"] if one["method"] == "ape"]
    assert "Look at the item." in {one["text"] for one in ape["tried"]}
    assert (tmp_path / "s" / "transfer" / "journal.sqlite").is_file()
    assert "On another model" in (tmp_path / "s" / "report.md").read_text()


def test_what_another_search_was_asked_is_taken_from_there(tmp_path: Path, no_pictures: None) -> None:
    """A search of each task in a process of its own, then both in one report: nothing is asked a second time."""

    def searched(run: str, *words: str) -> Path:
        own = ("--runs", str(tmp_path), "--run", run, "--engine", "scripted", "--method", "edits")
        done = kshot("search", *words, *SMALL, *own)
        assert done.exit_code == 0, done.output
        return tmp_path / run

    tasks = ("planted", "planted:train=40")
    apart = [searched(f"s{at}", "--task", task) for at, task in enumerate(tasks)]
    reuse = [word for folder in apart for word in ("--reuse", str(folder))]
    whole = searched("both", "--task", tasks[0], "--task", tasks[1], *reuse)
    for place in ("search", "."):
        with Journal.read(whole / place) as journal:
            assert sum(journal.reused().values()) == journal.count() > 0
    names = ("task", "method", "seed", "validation", "tested", "oob")
    found, *others = (json.loads((folder / "found.json").read_text())["searches"] for folder in (whole, *apart))

    def said(searches: list[dict[str, object]]) -> list[list[object]]:
        return sorted([one.get(name) for name in names] for one in searches)  # type: ignore[type-var]

    assert said(found) == said([one for some in others for one in some])
    (apart[0] / "journal.sqlite").rename(tmp_path / "gone")  # as if it had been killed before its test
    own = ("--engine", "scripted", "--method", "edits", "--runs", str(tmp_path), "--run", "again")
    done = kshot("search", "--task", tasks[0], *SMALL, *own, "--reuse", str(apart[0]))
    assert done.exit_code == 0 and "nothing is taken" not in done.output
    with Journal.read(tmp_path / "again" / "search") as journal:
        assert sum(journal.reused().values()) == journal.count()
    wrong = kshot("search", "--task", "planted", *SMALL, "--engine", "scripted", "--reuse", str(tmp_path / "none"))
    assert wrong.exit_code == 2 and "holds no run" in wrong.output


def test_what_a_proposer_wrote_and_another_model_answered_is_taken_too(tmp_path: Path, no_pictures: None) -> None:
    words = (
        "search", "--task", "planted", "--method", "ape", *SMALL, "--engine", "scripted", "--runs", str(tmp_path),
        "--proposer", "scripted:reply=Look at the item.", "--transfer", "scripted:reply=good",
    )  # fmt: skip
    assert kshot(*words, "--run", "one").exit_code == 0
    done = kshot(*words, "--run", "two", "--reuse", str(tmp_path / "one"))
    assert done.exit_code == 0, done.output
    for place in ("search", ".", "transfer"):
        with Journal.read(tmp_path / "two" / place) as journal:
            assert sum(journal.reused().values()) == journal.count() > 0, place


def test_the_command_imports_nothing_heavy_before_it_is_needed() -> None:
    script = "import sys, kshot.cli.search; print(sorted({'torch', 'scipy', 'matplotlib', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
