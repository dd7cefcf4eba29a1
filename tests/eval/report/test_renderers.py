"""The three renderers, on text that means harm."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import xml.etree.ElementTree as xml
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from kshot.eval.report import html, markdown, terminal
from kshot.eval.report.model import Alternatives, Figure, Transcripts
from kshot.eval.report.prompting.build import build
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.prompting.transcripts import transcript
from kshot.eval.report.safe_text import clean
from kshot.types import Generation, Prediction, Record, Request, Sample, Score
from tests.eval.report.hostile import HOSTILE, hostile_run

VOID = {"meta", "input", "br", "wbr", "img", "link", "hr"}


class Page(HTMLParser):
    """Every tag with its attributes, and the text of scripts and styles; checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.words: list[str] = []
        self.stack: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append((tag, dict(attrs)))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1][0] in ("script", "style"):
            self.raw.append((*self.stack[-1], data))
        self.words.append(data)


@pytest.fixture(scope="module")
def page_text() -> str:
    return html.page(build(hostile_run()), room=10**9)


@pytest.fixture(scope="module")
def page(page_text: str) -> Page:
    return Page(page_text)


def test_hostile_text_stays_text_in_html(page: Page) -> None:
    assert page.stack == []
    assert [tag for tag, _ in page.tags].count("script") == 2
    for tag, attributes in page.tags:
        assert tag not in ("img", "iframe", "object", "embed", "link", "base")
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "srcdoc")]
        for name in ("href", "src", "xlink:href", "action"):
            assert (attributes.get(name) or "#").startswith("#"), (tag, attributes)
    words = "".join(page.words)
    assert "{{ 7 * 7 }}" in words
    assert "<img src=x onerror=window.hit=1;alert(1)>" in words
    for character in "\x00\x07\x08\x1b\u202e\u2066\ud800":
        assert character not in words


def test_the_policy_lets_only_the_pages_own_script_and_style_run(page: Page) -> None:
    [policy] = [a["content"] or "" for tag, a in page.tags if tag == "meta" and a.get("http-equiv")]
    allowed = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert allowed["default-src"] == "'none'"
    assert "unsafe" not in policy
    blocks = {(tag, a.get("type")): text for tag, a, text in page.raw}
    for kind, key in (("script-src", ("script", None)), ("style-src", ("style", None))):
        digest = base64.b64encode(hashlib.sha256(blocks[key].encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"
    prompts = json.loads(blocks["script", "application/json"])
    assert clean(HOSTILE[0]) in prompts
    assert len(prompts) == len(set(prompts)) == len(HOSTILE)  # each turn once, though three strategies sent it


def test_the_extracted_span_is_marked_and_its_rule_named(page: Page, page_text: str) -> None:
    # the terminal escape is all that one span holds, and is taken out
    assert [tag for tag, _ in page.tags].count("mark") == 3 * (len(HOSTILE) - 1)
    assert "<mark title=" in page_text
    prediction = Prediction("29", "ok", "stated", (14, 16))
    run = RunData(
        "r",
        {},
        [Record("t", "s", "1", 0, prediction, Score(1, True), ("k",))],
        {("t", "1"): Sample("1", "q", "29")},
        lambda _: (Request("verbatim"), Generation("The answer is 29.", "stop")),
    )
    assert 'The answer is <mark title="read by rule: stated">29</mark>.' in html.page(build(run))


def test_a_page_says_how_many_transcripts_it_left_out() -> None:
    report = build(hostile_run())
    [block] = [block for block in report.blocks() if isinstance(block, Transcripts)]
    few = html.page(report, most=6)
    assert "6 of 180 transcripts are in this page" in few
    shown, _ = html.embedded(block.items, 6, 10**9)
    assert [entry.item.strategy for entry in shown].count("zero-shot") == 2  # evenly over three strategies
    small, _ = html.embedded(block.items, 2_000, 5_000)
    assert 0 < len(small) < 180
    assert "All 180 transcripts." in html.page(report, room=10**9)


def test_figures_inside_the_page_are_sound(page_text: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", page_text, re.DOTALL)
    assert len(drawings) == 5  # accuracy, cost, and the differences against each of three baselines
    ids: list[str] = []
    for drawing in drawings:
        root = xml.fromstring(drawing)
        here = [element.get("id") or "" for element in root.iter() if element.get("id")]
        for element in root.iter():
            target = element.get("{http://www.w3.org/1999/xlink}href")
            assert target is None or target[1:] in here
        ids += here
    assert len(ids) == len(set(ids))


def test_hostile_text_steers_no_terminal() -> None:
    run = hostile_run()
    out = io.StringIO()
    console = Console(file=out, width=200, force_terminal=True, color_system=None)
    terminal.render(build(run), console)
    for record in run.records[: len(HOSTILE)]:
        terminal.show(transcript(run, record), console)
    printed = re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())  # rich's own
    assert "\x1b" not in printed
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800]", printed)
    assert "[bold]rich[/bold]" in printed
    assert "red link" in printed


def test_hostile_text_is_no_markup_in_markdown(tmp_path: Path) -> None:
    path = markdown.write(build(hostile_run()), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"(?<!\\)<", text)
    assert all(image.startswith("figures/") for image in re.findall(r"(?<!\\)\]\(([^)]*)\)", text))
    made = {f"{name}.{kind}" for name in ("accuracy", "cost", "differences") for kind in ("pdf", "png")}
    assert {p.name for p in (tmp_path / "figures").iterdir()} == made
    widths = {
        len(re.findall(r"(?<!\\)\|", line))
        for block in text.split("\n\n") if block.startswith("| task | strategy | samples | accuracy")
        for line in block.split("\n")
    }  # fmt: skip
    assert widths == {11}


@pytest.mark.parametrize(
    ("dirty", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07x", "x"),
        ("a\x00b", "a␀b"),
        ("\u202eabc", "⟨U+202E⟩abc"),
        ("a\r\nb\rc", "a\nb␍c"),
        ("unfinished \x1b[", "unfinished ␛["),
        ("tab\tstays, é and 漢 too", "tab\tstays, é and 漢 too"),
    ],
)
def test_what_is_invisible_becomes_visible(dirty: str, shown: str) -> None:
    assert clean(dirty) == shown


def test_any_strategy_can_be_the_baseline_in_a_page_and_the_first_stands_elsewhere(page_text: str) -> None:
    report = build(hostile_run())
    [choice] = [block for section in report.sections for block in section.blocks if isinstance(block, Alternatives)]
    assert len(choice.options) == 3
    assert page_text.count('<div class="alternative"') == 3
    assert page_text.count('<div class="alternative" hidden>') == 2
    figures = [block.name for _, blocks in choice.options for block in blocks if isinstance(block, Figure)]
    assert len(set(figures)) == 3  # identifiers within the drawings are prefixed with it
    assert markdown.text(report).count("Against ") == 1
