"""What a chat template is told beside the messages, against transformers' own rendering."""

from __future__ import annotations

import doctest
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from kshot.harness.engines.registry import find_engine
from kshot.harness.engines.transformers import load_engine
from kshot.harness.models import chat_options
from kshot.harness.models.chat_options import known_options, read_options, write_options
from kshot.harness.models.render import Renderer
from kshot.spec import split_spec, write_spec
from kshot.types import Message, UserError
from tests.conftest import TEMPLATE

THINKING = (  # as Qwen3's template does
    TEMPLATE.replace("{% endif %}", "")
    + "{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{%- endif %}"
    "{%- endif %}"
)
OWN_SYSTEM = (  # as SmolLM2's does
    "{% if messages[0]['role'] != 'system' %}<|system|>You are Tiny.<|end|>{% endif %}" + TEMPLATE
)
NO_SYSTEM = (  # as Gemma's did
    "{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}" + TEMPLATE
)
ASKED = (Message("user", "2 + 2?"),)
TOLD = (Message("system", "Be brief."), *ASKED)


def tokenizer_with(folder: Path, template: str) -> Any:
    made = AutoTokenizer.from_pretrained(folder)
    made.chat_template = template
    return made


def test_examples() -> None:
    assert doctest.testmod(chat_options).failed == 0


@pytest.mark.parametrize("options", [{}, {"enable_thinking": False}, {"enable_thinking": True}])
def test_prompts_are_those_that_transformers_makes_with_the_option(
    options: dict[str, Any], tiny_chat_llama: Path
) -> None:
    tokenizer = tokenizer_with(tiny_chat_llama, THINKING)
    renderer = Renderer(tokenizer, True, options)
    turns = [{"role": turn.role, "content": turn.content} for turn in TOLD]
    wanted = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **options)
    assert ("<think>" in wanted) == (options.get("enable_thinking") is False)
    assert renderer.text(TOLD) == wanted
    ids = tokenizer.apply_chat_template(turns, add_generation_prompt=True, return_dict=False, **options)
    assert renderer.encode(TOLD) == ids
    assert renderer.text((*TOLD, Message("assistant", "It is"))) == wanted + "It is"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", {}),
        ("enable_thinking=false", {"enable_thinking": False}),
        ("(b=True,a=FALSE)", {"a": False, "b": True}),
        ("(n=3,share=0.5,none=null)", {"n": 3, "share": 0.5, "none": None}),
        ('(date="26 July, 2024",effort=low)', {"date": "26 July, 2024", "effort": "low"}),
        (r'year="\"2024\""', {"year": "2024"}),
        ("x=NaN", {"x": "NaN"}),
        ("x=none", {"x": "none"}),
    ],
)
def test_options_are_read_and_written(text: str, options: dict[str, Any]) -> None:
    assert read_options(text) == options
    assert write_options(options) == write_options(dict(reversed(options.items())))
    written = write_spec("transformers", {"chat_options": text})
    assert split_spec(written)[1].get("chat_options", "") == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("enable_thinking=no", 'write false, or "no" in its quotes'),
        ("enable_thinking=None", "write null"),
        ("enable-thinking=false", "cannot be a chat option"),
        ("enable_thinking", "write it as name:key=value"),
        ("(a=1,a=2)", "given twice"),
        ("x(a=1)", "cannot be a chat option"),
        ("(a=1", "cannot read"),
    ],
)
def test_options_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        read_options(text)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"enable_thinkng": False}, "knows no option 'enable_thinkng': did you mean enable_thinking? Known: enable_th"),
        ({"messages": "x"}, "chat option messages is given by kshot itself"),
        ({"tools": "x"}, "chat option tools is given by kshot itself"),
        ({"add_generation_prompt": False}, "chat option add_generation_prompt is given by kshot itself"),
        ({"bos_token": "x"}, "chat option bos_token is given by kshot itself"),
        ({"enable_thinking": 0}, "changes nothing in the template of"),
    ],
)
def test_options_that_a_template_does_not_take(options: dict[str, Any], said: str, tiny_chat_llama: Path) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        Renderer(tokenizer_with(tiny_chat_llama, THINKING), True, options)


def test_a_template_without_options_and_a_model_without_a_template(tiny_chat_llama: Path, tiny_llama: Path) -> None:
    with pytest.raises(UserError, match="knows no option 'enable_thinking': it knows none"):
        Renderer(tokenizer_with(tiny_chat_llama, TEMPLATE), True, {"enable_thinking": False})
    with pytest.raises(UserError, match=r"is for a chat template, and .* has none or is asked in plain text"):
        load_engine(str(tiny_llama), chat_options="enable_thinking=false")


