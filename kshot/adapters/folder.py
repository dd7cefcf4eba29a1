"""An adapter's folder: what is written, and whose it is when it is read.

Only safetensors are written and read (`kshot.adapters.weights`). kshot_adapter.json is written last, so that a folder
with one is whole; it names the base model and the hash of its weights, which decides. A folder that peft alone has
written is read too: the hash of its base is that of the folder that it names, where that is here; else the base's
name is the only check.
"""

from __future__ import annotations

import json
import platform
import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from kshot.adapters.adapted import Adapted
from kshot.adapters.methods.by_name import NOT_RUN, spelled
from kshot.adapters.methods.peft import known_warnings
from kshot.harness.models.cache import weights_hash
from kshot.harness.models.hub import fetch
from kshot.types import UserError
from kshot.whole_file import umask, write_whole

FILE = "kshot_adapter.json"
WEIGHTS = "kshot_adapter.safetensors"  # of the methods that peft does not have
MODEL = "model*.safetensors"  # of those that train every weight, as transformers names them
ID = re.compile(r"[\w-][\w.-]*/[\w.-]+")  # of the hub
PEFT_CONFIG, PEFT_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


@dataclass(frozen=True)
class Kept:
    """What a folder says of its adapter."""

    folder: Path
    spec: str
    base: str
    base_hash: str
    trainable: int
    labels: tuple[str, ...]
    peft_type: str  # of peft's methods; "" for kshot's own

    @property
    def peft(self) -> bool:
        """Whether peft saved it, and loads it."""
        return bool(self.peft_type)


def write_folder(adapted: Adapted, folder: str | Path, *, base: str, base_hash: str) -> None:
    """Writes the adapter. Raises UserError where the folder cannot be written."""
    from safetensors.torch import save_file

    path = Path(folder)
    try:
        path.mkdir(parents=True, exist_ok=True)
        (path / FILE).unlink(missing_ok=True)
        if adapted.is_peft:
            adapted.model.active_peft_config.base_model_name_or_path = base
            with known_warnings():
                adapted.model.save_pretrained(str(path), save_embedding_layers=False)
            (path / "README.md").unlink(missing_ok=True)  # peft's model card is an empty form
        elif adapted.built.whole:
            adapted.model.save_pretrained(str(path))
            adapted.tokenizer.save_pretrained(str(path))
        else:
            save_file({name: p.detach().cpu().contiguous() for name, p in adapted.parameters()}, path / WEIGHTS)
        for weights in path.glob("*.safetensors"):  # which are written for their owner alone, and nothing else is
            weights.chmod(0o666 & ~umask())
        described = {
            "spec": adapted.spec,
            "base": base,
            "base_hash": base_hash,
            "trainable": adapted.trainable,
            "labels": list(adapted.labels),
            "versions": versions(),
        }
        write_whole(path / FILE, json.dumps(described, indent=2) + "\n")
    except OSError as error:
        raise UserError(
            f"the adapter cannot be written to {path} ({error.strerror or error}); give another."
        ) from error


def versions() -> dict[str, str]:
    """Of what made the adapter."""
    found = {"python": platform.python_version()}
    for name in ("kshot", "peft", "transformers", "torch"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found


def read_folder(folder: str | Path, *, base: str, base_hash: str) -> Kept:
    """What the folder says, checked against the base at hand. Raises UserError."""
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise UserError(
            f"the adapter folder {path} does not exist; give one that `kshot tune` has written, or a hub id."
        )
    kept = described(path)
    made_for = kept.base_hash or hash_of(kept.base)
    if made_for and made_for != base_hash:
        raise UserError(
            f"the adapter in {path} was trained on {kept.base} (weights {made_for}) and the model at hand is "
            f"{base} (weights {base_hash}): an adapter fits only its own base; give --model {kept.base}."
        )
    if not made_for and kept.base and short(kept.base) != short(base):
        raise UserError(
            f"the adapter in {path} was trained on {kept.base} and the model at hand is called {base}: "
            f"an adapter fits only its own base; give --model {kept.base}."
        )
    return kept


def folder_named(adapter: str | Path) -> Path:
    """An adapter's folder: itself, or that of a hub id, `owner/name` or `owner/name@revision`, which is fetched.

    Raises UserError where the hub has none.
    """
    path = Path(adapter).expanduser()
    name, _, revision = str(adapter).partition("@")
    if path.exists() or not ID.fullmatch(name):
        return path
    try:
        return fetch(name, revision or None, what="adapter")
    except UserError as error:
        raise UserError(f"there is no folder {path} here, and as a hub id: {error}") from error


def is_whole(path: Path) -> bool:
    """Whether kshot has written an adapter into a folder to its end, and its description can be read."""
    try:
        return (path / FILE).is_file() and bool(described(path))
    except UserError:
        return False


def described(path: Path) -> Kept:
    """A folder's own description; peft's where kshot has not written it."""
    try:
        peft = json.loads((path / PEFT_CONFIG).read_text(encoding="utf-8")) if (path / PEFT_CONFIG).is_file() else {}
        kind = str(peft["peft_type"]) if peft else ""
        if kind in NOT_RUN:
            raise UserError(f"the adapter in {path} is of peft's {kind}, which kshot does not run: {NOT_RUN[kind]}.")
        if (path / FILE).is_file():
            said = json.loads((path / FILE).read_text(encoding="utf-8"))
            return Kept(
                folder=path,
                spec=spelled(str(said["spec"])),
                base=str(said["base"]),
                base_hash=str(said["base_hash"]),
                trainable=int(said["trainable"]),
                labels=tuple(map(str, said["labels"])),
                peft_type=kind,
            )
        if peft:
            return Kept(path, f"peft:name={kind}", str(peft.get("base_model_name_or_path") or ""), "", 0, (), kind)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"the adapter's description in {path} is damaged ({error}); save it again.") from error
    named = sorted(one.parent.name for one in path.glob(f"*/{PEFT_CONFIG}"))
    if named:  # as peft saves adapters with names other than `default`
        raise UserError(
            f"{path} holds adapters in folders of their own ({', '.join(named)}); give one of them: {path / named[0]}."
        )
    raise UserError(f"{path} holds no adapter ({FILE} or {PEFT_CONFIG}); give a folder that `kshot tune` has written.")


def hash_of(base: str) -> str:
    """The hash of the weights in a base's folder, where its name is one that is here; else ""."""
    folder = Path(base).expanduser()
    return weights_hash(folder) if base and folder.is_dir() and any(folder.glob("*.safetensors")) else ""


def short(name: str) -> str:
    """A model's name without its owner or folder, and its revision: the same weights may lie elsewhere."""
    return Path(name.rstrip("/")).name.partition("@")[0].lower()
