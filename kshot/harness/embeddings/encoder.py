"""A model's files to vectors of texts: the mean of the last hidden states, of unit length, as sentence-transformers.

Meets: a text's vector does not hang on what it is encoded beside (rows are padded on the right and masked); only
safetensors are read, and weights that do not fill their model are refused. What was encoded is kept in the cache under
the hash of the model and of the texts. Concedes: mean pooling alone, in float32 on the CPU; of a causal language model
the mean counts its first tokens too, which hang on little before them.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.harness.models.cache import cache_folder, say, weights_hash
from kshot.types import UserError
from kshot.whole_file import write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 64  # texts encoded at once, of like length
LONGEST = 512  # tokens of a text that are read, where a model says nothing
SLOW = 1000  # texts from which it is said what is being done
EXTRA = ("pooler.",)  # weights of a model that its vectors do not need


@dataclass(frozen=True)
class Encoder:
    """A model in a folder, which is loaded when a text comes that it has not encoded yet."""

    name: str
    folder: Path

    @cached_property
    def hash(self) -> str:
        """Of its configuration, weights and tokenizer."""
        return weights_hash(self.folder)

    @cached_property
    def loaded(self) -> tuple[Any, Any, int]:
        """(model, tokenizer, tokens of a text that are read). Raises UserError where it is no encoder of texts."""
        return load_encoder(self.folder)

    def encode(self, texts: Sequence[str], fitted_on: Sequence[str] = ()) -> NDArray[np.float32]:
        """A vector of unit length a text, (texts, width); out of the cache where it has them."""
        kept = kept_file(self.hash, texts)
        found = read_kept(kept, len(texts))
        if found is None:
            if len(texts) >= SLOW:
                say(f"Encoding {len(texts):,} texts with {self.name}, once ...")
            model, tokenizer, longest = self.loaded
            found = encoded(model, tokenizer, texts, longest)
            keep(kept, found)
        return found


def load_encoder(folder: Path) -> tuple[Any, Any, int]:
    """A folder's model without its head, its tokenizer, and how many tokens of a text it reads. Raises UserError."""
    import torch
    from transformers import AutoModel

    from kshot.harness.models.load import check_weights_are_there, quiet, read_tokenizer, remedy
    from kshot.hub import first_line

    quiet()
    check_weights_are_there(folder)
    check_pooling(folder)
    tokenizer = read_tokenizer(folder, False)
    try:
        model, report = AutoModel.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True
        )
    except Exception as error:  # safetensors, tokenizers and a model's own code raise kinds of their own
        raise UserError(f"the model in {folder} cannot be loaded ({first_line(error)}); {remedy(error)}.") from error
    missing = sorted(key for key in report["missing_keys"] if not key.startswith(EXTRA))
    if missing:  # transformers would fill them with random numbers
        raise UserError(
            f"the weights in {folder} lack {len(missing)} tensors of the model ({missing[0]}, ...), so that its "
            "vectors would be noise; fetch its files again, or use embed=tfidf."
        )
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.convert_ids_to_tokens(0)
    room = [getattr(model.config, "max_position_embeddings", None) or LONGEST, LONGEST, said_length(folder)]
    return model.eval(), tokenizer, min(*room, int(min(tokenizer.model_max_length, LONGEST)))


def check_pooling(folder: Path) -> None:
    """Raises UserError where sentence-transformers' files say that a model's vector is another than the mean."""
    with contextlib.suppress(OSError, ValueError):
        said = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
        if isinstance(said, dict) and said.get("pooling_mode_mean_tokens") is False:
            raise UserError(
                f"the encoder in {folder} pools otherwise than by the mean (1_Pooling/config.json), which kshot does "
                "not; use embed=minilm, or an encoder that does."
            )


def said_length(folder: Path) -> int:
    """How many tokens of a text sentence-transformers' file says that a model reads."""
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        said = json.loads((folder / "sentence_bert_config.json").read_text(encoding="utf-8"))
        return max(1, int(said.get("max_seq_length") or LONGEST))
    return LONGEST


def encoded(model: Any, tokenizer: Any, texts: Sequence[str], longest: int) -> NDArray[np.float32]:
    """The mean of the last hidden states over a text's tokens, of unit length: (texts, width)."""
    import numpy as np
    import torch

    found: list[Any] = [None] * len(texts)
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            given = tokenizer(
                [texts[at] or " " for at in places],
                padding=True, truncation=True, max_length=longest, return_tensors="pt",
            )  # fmt: skip
            given = {name: given[name] for name in ("input_ids", "attention_mask")}  # (batch, time)
            states = model(**given).last_hidden_state.float()  # (batch, time, width)
            seen = given["attention_mask"][..., None].float()
            means = (states * seen).sum(1) / seen.sum(1).clamp(min=1e-9)
            vectors = torch.nn.functional.normalize(means, dim=1).numpy()
            for at, vector in zip(places, vectors, strict=True):
                found[at] = vector
    return np.stack(found).astype(np.float32)


# ---------------------------------------------------------------- kept


def kept_file(model_hash: str, texts: Sequence[str]) -> Path:
    """Where the vectors of these texts by this model are kept."""
    digest = hashlib.blake2b(digest_size=12)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    return cache_folder() / "embeddings" / f"{model_hash}-{digest.hexdigest()}.npy"


def read_kept(path: Path, count: int) -> NDArray[np.float32] | None:
    """What was kept; None where there is nothing, or not what belongs there."""
    import numpy as np

    with contextlib.suppress(OSError, ValueError, EOFError):
        found = np.load(path, allow_pickle=False)
        if found.ndim == 2 and len(found) == count and found.dtype == np.float32 and np.isfinite(found).all():
            return found  # type: ignore[no-any-return]
    return None


def keep(path: Path, vectors: NDArray[np.float32]) -> None:
    """Keeps vectors; a cache that cannot be written costs time, nothing else."""
    import numpy as np

    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = io.BytesIO()
        np.save(file, vectors, allow_pickle=False)
        write_whole(path, file.getvalue(), sync=False)
