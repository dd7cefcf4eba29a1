"""The HTML report in a real browser, from disk: filters, search, transcripts, baseline, deep links, keyboard.

Skipped where no Chromium is on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.report import html
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.run_data import RunData
from kshot.types import Generation, Message, Prediction, Record, Request, Sample, SamplingParams, Score

STRATEGIES = ("zero-shot", "few-shot", "chain-of-thought")


def small_run() -> RunData:
    """12 samples: zero-shot has the first 3 right, few-shot 3 to 10, chain-of-thought all."""
    samples, records, calls = {}, [], {}
    for number in range(12):
        name = f"s{number}"
        samples["letters", name] = Sample(name, f"question {number} <b>bold</b>", "yes")
        for strategy, right in zip(STRATEGIES, (number < 3, 2 < number < 11, True), strict=True):
            key = f"{strategy}/{number}"
            text = f"thinking {number} <img src=x onerror=alert(1)> answer: {'yes' if right else 'no'}"
            prompt = (Message("user", "shared exemplar"), Message("user", f"question {number} of {strategy}"))
            calls[key] = (Request(prompt, SamplingParams()), Generation(text, "stop", 9, 4, 6))
            span = (len(text) - (3 if right else 2), len(text))
            prediction = Prediction("yes" if right else "no", "ok", "the answer is", span)
            records.append(Record("letters", strategy, name, 0, prediction, Score(float(right), True), (key,), 9, 4, 6))
    return RunData("small", {"model": "none"}, records, samples, calls.__getitem__, STRATEGIES)


def expect(locator: Any) -> Any:
    """Playwright's waiting assertions."""
    return pytest.importorskip("playwright.sync_api").expect(locator)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    report = build(small_run())
    path: Path = html.write(report, tmp_path_factory.mktemp("report"))
    return path.as_uri()


@pytest.fixture
def page(visit: Callable[[str], Any], address: str) -> Any:
    return visit(address)


def visible(page: Any) -> int:
    count: int = page.locator("#transcripts > details:visible").count()
    return count


def settle(page: Any, text: str) -> None:
    """Waits until the count says so."""
    page.wait_for_function("text => document.getElementById('count').textContent === text", arg=text)


def test_filters_and_search_narrow_the_transcripts(page: Any) -> None:
    assert visible(page) == 36
    page.select_option("select[name=strategy]", "few-shot")
    settle(page, "12 of 36")
    page.select_option("select[name=outcome]", "wrong")
    settle(page, "4 of 36")
    page.fill("input[name=text]", "thinking 11")
    settle(page, "1 of 36")
    page.fill("input[name=text]", "nowhere to be found")
    settle(page, "0 of 36")
    assert page.locator("#none").is_visible()
    page.keyboard.press("Escape")
    settle(page, "36 of 36")


def test_right_where_another_is_wrong_and_both_side_by_side(page: Any) -> None:
    page.set_viewport_size({"width": 1400, "height": 900})
    page.select_option("select[name=strategy]", "few-shot")
    page.select_option("select[name=other]", "zero-shot")
    for versus, count in (("won", 8), ("lost", 3), ("both", 0), ("neither", 1)):
        page.select_option("select[name=versus]", versus)
        settle(page, f"{count} of 36")
    page.select_option("select[name=versus]", "won")
    settle(page, "8 of 36")
    page.locator("#transcripts > details:visible summary").first.click()
    sides = page.locator("#transcripts > details[open] .side")
    expect(sides).to_have_count(2)
    mine, other = sides.nth(0), sides.nth(1)
    assert "question 3 of few-shot" in mine.inner_text()
    assert "question 3 of zero-shot" in other.inner_text()
    assert "zero-shot: wrong" in other.inner_text()
    assert mine.bounding_box()["x"] + mine.bounding_box()["width"] <= other.bounding_box()["x"] + 1


def test_a_transcript_shows_what_was_read_and_runs_nothing(page: Any) -> None:
    page.locator("#transcripts > details summary").first.click()
    opened = page.locator("#transcripts > details[open]")
    assert opened.locator("mark").inner_text() == "yes"
    assert "the answer is" in opened.locator("mark").get_attribute("title")
    assert "<img src=x onerror=alert(1)>" in opened.inner_text()
    assert opened.locator("img").count() == 0


def test_any_strategy_can_be_the_baseline(page: Any) -> None:
    def shown() -> str:
        text: str = page.locator(".alternative:visible").inner_text()
        return text

    assert "Against zero-shot." in shown()
    page.select_option("select[data-alternatives]", "chain-of-thought")
    assert "Against chain-of-thought." in shown()
    assert "Against zero-shot." not in shown()


def test_a_deep_link_opens_its_transcript(page: Any, address: str) -> None:
    anchor = page.locator("#transcripts > details").nth(20).get_attribute("id")
    page.goto("about:blank")
    page.goto(f"{address}#{anchor}")
    opened = page.locator("#transcripts > details[open]")
    assert opened.get_attribute("id") == anchor
    assert "shared exemplar" in opened.inner_text()


def test_the_keyboard_is_enough(page: Any) -> None:
    page.keyboard.press("/")
    page.keyboard.type("question 5 of")
    settle(page, "3 of 36")
    page.locator("input[name=text]").evaluate("element => element.blur()")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert page.locator("#transcripts > details[open]").get_attribute("data-strategy") == "few-shot"
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    assert page.locator("#transcripts > details[open]").count() == 2
