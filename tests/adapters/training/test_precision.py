"""What is trained is float32 whatever the base's dtype; losses are the model's own; what leaves all bounds is told."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from kshot.adapters.adapted import Adapted
from kshot.adapters.attach import attach, load, save
from kshot.adapters.engine import adapted_engine
from kshot.adapters.heads import predict
from kshot.adapters.study.plan import Study
from kshot.adapters.study.read import read_study
from kshot.adapters.study.run import run_study
from kshot.adapters.training import supervised
from kshot.adapters.training.data import IGNORED, Example, collate
from kshot.adapters.training.recipe import Recipe
from kshot.adapters.training.supervised import loss_of, train
from kshot.harness.models.load import LoadedModel, load_model
from kshot.harness.models.sources import resolve
from kshot.types import EngineError, Request, SamplingParams, UserError
from tests.adapters.training.test_training import made_of

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")
OWN = ["ln-tuning", "bitfit", "bottleneck", "full", "peft:name=LORA,modules_to_save=lm_head"]
OTHERS = ["lora", "ia3", "adalora", "prompt-tuning", "p-tuning", "prefix-tuning", "head", "peft:name=OFT,r=8"]


def tiny_in(folder: Path, dtype: str) -> LoadedModel:
    return load_model(resolve(str(folder)), device="cpu", dtype=dtype)


def adapted_on(loaded: LoadedModel, spec: str, steps: int = 6) -> Adapted:
    return attach(loaded.model, loaded.tokenizer, spec, seed=1, labels=("yes", "no"), total_steps=steps)


def small(loaded: LoadedModel, adapted: Adapted) -> list[Example]:
    made = made_of(loaded)
    return [replace(one, labels=at % 2) for at, one in enumerate(made)] if adapted.kind == "head" else made


@pytest.mark.parametrize("spec", OWN + OTHERS)
def test_a_bfloat16_base_has_its_trained_parameters_in_float32(
    spec: str, tiny_chat_llama: Path, tmp_path: Path
) -> None:
    loaded = tiny_in(tiny_chat_llama, "bfloat16")
    adapted = adapted_on(loaded, spec)
    before = {name: p.detach().float().clone() for name, p in adapted.parameters()}
    frozen = {n: (p.dtype, p.detach().clone()) for n, p in adapted.model.named_parameters() if not p.requires_grad}
    data = small(loaded, adapted)
    found = train(adapted, data, Recipe(epochs=2, lr=1e-4, batch_size=2), tmp_path / "training", seed=0)
    assert math.isfinite(found.loss)
    assert {p.dtype for _, p in adapted.parameters()} == {torch.float32}
    for name, (dtype, value) in frozen.items():
        parameter = adapted.model.get_parameter(name)
        assert parameter.dtype == dtype
        assert torch.equal(parameter, value) or "ranknum" in name
    moved = torch.cat([(p != before[name]).flatten() for name, p in adapted.parameters()]).float().mean()
    if spec == "ln-tuning":
        assert moved == 1  # in bfloat16 a step of 1e-4 leaves a scale of 1 where it is
    save(adapted, tmp_path / "kept", base="tiny", base_hash="abc")
    fresh = tiny_in(tiny_chat_llama, "bfloat16")
    again = load(fresh.model, fresh.tokenizer, tmp_path / "kept", base="tiny", base_hash="abc")
    if adapted.kind == "head":
        inputs = [one.input_ids for one in data]
        assert adapted.predict(inputs) == again.predict(inputs)
    else:
        assert math.isfinite(loss_of(adapted, data, 3))
        assert written(adapted, loaded) == written(again, fresh)  # rounded alike, in memory and from the folder
    assert {p.dtype for _, p in adapted.parameters()} == {torch.float32}  # and trained further in float32
    if spec != "full":
        bare = adapted.detach()
        assert {p.dtype for p in bare.parameters()} == {torch.bfloat16}
        reference = tiny_in(tiny_chat_llama, "bfloat16").model
        assert all(torch.equal(p, q) for p, q in zip(bare.parameters(), reference.parameters(), strict=True))
        assert "forward" not in vars(bare)  # without autocast around it


def written(adapted: Adapted, loaded: LoadedModel) -> list[tuple[str, float | None]]:
    engine = adapted_engine(adapted, loaded, rows=4, memory=1 << 24, chat=False)
    texts = ["a shared beginning, and one", "a shared beginning, and two"]
    for at, text in enumerate(texts):
        engine.submit(at, Request(text, SamplingParams(max_new_tokens=6)))
        engine.submit(len(texts) + at, Request(text, continuation=" yes"))
    found = {}
    while done := engine.collect():
        found.update(dict(done))
    return [(found[at].text, found[at].logprob) for at in sorted(found)]


@pytest.mark.parametrize(
    ("dtype", "bf16", "fp16"), [("float32", False, False), ("bfloat16", True, False), ("float16", False, True)]
)
def test_autocast_follows_the_dtype_and_float16_has_a_scaler(
    dtype: str, bf16: bool, fp16: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(supervised, "TrainingArguments", lambda **given: given)
    parameter = torch.nn.Parameter(torch.zeros(1, device="meta"))  # stands for a GPU
    model: Any = SimpleNamespace(parameters=lambda: iter([parameter]))
    adapted: Any = SimpleNamespace(model=model, dtype=getattr(torch, dtype), spec="lora")
    given: Any = supervised.arguments(adapted, Recipe(), tmp_path, 8, 0)
    assert (given["bf16"], given["fp16"]) == (bf16, fp16)


def test_float16_on_a_cpu_is_refused_in_a_sentence(tiny_chat_llama: Path, tmp_path: Path) -> None:
    loaded = tiny_in(tiny_chat_llama, "float16")
    adapted = adapted_on(loaded, "lora")
    with pytest.raises(UserError, match="float16 cannot be trained in on a CPU; give --dtype bfloat16 or float32"):
        train(adapted, made_of(loaded), Recipe(epochs=1), tmp_path, seed=0)


def test_a_study_in_bfloat16_runs_to_its_report(tiny_folder: Path, tmp_path: Path) -> None:
    study = Study(
        model=str(tiny_folder), tasks=("coin-flip",), samples=(2,), limit=3,
        methods=("ln-tuning", "full", "lora:r=2", "head", "prefix-tuning"),
        recipe=Recipe(epochs=2, batch_size=2, evaluations=1),
    )  # fmt: skip
    run_study(study, tmp_path, {"device": "cpu", "dtype": "bfloat16", "rows": 4})
    results = read_study(tmp_path)
    assert len(results.outcomes) == 5
    results.close()


# ---------------------------------------------------------------- losses


def test_adaloras_validation_loss_is_the_models_own(tiny_chat_llama: Path) -> None:
    loaded = tiny_in(tiny_chat_llama, "float32")
    adapted = adapted_on(loaded, "adalora:orth_reg_weight=0.5")
    data = made_of(loaded)
    with torch.inference_mode():
        inputs = collate(data, 0)
        own = float(adapted.backbone(**inputs).loss)
        held = float(adapted.model(**inputs).loss)
    assert held > own + 0.1  # peft's has the penalty in it
    assert loss_of(adapted, data, len(data)) == pytest.approx(own, abs=1e-5)
    assert adapted.model.active_peft_config.orth_reg_weight == 0.5


def test_accumulated_batches_count_the_penalty_once(tiny_chat_llama: Path, tmp_path: Path) -> None:
    loaded = tiny_in(tiny_chat_llama, "float32")
    first = made_of(loaded)[0]
    other = Example(first.input_ids[::-1], [IGNORED] * (len(first.input_ids) - 2) + first.input_ids[:2])
    results = []
    for recipe in (
        Recipe(epochs=2, lr=1e-3, batch_size=4),
        Recipe(epochs=2, lr=1e-3, batch_size=1, gradient_accumulation_steps=4),
        Recipe(epochs=2, lr=1e-3, batch_size=2, gradient_accumulation_steps=4),  # fewer batches than that
    ):
        adapted = adapted_on(loaded, "adalora:orth_reg_weight=20,tinit=0.4", steps=10)
        found = train(adapted, [first, other, first, other], recipe, tmp_path / str(len(results)), seed=0)
        trained = torch.cat([p.detach().flatten() for _, p in adapted.parameters()])
        results.append((trained, [line["loss"] for line in found.history]))
        adapted.detach()
    for weights, losses in results[1:]:
        torch.testing.assert_close(weights, results[0][0], rtol=1e-3, atol=1e-5)
        assert losses == pytest.approx(results[0][1], rel=1e-4)


# ---------------------------------------------------------------- what leaves all bounds


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        *[
            (spec, value)
            for spec in ("lora", "full", "bitfit", "prompt-tuning", "head")
            for value in (math.inf, math.nan)
        ],
        *[(one, 3e38) for one in ("lora", "bitfit", "head")],  # finite, and what is computed with it is not
    ],
)
def test_what_the_last_step_has_left_is_looked_at(
    spec: str, value: float, tiny_chat_llama: Path, tmp_path: Path
) -> None:
    """No loss of training's own is computed after the last step."""
    loaded = tiny_in(tiny_chat_llama, "float32")
    adapted = adapted_on(loaded, spec)
    data = small(loaded, adapted)

    def spoil(step: int, steps: int, said: Any) -> None:
        if step == steps:
            with torch.no_grad():
                for _, parameter in adapted.parameters():
                    parameter.fill_(value)

    with pytest.raises(UserError, match=rf"{spec}: the (weights are not finite|loss is) .*lower --lr below 0.01"):
        train(adapted, data, Recipe(epochs=1, lr=1e-2, batch_size=6), tmp_path, seed=0, on_progress=spoil)


