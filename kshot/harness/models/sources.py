"""From a model's name to the folder of its files: the bundled model, a hub id, a folder, or a .gguf file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kshot.harness.models.bundled import BUNDLED, bundled
from kshot.harness.models.cache import READ, file_hash, once
from kshot.harness.models.gguf import NOTE, convert, converted_folder
from kshot.harness.models.hub import Before, fetch
from kshot.registry import suggest
from kshot.types import UserError


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model's files are: a folder, or a hub id."""

    name: str
    folder: Path | None = None
    hub_id: str | None = None
    note: str = ""
    revision: str | None = None  # of a hub id: a branch, a tag or a commit; None: the newest

    @property
    def where(self) -> str:
        """What transformers' from_pretrained takes."""
        return str(self.folder) if self.folder else str(self.hub_id)


def resolve(name: str) -> ModelSource:
    """Finds a model by name, and fetches and converts it where needed; a hub id may be `owner/name@revision`.

    Raises UserError where it cannot be had.
    """
    path = Path(name).expanduser()
    if name in BUNDLED:
        entry = BUNDLED[name]
        return ModelSource(name, folder=bundled(name), note=f"{entry.licence}; {entry.note}")
    if path.suffix == ".gguf":
        if not path.is_file():
            what = no_file(path)
            raise UserError(
                f"the model file {path} {f'is {what}' if what else 'does not exist'}; give an existing .gguf file."
            )
        folder = once(converted_folder(file_hash(path)), lambda scratch: convert(path, scratch))
        note = (folder / NOTE).read_text(encoding="utf-8")
        return ModelSource(name, folder=folder, note=f"dequantised from {path.name}" + (f"; {note}" if note else ""))
    if path.is_dir():
        return ModelSource(name, folder=path)
    hub_id, at, revision = name.partition("@")
    if hub_id.count("/") == 1 and not hub_id.startswith((".", "/", "~")) and not hub_id.endswith("/"):
        if at and not revision:
            raise UserError(f"the model {name!r} has nothing behind its @; write owner/name@REVISION, or leave it out.")
        return ModelSource(name, hub_id=hub_id, revision=revision or None)
    raise UserError(
        f"unknown model {name!r}: {suggest(name, BUNDLED)} Or give a hub id (owner/name, or owner/name@REVISION), "
        "a folder, or a .gguf file."
    )


def folder_of(
    source: ModelSource, trust_remote_code: bool = False, weights: bool = True, before: Before | None = None
) -> Path:
    """The folder of a source's files, from the hub where they are there; `before` is called before weights are fetched.

    Raises UserError where it holds no model.
    """
    folder = source.folder or fetch(
        str(source.hub_id), source.revision, code=trust_remote_code, weights=weights, before=before
    )
    check_files(folder)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no config.json; give a folder that transformers' save_pretrained has written.")
    return folder


def configuration(name: str) -> dict[str, Any]:
    """What a model's config.json says, before any weights are read; {} where it says nothing that can be read."""
    folder = folder_of(resolve(name), weights=False)
    try:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (ValueError, RecursionError):  # loading it will say what is wrong
        return {}
    return said if isinstance(said, dict) else {}


def no_file(path: Path) -> str:
    """What stands under a file's name where it is no file; "" where it is one, or nothing is there."""
    if path.is_file():
        return ""
    if path.is_dir():
        return "a folder"
    if path.is_symlink() and not path.exists():
        return "a link that leads nowhere"
    return "a pipe or a device" if path.exists() else ""


def check_files(folder: Path) -> None:
    """Raises UserError where something else than a file has the name of one that is read: a pipe would never end."""
    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
        what = no_file(path) if path.suffix in READ else ""
        if what and (what != "a folder" or path.suffix == ".safetensors"):
            raise UserError(f"{path} is {what} and no file; fetch the file again, or take it away.")
