"""The engine `vllm`: vLLM in this process' hands, asked in tokens of kshot's own rendering.

Meets: prompts, where texts end, counts and scores are those of kshot's own engine, so that a study on one is a study on
the other; a request's seed decides its draws, on a CPU too. Concedes: kernels add up in an order that hangs on the
batch, so a tie within rounding may fall either way (docs/engines-vllm.md); `min_p` is applied before top_k and top_p;
several GPUs are passed on and have not been tried, nor has any GPU.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import util
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from kshot.harness.engines.registry import DEFAULT_MODEL, engine
from kshot.harness.engines.transformers import bytes_of, rows_of
from kshot.types import Engine, UserError

if TYPE_CHECKING:
    from kshot.harness.engines.lora_folder import LoraFolder
    from kshot.harness.models.sources import ModelSource

LONGEST_ON_CPU = 8192  # tokens of context that a CPU is given unasked: vLLM tries its longest batch before it starts
RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # of LoRA that vLLM has room for


@engine
def vllm(
    *,
    model: str = DEFAULT_MODEL,
    adapter: str = "",
    dtype: str = "auto",
    template: str = "auto",
    batch: str = "auto",
    memory: str = "auto",
    max_model_len: int = 0,
    tensor_parallel_size: int = 1,
    enforce_eager: bool = False,
    trust_remote_code: bool = False,
    chat_options: str = "",
) -> Engine:
    """vLLM in this process, on CPU or GPU, with prefix caching; `adapter` is a LoRA folder.

    `batch` is its max_num_seqs; `memory` is for keys and values, in GB (auto: on a GPU what vLLM takes, on a CPU a
    quarter of what is free, and at most 2 GiB); `max_model_len` is the context in tokens (0: the model's, and at most
    8,192 on a CPU); the last three of vLLM's own names are passed on: GPUs for one model, and no compilation.
    """
    from kshot.harness.models.sources import resolve

    check_installed()
    if tensor_parallel_size < 1 or max_model_len < 0:
        raise UserError(
            f"the engine vllm has tensor_parallel_size={tensor_parallel_size} and max_model_len={max_model_len}: "
            "give at least 1 GPU, and a context of some tokens (0: the model's own)."
        )
    return start(
        read_model(resolve(model), template, chat_options, trust_remote_code),
        adapter=adapter,
        dtype=dtype,
        rows=rows_of(batch),
        memory=bytes_of(memory),
        max_model_len=max_model_len,
        tensor_parallel_size=tensor_parallel_size,
        enforce_eager=enforce_eager,
        trust_remote_code=trust_remote_code,
    )


def check_installed() -> None:
    """Raises UserError where vLLM is not here."""
    if util.find_spec("vllm") is None:
        raise UserError(
            "the engine vllm needs vLLM, which is not installed here; `make engines` puts it beside kshot into an "
            "environment of its own (docs/engines-vllm.md)."
        )


@dataclass(frozen=True, slots=True)
class ReadModel:
    """What is known of a model without its weights in memory."""

    name: str
    folder: Path
    tokenizer: Any
    chat: bool
    options: dict[str, Any]  # what its chat template is told
    configs: SimpleNamespace  # config and generation_config, as its model would have them
    weights: str  # their hash

    @property
    def context(self) -> int:
        """The model's own, in tokens."""
        return int(getattr(self.configs.config.get_text_config(), "max_position_embeddings", None) or 2048)


def read_model(source: ModelSource, template: str, chat_options: str, trust_remote_code: bool) -> ReadModel:
    """What is told before vLLM is imported. Raises UserError for what no engine can run."""
    from kshot.harness.models.cache import weights_hash
    from kshot.harness.models.chat_options import read_options
    from kshot.harness.models.load import check_weights_are_there, quiet, read_tokenizer, use_chat
    from kshot.harness.models.render import Renderer
    from kshot.harness.models.sources import folder_of

    quiet()
    folder = folder_of(source, trust_remote_code)
    check_weights_are_there(folder)
    tokenizer = read_tokenizer(folder, trust_remote_code)
    chat, options = use_chat(tokenizer, source.name, template), read_options(chat_options)
    Renderer(tokenizer, chat, options)  # which refuses what the chat template does not take
    configs = configurations(folder, trust_remote_code)
    known = configs.config.get_text_config().vocab_size
    if tokenizer.vocab_size > known:
        raise UserError(
            f"the tokenizer in {folder} has {tokenizer.vocab_size} tokens and its model knows {known}: "
            "they do not belong together; fetch both from one place."
        )
    return ReadModel(
        source.name, folder, tokenizer, chat, options, configs, weights_hash(folder, code=trust_remote_code)
    )


