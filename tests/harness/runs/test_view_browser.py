"""kshot view in a real browser: served by the real command, filtered by its database, live while a run goes on.

Skipped where no Chromium is on the machine.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark


def reply(request: Any) -> str:
    """Right where the prompt holds exemplars."""
    text = "\n".join(turn.content for turn in request.prompt)
    return (
        f"<img src=x onerror=alert(1)> So the answer is {'yes' if len(request.prompt) > 1 or 'Q:' in text else 'no'}."
    )


def expect(locator: Any) -> Any:
    """Playwright's waiting assertions."""
    return pytest.importorskip("playwright.sync_api").expect(locator)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, limit in (("first", 60), ("second", 30)):
        plan = Plan(("coin-flip",), ("zero-shot", "few-shot:k=2", "chain-of-thought:k=2"), limit=limit)
        run_benchmark(load_plan(plan), ScriptedEngine(reply), folder / name)
    # the second run as it stood two thirds through, its writer (this process) alive
    with sqlite3.connect(folder / "second" / "journal.sqlite") as database:
        database.execute("DELETE FROM records WHERE strategy LIKE 'zero-shot%'")
        database.execute("UPDATE meta SET value = ? WHERE name = 'note writer'", (str(os.getpid()),))
    database.close()
    return folder


@pytest.fixture(scope="module")
def address(runs: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "kshot", "view", str(runs), "--no-open"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.send_signal(signal.SIGINT)
        assert server.wait(20) in (0, 130)


@pytest.fixture
def page(visit: Callable[[str], Any], address: str) -> Any:
    return visit(address)


def count(page: Any) -> str:
    text: str = page.locator("#count").inner_text()
    return text


def test_from_the_list_to_a_transcript(page: Any) -> None:
    page.get_by_role("link", name="first").click()
    assert count(page) == "1 to 50 of 180"
    page.get_by_role("link", name="next").click()
    assert count(page) == "51 to 100 of 180"
    page.select_option("select[name=strategy]", "few-shot")
    page.wait_for_url("**strategy=few-shot**")
    assert count(page) == "1 to 50 of 60"
    page.keyboard.press("/")
    page.keyboard.type("answer is yes")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=answer**")
    assert count(page).endswith("of 60")
    page.locator("#transcripts > details summary").first.click()
    opened = page.locator("#transcripts > details[open]")
    assert opened.locator("mark").inner_text() == "yes"
    assert "onerror=alert(1)" in opened.inner_text()
    link = opened.get_by_role("link", name="link").get_attribute("href")
    page.goto(page.url.split("?")[0] + link)
    assert page.locator("#transcripts > details[open]").get_attribute("data-strategy") == "few-shot"
    page.keyboard.press("Escape")
    expect(page.locator("#count")).to_have_text("1 to 50 of 180")


def test_side_by_side_baseline_and_keys(page: Any) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    page.get_by_role("link", name="first").click()
    page.select_option("select[name=strategy]", "few-shot")
    page.wait_for_url("**strategy=few-shot**")
    page.select_option("select[name=other]", "zero-shot")
    page.wait_for_url("**other=zero-shot**")
    assert count(page) == "1 to 50 of 60"
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    sides = page.locator("#transcripts > details[open] .side")
    expect(sides).to_have_count(2)
    assert "zero-shot" in sides.nth(1).inner_text()
    page.select_option("select[name=versus]", "won")
    page.wait_for_url("**versus=won**")
    won = int(count(page).split()[-1])
    page.select_option("select[name=versus]", "lost")
    page.wait_for_url("**versus=lost**")
    assert 0 < won + int(count(page).split()[-1]) <= 60
    page.select_option("select[data-alternatives]", "chain-of-thought")
    assert "Against chain-of-thought." in page.locator(".alternative:visible").inner_text()


def test_a_run_in_flight_tells_how_far_it_is(page: Any, runs: Path) -> None:
    page.get_by_role("link", name="second").click()
    assert page.locator("#live").inner_text().startswith("running: 60 of 90 attempts")
    with sqlite3.connect(runs / "second" / "journal.sqlite") as database:
        database.execute(
            "INSERT INTO records SELECT task, 'zero-shot', sample_id, repeat, answer, status, value, answered, detail, "
            "calls, prompt_tokens, cached_tokens, completion_tokens, seconds, scores FROM records "
            "WHERE strategy LIKE 'few-shot%'"
        )
    database.close()
    expect(page.locator("#live")).to_contain_text("complete: 90 of 90")


def test_two_runs_against_each_other(page: Any) -> None:
    page.select_option("select[name=b]", "1")
    page.get_by_role("button", name="compare").click()
    assert "second against first" in page.locator("h1").inner_text()
    page.get_by_role("link", name="all runs").click()
    assert page.url.count("/") == 4