@pytest.mark.parametrize(
    ("template", "known"),
    [
        (TEMPLATE, set()),
        (THINKING, {"enable_thinking"}),
        ("{% if not tools is defined %}{% set tools = none %}{% endif %}{% set n = namespace(x=1) %}{{ n.x }}", set()),
        ("{% if not date is defined %}{% set date = strftime_now('%d') %}{% endif %}{{ bos_token ~ date }}", {"date"}),
        ("{% for m in messages %}{% generation %}{{ m['content'] }}{% endgeneration %}{{ loop.index }}{% break %}"
         "{% endfor %}{% macro shout(x) %}{{ x ~ mood }}{% endmacro %}{{ shout(1) }}", {"mood"}),
    ],
)  # fmt: skip
def test_the_options_that_a_template_knows(template: str, known: set[str], tiny_chat_llama: Path) -> None:
    assert known_options(tokenizer_with(tiny_chat_llama, template)) == known


def test_they_are_in_the_engines_id_and_only_where_given(tiny_chat_llama: Path, tmp_path: Path) -> None:
    tokenizer = tokenizer_with(tiny_chat_llama, THINKING)
    for path in tiny_chat_llama.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tokenizer.save_pretrained(tmp_path)
    ids = [load_engine(str(tmp_path), chat_options=text).id for text in ("", "enable_thinking=false")]
    assert ids[0].split("/")[3] == "chat"
    assert ids[1] == ids[0].replace("/chat/", '/chat{"enable_thinking":false}/')
    spec = f"transformers:model={tmp_path},chat_options=enable_thinking=false"
    renderer = find_engine(spec).renderer()
    assert renderer is not None
    assert renderer.text(ASKED).endswith("<think>\n\n</think>\n\n")
    assert find_engine(spec).name == spec


@pytest.mark.parametrize(
    ("template", "own"), [(TEMPLATE, ""), (OWN_SYSTEM, "You are Tiny."), (NO_SYSTEM, ""), (THINKING, "")]
)
def test_a_system_message_of_the_templates_own_is_found(template: str, own: str, tiny_chat_llama: Path) -> None:
    assert Renderer(tokenizer_with(tiny_chat_llama, template), True).own_system() == own


DATED = (  # as Llama 3.2's does
    "{% if not date_string is defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "<|system|>Today: {{ date_string }}<|end|>" + TEMPLATE
)


def test_a_template_that_writes_the_date_is_told_of_with_the_option_that_fixes_it(tiny_chat_llama: Path) -> None:
    said = Renderer(tokenizer_with(tiny_chat_llama, DATED), True).date_written()
    assert "writes today's date into prompts" in said and '--chat-option date_string="26 Jul 2024"' in said
    fixed = Renderer(tokenizer_with(tiny_chat_llama, DATED), True, {"date_string": "26 Jul 2024"})
    assert fixed.date_written() == ""
    assert fixed.text(ASKED).startswith("<|system|>Today: 26 Jul 2024<|end|>")
    bare = DATED.replace("{% if not date_string is defined %}", "").replace("{% endif %}", "", 1)
    assert "no option that fixes it" in Renderer(tokenizer_with(tiny_chat_llama, bare), True).date_written()
    for template in (TEMPLATE, THINKING, OWN_SYSTEM, NO_SYSTEM):
        assert Renderer(tokenizer_with(tiny_chat_llama, template), True).date_written() == ""
    assert Renderer(tokenizer_with(tiny_chat_llama, DATED), False).date_written() == ""


def test_an_engine_warns_of_the_date(tiny_chat_llama: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_chat_llama, tmp_path / "m")
    tokenizer_with(tiny_chat_llama, DATED).save_pretrained(folder)
    with pytest.warns(UserWarning, match="writes today's date into prompts"):
        load_engine(str(folder))
    load_engine(str(folder), chat_options='date_string="26 Jul 2024"')


def test_the_bundled_models_template_has_one(bundled: Any) -> None:
    assert Renderer(bundled.tokenizer, True).own_system().startswith("You are a helpful AI assistant named SmolLM")
    assert Renderer(bundled.tokenizer, False).own_system() == ""


def test_a_template_that_takes_no_system_message_names_the_remedy(tiny_chat_llama: Path) -> None:
    renderer = Renderer(tokenizer_with(tiny_chat_llama, NO_SYSTEM), True)
    assert renderer.text(ASKED).startswith("<|user|>")
    with pytest.raises(
        UserError, match=r"System role not supported\): leave the system message out .*--template plain"
    ):
        renderer.text(TOLD)
