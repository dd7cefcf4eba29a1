"""Every kind that peft has: put on, saved, loaded, run by the engine, taken off; or refused in a sentence."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from kshot.adapters.attach import load, save
from kshot.adapters.engine import adapted_engine
from kshot.adapters.methods import get_method
from kshot.adapters.methods.by_name import NOT_RUN
from kshot.harness.models.load import LoadedModel
from kshot.harness.models.sources import ModelSource
from kshot.types import UserError
from tests.adapters.test_base_state import anatomy, assert_same
from tests.adapters.test_differential import CAUSAL, Letters, close, drawn_prompts, make, own_forward, put_on, through

GIVEN = {  # what suits a tiny model, where the defaults are too large or there are none
    "ADAPTION_PROMPT": ",adapter_len=4,adapter_layers=2",
    "C3A": ",block_size=8",
    "CARTRIDGE": ",num_virtual_tokens=4",
    "FOURIERFT": ",n_frequency=10",
    "LOKR": ",r=4",
    "MISS": ",r=4",
    "OFT": ",r=8",
    "PREFIX_TUNING": ",num_virtual_tokens=4",
    "PROMPT_TUNING": ",num_virtual_tokens=4",
    "PSOFT": ",r=4",
    "P_TUNING": ",num_virtual_tokens=4,encoder_hidden_size=8",
    "ROAD": ",group_size=8",
    "SHIRA": ",r=2",
    "TRAINABLE_TOKENS": ",token_indices=15+19",
    "VBLORA": ",vector_length=8,num_vectors=8,topk=2",
    "VERA": ",r=4",
    "WAVEFT": ",n_frequency=10",
}
SLOW = ("BOFT", "ADAMSS")  # the one compiles, the other takes seconds to begin
A_ROW_AT_A_TIME = ("LILY", "SHADOW")  # whose numbers hang on all that runs beside them


def kinds() -> list[str]:
    from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

    return sorted(kind.value for kind in PEFT_TYPE_TO_CONFIG_MAPPING if kind.value not in NOT_RUN)


@pytest.mark.filterwarnings("ignore:Detected that the base layer has no bias term:UserWarning")  # BEFT
@pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly disabled:UserWarning")  # FROD
@pytest.mark.parametrize("kind", [kind for kind in kinds() if kind not in SLOW])
def test_a_kind_of_pefts_goes_its_whole_way(kind: str, tmp_path: Path) -> None:
    prompts = drawn_prompts(random.Random(kind))
    model = make(CAUSAL["llama"], AutoModelForCausalLM)
    before = anatomy(model)
    adapted = put_on(model, f"peft:name={kind}{GIVEN.get(kind, '')}", 1)
    ids = torch.tensor([prompts[1]])
    adapted.model(input_ids=ids, attention_mask=torch.ones_like(ids), labels=ids).loss.backward()
    assert any(parameter.grad is not None for _, parameter in adapted.parameters())
    wanted = [own_forward(adapted, prompt) for prompt in prompts]
    if kind not in A_ROW_AT_A_TIME:
        loaded = LoadedModel(model, Letters(), "hash", "cpu", "float32", 96, ModelSource("tiny"))
        engine = adapted_engine(adapted, loaded, rows=4, memory=1 << 22, chat=False)
        with engine.borrowed():
            close(through(engine, prompts, 1), wanted, kind)
    save(adapted, tmp_path, base="tiny", base_hash="hash")
    adapted.detach()
    assert_same(model, before)
    again = load(model, Letters(), tmp_path, base="tiny", base_hash="hash")
    close([own_forward(again, prompt) for prompt in prompts], wanted, kind)
    again.detach()
    assert_same(model, before)


@pytest.mark.parametrize("kind", list(NOT_RUN))
def test_what_is_not_run_is_refused_in_a_sentence(kind: str) -> None:
    with pytest.raises(UserError, match=f"kshot does not run peft's {kind}: it needs"):
        get_method(f"peft:{kind}")
