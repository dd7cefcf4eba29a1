"""What an unfinished training keeps: the trained parameters as safetensors, whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path

from kshot.adapters.adapted import Adapted

FOLDER, STATE, WHOLE, BEST = "checkpoints", "trained.safetensors", "whole", "best.safetensors"


def write_state(adapted: Adapted, path: Path) -> None:
    """The trained parameters, whole or not at all."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".new")
    save_file({name: tensor.contiguous() for name, tensor in adapted.state().items()}, scratch)
    scratch.replace(path)


def read_state(adapted: Adapted, path: Path) -> None:
    """Puts back what `write_state` has written."""
    from safetensors.torch import load_file

    adapted.set_state(load_file(path))


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; what a kill has left half-written is removed."""
    found: list[Path] = []
    for path in (folder / FOLDER).glob("checkpoint-*"):
        if (path / WHOLE).is_file():
            found.append(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
    return max(found, key=lambda path: int(path.name.partition("-")[2]), default=None)


def forget_checkpoints(folder: Path) -> None:
    """Removes what only an unfinished training needs."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    (folder / BEST).unlink(missing_ok=True)