def test_a_validation_loss_that_is_no_number_is_told(tiny_chat_llama: Path, tmp_path: Path) -> None:
    loaded = tiny_in(tiny_chat_llama, "float32")
    adapted = adapted_on(loaded, "bitfit")
    data = made_of(loaded)
    kept: list[Path] = []

    def spoil(step: int, steps: int, said: Any) -> None:
        kept.extend(tmp_path.glob("checkpoints/*/whole"))
        if step == steps:
            with torch.no_grad():
                loaded.model.model.layers[0].mlp.up_proj.bias.fill_(math.nan)

    recipe = Recipe(epochs=1, lr=1e-2, batch_size=3, evaluations=1, checkpoint_seconds=0)
    with pytest.raises(UserError, match=r"bitfit: the validation loss is nan at step \d; lower --lr below 0\.01"):
        train(adapted, data, recipe, tmp_path, seed=0, validation=data, on_progress=spoil)
    assert kept and not list(tmp_path.glob("checkpoints/*"))  # a corrected training begins anew


def test_a_rate_that_no_training_survives_is_refused() -> None:
    for rate in (1e30, 1e38, 2000.0):
        with pytest.raises(UserError, match="no training stays finite at such a rate: give at most 1000"):
            Recipe(lr=rate)


def test_a_base_of_no_numbers_is_named_and_not_the_rate(tiny_chat_llama: Path, tmp_path: Path) -> None:
    loaded = tiny_in(tiny_chat_llama, "float32")
    with torch.no_grad():
        loaded.model.model.layers[1].mlp.up_proj.weight[0, 0] = float("nan")
    adapted = adapted_on(loaded, "lora")
    with pytest.raises(UserError, match=r"own weights are not finite \(.*layers.1.mlp.up_proj.weight\)"):
        train(adapted, made_of(loaded), Recipe(epochs=1), tmp_path, seed=0)
    adapted.detach()
    head = adapted_on(loaded, "head")
    with pytest.raises(EngineError, match="logits are not finite"):
        predict(head.model, loaded.tokenizer, ("yes", "no"), [[5, 9, 14]])
