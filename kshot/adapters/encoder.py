"""Encoders (BERT, RoBERTa): loading them, and the cloze, which asks a masked language model to fill in the blank.

A classification task becomes a sentence with a blank and a word for every label (Schick and Schuetze 2020, arXiv
2001.07676, section 3.1): the likelier word wins. A word of several tokens takes as many blanks, all read in one pass
(Schick and Schuetze 2020, arXiv 2009.07118, section 3.1). Training examples are the same sentences with the right
word as the blanks' target, so that training and evaluation cannot drift apart. Concedes: the product over a
longer word's tokens is smaller; choose words of one token where there are any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kshot.adapters.heads import Guess, checked, guesses
from kshot.adapters.padding import batch_of, pad_id
from kshot.harness.models.cache import weights_hash
from kshot.harness.models.control_tokens import ControlTokens
from kshot.harness.models.devices import where_to_run
from kshot.harness.models.load import LoadedModel, check_weights_are_there, quiet, read_tokenizer
from kshot.harness.models.sources import folder_of, resolve
from kshot.hub import first_line
from kshot.types import UserError

TEXT, MASK = "{text}", "{mask}"


@dataclass(frozen=True)
class Cloze:
    """A sentence with a blank, and the word that stands for each label.

    >>> Cloze("{text} It was {mask}.", {"positive": "great", "negative": "terrible"}).template
    '{text} It was {mask}.'
    """

    template: str
    verbalizers: Mapping[str, str]  # label -> word

    def __post_init__(self) -> None:
        for part in (TEXT, MASK):
            if self.template.count(part) != 1:
                raise UserError(
                    f'a cloze template needs {part} once, as in "{TEXT} It was {MASK}."; it is {self.template!r}.'
                )
        words = list(self.verbalizers.values())
        if len(words) < 2:
            raise UserError("a cloze needs a word for each of two or more labels.")
        twice = next((word for word in words if words.count(word) > 1 or not word.strip()), None)
        if twice is not None:
            raise UserError(f"the word {twice!r} stands for no label or for two; give each label a word of its own.")

    def words(self, tokenizer: Any) -> dict[str, list[int]]:
        """Each label's word as the tokens that stand within a sentence."""
        found = {}
        for label, word in self.verbalizers.items():
            ids = tokenizer(f" {word}", add_special_tokens=False).input_ids
            if not ids or tokenizer.unk_token_id in ids:
                raise UserError(
                    f"the encoder's vocabulary cannot write the word {word!r} (label {label}); give another."
                )
            found[label] = list(ids)
        return found

    def blank(self, tokenizer: Any, text: str, blanks: int, limit: int | None = None) -> list[int]:
        """The sentence's tokens, with so many masks in the blank. Raises UserError where it is longer than `limit`."""
        if tokenizer.mask_token is None:
            raise UserError("this model has no mask token, so it can fill in no blank; use an encoder such as BERT.")
        blank, controls = self.template.replace(MASK, tokenizer.mask_token * blanks), ControlTokens(tokenizer)
        ids: list[int] = (
            controls.encode(blank.replace(TEXT, controls.hide(text, "user")), whole=True)
            if controls.found(text)
            else tokenizer(blank.replace(TEXT, text)).input_ids
        )
        if tokenizer.mask_token in text or ids.count(tokenizer.mask_token_id) != blanks:
            raise UserError(f"the text holds the mask token {tokenizer.mask_token} itself; remove it: {text[:80]!r}")
        if limit is not None and len(ids) > limit:
            raise UserError(f"the text needs {len(ids)} tokens and the encoder holds {limit}; use shorter texts.")
        return ids

    def example(self, tokenizer: Any, text: str, label: str, limit: int | None = None) -> tuple[list[int], list[int]]:
        """(input_ids, labels) to train a masked model on: the label's word in the blanks, -100 everywhere else."""
        word = self.words(tokenizer)[label]
        ids = self.blank(tokenizer, text, len(word), limit)
        wanted = iter(word)
        return ids, [next(wanted) if token == tokenizer.mask_token_id else -100 for token in ids]

    def predict(
        self, model: Any, tokenizer: Any, texts: Sequence[str], *, batch: int = 16, limit: int | None = None
    ) -> list[Guess]:
        """The likelier label of every text, and all labels' probabilities: softmax over the words' log-likelihoods."""
        import torch

        words = self.words(tokenizer)
        scores = torch.zeros(len(texts), len(words))
        for blanks in sorted({len(word) for word in words.values()}):
            rows = [self.blank(tokenizer, text, blanks, limit) for text in texts]
            places = [[at for at, token in enumerate(row) if token == tokenizer.mask_token_id] for row in rows]
            for start in range(0, len(rows), batch):
                part = slice(start, start + batch)
                logprobs = at_blanks(model, tokenizer, rows[part], places[part])  # (rows, blanks, vocabulary)
                for column, word in enumerate(words.values()):
                    if len(word) == blanks:
                        wanted = torch.tensor(word)[None, :, None].expand(len(logprobs), -1, 1)
                        scores[part, column] = logprobs.gather(-1, wanted).sum((1, 2))
        return guesses(list(words), scores.softmax(-1).tolist())


