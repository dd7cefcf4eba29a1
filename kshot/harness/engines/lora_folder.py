"""A LoRA folder as it stands, for an engine that loads it by itself: what must be known of it beforehand."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.harness.models.cache import weights_hash
from kshot.types import UserError

PEFT, KSHOT = "adapter_config.json", "kshot_adapter.json"
WEIGHTS = "adapter_model.safetensors"


@dataclass(frozen=True, slots=True)
class LoraFolder:
    """A LoRA adapter's folder, made for the base at hand."""

    path: Path
    rank: int  # the largest of its layers
    hash: str


def read_lora(folder: str, *, base: str, base_hash: str, engine: str) -> LoraFolder:
    """What a folder says, checked against the base at hand: by the hash of its weights where that is known, else by
    name. Raises UserError for another kind of adapter, or another base's.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise UserError(f"the adapter folder {path} does not exist; give one that `kshot tune` or peft has written.")
    said, kept = read_json(path / PEFT), read_json(path / KSHOT)
    kind = str(said.get("peft_type") or kept.get("spec") or "")
    if not kind:
        raise UserError(f"{path} holds no adapter ({PEFT}); give a folder that `kshot tune` or peft has written.")
    if kind != "LORA":
        raise UserError(
            f"the adapter in {path} is {kind}, and the engine {engine} runs LoRA alone; "
            f"give it to kshot's own engine (--model {base} --adapter {path})."
        )
    if not (path / WEIGHTS).is_file():
        raise UserError(f"{path} holds no {WEIGHTS}, and a pickle is never loaded; save the adapter as safetensors.")
    trained_on = str(kept.get("base") or said.get("base_model_name_or_path") or "")
    made_for = str(kept.get("base_hash") or "") or hash_of(trained_on)
    if made_for != base_hash if made_for else trained_on and short(trained_on) != short(base):
        raise UserError(
            f"the adapter in {path} was trained on {trained_on}, and the model at hand is {base}: "
            "an adapter fits only its own base; give that one."
        )
    ranks = [said.get("r"), *dict(said.get("rank_pattern") or {}).values()]
    if not all(isinstance(rank, int) and rank > 0 for rank in ranks):
        raise UserError(f"{path / PEFT} gives no rank that can be read (r); save the adapter again.")
    return LoraFolder(path.resolve(), max(ranks), weights_hash(path))


def read_json(path: Path) -> dict[str, Any]:
    """A file's object; {} where it is not there. Raises UserError where it is damaged."""
    try:
        said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, OSError, RecursionError) as error:
        raise UserError(f"the adapter's description in {path} is damaged ({error}); save it again.") from error
    if not isinstance(said, dict):
        raise UserError(f"the adapter's description in {path} is damaged (no object); save it again.")
    return said


def hash_of(base: str) -> str:
    """The hash of the weights in a base's folder, where its name is one that is here; else ""."""
    folder = Path(base).expanduser()
    return weights_hash(folder) if base and folder.is_dir() and any(folder.glob("*.safetensors")) else ""


def short(name: str) -> str:
    """A model's name without its owner or folder: the same weights may lie elsewhere."""
    return Path(name.rstrip("/")).name.lower()
