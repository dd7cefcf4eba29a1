"""Prompts to text and tokens, through a model's own chat template or verbatim; exactly one beginning token."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from kshot.harness.models.chat_options import check_options, date_written, own_system
from kshot.harness.models.control_tokens import ControlTokens
from kshot.harness.models.reasoning import left_open
from kshot.types import EngineError, Message, Prompt, UserError


class Renderer:
    """A tokenizer with the decision whether messages go through its chat template, and what that is told beside them.

    Raises UserError for options that the template does not take.
    """

    def __init__(self, tokenizer: Any, chat: bool, options: Mapping[str, Any] | None = None) -> None:
        self.tokenizer = tokenizer
        self.chat = chat
        self.options = dict(options or {})
        self.controls = ControlTokens(tokenizer)
        if self.options and not chat:
            raise UserError(
                f"chat option {next(iter(self.options))} is for a chat template, and {tokenizer.name_or_path} has none "
                "or is asked in plain text: leave --chat-option out, or give a chat model and --template chat."
            )
        if self.options:
            probe = [{"role": "user", "content": "x"}]
            check_options(tokenizer, tokenizer.name_or_path, self.options, lambda said: self.apply(probe, said))

    def render(self, messages: tuple[Message, ...]) -> str:
        """Messages as text. One that ends in an assistant turn is left open, to be continued.

        The open turn is appended verbatim: templates strip what they render, and a chain must go on from
        its very last character; without the mark that a template has opened already. Raises EngineError where the model
        has no chat template.
        """
        if not self.chat:
            raise EngineError("messages were sent to a model without a chat template")
        if not messages:
            raise UserError("a strategy sent no messages; give it one at least.")
        turns = [{"role": m.role, "content": m.content} for m in messages]
        open_turn = messages[-1].role == "assistant"
        text = self.apply(turns[:-1] if open_turn else turns, self.options)
        mark = left_open(text) if open_turn else ""
        more = messages[-1].content.removeprefix(f"{mark}\n" if mark else "") if open_turn else ""
        return text + more

    @cached_property
    def opening(self) -> str:
        """The mark of what is thought that the chat template leaves open at a prompt's end; "" where it does not."""
        with suppress(UserError):
            return left_open(self.render((Message("user", "x"),))) if self.chat else ""
        return ""

    def apply(self, turns: list[dict[str, str]], options: Mapping[str, Any]) -> str:
        """Turns through the chat template. Raises UserError where it fails on them."""
        try:
            text: str = self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, **options)
        except Exception as error:  # a template is a model's own program, and may raise anything
            roles = list(dict.fromkeys(turn["role"] for turn in turns))
            remedy = "leave the system message out (--system), or " if "system" in roles else ""
            raise UserError(
                f"the chat template of {self.tokenizer.name_or_path} fails on messages of {', '.join(roles)} "
                f"({type(error).__name__}: {error}): {remedy}give --template plain, or mend the template."
            ) from error
        return text

    def date_written(self) -> str:
        """What to say of a chat template that writes today's date into prompts; "" of one that does not."""
        if not self.chat or "strftime_now" not in str(self.tokenizer.chat_template):
            return ""
        with suppress(UserError):
            return date_written(self.tokenizer, self.tokenizer.name_or_path, self.render((Message("user", "x"),)))
        return ""

    def own_system(self) -> str:
        """The system message that the chat template puts in where a prompt has none; "" where it does not."""
        if not self.chat:
            return ""
        return own_system(lambda turns: self.render(tuple(Message(role, said) for role, said in turns)))

    def text(self, prompt: Prompt) -> str:
        """A prompt's text as the tokenizer gets it."""
        return prompt if isinstance(prompt, str) else self.render(prompt)

    def ids(self, text: str, *, verbatim: bool) -> list[int]:
        """A text's tokens. Verbatim text gets the model's beginning token; a rendered template brings its own."""
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        bare = text
        while bos is not None and self.tokenizer.bos_token and bare.startswith(self.tokenizer.bos_token):
            bare = bare[len(self.tokenizer.bos_token) :]
        if verbatim and self.controls.found(bare):  # as the text that they are
            ids: list[int] = self.tokenizer(bare, add_special_tokens=True, split_special_tokens=True).input_ids
            ids = [bos, *ids] if bare != text and ids[:1] != [bos] else ids
            ended = False
        else:
            ids = self.tokenizer(text, add_special_tokens=verbatim).input_ids
            ended = text.endswith(str(self.tokenizer.eos_token))
        ids = self.one_beginning(ids)
        if verbatim and len(ids) > 1 and ids[-1] == eos and not ended:
            ids = ids[:-1]  # some tokenizers close a text; a prompt is to go on
        return list(ids)

    def one_beginning(self, ids: list[int]) -> list[int]:
        """Without a second beginning token, which a text has brought along."""
        bos = self.tokenizer.bos_token_id
        while bos is not None and ids[:2] == [bos, bos]:
            ids = ids[1:]
        return ids

    def encode(self, prompt: Prompt, more: str = "") -> list[int]:
        """The tokens of a prompt and a text after it. Only a template's own marks become control tokens."""
        if isinstance(prompt, str):
            return self.ids(prompt + more, verbatim=True)
        if not any(self.controls.found(m.content, m.role) for m in prompt) and not self.controls.found(more):
            return self.ids(self.render(prompt) + more, verbatim=False)
        hidden = tuple(replace(m, content=self.controls.hide(m.content, m.role)) for m in prompt)
        return self.one_beginning(self.controls.encode(self.render(hidden) + self.controls.hide(more, "assistant")))

    def continued(self, prompt: Prompt, text: str) -> tuple[list[int], list[int]]:
        """A prompt's tokens and those that a text adds to it, split as lm-evaluation-harness splits them.

        Blanks at a prompt's end go to the text, since " Paris" is one token (`_encode_pair` in lm_eval/api/model.py);
        the end of a chat template stays with it. Before a text that nothing precedes stands the model's beginning
        token, or its end token where it has none, as there. Where prompt and text would merge into one token the text
        is cut into tokens by itself; lm-evaluation-harness would lose its beginning there. Raises UserError where it is
        empty, or would stand within what is thought.
        """
        if not text:
            raise UserError("a continuation is empty; give it some text.")
        if self.opening and isinstance(prompt, tuple) and prompt and prompt[-1].role != "assistant":
            raise UserError(
                f"the chat template of {self.tokenizer.name_or_path} ends every prompt in {self.opening}, behind which "
                "no answer stands that could be scored or trained: give --template plain, or leave thinking out "
                "(--chat-option enable_thinking=false, where it knows that)."
            )
        prompt, blanks = without_blanks(prompt)
        text = blanks + text
        ids, whole = self.encode(prompt), self.encode(prompt, text)
        if len(whole) > len(ids) and whole[: len(ids)] == ids:
            return ids or self.before_a_text(), whole[len(ids) :]
        split = self.controls.found(text)
        added = list(self.tokenizer(text, add_special_tokens=False, split_special_tokens=split).input_ids)
        if not added:
            raise UserError("a continuation is empty; give it some text.")
        return ids, added

    def before_a_text(self) -> list[int]:
        """What stands before a text's first token where a tokenizer puts nothing: its beginning token, or its end."""
        marks = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)
        return [mark for mark in marks if mark is not None][:1]


def without_blanks(prompt: Prompt) -> tuple[Prompt, str]:
    """A prompt that a text goes on from, without the blanks at its end, and those."""
    if isinstance(prompt, str):
        bare = prompt.rstrip()
        return (bare, prompt[len(bare) :]) if bare else (prompt, "")
    if not prompt or prompt[-1].role != "assistant":
        return prompt, ""
    last = prompt[-1]
    bare = last.content.rstrip()
    return (*prompt[:-1], replace(last, content=bare)), last.content[len(bare) :]
