"""A repository of the hub to a folder: its small files first, then the weights that they name, each held to its hash.

Nothing else is fetched: no pickle, no copy of the weights in another format, no code unless it is trusted. The hub's
own client keeps the files; one that was cut off is fetched anew, those before it are kept. Concedes: where the cache
has no links (Windows), contents are not held against their hashes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Collection
from pathlib import Path

from kshot import hub
from kshot.harness.models.cache import READ, file_hash, say
from kshot.types import UserError

SMALL = ("*.json", "*.jinja", "*.model", "*.txt")  # besides weights, what is read of a model
INDEX = "model.safetensors.index.json"
PLAIN = re.compile(r"[\w.-]+\.safetensors")  # names of weights in an index: no path, no pattern
Before = Callable[[Path, int], None]  # before weights are fetched: the folder, and their bytes


def fetch(
    name: str,
    revision: str | None = None,
    *,
    code: bool = False,
    weights: bool = True,
    before: Before | None = None,
    what: str = "model",
) -> Path:
    """The folder of a model or an adapter on the hub, from the local cache or the hub; the folder's name is its commit.

    Raises UserError where it cannot be had, or the disk has no room for it.
    """
    patterns = [*SMALL, *(["*.py"] if code else [])]
    # a folder within the repository holds other formats and checkpoints, or code
    inner = [f"*/{one}" for one in SMALL] if code else ["*/*"]
    folder = snapshot(name, revision, patterns, inner, what, said=revision)
    if weights:
        wanted = weights_named(folder, what)
        missing = [file for file in wanted if not (folder / file).is_file()]
        if missing and not hub.offline():
            sizes = sizes_of(name, folder.name, wanted, what)
            if sizes is not None:
                missing = [file for file in missing if file in sizes]
                if not missing and not any((folder / file).is_file() for file in wanted):
                    refuse_without(name, folder.name, what)
                to_come = sum(sizes[file] for file in missing)
                check_disk(name, to_come)
                if before is not None:
                    before(folder, sum(sizes.values()))
                if to_come > 1e8:
                    say(f"Fetching {name} from the hub, {to_come / 1e9:.1f} GB, once ...")
        if missing:
            snapshot(name, folder.name, missing, [], what, said=revision)
    check_content(folder, READ if weights else READ - {".safetensors"})
    hub.note(name, folder.name if hub.is_commit(folder.name) else "")
    return folder


def snapshot(
    name: str, revision: str | None, patterns: Collection[str], but: Collection[str], what: str, *, said: str | None
) -> Path:
    """The folder with the files that patterns name. Raises UserError; `said` is the revision as it was given."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError
    from huggingface_hub.utils.tqdm import disable_progress_bars

    disable_progress_bars()
    try:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=[*patterns], ignore_patterns=[*but] or None)
        )
    except Exception as error:  # of the network, of httpx by several names, of the hub and of the disk
        if isinstance(error, LocalEntryNotFoundError) and hub.offline():
            at = f"{name}@{said}" if said else name
            raise UserError(
                f"HF_HUB_OFFLINE is set and the {what} {at} is not whole in the local cache of the hub; unset it to "
                "fetch it, or give a local folder."
            ) from error
        raise hub.explained(error, name, said, what=what, instead=hub.UNREACHED.format("folder")) from error


def weights_named(folder: Path, what: str) -> list[str]:
    """The files that hold the weights: those that an index names, else the one by the usual name.

    Raises UserError for a name in an index that is none.
    """
    if what == "adapter" and (folder / "adapter_config.json").is_file():
        return ["adapter_model.safetensors"]
    if what == "adapter" and (folder / "kshot_adapter.json").is_file() and not (folder / INDEX).is_file():
        return ["kshot_adapter.safetensors", "model.safetensors"]  # kshot's own methods; whole models
    if what == "adapter" and not (folder / INDEX).is_file():
        return []
    if not (folder / INDEX).is_file():
        return ["model.safetensors"]
    try:
        named = sorted(set(json.loads((folder / INDEX).read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UserError(f"{folder / INDEX} is damaged ({hub.first_line(error)}); fetch it again.") from error
    odd = next((one for one in named if not (isinstance(one, str) and PLAIN.fullmatch(one))), None)
    if odd is not None:
        raise UserError(f"{folder / INDEX} names {odd!r:.80}, which is no file beside it; give another {what}.")
    return named


def sizes_of(name: str, commit: str, files: Collection[str], what: str) -> dict[str, int] | None:
    """The sizes in bytes that the hub says of those files that it has; None where it cannot be reached."""
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    try:
        found = HfApi().get_paths_info(name, [*files], revision=commit)
    except Exception as error:  # as above
        if hub.is_unreached(error):
            return None
        raise hub.explained(error, name, commit, what=what) from error
    return {one.path: int(one.size) for one in found if isinstance(one, RepoFile)}


def refuse_without(name: str, commit: str, what: str) -> None:
    """Raises UserError for a repository without weights that are read, by what it has in their place."""
    from huggingface_hub import HfApi

    try:
        listed = HfApi().list_repo_files(name, revision=commit)
    except Exception as error:  # as above
        raise hub.explained(error, name, commit, what=what) from error
    pickled = sorted(one for one in listed if one.endswith((".bin", ".pt", ".pth", ".ckpt")) and "/" not in one)
    if pickled:
        raise UserError(
            f"the {what} {name} has its weights only as a pickle ({pickled[0]}), which is never fetched or loaded: "
            "reading one runs code; give one with safetensors."
        )
    gguf = sorted(one for one in listed if one.endswith(".gguf"))
    if gguf:
        raise UserError(
            f"{name} has its weights as GGUF files ({gguf[0]}): fetch one (hf download {name} {gguf[0]}) and give it "
            "with --model."
        )
    raise UserError(f"{name} has no weights as safetensors; give another {what}.")


def check_disk(name: str, needed: int) -> None:
    """Raises UserError where the disk of the hub's cache has no room for what is to be fetched."""
    from huggingface_hub import constants

    place = Path(constants.HF_HUB_CACHE)
    while not place.exists() and place != place.parent:
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed > free:
        raise UserError(
            f"{name} takes {needed / 1e9:.1f} GB more and the disk of the hub's cache, {place}, has "
            f"{free / 1e9:.1f} GB left: free some space, or set HF_HOME to a folder on another."
        )


def check_content(folder: Path, kinds: Collection[str]) -> None:
    """Raises UserError where a file of those kinds is not what the hub calls it, and takes it out of the cache.

    The cache names contents by their hash, SHA-256 where a file is large and git's SHA-1 else; the client itself checks
    the length alone.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix not in kinds or not path.is_symlink():
            continue
        blob = path.resolve()
        if re.fullmatch(r"[0-9a-f]{64}", blob.name):
            same = file_hash(path) == blob.name
        elif re.fullmatch(r"[0-9a-f]{40}", blob.name):
            content = blob.read_bytes()
            same = blob.name in (
                hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest(),
                hashlib.sha1(content).hexdigest(),  # as some mirrors name it
            )
        else:
            continue
        if not same:
            name = folder.parent.parent.name.partition("--")[2].replace("--", "/")
            path.unlink()
            blob.unlink()
            raise UserError(
                f"{path.name} of {name} was damaged on its way here (its hash is not {blob.name[:10]}..., as the hub "
                "says); it is taken out of the cache: run again."
            )
