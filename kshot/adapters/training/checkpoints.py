"""What an unfinished training keeps: the trained parameters as safetensors, whole or not at all."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from kshot.adapters.adapted import Adapted
from kshot.whole_file import write_whole

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
        if seconds_of(path) is not None:
            found.append(path)
        else:
            shutil.rmtree(path, ignore_errors=True)
    return max(found, key=step_of, default=None)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was made; -1 for a folder of another name."""
    number = checkpoint.name.partition("-")[2]
    return int(number) if number.isdecimal() else -1


def seconds_of(checkpoint: Path) -> float | None:
    """The seconds of training that a checkpoint holds; None where it is not whole."""
    try:
        seconds = float((checkpoint / WHOLE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return seconds if math.isfinite(seconds) else None


def mark_whole(checkpoint: Path, seconds: float) -> None:
    """Says that a checkpoint is whole, and how many seconds of training it holds."""
    write_whole(checkpoint / WHOLE, repr(seconds))


def forget_checkpoints(folder: Path) -> None:
    """Removes what only an unfinished training needs."""
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    (folder / BEST).unlink(missing_ok=True)
