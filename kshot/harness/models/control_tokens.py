"""Control tokens in texts: a question that holds `<|im_end|>` must not end its own turn.

What a chat template writes itself stays a control token; the same letters in a message are text, and so they are in a
prompt that is taken verbatim. Texts without such letters, which is nearly all, are not touched. In a template's text
the messages' marks are hidden while it is rendered; then the template's own get names that nobody else knows, and the
text is cut by a copy of the tokenizer in which only those names are tokens. Concedes: a tokenizer that is not one of
the `tokenizers` package cannot be copied so; there it is told, once, and the marks are control tokens as ever.
"""

from __future__ import annotations

import json
import re
import secrets
import warnings
from functools import cached_property
from typing import Any


class ControlTokens:
    """A tokenizer's control tokens: those it calls special, and in a chat those that its template writes."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        added = {token.content: (id, token) for id, token in getattr(tokenizer, "added_tokens_decoder", {}).items()}
        template = getattr(tokenizer, "chat_template", None) or ""
        literal = " ".join(template.values()) if isinstance(template, dict) else str(template)
        self.special = pattern([text for text, (_, token) in added.items() if token.special])
        self.added = {
            text: (id, token)
            for text, (id, token) in added.items()
            if token.special or (text in literal and not text.isspace())
        }
        self.any = pattern(list(self.added))
        self.nonce = f"\U000f5eed{secrets.token_hex(8)}"  # so that no text can hold the names below
        self.warned = False

    def marks(self, role: str) -> re.Pattern[str] | None:
        """What must not become a control token in a message. A model's own turn may hold what it writes (`<think>`)."""
        return self.special if role == "assistant" else self.any

    def found(self, text: str, role: str = "assistant") -> bool:
        """Whether a text holds the letters of a control token."""
        marks = self.marks(role)
        return marks is not None and marks.search(text) is not None

    def hide(self, text: str, role: str) -> str:
        """A message with its marks hidden, for a template to render."""
        marks, names = self.marks(role), list(self.added)
        return marks.sub(lambda mark: f"{self.nonce}t{names.index(mark[0])};", text) if marks else text

    def show(self, text: str) -> str:
        """A text with what `hide` has hidden."""
        names = list(self.added)
        return re.sub(f"{self.nonce}t(\\d+);", lambda at: names[int(at[1])], text)

    @cached_property
    def copy(self) -> tuple[Any, dict[int, int]] | None:
        """A tokenizer that knows control tokens by our names alone, and which of its ids stands for which."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None or not hasattr(backend, "to_str"):
            return None
        from tokenizers import AddedToken, Tokenizer

        whole = json.loads(backend.to_str())
        for token in whole["added_tokens"]:
            token["special"] = token["content"] in self.added
        whole["truncation"] = whole["padding"] = None
        copy = Tokenizer.from_str(json.dumps(whole))
        copy.encode_special_tokens = True  # as the text that they are
        ids: dict[int, int] = {}
        for at, (id, token) in enumerate(self.added.values()):
            strips = {"lstrip": token.lstrip, "rstrip": token.rstrip, "single_word": token.single_word}
            name = f"{self.nonce}c{at};"
            copy.add_tokens([AddedToken(name, normalized=False, special=False, **strips)])
            ids[copy.token_to_id(name) or 0] = id  # it is there
        return copy, ids

    def encode(self, rendered: str, *, whole: bool = False) -> list[int]:
        """The tokens of a template's text, whose messages' marks are hidden; `whole` with those set around a text."""
        if self.copy is None or self.any is None:
            self.warn(self.show(rendered))
            return list(self.tokenizer(self.show(rendered), add_special_tokens=whole).input_ids)
        copy, ids = self.copy
        names = list(self.added)
        named = self.any.sub(lambda mark: f"{self.nonce}c{names.index(mark[0])};", rendered)
        text = self.show(named)
        found: list[int] = copy.encode(text, add_special_tokens=False).ids
        hidden = {self.added[names[int(at)]][0] for at in re.findall(f"{self.nonce}t(\\d+);", rendered)}
        if hidden.intersection(found):  # a vocabulary without another way to write them
            self.warn(self.show(rendered))
        return [ids.get(id, id) for id in (copy.encode(text).ids if whole else found)]

    def warn(self, text: str) -> None:
        """Says once that a text's marks are control tokens after all."""
        if not self.warned:
            self.warned = True
            warnings.warn(
                f"a message holds the letters of a control token, and this model's tokenizer cannot take them as text: "
                f"...{text[-80:]!r}",
                stacklevel=2,
            )


def pattern(texts: list[str]) -> re.Pattern[str] | None:
    """Any of the texts, the longest first; None of none."""
    known = sorted(filter(None, texts), key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known))) if known else None
