"""Encoders: heads, clozes and adapters on tiny BERT and RoBERTa, through the real loading path."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from kshot.adapters.attach import attach, load, save
from kshot.adapters.encoder import Cloze, load_encoder
from kshot.adapters.engine import adapted_engine
from kshot.adapters.heads import logits_of
from kshot.adapters.study.plan import Study
from kshot.adapters.study.read import read_study
from kshot.adapters.study.report import build
from kshot.adapters.study.run import run_study
from kshot.adapters.training.recipe import Recipe
from kshot.types import UserError

WORDS = ["the", "film", "was", "it", "good", "bad", "very", "dull", "##ish", "a", "joy", "bore", "."]
SPECIAL = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
SHAPE: dict[str, Any] = {
    "vocab_size": 20,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 40,
    "hidden_dropout_prob": 0.1,
    "pad_token_id": 0,
}
TEXTS = ["the film was a joy", "a bore", "the film was very good . it was a joy .", "very dull"]
LABELS = ("positive", "negative")
CLOZE = Cloze("{text} . it was {mask} .", {"positive": "good", "negative": "bad"})


def write(folder: Path, config: Any, kind: Any) -> str:
    vocabulary = {piece: at for at, piece in enumerate([*SPECIAL.values(), *WORDS])}
    backend = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    PreTrainedTokenizerFast(tokenizer_object=backend, **SPECIAL).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(config)
    for parameter in model.parameters():
        parameter.data.mul_(3 if parameter.dim() > 1 else 1)
    model.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module", params=["bert", "roberta"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp(request.param)
    if request.param == "bert":
        return write(place, BertConfig(**SHAPE), BertForMaskedLM)
    return write(place, RobertaConfig(**{**SHAPE, "bos_token_id": 2, "eos_token_id": 3}), RobertaForMaskedLM)


def mlm_logits(model: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = model(input_ids=torch.tensor([ids])).logits
    return logits[0]


def test_a_cloze_reads_the_words_at_the_mask(folder: str) -> None:
    loaded = load_encoder(folder)
    found = CLOZE.predict(loaded.model, loaded.tokenizer, TEXTS, batch=3)
    for text, guess in zip(TEXTS, found, strict=True):
        ids = loaded.tokenizer(f"{text} . it was [MASK] .").input_ids
        scores = mlm_logits(loaded.model, ids)[ids.index(4)]
        expected = scores[[9, 10]].softmax(-1).tolist()  # good, bad
        assert list(guess.probabilities.values()) == pytest.approx(expected, abs=1e-5)
        assert guess.label == LABELS[expected.index(max(expected))]
    assert CLOZE.predict(loaded.model, loaded.tokenizer, []) == []


def test_a_word_of_two_tokens_takes_two_blanks(folder: str) -> None:
    loaded = load_encoder(folder)
    cloze = Cloze("{text} . it was {mask} .", {"positive": "good", "negative": "dullish"})
    assert cloze.words(loaded.tokenizer) == {"positive": [9], "negative": [12, 13]}
    [guess] = cloze.predict(loaded.model, loaded.tokenizer, TEXTS[:1])
    scores = []
    for word in ([9], [12, 13]):
        ids = loaded.tokenizer(f"{TEXTS[0]} . it was {'[MASK]' * len(word)} .").input_ids
        logprobs = mlm_logits(loaded.model, ids).log_softmax(-1)
        scores.append(sum(float(logprobs[ids.index(4) + at, token]) for at, token in enumerate(word)))
    assert list(guess.probabilities.values()) == pytest.approx(torch.tensor(scores).softmax(-1).tolist(), abs=1e-5)


def test_an_example_masks_all_but_the_word(folder: str) -> None:
    tokenizer = load_encoder(folder).tokenizer
    ids, labels = CLOZE.example(tokenizer, "a joy", "positive")
    assert tokenizer.decode(ids) == "[CLS] a joy . it was [MASK] . [SEP]"
    assert [token for token in labels if token != -100] == [9]
    assert ids[labels.index(9)] == 4


@pytest.mark.parametrize("spec", ["lora", "bitfit", "bottleneck", "ln-tuning", "ia3", "full"])
def test_a_cloze_is_trained_with_every_kind_of_adapter(folder: str, spec: str, tmp_path: Path) -> None:
    loaded = load_encoder(folder)
    adapted = attach(loaded.model, loaded.tokenizer, spec, seed=0)
    optimizer = torch.optim.AdamW([p for _, p in adapted.parameters()], lr=0.005)
    wanted = ["positive", "negative", "positive", "negative"]

    def loss() -> torch.Tensor:
        """Of the right words, in all the blanks."""
        examples = [CLOZE.example(loaded.tokenizer, *pair) for pair in zip(TEXTS, wanted, strict=True)]
        parts = [adapted.model(input_ids=torch.tensor([ids]), labels=torch.tensor([own])).loss for ids, own in examples]
        return torch.stack(parts).mean()

    adapted.model.eval()  # no dropout: the loss is to fall
    losses = []
    for _ in range(20):
        losses.append(loss())
        losses[-1].backward()
        optimizer.step()
        optimizer.zero_grad()
    assert float(losses[-1].detach()) < 0.995 * float(losses[0].detach())
    found = CLOZE.predict(adapted.model, loaded.tokenizer, TEXTS)
    with pytest.raises(UserError, match="evaluate it by a cloze"):
        adapted_engine(adapted, loaded, rows=1, memory=1 << 20, chat=False)
    save(adapted, tmp_path, base="tiny", base_hash="abc")
    fresh = load_encoder(folder)
    again = load(fresh.model, fresh.tokenizer, tmp_path, base="tiny", base_hash="abc")
    for one, other in zip(CLOZE.predict(again.model, fresh.tokenizer, TEXTS), found, strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_a_head_on_a_frozen_encoder_reads_its_first_token(folder: str) -> None:
    loaded = load_encoder(folder)
    adapted = attach(loaded.model, loaded.tokenizer, "head", seed=0, labels=LABELS)
    assert (adapted.kind, adapted.trainable) == ("head", 2 * 33)
    ids = loaded.tokenizer(TEXTS[0]).input_ids
    with torch.inference_mode():
        hidden = loaded.model.base_model(input_ids=torch.tensor([ids])).last_hidden_state[0, 0]
        expected = adapted.model.head(hidden).softmax(-1).tolist()
    [guess, *_] = adapted.predict(TEXTS)
    assert list(guess.probabilities.values()) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("spec", ["head", "lora", "full"])
def test_a_classifier_on_an_encoder_learns(folder: str, spec: str, tmp_path: Path) -> None:
    loaded = load_encoder(folder, labels=LABELS, seed=3)
    again = load_encoder(folder, labels=LABELS, seed=3)
    same = zip(loaded.model.parameters(), again.model.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)  # the head's start, by its seed
    adapted = attach(loaded.model, loaded.tokenizer, spec, seed=0, labels=LABELS)
    assert adapted.kind == "head"
    optimizer = torch.optim.AdamW([p for _, p in adapted.parameters()], lr=0.02)
    encoded = loaded.tokenizer(TEXTS, padding=True, return_tensors="pt")
    adapted.model.eval()
    for _ in range(60):
        adapted.model(
            input_ids=encoded.input_ids, attention_mask=encoded.attention_mask, labels=torch.tensor([0, 1, 0, 1])
        ).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert [guess.label for guess in adapted.predict(TEXTS)] == ["positive", "negative"] * 2
    save(adapted, tmp_path, base="tiny", base_hash="abc")
    found = load(again.model, again.tokenizer, tmp_path, base="tiny", base_hash="abc")
    for one, other in zip(found.predict(TEXTS), adapted.predict(TEXTS), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


@pytest.mark.parametrize("text", ["the film [SEP] was", "[SEP][CLS]", "a [PAD]"])
def test_control_tokens_in_a_text_are_text(folder: str, text: str) -> None:
    loaded = load_encoder(folder)
    tokenizer = loaded.tokenizer
    plain = text.replace("[", "<").replace("]", ">")  # which is as unknown to these vocabularies
    assert CLOZE.blank(tokenizer, text, 2) == CLOZE.blank(tokenizer, plain, 2)
    model = load_encoder(folder, labels=LABELS).model
    assert torch.equal(logits_of(model, tokenizer, [text]), logits_of(model, tokenizer, [plain]))


def test_what_does_not_fit_is_refused(folder: str, tiny_llama: Path, tmp_path: Path) -> None:
    loaded = load_encoder(folder)
    tokenizer, model = loaded.tokenizer, loaded.model
    for template in ("{text} .", "{mask}", "{text} {mask} {mask}"):
        with pytest.raises(UserError, match="a cloze template needs"):
            Cloze(template, {"a": "good", "b": "bad"})
    with pytest.raises(UserError, match="two or more labels"):
        Cloze("{text} {mask}", {"a": "good"})
    with pytest.raises(UserError, match="stands for no label or for two"):
        Cloze("{text} {mask}", {"a": "good", "b": "good"})
    with pytest.raises(UserError, match="cannot write the word 'zebra'"):
        Cloze("{text} {mask}", {"a": "good", "b": "zebra"}).words(tokenizer)
    with pytest.raises(UserError, match="the encoder holds"):
        CLOZE.predict(model, tokenizer, ["the " * 60], limit=loaded.context_length)
    with pytest.raises(UserError, match="holds the mask token"):
        CLOZE.predict(model, tokenizer, ["it was [MASK]"])
    with pytest.raises(UserError, match="not to be had from peft"):
        attach(model, tokenizer, "prompt-tuning", seed=0)
    with pytest.raises(UserError, match="cannot be loaded"):
        load_encoder(str(tiny_llama))
    with pytest.raises(UserError, match="holds no config"):
        load_encoder(str(tmp_path))


def test_the_longest_text_that_an_encoder_holds_fits(folder: str) -> None:
    loaded = load_encoder(folder)
    assert loaded.context_length == (39 if "roberta" in folder else 40)
    mlm_logits(loaded.model, [2] + [5] * (loaded.context_length - 1))


def test_weights_that_are_not_whole_are_refused(tmp_path: Path) -> None:
    write(tmp_path, BertConfig(**SHAPE), BertForSequenceClassification)
    load_encoder(str(tmp_path), labels=LABELS)
    with pytest.raises(UserError, match=r"lack .* tensors"):
        load_encoder(str(tmp_path))  # no output layer for words
    wider = BertConfig(**{**SHAPE, "hidden_size": 48})
    (tmp_path / "config.json").write_text(wider.to_json_string())
    with pytest.raises(UserError, match=r"lack .* tensors|cannot be loaded"):
        load_encoder(str(tmp_path), labels=LABELS)
    weights = tmp_path / "model.safetensors"
    weights.rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(UserError, match="pickle"):
        load_encoder(str(tmp_path))


@pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")
@pytest.mark.parametrize("first", ["lora", "ln-tuning", "full", "peft:name=LORA,init_lora_weights=olora"])
def test_a_method_brings_the_same_after_another_as_alone(folder: str, first: str, tmp_path: Path) -> None:
    """peft trains a copy of the classifier, which none but the base's state would put back."""

    def weights(methods: tuple[str, ...], run: str) -> tuple[list[dict[str, torch.Tensor]], list[float]]:
        study = Study(
            model=folder, tasks=("coin-flip",), methods=methods, samples=(4,), limit=3, max_length=40,
            recipe=Recipe(epochs=1, batch_size=4, evaluations=1),
        )  # fmt: skip
        run_study(study, tmp_path / run, {"device": "cpu", "dtype": "auto"})
        place = tmp_path / run / "ia3-n4-s0"
        losses = [
            line["loss"] for line in json.loads((place / "training.json").read_text())["history"] if "loss" in line
        ]
        return [load_file(place / "adapter_model.safetensors")], losses

    (alone, losses), (after, losses_after) = weights(("ia3",), "alone"), weights((first, "ia3"), "after")
    assert losses == losses_after
    assert alone[0].keys() == after[0].keys()
    assert all(torch.equal(value, after[0][name]) for name, value in alone[0].items())


@pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")
def test_an_encoder_in_bfloat16_is_tuned(folder: str, tmp_path: Path) -> None:
    """Its normalization, which autocast leaves alone on a CPU, takes scales and shifts of one dtype only."""
    study = Study(
        model=folder, tasks=("coin-flip",), methods=("bitfit", "ln-tuning", "lora:r=2"), samples=(4,), limit=4,
        max_length=40, recipe=Recipe(epochs=1, batch_size=4, evaluations=1),
    )  # fmt: skip
    run_study(study, tmp_path, {"device": "cpu", "dtype": "bfloat16"})
    results = read_study(tmp_path)
    assert len(results.outcomes) == 3
    results.close()


@pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")
def test_an_encoder_is_tuned_and_evaluated_like_any_model(folder: str, tmp_path: Path) -> None:
    study = Study(
        model=folder, tasks=("coin-flip",), methods=("head", "lora:r=2", "full"), samples=(4,), limit=6, max_length=40,
        recipe=Recipe(epochs=1, batch_size=4, evaluations=1),
    )  # fmt: skip
    options = {"device": "cpu", "dtype": "auto"}
    run_study(study, tmp_path, options)
    results = read_study(tmp_path)
    assert {one.label for one in results.outcomes} == {"head:samples=4", "lora:r=2,samples=4", "full:samples=4"}
    for record in results.run.records:
        assert record.prediction.answer in ("yes", "no")
        assert sum(record.prediction.probabilities.values()) == pytest.approx(1)
    assert build(results).summary
    results.close()
    for given, said in (({"prompting": ("zero-shot",)}, "--compare none"), ({"tasks": ("word-pairs",)}, "has labels")):
        with pytest.raises(UserError, match=said):
            run_study(replace(study, **given), tmp_path / "other", options)
