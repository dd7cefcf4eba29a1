"""60 hostile strings as output, question, id, rule, task, strategy and run name, in a real browser: nothing runs.

Skipped where no Chromium is on the machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.report import html
from kshot.eval.report.prompting.build import build
from tests.eval.report.hostile import HOSTILE, hostile_run

OPEN_ALL = "() => { for (const item of document.querySelectorAll('#transcripts > details')) item.open = true; }"
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("width", [1300, 390])
def test_nothing_runs_and_the_layout_holds(visit: Callable[[str], Any], tmp_path: Path, width: int) -> None:
    folder = tmp_path / "<img src=x onerror=window.hit=1> \u202e%2e%2e {{7*7}}"
    folder.mkdir()
    path = html.write(build(hostile_run()), folder)
    page = visit(path.as_uri())
    page.set_viewport_size({"width": width, "height": 900})
    shown = page.locator("#transcripts > details")
    assert shown.count() >= len(HOSTILE)  # evenly over three strategies, as far as there is room
    page.evaluate(OPEN_ALL)
    page.wait_for_timeout(500)
    assert page.evaluate("() => window.hit") is None
    assert page.evaluate(WIDER) <= 0
    assert page.locator("img, iframe, object, embed, video, form[action]").count() == 0
    assert page.locator("h1").inner_text().startswith("kshot: <img src=x")
    assert page.url.startswith("file:")


def test_a_hostile_search_finds_itself(visit: Callable[[str], Any], tmp_path: Path) -> None:
    page = visit(html.write(build(hostile_run()), tmp_path).as_uri())
    for text in (HOSTILE[0], HOSTILE[14], HOSTILE[36]):
        page.fill("input[name=text]", text)
        page.wait_for_timeout(400)
        assert int(page.locator("#count").inner_text().split(" ")[0].replace(",", "")) >= 3
