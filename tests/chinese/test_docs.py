"""The Chinese pages name only what there is: commands, tasks, strategies, methods, experiments, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from kshot.adapters.methods import METHODS
from kshot.classic.experiments import COURSE
from kshot.cli.main import main
from kshot.eval.answers import NUMBER, in_language
from kshot.eval.tasks import GROUPS, TASKS, get_task
from kshot.prompts.strategies import STRATEGIES, get_strategy
from tests.chinese.test_end_to_end import KINDS
from tests.places import ROOT

PAGES = (ROOT / "README.zh.md", ROOT / "docs" / "zh" / "course.md")
OPEN = {"题目.jsonl", *(f"{name}.jsonl" for name in KINDS)}  # what is the reader's own


def commands(page: Path) -> Iterator[list[str]]:
    """Every command line of a page, as words."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in re.findall(r"^    (kshot .*)$", text, re.MULTILINE):
        yield shlex.split(line, comments=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_is_one(page: Path) -> None:
    found = list(commands(page))
    assert len(found) >= 8
    for words in found:
        command = main.commands[words[1]]
        options = {name for option in command.params for name in option.opts}
        if hasattr(command, "commands"):
            continue
        assert {word for word in words if word.startswith("--")} <= options, words
        for option, given in pairwise(words):
            if option == "--task" and given not in OPEN and given not in GROUPS:
                get_task(given)
            elif option == "--strategy" and words[1] == "bench":
                get_strategy(given)
            elif option == "--method":
                assert given in METHODS
            elif option == "--compare" and given != "none":
                assert [get_strategy(one) for one in given.split(",")]


def test_the_course_s_table_has_every_experiment_and_no_other() -> None:
    text = PAGES[1].read_text(encoding="utf-8")
    table = text[text.index("## 三、") : text.index("**11.")]
    assert sorted(re.findall(r"^\|[^|]*\| `([a-z-]+)`", table, re.MULTILINE)) == sorted(COURSE)


def test_names_in_the_tables_exist() -> None:
    text = PAGES[1].read_text(encoding="utf-8")
    for heading, known in (("## 一、", STRATEGIES), ("## 二、", METHODS)):
        part = text[text.index(heading) :].split("\n**", 1)[0]
        names = re.findall(r"^\|[^|]*\| `([a-z-]+)[:`]", part, re.MULTILINE)
        assert len(names) >= 7 and set(names) <= {*known}, names
    assert {"word-problems", "coin-flip", "last-letters", "gsm8k"} <= {*TASKS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_what_the_readme_says_of_reading_is_so() -> None:
    form = in_language(NUMBER, "zh")
    said = {
        **dict.fromkeys(("答案是８。", "答：八个", "一共是**8**个。", "\\boxed{8}"), "8"),
        **{"两百三十": "230", "壹佰贰拾叁": "123", "3万5千": "35000", "百分之五": "5", "零下5度": "-5"},
        **dict.fromkeys(("三四个", "3或5", "无法确定"), None),
    }
    assert {text: form.extract(text, ()).answer for text in said} == said