def at_blanks(model: Any, tokenizer: Any, rows: Sequence[Sequence[int]], places: Sequence[Sequence[int]]) -> Any:
    """Log-probabilities (rows, blanks, vocabulary) at the blanks; the model is left in the mode it was in."""
    import torch

    device = next(model.parameters()).device
    inputs = batch_of(rows, pad_id(tokenizer), device)
    was = model.training
    model.eval()
    try:
        with torch.inference_mode():
            logits = model(**inputs).logits
            at = torch.tensor(places, device=device)[..., None].expand(-1, -1, logits.shape[-1])
            return checked(logits.gather(1, at).float().cpu()).log_softmax(-1)
    finally:
        model.train(was)


def load_encoder(
    name: str, *, labels: Sequence[str] = (), seed: int = 0, device: str = "auto", dtype: str = "auto"
) -> LoadedModel:
    """A masked language model by hub id or folder; with `labels`, one with a classification head for them.

    The head starts at random, by `seed`, where the files hold none. Only safetensors are read. Raises UserError
    where the model cannot be had, is no encoder, or its files lack weights.
    """
    import torch
    from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

    quiet()
    source = resolve(name)
    folder = folder_of(source)
    check_weights_are_there(folder)
    tokenizer = read_tokenizer(folder, False)
    device, dtype = where_to_run(device, dtype)
    kind: Any = AutoModelForSequenceClassification if labels else AutoModelForMaskedLM
    options: dict[str, Any] = {}
    if labels:
        names = dict(enumerate(labels))
        options = {"num_labels": len(labels), "id2label": names, "label2id": {label: at for at, label in names.items()}}
    try:
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            torch.manual_seed(seed)
            model, report = kind.from_pretrained(
                folder,
                dtype=getattr(torch, dtype),
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=bool(labels),
                **options,
            )
    except Exception as error:  # safetensors, tokenizers and a model's own code raise kinds of their own
        said = first_line(error)
        raise UserError(
            f"the encoder in {folder} cannot be loaded ({said}); give one such as BERT or RoBERTa."
        ) from error
    body = model.base_model_prefix + "."
    lacking = [*report["missing_keys"], *(key for key, *_ in report["mismatched_keys"])]
    # a head, and BERT's pooler which belongs to it, start anew where the files hold none that fits
    missing = sorted(key for key in lacking if not labels or (key.startswith(body) and "pooler" not in key))
    if missing:
        raise UserError(
            f"the weights in {folder} lack {len(missing)} tensors of the model ({missing[0]}, ...): "
            "they are another model's or not whole; fetch its files again."
        )
    return LoadedModel(
        model.to(device).eval(), tokenizer, weights_hash(folder), device, dtype, room_of(model), source
    )  # fmt: skip


def names_encoder(config: Mapping[str, Any]) -> bool:
    """Whether a model's own configuration calls it an encoder: a masked language model, or a classifier over one."""
    said = config.get("architectures")
    first = str(said[0]) if isinstance(said, list) and said else ""
    return first.endswith(("ForMaskedLM", "ForPreTraining", "ForSequenceClassification"))


def room_of(model: Any) -> int:
    """Tokens that an encoder holds. RoBERTa and its kin begin to count positions behind the padding token's id."""
    config = model.config
    length = int(getattr(config, "max_position_embeddings", 0) or 512)
    offset = "roberta" in config.model_type or config.model_type in ("camembert", "longformer", "mpnet")
    return length - (config.pad_token_id + 1) if offset else length
