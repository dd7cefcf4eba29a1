"""Prompts to text and tokens, through a model's own chat template or verbatim; exactly one beginning token."""

from __future__ import annotations

from typing import Any

from kshot.types import EngineError, Message, Prompt, UserError


class Renderer:
    """A tokenizer with the decision whether messages go through its chat template."""

    def __init__(self, tokenizer: Any, chat: bool) -> None:
        self.tokenizer = tokenizer
        self.chat = chat

    def render(self, messages: tuple[Message, ...]) -> str:
        """Messages as text. One that ends in an assistant turn is left open, to be continued.

        The open turn is appended verbatim: templates strip what they render, and a chain must go on from
        its very last character. Raises EngineError where the model has no chat template.
        """
        if not self.chat:
            raise EngineError("messages were sent to a model without a chat template")
        if not messages:
            raise UserError("a strategy sent no messages; give it one at least.")
        turns = [{"role": m.role, "content": m.content} for m in messages]
        open_turn = messages[-1].role == "assistant"
        try:
            text: str = self.tokenizer.apply_chat_template(
                turns[:-1] if open_turn else turns, tokenize=False, add_generation_prompt=True
            )
        except Exception as error:  # a template is a model's own program, and may raise anything
            roles = ", ".join(dict.fromkeys(turn["role"] for turn in turns))
            raise UserError(
                f"the chat template of {self.tokenizer.name_or_path} fails on messages of {roles} "
                f"({type(error).__name__}: {error}): give --template plain, or mend the template."
            ) from error
        return text + messages[-1].content if open_turn else text

    def text(self, prompt: Prompt) -> str:
        """A prompt's text as the tokenizer gets it."""
        return prompt if isinstance(prompt, str) else self.render(prompt)

    def ids(self, text: str, *, verbatim: bool) -> list[int]:
        """A text's tokens. Verbatim text gets the model's beginning token; a rendered template brings its own."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=verbatim).input_ids
        bos, eos = self.tokenizer.bos_token_id, self.tokenizer.eos_token_id
        while bos is not None and ids[:2] == [bos, bos]:
            ids = ids[1:]  # the text brought one along
        if verbatim and len(ids) > 1 and ids[-1] == eos and not text.endswith(str(self.tokenizer.eos_token)):
            ids = ids[:-1]  # some tokenizers close a text; a prompt is to go on
        return list(ids)

    def encode(self, prompt: Prompt) -> list[int]:
        """A prompt's tokens."""
        return self.ids(self.text(prompt), verbatim=isinstance(prompt, str))

    def continued(self, prompt: Prompt, text: str) -> tuple[list[int], list[int]]:
        """A prompt's tokens and those that a text adds to it, split as lm-evaluation-harness splits them.

        Raises UserError where the text is empty.
        """
        ids = self.encode(prompt)
        whole = self.ids(self.text(prompt) + text, verbatim=isinstance(prompt, str))
        if len(whole) > len(ids) and whole[: len(ids)] == ids:
            return ids, whole[len(ids) :]
        added = list(self.tokenizer(text, add_special_tokens=False).input_ids)
        if not added:
            raise UserError("a continuation is empty; give it some text.")
        return ids, added
