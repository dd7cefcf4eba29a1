r"""Expressions and whole texts: what a reply states, sign by sign, and when two expressions are the same."""

from __future__ import annotations

import sys
import threading

import pytest

from kshot.eval.answers import EXPRESSION, SENTENCE, WHOLE
from kshot.eval.answers.as_written import boxed_in
from kshot.eval.tasks.library.equivalence import BAR, check_there, equal, same_expression
from kshot.types import Generation, Sample, UserError

READ = [
    (r"$\frac{1}{2}$", r"\frac{1}{2}", "last formula"),
    (r"So $x = 3$, hence $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}", "boxed"),
    (
        r"Final Answer: The final answer is $(3, \frac{\pi}{2})$. I hope it is correct.",
        r"(3, \frac{\pi}{2})",
        "the answer is",
    ),
    (r"It is \boxed{4}. Wait, no. It is \boxed{\sqrt{5}}", r"\sqrt{5}", "boxed"),
    ("The answer is 3.5.", "3.5", "the answer is"),
    (r"<think>\boxed{9}</think>The answer is $8$", "8", "the answer is"),
    (r"The final answer is $\$32,\!348$. I hope it is correct.", r"\$32,\!348", "the answer is"),
    (r"It costs $\$5$ or $\$7 + \$1$", r"\$7 + \$1", "last formula"),
    (r"\$1, \$2", r"\$1, \$2", "all of it"),
    ("12", "12", "all of it"),
    ("one\ntwo", None, "none"),
    (r"<think>perhaps \boxed{3}", None, "thinking, not finished"),
    ("", None, "none"),
]


@pytest.mark.parametrize(("text", "answer", "rule"), READ)
def test_an_expression_is_the_last_that_is_stated(text: str, answer: str | None, rule: str) -> None:
    found = EXPRESSION.extract(text, ())
    assert (found.answer, found.rule) == (answer, rule)
    if answer:
        assert found.span is not None and text[slice(*found.span)] == answer


def test_a_cut_off_solution_counts_only_with_a_stated_answer() -> None:
    assert EXPRESSION.read(Generation(r"so $\boxed{2}$ and", "length")).answer == "2"
    cut = EXPRESSION.read(Generation(r"so $x = 2$ and", "length"))
    assert (cut.answer, cut.status, cut.rejected) == (None, "truncated", "x = 2")


def test_a_whole_text_is_kept_but_for_thought_and_the_blanks_around_it() -> None:
    assert WHOLE.read(Generation("\n Two lines,\n  kept. ", "length")).answer == "Two lines,\n  kept."
    assert WHOLE.read(Generation("<think>hm</think>\nEin Satz.", "stop")).answer == "Ein Satz."
    assert WHOLE.read(Generation(" \n", "stop")).status == "unparsed"
    assert WHOLE.read(Generation("<think>hm", "length")).answer is None


def test_a_translation_is_the_first_line_that_says_something() -> None:
    found = SENTENCE.extract("<think>Hm.</think>\n \n  Ein Satz. \nEnglish phrase: more", ())
    assert (found.answer, found.explicit) == ("Ein Satz.", True)
    assert SENTENCE.read(Generation("Ein", "length")).answer == "Ein"  # cut off, it is scored as it stands
    assert SENTENCE.read(Generation("\n", "stop")).answer is None


def test_the_last_box_of_a_solution() -> None:
    assert boxed_in(r"a \boxed{1} b \boxed{\frac{2}{3}}.") == r"\frac{2}{3}"
    assert boxed_in(r"is $\boxed 7$.") == "7" and boxed_in(r"\fbox{x}") == "x"
    with pytest.raises(ValueError, match="no box"):
        boxed_in("none")


SAME = [
    (r"\frac{1}{2}", "0.5", True),
    (r"\frac{1}{2}", r"\dfrac{1}{2}", True),
    (r"\frac12", "1/2", True),
    ("x^2 + 2x + 1", "(x+1)^2", True),
    (r"\sqrt{8}", r"2\sqrt{2}", True),
    ("[2,5)", "[2, 5)", True),
    ("[2,5)", "(2,5]", False),
    (r"\{1,2\}", r"\{2, 1\}", True),
    (r"\text{Evelyn}", "Evelyn", True),
    ("10,000", "10000", True),
    (r"90^\circ", "90", True),
    ("(3,4)", "(4,3)", False),
    ("7", "8", False),
    (r"|x|", "|x|", True),
    ("7", "", False),
    ("7", r"\frac{", False),
    ("7", "}{", False),
]


@pytest.mark.parametrize(("right", "answer", "same"), SAME)
def test_when_two_expressions_are_the_same(right: str, answer: str, same: bool) -> None:
    assert equal(right, answer) is same
    sample = Sample("s", "?", right.replace("|", BAR))
    assert same_expression(answer, sample).value == float(same)
    assert not same_expression(None, sample).answered


def test_expressions_are_compared_off_the_main_thread_too() -> None:
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(equal(r"\frac{6}{8}", "0.75")))
    thread.start()
    thread.join()
    assert found == [True]


def test_without_math_verify_it_is_told_before_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    assert equal("3", " 3 ")  # as texts
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "kshot\[math\]"'):
        check_there()
    from kshot.eval.tasks import get_task
    from kshot.types import Source

    with pytest.raises(UserError, match=r"kshot\[math\]"):
        get_task("math500").load("test", Source())


def test_a_whole_text_of_any_length_is_read() -> None:  # what grows with the square of the length takes hours
    for hostile in ("$" * 200_000, "<think>" * 30_000 + "</think>x", "<" * 200_000):
        assert WHOLE.extract(hostile, ()).rule in ("all of it", "thinking, not finished")
