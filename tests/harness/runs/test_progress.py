"""Without a terminal a line now and then says how far a command is; with one, a bar."""

from __future__ import annotations

import io

import pytest
from click.testing import CliRunner
from rich.console import Console

from kshot.cli import main
from kshot.harness.runs import progress
from kshot.harness.runs.progress import ProgressBar, ProgressLines, shown_on, time_of


class Clock:
    """A clock that is set."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_after_a_second_one_every_ten_and_one_at_the_end() -> None:
    clock, said = Clock(), list[str]()
    with ProgressLines(said.append, clock) as lines:
        lines.begin("attempts", 2_000)
        for second in range(1, 26):
            clock.now = second
            lines.show(8 * second, "accuracy 50%")
    assert said == [
        "attempts  8 of 2,000, 8.0 a second, 4:09 left  accuracy 50%",
        "attempts  88 of 2,000, 8.0 a second, 3:59 left  accuracy 50%",
        "attempts  168 of 2,000, 8.0 a second, 3:49 left  accuracy 50%",
        "attempts  200 of 2,000, 8.0 a second, 3:45 left  accuracy 50%",
    ]


def test_the_pace_is_that_of_the_last_minute_and_each_part_has_its_own() -> None:
    clock, said = Clock(), list[str]()
    with ProgressLines(said.append, clock) as lines:
        lines.begin("a journal\x1b[2J", 1_000)
        lines.show(900)  # replayed at once
        for tens in range(1, 9):
            clock.now = 10 * tens
            lines.show(900 + tens)
        lines.begin("loading", None)
        clock.now += 10
        lines.show(0)
    assert said[7] == "a journal  908 of 1,000, 10.0 seconds each, 15:20 left"
    assert said[8:] == ["loading  0"]


def test_nothing_is_said_of_nothing() -> None:
    said = list[str]()
    with ProgressLines(said.append, Clock()) as lines:
        lines.begin("attempts", 0)
    assert said == []


@pytest.mark.parametrize(("seconds", "said"), [(0.2, "0:00"), (59.6, "1:00"), (3661, "1:01:01"), (90_000, "25:00:00")])
def test_a_time_is_written_as_one_reads_it(seconds: float, said: str) -> None:
    assert time_of(seconds) == said


def test_a_terminal_has_a_bar() -> None:
    out = io.StringIO()
    with shown_on(Console(file=out, force_terminal=True, width=100)) as bar:
        assert isinstance(bar, ProgressBar)
        bar.begin("[/red] attempts", 4)
        bar.show(3, "[/red] state")
    assert "[/red] attempts" in out.getvalue() and "3/4" in out.getvalue()
    assert isinstance(shown_on(Console(file=io.StringIO())), ProgressLines)


def test_a_command_without_a_terminal_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.0)
    args = ["bench", "--task", "coin-flip", "--strategy", "zero-shot", "--engine", "scripted", "--limit", "3"]
    result = CliRunner().invoke(main, [*args, "--runs", str(tmp_path)])
    assert result.exit_code == 0
    assert "attempts  3 of 3" in result.stderr and "accuracy" in result.stderr
