"""Trained embeddings before the prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kshot.adapters.methods.peft import completes, with_peft
from kshot.adapters.methods.registry import Base, Built, method
from kshot.registry import suggest
from kshot.types import UserError

WAYS = ("random", "vocabulary", "text", "labels")


def check(*, prompt_tuning_init: str, prompt_tuning_init_text: str, **_: object) -> None:
    """The start is one that is known, and has what it needs."""
    if prompt_tuning_init not in WAYS:
        raise UserError(f"unknown prompt_tuning_init {prompt_tuning_init!r}: {suggest(prompt_tuning_init, WAYS)}")
    if prompt_tuning_init == "text" and not prompt_tuning_init_text:
        raise UserError('prompt_tuning_init=text needs a text: add prompt_tuning_init_text="Say the sentiment."')


@method(lr=3e-2, check=check)
def prompt_tuning(
    base: Base,
    *,
    num_virtual_tokens: int = 20,
    prompt_tuning_init: str = "labels",
    prompt_tuning_init_text: str = "",
) -> Built:
    """Virtual tokens before the prompt, trained as embeddings (Lester et al. 2021, arXiv 2104.08691, section 2).

    p(y | [P; x]) with P (num_virtual_tokens, hidden) trained and the model frozen. `prompt_tuning_init`, section 2.1:
    random (normal, with the vocabulary's own standard deviation), vocabulary (embeddings of drawn tokens), text (those
    of prompt_tuning_init_text, repeated), labels (those of the task's labels; drawn tokens fill the rest, or all
    of them where the task has no labels).
    """
    from peft import PromptTuningConfig

    built = with_peft(base, PromptTuningConfig(num_virtual_tokens=num_virtual_tokens))
    start(base, built.model, prompt_tuning_init, prompt_tuning_init_text)
    return built


def start(base: Base, model: Any, way: str, text: str) -> None:
    """Sets the virtual tokens' embeddings, by torch's generator as it stands."""
    import torch

    words = base.model.get_input_embeddings()
    weight = model.prompt_encoder["default"].embedding.weight
    count = weight.shape[0]
    with torch.no_grad():
        if way == "random":
            weight.copy_(torch.randn(weight.shape) * words.weight.float().std().cpu())
            return
        ids: list[int] = []
        if way == "text":
            own = base.tokenizer(text, add_special_tokens=False).input_ids
            ids = (own * (count // max(len(own), 1) + 1))[:count]
        elif way == "labels":
            ids = [i for label in base.labels for i in base.tokenizer(label, add_special_tokens=False).input_ids][
                :count
            ]
        drawn = torch.randint(0, len(base.tokenizer), (count - len(ids),)).tolist()
        chosen = torch.tensor([*ids, *drawn], device=words.weight.device)
        weight.copy_(words(chosen).to(weight.dtype))


@completes("PROMPT_TUNING")
def with_embeddings(built: Built) -> Built:
    """The virtual tokens as the engine takes them."""
    return replace(built, embeddings=lambda: built.model.get_prompt(batch_size=1)[0])
