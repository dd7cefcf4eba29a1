"""A user's own words from the command line: --system, --template FILE, --chat-option."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from kshot.cli.options import ModelOptions, at_revision, system_text, worded
from kshot.spec import split_spec
from kshot.types import UserError
from tests.cli.test_cli import kshot
from tests.conftest import TEMPLATE

HASTY = 'Be brief, (please): say "x = 1"\nand no more.'


def options(template: str = "auto") -> ModelOptions:
    return ModelOptions("m", "cpu", "auto", template, None, False)


def test_the_engine_is_told_the_chat_options() -> None:
    spec = options().engine(None, ["enable_thinking=false", "date=26 July, 2024", 'year="2024"'])
    given = split_spec(spec)[1]
    assert split_spec(given["chat_options"])[1] == {
        "enable_thinking": "false", "date": "26 July, 2024", "year": '"2024"',
    }  # fmt: skip
    assert "chat_options" not in split_spec(options().engine())[1]


@pytest.mark.parametrize("given", ["enable_thinking", "=x", ""])
def test_a_chat_option_is_key_and_value(given: str) -> None:
    with pytest.raises(UserError, match="is not KEY=VALUE"):
        options().engine(None, [given])


def test_a_chat_option_is_given_once() -> None:
    with pytest.raises(UserError, match="'a=2' is given twice"):
        options().engine(None, ["a=1", "a=2"])


def test_every_strategy_that_has_none_of_its_own_gets_the_system_message() -> None:
    specs = ["zero-shot", "few-shot:k=2", "zero-shot:system=Mine.", "self-consistency:base=few-shot(system=Mine.),n=3"]
    found = worded(specs, options(), HASTY)
    assert [split_spec(spec)[1].get("system") for spec in found] == [HASTY, HASTY, "Mine.", None]
    assert split_spec(found[1]) == ("few-shot", {"k": "2", "system": HASTY})
    assert found[2:] == tuple(specs[2:])
    assert worded(specs, options(), None) == tuple(specs)


def test_a_template_that_is_a_file_words_samples_and_leaves_the_models_mode(tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    given = options(str(file))
    assert worded(["zero-shot"], given, None) == (f"zero-shot:template={file}",)
    assert split_spec(given.engine())[1]["template"] == "auto"
    for word in ("auto", "chat", "plain"):
        assert worded(["zero-shot"], options(word), None) == ("zero-shot",)
        assert split_spec(options(word).engine())[1]["template"] == word


def test_a_system_message_comes_out_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "system.txt"
    file.write_text("Sei kurz, ja?\n", encoding="utf-8")
    assert system_text(f"@{file}") == "Sei kurz, ja?"
    file.write_bytes(b"\xff\xfe\x00")
    for given, said in ((f"@{file}", "is not UTF-8"), (f"@{tmp_path}/none", "cannot be read"), ("  ", "says nothing")):
        with pytest.raises(UserError, match=re.escape(said)):
            system_text(given)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--template", "none.jinja"], "the template file none.jinja does not exist; give an existing file, or one of"),
        (["--template", "jinja"], "unknown template 'jinja'"),
        (["--template", "0"], "as in --strategy zero-shot:template=0; --template is how the model is asked"),
        (["--template", "best"], "as in --strategy zero-shot:template=best"),
        (["--strategy", "few-shot:label_words=bad,good"], "several values of label_words are a+b."),
        (["--system", ""], "says nothing"),
        (["--strategy", 'zero-shot:stop="x"+END'], 'cannot read the quoted value "x"+END'),
        (["--chat-option", "thinking=no", "--dry-run"], 'write false, or "no" in its quotes'),
        (["--chat-option", "thinking=false"], "knows no option 'thinking': it knows none"),
        (["--chat-option", "thinking=false", "--template", "plain"], "is for a chat template"),
    ],
)
def test_mistakes_in_them_get_a_sentence(more: list[str], said: str, tiny_folder: Path, tmp_path: Path) -> None:
    args = ["--task", "coin-flip", "--strategy", "zero-shot", "--model", str(tiny_folder), "--runs", str(tmp_path)]
    result = kshot("bench", *args, *more)
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.output.split())
    assert not list(tmp_path.iterdir())


def test_beside_an_engine_a_chat_option_stands_in_its_specification(tmp_path: Path) -> None:
    args = ["--task", "coin-flip", "--strategy", "zero-shot", "--runs", str(tmp_path), "--engine", "scripted"]
    result = kshot("bench", *args, "--chat-option", "a=1")
    assert result.exit_code == 2
    assert "--chat-option stands beside --engine" in result.output
    assert "NAME:chat_options=..." in result.output


def test_a_revision_is_of_a_hub_model(tmp_path: Path) -> None:
    assert at_revision("someone/some-model", "v2") == "someone/some-model@v2"
    for model, said in (
        ("smollm2-135m", "no model of the hub"),
        (str(tmp_path), "no model of the hub"),
        ("a/b.gguf", "no model of the hub"),
        ("someone/some-model@v1", "name one revision"),
    ):
        with pytest.raises(UserError, match=said):
            at_revision(model, "v2")
    args = ["--task", "coin-flip", "--strategy", "zero-shot", "--runs", str(tmp_path)]
    result = kshot("bench", *args, "--model", "someone/some-model", "--revision", "v2")
    assert result.exit_code == 2
    assert "HF_HUB_OFFLINE is set and the model someone/some-model@v2 is not whole" in " ".join(result.output.split())


def test_tune_takes_a_template_in_its_strategies(tmp_path: Path) -> None:
    file = tmp_path / "mine.jinja"
    file.touch()
    result = kshot("tune", "--task", "word-pairs", "--method", "lora", "--template", str(file))
    assert result.exit_code == 2
    assert "write it in --strategy and --compare" in result.output


def test_chat_options_and_a_templates_own_system_message_are_seen_in_a_dry_run_and_kept(
    tiny_folder: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_folder, tmp_path / "model")
    template = (
        "{% if messages[0]['role'] != 'system' %}<|system|>You are {{ who | default('Tiny') }}.<|end|>{% endif %}"
    )
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template + TEMPLATE
    tokenizer.save_pretrained(folder)
    args = ["bench", "--task", "coin-flip", "--strategy", "zero-shot", "--model", str(folder), "--limit", "2"]
    args += ["--chat-option", "who=Ada", "--runs", str(tmp_path), "--run", "r"]
    shown = kshot(*args, "--dry-run")
    assert shown.exit_code == 0, shown.output
    assert "the system message is the chat template's own: You are Ada." in shown.output
    assert "<|system|>You are Ada.<|end|><|user|>" in shown.output
    told = kshot(*args, "--dry-run", "--system", "Be brief.")
    assert "<|system|>Be brief.<|end|><|user|>" in told.output and "template's own" not in told.output
    assert kshot(*args).exit_code == 0
    about = json.loads((tmp_path / "r" / "run.json").read_text())
    assert '/chat{"who":"Ada"}/' in about["settings"]["engine"]
    changed = kshot(*args[:-6], "--chat-option", "who=Bob", *args[-4:])
    assert changed.exit_code == 2
    assert "engine" in changed.output


def test_which_label_a_word_stands_for_is_said_before_a_run(tmp_path: Path) -> None:
    file = tmp_path / "films.jsonl"
    file.write_text("".join(json.dumps({"text": at, "label": at}) + "\n" for at in ("positive", "negative")))
    args = ["bench", "--task", str(file), "--strategy", "zero-shot:label_words=good+bad", "--engine", "scripted"]
    said = "label_words=good+bad of films: negative is written good, positive is written bad."
    assert said in kshot(*args, "--dry-run").output
    assert said in " ".join(kshot(*args, "--runs", str(tmp_path), "--run", "r").output.split())


def test_a_system_message_from_notepad_has_no_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "system.txt"
    file.write_bytes("\ufeffBe brief.\r\nBe kind.\r\n".encode())
    assert system_text(f"@{file}") == "Be brief.\nBe kind."


def test_a_dry_run_shows_what_is_scored_as_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "films.jsonl"
    file.write_text('{"text": "Fine.", "label": "good"}\n{"text": "Dull.", "label": "bad"}\n', encoding="utf-8")
    args = ["--task", str(file), "--engine", "scripted", "--runs", str(tmp_path), "--dry-run"]
    result = kshot("bench", *args, "--strategy", "choice-logprob:template=0,label_words=no+yes")
    assert "... scored after it: ' no' | ' yes'\n" in result.output
    drawn = kshot("bench", *args, "--strategy", "self-consistency:base=zero-shot,n=2")
    assert "... and 1 more request of this sample\n" in drawn.output


def test_devices_and_fewer_bits_are_refused_in_a_sentence(tmp_path: Path) -> None:
    ask = ["bench", "--task", "coin-flip", "--strategy", "zero-shot", "--runs", str(tmp_path)]
    train = ["tune", "--task", "coin-flip", "--method", "lora", "--runs", str(tmp_path)]
    for words, said in (
        ([*ask, "--device", "cuda:x"], "unknown device 'cuda:x'"),
        ([*ask, "--quantize", "int5"], "unknown quantize 'int5'"),
        ([*ask, "--quantize", "int8", "--adapter", str(tmp_path)], "an adapter is put on whole weights"),
        ([*ask, "--quantize", "int8", "--engine", "scripted"], "--quantize stands beside --engine"),
        ([*train, "--quantize", "int8"], "weights in fewer bits are asked and not trained"),
    ):
        result = kshot(*words)
        assert result.exit_code == 2 and said in " ".join(result.output.split()), result.output