def start(
    model: ReadModel,
    *,
    adapter: str,
    dtype: str,
    rows: int | None,
    memory: int | None,
    max_model_len: int,
    **passed: Any,
) -> Engine:
    """vLLM with a model in it; `passed` goes on to vLLM. Raises UserError where it does not start."""
    from kshot.harness.engines.lora_folder import read_lora
    from kshot.harness.engines.token_engine import end_tokens, key_memory
    from kshot.harness.engines.vllm_engine import VllmEngine
    from kshot.harness.engines.vllm_process import on_cpu, settings, started, version
    from kshot.harness.models.chat_options import write_options
    from kshot.harness.models.devices import where_to_run

    if max_model_len > model.context:
        raise UserError(
            f"max_model_len is {max_model_len} and the context of {model.name} holds {model.context}; give less."
        )
    lora = read_lora(adapter, base=model.name, base_hash=model.weights, engine="vllm") if adapter else None
    room = room_for(lora) if lora else {}
    with settings():
        cpu = on_cpu()
        _, dtype = where_to_run("cpu" if cpu else "auto", dtype)
        context = max_model_len or (min(model.context, LONGEST_ON_CPU) if cpu else model.context)
        rows = rows if rows is not None else (128 if cpu else 256)
        llm, log = started(
            model.name,
            model=str(model.folder),
            dtype=dtype,
            max_model_len=context,
            max_num_seqs=rows,
            kv_cache_memory_bytes=key_memory("cpu") if memory is None and cpu else memory,
            **(whole_prompts(context, rows) if cpu else {}),
            **room,
            **passed,
        )
    told = write_options(model.options) if model.options else ""
    id = f"vllm-{version()}{'-cpu' if cpu else ''}/{model.weights}/{dtype}/{'chat' if model.chat else 'plain'}{told}"
    id += f"/context-{context}" if context != model.context else ""
    return VllmEngine(
        llm,
        model.tokenizer,
        log=log,
        lora=lora,
        cached_scores=cpu,
        vocabulary=int(model.configs.config.get_text_config().vocab_size),
        name=model.name,
        id=f"{id}/adapter-lora-{lora.hash}" if lora else id,
        chat=model.chat,
        context_length=context,
        capacity=rows,
        end_ids=end_tokens(model.configs, model.tokenizer),
        chat_options=model.options,
    )


def whole_prompts(context: int, rows: int) -> dict[str, Any]:
    """What lets vLLM encode every prompt in one step.

    On a CPU it cannot draw with a request's own seed where a prompt is cut ("CPU Generator does not use offset"), and
    what is cached of a scored prompt can only be used where it is not.
    """
    return {"enable_chunked_prefill": False, "max_num_batched_tokens": max(context, rows)}


def room_for(lora: LoraFolder) -> dict[str, Any]:
    """What makes room for one adapter. Raises UserError for one of a larger rank than vLLM takes."""
    found = [rank for rank in RANKS if rank >= lora.rank]
    if not found:
        raise UserError(f"the adapter in {lora.path} has rank {lora.rank}, and vLLM takes at most {RANKS[-1]}.")
    return {"enable_lora": True, "max_loras": 1, "max_lora_rank": found[0]}


def configurations(folder: Path, trust_remote_code: bool) -> SimpleNamespace:
    """A model's configuration and how it is to generate, as its model would have them. Raises UserError."""
    from transformers import AutoConfig, GenerationConfig

    from kshot.harness.models.load import remedy
    from kshot.hub import first_line

    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        known = (folder / "generation_config.json").is_file()
        generation = GenerationConfig.from_pretrained(folder) if known else None
    except Exception as error:  # a model's own code raises kinds of its own
        raise UserError(f"the model in {folder} cannot be loaded ({first_line(error)}); {remedy(error)}.") from error
    return SimpleNamespace(config=config, generation_config=generation)
