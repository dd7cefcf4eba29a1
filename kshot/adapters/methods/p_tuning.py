"""Virtual tokens whose embeddings a small network makes."""

from __future__ import annotations

from typing import Literal

from kshot.adapters.methods.peft import completes, with_peft
from kshot.adapters.methods.prompt_tuning import with_embeddings
from kshot.adapters.methods.registry import Base, Built, method
from kshot.registry import suggest
from kshot.types import UserError

KINDS: dict[str, Literal["MLP", "LSTM"]] = {"MLP": "MLP", "LSTM": "LSTM"}


completes("P_TUNING")(with_embeddings)


def check(*, encoder_reparameterization_type: str, **_: object) -> None:
    """The network is one that is known."""
    if encoder_reparameterization_type not in KINDS:
        raise UserError(
            f"unknown encoder_reparameterization_type {encoder_reparameterization_type!r}: "
            + suggest(encoder_reparameterization_type, KINDS)
        )


@method(lr=3e-3, check=check)
def p_tuning(
    base: Base,
    *,
    num_virtual_tokens: int = 20,
    encoder_reparameterization_type: str = "MLP",
    encoder_hidden_size: int = 128,
    encoder_dropout: float = 0.0,
) -> Built:
    """Virtual tokens before the prompt, through an MLP or an LSTM (Liu et al. 2021, arXiv 2103.10385, section 3.2).

    P = MLP(E) or MLP(LSTM(E)) with E (num_virtual_tokens, hidden); E and the network are trained. Only P is kept
    when the adapter is saved.
    """
    from peft import PromptEncoderConfig
    from peft.tuners.p_tuning import PromptEncoderReparameterizationType

    config = PromptEncoderConfig(
        num_virtual_tokens=num_virtual_tokens,
        encoder_reparameterization_type=PromptEncoderReparameterizationType(encoder_reparameterization_type),
        encoder_hidden_size=encoder_hidden_size,
        encoder_dropout=encoder_dropout,
    )
    return with_peft(base, config)
