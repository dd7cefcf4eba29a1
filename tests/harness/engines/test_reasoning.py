"""Replies of reasoning models: what is thought is never read as what is answered."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from tokenizers import AddedToken
from transformers import AutoTokenizer

from kshot.eval.answers import NUMBER
from kshot.harness.engines.token_engine import TransformersEngine
from kshot.harness.engines.transformers import load_engine
from kshot.harness.models.reasoning import CLOSING, OPENING, left_open
from kshot.harness.models.render import Renderer
from kshot.types import Generation, Message, Prompt, Request, SamplingParams, UserError
from tests.conftest import TEMPLATE

OPENS = TEMPLATE.replace("<|assistant|>{% endif %}", "<|assistant|><think>\n{% endif %}")  # as DeepSeek-R1's does
ASKED = (Message("user", "2 + 2?"),)


def folder_with(tiny: Path, to: Path, template: str = TEMPLATE, special: tuple[str, ...] = ()) -> str:
    """The tiny model with another chat template and further special tokens, which its embedding has room for."""
    folder = shutil.copytree(tiny, to)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    if special:
        tokenizer.add_tokens([AddedToken(mark, special=True) for mark in special])
    tokenizer.save_pretrained(folder)
    return str(folder)


def reply(engine: TransformersEngine, request: Request) -> Generation:
    engine.submit(0, request)
    [(_, generation)] = engine.collect()
    return generation


def test_a_reply_within_an_open_block_says_so_and_none_of_it_is_an_answer(tiny_folder: Path, tmp_path: Path) -> None:
    opens, plain = (
        load_engine(folder_with(tiny_folder, tmp_path / name, template), rows=2)
        for name, template in (("opens", OPENS), ("plain", TEMPLATE))
    )
    params = SamplingParams(max_new_tokens=5)
    got = reply(opens, Request(ASKED, params))
    opens.submit_tokens(0, opens.renderer.encode(ASKED), params)
    [(_, bare)] = opens.collect()
    assert got.text == f"<think>\n{bare.text}"
    assert (got.completion_tokens, got.logprob) == (bare.completion_tokens, pytest.approx(bare.logprob, abs=1e-5))
    assert not reply(plain, Request(ASKED, params)).text.startswith("<think>")
    assert opens.id.endswith("-thinking") and not plain.id.endswith("-thinking")
    begun = Request((*ASKED, Message("assistant", "It is ")), params)  # goes on from a turn of ours
    assert not reply(opens, begun).text.startswith("<think>")
    cut = Generation("<think>\nThe answer is 4. But wait", "length")
    assert NUMBER.read(cut).answer is None and NUMBER.read(cut).status == "truncated"


def test_no_answer_is_scored_or_trained_within_what_is_thought(tiny_folder: Path, tmp_path: Path) -> None:
    engine = load_engine(folder_with(tiny_folder, tmp_path / "opens", OPENS), rows=2)
    with pytest.raises(UserError, match=r"ends every prompt in <think>.*--template plain"):
        engine.submit(0, Request(ASKED, continuation="4"))
    answered: list[Prompt] = ["2 + 2? ", (*ASKED, Message("assistant", "<think>\nTwo and two.</think>"))]
    for prompt in answered:
        assert reply(engine, Request(prompt, continuation="4")).finish_reason == "scored"


def test_a_reply_that_is_given_back_opens_its_block_once(tiny_folder: Path, tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder_with(tiny_folder, tmp_path / "opens", OPENS))
    text = Renderer(tokenizer, True).text((*ASKED, Message("assistant", "<think>\nFour.</think> So 4")))
    assert text.count("<think>") == 1 and text.endswith("<|assistant|><think>\nFour.</think> So 4")


@pytest.mark.parametrize("mark", ["[THINK]", "<|START_THINKING|>"])
def test_marks_that_are_special_tokens_stay_in_the_text(mark: str, tiny_folder: Path, tmp_path: Path) -> None:
    closing = {"[THINK]": "[/THINK]", "<|START_THINKING|>": "<|END_THINKING|>"}[mark]
    engine = load_engine(folder_with(tiny_folder, tmp_path / "m", special=(mark, closing)), rows=2)
    words = engine.tokenizer(f"{mark}3 or 4{closing}The answer is 5.<|end|>").input_ids
    assert engine.decoded(words) == f"{mark}3 or 4{closing}The answer is 5."
    assert engine.tokenizer.decode(words, skip_special_tokens=True) == "3 or 4The answer is 5."
    assert NUMBER.extract(engine.decoded(words), ()).answer == "5"
    assert NUMBER.extract(engine.decoded(words[:6]), ()).answer is None
    assert engine.id.endswith("-thinking")
    assert torch.tensor(words).max() < 300


@pytest.mark.parametrize(
    ("rendered", "mark"),
    [
        ("<|user|>x<|assistant|><think>\n", "<think>"),
        ("<|user|>x<|assistant|><think>\n\n</think>\n\n", ""),
        ("<|assistant|>[THINK]", "[THINK]"),
        ("<|CHATBOT_TOKEN|><|START_THINKING|>", "<|START_THINKING|>"),
        ("<|begin_of_thought|>\n\n", "<|begin_of_thought|>"),
        ("<seed:think>", "<seed:think>"),
        ("what does <think> mean?<|assistant|>", ""),
        ("", ""),
    ],
)
def test_what_a_template_leaves_open(rendered: str, mark: str) -> None:
    assert left_open(rendered) == mark


def test_a_mark_opens_or_closes() -> None:
    pairs = [("<think>", "</think>"), ("[THINK]", "[/THINK]"), ("<|START_THINKING|>", "<|END_THINKING|>")]
    pairs += [
        ("<|begin_of_thought|>", "<|end_of_thought|>"),
        ("<seed:think>", "</seed:think>"),
        ("<|think_start|>", "<|think_end|>"),
    ]
    for opening, closing in pairs:
        assert OPENING.fullmatch(opening) and not CLOSING.fullmatch(opening), opening
        assert CLOSING.fullmatch(closing) and not OPENING.fullmatch(closing), closing
