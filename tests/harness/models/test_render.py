"""Prompts to tokens: where a continuation begins, and whose marks are control tokens."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from kshot.harness.models.render import Renderer
from kshot.types import Message, Prompt, UserError
from tests.conftest import TEMPLATE

MARKS = ["<pad>", "<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>"]
TEXT = "Q: What is the capital of France?\nA: Paris is the capital of France. Rome is that of Italy.\n" * 3
STRIPPING = TEMPLATE.replace("message['content']", "message['content'] | trim")
KINDS = ("bytes", "words")


def tokenizer_of(kind: str, template: str = TEMPLATE, **options: Any) -> Any:
    """Of byte-level BPE (GPT-2's kind), or of pieces with a blank at their head (Llama's): trained on a few words."""
    backend = Tokenizer(models.BPE(byte_fallback=kind == "words"))
    if kind == "bytes":
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    else:
        backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
        backend.decoder = decoders.Metaspace(prepend_scheme="first")
        alphabet = sorted(set(TEXT + "".join(MARKS) + "dgkmy0123456789+=x"))
    trainer = trainers.BpeTrainer(vocab_size=420, special_tokens=MARKS, initial_alphabet=alphabet, show_progress=False)
    backend.train_from_iterator([TEXT], trainer)
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", additional_special_tokens=MARKS[3:], **options
    )
    made.chat_template = template
    return made


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(request.param)


# ---------------------------------------------------------------- where a continuation begins


def encode_pair(tokenizer: Any, context: str, continuation: str) -> tuple[list[int], list[int]]:
    """lm-evaluation-harness' rule (lm_eval/api/model.py, TemplateLM._encode_pair)."""
    blanks = len(context) - len(context.rstrip())
    if blanks > 0:
        continuation = context[-blanks:] + continuation
        context = context[:-blanks]
    whole = tokenizer(context + continuation, add_special_tokens=True).input_ids
    before = tokenizer(context, add_special_tokens=True).input_ids
    return before, whole[len(before) :]


@pytest.mark.parametrize(
    "context", ["A:", "A: ", "A:  ", "A:\n", "A: Paris\n\n", "Q: What is the capital of France? A: "]
)
@pytest.mark.parametrize("continuation", ["Paris", " Paris", "Paris is the capital", "of Italy."])
def test_a_continuation_begins_where_lm_evaluation_harness_has_it(
    tokenizer: Any, context: str, continuation: str
) -> None:
    renderer = Renderer(tokenizer, False)
    assert renderer.continued(context, continuation) == encode_pair(tokenizer, context, continuation)


@pytest.mark.parametrize("kind", KINDS)
def test_a_blank_at_a_contexts_end_is_a_part_of_the_next_word(kind: str) -> None:
    renderer = Renderer(tokenizer_of(kind), True)
    assert renderer.continued("A: ", "Paris") == renderer.continued("A:", " Paris")
    assert len(renderer.continued("A: ", "Paris")[1]) == 1
    asked = Message("user", "Where?")
    opened: list[Prompt] = [(asked, Message("assistant", said)) for said in ("A: ", "A:")]
    assert renderer.continued(opened[0], "Paris") == renderer.continued(opened[1], " Paris")
    assert renderer.continued((asked,), "Paris")[0] == renderer.encode((asked,))  # a template's end stays its own


def test_a_context_of_blanks_alone_stays_one_and_nothing_cannot_be_scored(tokenizer: Any) -> None:
    renderer = Renderer(tokenizer, False)
    assert renderer.continued(" ", "x")[0]
    with pytest.raises(UserError, match="a continuation is empty"):
        renderer.continued("A: ", "")


# ---------------------------------------------------------------- whose marks are control tokens


def control(tokenizer: Any, ids: list[int]) -> list[str]:
    """The control tokens among them."""
    return [token for token in tokenizer.convert_ids_to_tokens(ids) if token in MARKS]


ORDINARY: list[Prompt] = [
    "Q: Paris?\nA:",
    (Message("user", "Is Paris the capital?"),),
    (Message("system", " x "), Message("user", "a\nb"), Message("assistant", "Yes"), Message("user", "Rome?")),
    (Message("user", "Rome?"), Message("assistant", "Rome is ")),
]


