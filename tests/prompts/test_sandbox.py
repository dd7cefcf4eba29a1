"""A template against whoever wrote it: no file, nothing of Python, nothing drawn, no bombs; and what it may do."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import jinja2
import pytest

from kshot.prompts.sandbox import LARGEST, METHODS, environment, write
from kshot.types import UserError

VALUES: dict[str, Any] = {
    "question": "One,  two?",
    "choices": ["red", "blue"],
    "row": {"title": "T", "items": "I", "n": "3"},
    "long": "x" * 1000,
}
ALLOWED = [
    "{{ question | trim | upper }}: {{ choices | join(', ') }}",
    "{% for choice in choices %}({{ loop.index }}) {{ choice }}{% if not loop.last %}, {% endif %}{% endfor %}",
    "{{ question.split(',') | map('trim') | list }}{{ question.replace('One', '1') | replace('two', '2') }}",
    "{% set ns = namespace(n=0) %}{% for c in choices %}{% set ns.n = ns.n + c | length %}{% endfor %}{{ ns.n * 2 }}",
    "{% macro shout(x) %}{{ x | upper }}!{% endmacro %}{{ shout(question) ~ ' ' ~ 3 }}{{ row['items'] ~ row.title }}",
    "{% set block %}a{{ question }}{% endset %}{{ block | title | length }} {{ row | dictsort | first | last }}",
    "{{ 'yes' if '3' in row.n else 'no' }}{{ row.n | int + 4 }}{{ -(7 % 4) }}{{ 7 // 2 }}{{ none or 'x' }}",
    "{{ choices | map('length') | max }}{{ ['b', 'a'] | sort | reverse | list }}{{ (1, 'b') }}{{ choices[::-1] }}",
    "{{ '-' * 200000 }}{{ [1, 2] + [3] }}{{ '-'.join(choices) }}{{ question | wordcount }}{{ row.get('none', 'd') }}",
]


@pytest.mark.parametrize("text", ALLOWED)
def test_what_prompts_need_is_as_in_jinja(text: str) -> None:
    assert write(text, VALUES) == jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text).render(VALUES)


def test_json_is_to_be_read() -> None:
    assert write("{{ choices | tojson }}{{ 'é<' | tojson }}", VALUES) == '["red", "blue"]"é<"'


ESCAPES = {
    "a class": "{{ ''.__class__ }}",
    "by item": "{{ ''['__class__'] }}",
    "by a filter": "{{ '' | attr('__class__') }}",
    "by map": "{{ [''] | map(attribute='__class__') | list }}",
    "of a macro": "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
    "of a function": "{{ range.__self__ }}",
    "of the loop": "{% for i in choices %}{{ loop.__init__.__globals__ }}{% endfor %}",
    "of the template": "{{ self.__init__ }}",
    "of a frame": "{{ (choices | map('upper')).gi_frame }}",
    "of namespace": "{{ namespace.__init__.__globals__ }}",
    "by format": "{{ '{0.__class__}'.format(question) }}",
    "by a format's map": "{{ '{x.__class__}'.format_map({'x': question}) }}",
    "a joined name": "{{ question['__cl' ~ 'ass__'] }}",
    "bytes": "{{ question.encode() }}",
    "a change": "{{ choices.append(1) }}",
    "another file": "{% include '/etc/hostname' %}",
    "a macro's file": "{% import 'x' as y %}",
    "names of a file": "{% from '/etc/hostname' import y %}",
    "a parent": "{% extends 'x' %}",
    "an include in a branch": "{% if false %}{% include choices %}{% endif %}",
    "chance": "{{ choices | random }}",
    "filler": "{{ lipsum() }}",
    "a statement": "{% do choices.append(1) %}",
}


@pytest.mark.parametrize("kind", ESCAPES)
def test_nothing_is_reached_beyond_what_is_given(kind: str) -> None:
    with pytest.raises(UserError, match=r"\A, line 1: ") as caught:
        write(ESCAPES[kind], VALUES)
    said = str(caught.value)
    assert said.count("\n") == 0 and said.endswith(".") and len(said) < 300


GROWN = "{% set ns = namespace(s=9) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"
LISTS = "{% set ns = namespace(s=['x']) %}{% for i in range(40) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}"
DICTS = LISTS.replace("[ns.s, ns.s]", "{'a': ns.s, 'b': ns.s}")
BOMBS = {
    "a product": "{{ 'a' * 1000000000 }}",
    "a product of lists": "{{ [0] * 1000000000 }}",
    "a product of products": "{{ [['x' * 1000000] * 100] * 1000 }}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a product of numbers": GROWN.replace("ns.s + ns.s", "ns.s * ns.s"),
    "a loop": "{% for i in range(1000000000) %}x{% endfor %}",
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{{ long }}{% endfor %}{% endfor %}",
    "doubled": GROWN.replace("9", "'xx'", 1).replace("+", "~"),
    "added": GROWN.replace("9", "'xx'", 1),
    "added lists": GROWN.replace("9", "[1]", 1),
    "nested and written": LISTS + "{{ ns.s }}",
    "nested and joined": LISTS + "{{ ns.s | join }}",
    "nested in JSON": DICTS + "{{ ns.s | tojson }}",
    "in a view": DICTS + "{{ ns.s.items() }}",
    "in a namespace": LISTS + "{{ ns }}",
    "replaced": "{{ long | replace('x', long) | replace('x', long) }}",
    "replaced by its method": "{{ (long * 1000).replace('', long) }}",
    "joined": "{{ ((long * 1000) ~ '').join(range(9999) | map('string')) }}",
    "joined by the filter": "{{ range(99999) | join(long) }}",
    "a block": "{% set b %}{% for i in range(99999) %}{{ long }}{% endfor %}{% endset %}",
    "a macro": "{% macro m() %}{% for i in range(99999) %}{{ long }}{% endfor %}{% endmacro %}{% set x = m() %}",
    "a filter block": "{% filter upper %}{% for i in range(99999) %}{{ long }}{% endfor %}{% endfilter %}",
    "a width": "{{ 'x'.center(1000000000) }}",
    "a width of zeros": "{{ 'x'.zfill(1000000000) }}",
    "a tab": "{{ '\t'.expandtabs(1000000000) }}",
    "a width by a filter": "{{ 'x' | center(1000000000) }}",
    "a formatted width": "{{ '%1000000000d' % 1 }}",
    "a formatted width by a filter": "{{ '%1000000000d' | format(1) }}",
    "a formatted width by a method": "{{ '{:1000000000}'.format(1) }}",
    "an indent": "{{ 'x' | indent(1000000000, true) }}",
    "an indent of JSON": "{{ choices | tojson(1000000000) }}",
    "batches": "{{ choices | batch(1000000000, 'x') | list }}",
    "slices": "{{ choices | slice(1000000000) | list }}",
    "digits": "{{ 1.5 | round(1000000000, 'floor') }}",
    "bytes": "{{ (5).to_bytes(1000000000, 'big') }}",
    "a sum of lists": "{{ [choices] | sum(start=[]) }}",
    "without end": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a block in itself": "{% block b %}{{ self.b() }}{% endblock %}",
    "too deep": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_and_takes_no_memory(kind: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(UserError) as caught:
            write(BOMBS[kind], VALUES)
        assert tracemalloc.get_traced_memory()[1] < 40 * LARGEST
    finally:
        tracemalloc.stop()
    said = str(caught.value)
    assert said.count("\n") == 0 and said.endswith(".") and len(said) < 300


def test_a_mistake_names_its_line() -> None:
    for text, line in (
        ("a\nb {{ question\nc", 3),
        ("a\n{{ none_such }}", 2),
        ("a\n\n{{ question / 2 }}", 3),
        ("a\n{% for c in choices %}\n{{ c.nothing }}\n{% endfor %}", 3),
        ("{# a\n #}\n{% macro m() %}\n{{ ''.__class__ }}{% endmacro %}\n{{ m() }}", 4),
        ("a\n{{ question | uper }}", 2),
        ("a\n{% include 'x' %}", 2),
        ("a\n{{ 'a' * 1000000000 }}", 2),
    ):
        with pytest.raises(UserError, match=rf"\A, line {line}: "):
            write(text, VALUES)


def test_no_template_leaves_anything_behind() -> None:
    for text in (
        "{% set question = 'x' %}{% set choices = [] %}",
        "{% set range = 5 %}{% macro dict() %}{% endmacro %}",
    ):
        write(text, VALUES)
    assert write("{{ question }}{{ range(2) | list }}{{ dict(a=1) }}", VALUES) == "One,  two?[0, 1]{'a': 1}"
    assert sorted(environment().globals) == ["cycler", "dict", "joiner", "namespace", "range"]


def test_a_sample_as_long_as_a_book_is_written() -> None:
    book = "word " * 500_000
    text = "{{ question | trim ~ ' ' }}{% set b %}{{ question }}{% endset %}{{ question.replace('w', 'W') }}"
    assert len(write(text, {"question": book})) == 2 * len(book)


def test_allowed_methods_are_there() -> None:
    assert all(hasattr(kind, name) for kind, names in METHODS.items() for name in names)


def test_jinja_is_imported_when_a_template_is_rendered() -> None:
    code = "import sys, kshot.prompts.wording; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