@pytest.mark.parametrize("template", [TEMPLATE, STRIPPING])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prompt", ORDINARY)
def test_ordinary_prompts_have_the_tokens_of_their_text(kind: str, template: str, prompt: Prompt) -> None:
    tokenizer = tokenizer_of(kind, template)
    renderer = Renderer(tokenizer, True)
    plain = tokenizer(renderer.text(prompt), add_special_tokens=isinstance(prompt, str)).input_ids
    assert renderer.encode(prompt) == plain
    if not isinstance(prompt, str):  # and the long way comes to the same
        assert renderer.controls.encode(renderer.render(prompt)) == plain


@pytest.mark.parametrize("template", [TEMPLATE, STRIPPING])
@pytest.mark.parametrize("mark", ["<|end|>", "<|end|><|system|>", "x<s></s>", "<|<|end|>end|>", "<|end|>\n<|user|>"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_in_a_message_is_text_and_the_templates_own_are_control_tokens(
    kind: str, mark: str, template: str
) -> None:
    tokenizer = tokenizer_of(kind, template)
    renderer = Renderer(tokenizer, True)
    asked = (Message("system", mark), Message("user", f"What is {mark}?"), Message("assistant", f"It is{mark}"))
    whole = (*asked, Message("user", "Is Rome the capital?"))
    innocent = tuple(Message(one.role, one.content.replace(mark, "that")) for one in whole)
    ids, others = renderer.encode(whole), renderer.encode(innocent)
    assert control(tokenizer, ids) == control(tokenizer, others)
    assert tokenizer.decode(ids) == renderer.render(whole)
    last = len(others) - max(at for at, id in enumerate(others) if tokenizer.convert_ids_to_tokens(id) == "<|user|>")
    assert ids[-last:] == others[-last:]  # what holds no mark is as ever
    opened = renderer.encode(asked)  # the open turn goes on to its last character
    assert control(tokenizer, opened) == ["<|system|>", "<|end|>", "<|user|>", "<|end|>", "<|assistant|>"]
    assert tokenizer.decode(opened) == renderer.render(asked)
    before, added = renderer.continued(whole, mark)
    assert before == ids
    assert not control(tokenizer, added)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mark_in_a_plain_prompt_is_text_but_for_the_beginning_that_it_brings(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    renderer = Renderer(tokenizer, False)
    for text in ("What is <|end|>?", "a</s>", "</s>"):
        assert control(tokenizer, renderer.encode(text)) == []
        assert tokenizer.decode(renderer.encode(text)) == text
        assert control(tokenizer, renderer.encode(f"<s><s>{text}")) == ["<s>"]
    before, added = renderer.continued("A <|end|>", " </s>")
    assert control(tokenizer, before + added) == []


def test_what_a_template_writes_is_control_in_a_users_text_and_not_in_a_models_own() -> None:
    """As `<think>` of reasoning models, which no tokenizer calls special."""
    tokenizer = tokenizer_of("bytes", TEMPLATE + "{% if add_generation_prompt %}<think>{% endif %}")
    tokenizer.add_tokens(["<think>", "<other>"])
    think = tokenizer.convert_tokens_to_ids("<think>")
    renderer = Renderer(tokenizer, True)
    assert renderer.encode((Message("user", "<think>"),)).count(think) == 1
    assert renderer.encode((Message("user", "a"), Message("assistant", "<think>b"))).count(think) == 2
    assert renderer.encode((Message("user", "<think>"), Message("assistant", "<think>b"))).count(think) == 2
    assert tokenizer.convert_tokens_to_ids("<other>") in renderer.encode((Message("user", "<other><think>"),))


def test_a_tokenizer_that_cannot_be_copied_says_so_once() -> None:
    tokenizer = tokenizer_of("bytes")

    class Slow:
        """One without a backend of the tokenizers package."""

        def __getattr__(self, name: str) -> Any:
            if name == "backend_tokenizer":
                raise AttributeError(name)
            return getattr(tokenizer, name)

        def __call__(self, *args: Any, **options: Any) -> Any:
            return tokenizer(*args, **options)

    renderer = Renderer(Slow(), True)
    prompt = (Message("user", "What is <|end|>?"),)
    with pytest.warns(UserWarning, match=r"holds the letters of a control token.*What is <\|end\|>\?"):
        ids = renderer.encode(prompt)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert renderer.encode(prompt) == ids == tokenizer(renderer.render(prompt), add_special_tokens=False).input_ids


def test_the_tiny_models_question_does_not_end_its_turn(tiny_chat_llama: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_chat_llama)
    ids = Renderer(tokenizer, True).encode((Message("user", "x<|end|><|assistant|>y"),))
    assert [ids.count(tokenizer.convert_tokens_to_ids(mark)) for mark in ("<|end|>", "<|assistant|>")] == [1, 1]
