"""vLLM's processes: how they are started and kept quiet, and what is said where one ends.

vLLM runs its engine in a process of its own, and on a CPU another one below it. What they write goes to a file that
nobody sees, from which the reason of a failure is taken; with VLLM_LOGGING_LEVEL set they write to the terminal as
vLLM is used to. Nothing is reported to vLLM's makers.
"""

from __future__ import annotations

import logging
import multiprocessing.connection
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from importlib import metadata
from typing import Any

from kshot.harness.engines.orphans import Guard
from kshot.hub import first_line
from kshot.types import UserError

LEVEL = "VLLM_LOGGING_LEVEL"
NEEDS = ("logprob_token_ids", "skip_reading_prefix_cache")  # what an older vLLM's SamplingParams lack
FEW_CORES = 8  # up to so many vLLM computes on all of them: else it keeps one free, of two a half
ERROR = re.compile(r"\b(\w+(?:Error|Exception)): (.+)")
NO_REASON = ("initialization failed", "See stack trace", "cancelled", "See root cause", "Executor failed")


class ProcessLog:
    """What vLLM's processes write, where it is not shown; `guard` sees to it that they end with this one."""

    def __init__(self, guard: Guard | None = None) -> None:
        self.file = tempfile.TemporaryFile()  # noqa: SIM115  open as long as they run
        self.seen = 0
        self.guard = guard

    def close(self) -> None:
        """Lets go of what they wrote, once they have ended."""
        self.file.close()
        if self.guard is not None:
            self.guard.close()

    def new(self) -> str:
        """What came since it was asked last. The place where they write is theirs, and is not moved."""
        text = os.pread(self.file.fileno(), 1 << 22, self.seen)
        self.seen += len(text)
        return text.decode(errors="replace")

    def reason(self, error: BaseException) -> str:
        """Why vLLM failed, in a line: the first error that its processes have written, or the one at hand."""
        told = [" ".join(found.groups()) for found in ERROR.finditer(self.new())]
        told = [line for line in told if not any(words in line for words in NO_REASON)]
        return told[0][:400] if told else first_line(error)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Whatever this process and those that it starts write, goes here."""
        kept: list[tuple[int, int]] = []
        sys.stdout.flush()
        sys.stderr.flush()
        for number in (1, 2):
            with suppress(OSError):  # it is closed
                kept.append((number, os.dup(number)))
                os.dup2(self.file.fileno(), number)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in kept:
                os.dup2(copy, number)
                os.close(copy)


@contextmanager
def settings() -> Iterator[None]:
    """The environment that vLLM's processes get where the user has set none; afterwards this one's is as it was.

    What its code and that of what it imports warns of is for whoever mends it, and not shown.
    """
    wanted = {LEVEL: "ERROR", "VLLM_NO_USAGE_STATS": "1"}
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if 0 < len(cores) <= FEW_CORES:
        wanted["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, cores))
    before = dict(os.environ)
    for name, value in wanted.items():
        os.environ.setdefault(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for name in set(os.environ) - set(before):
            del os.environ[name]
        os.environ.update(before)


def on_cpu() -> bool:
    """Whether vLLM is here in its build for CPUs. Raises UserError where it cannot be imported, or is too old."""
    with closing(ProcessLog()) as log, log.aside():
        try:
            from vllm import SamplingParams
            from vllm.platforms import current_platform
        except Exception as error:  # of whatever it imports
            raise UserError(
                f"vLLM is installed and cannot be imported ({first_line(error)}); `make engines` makes an environment "
                "where it can (docs/engines-vllm.md)."
            ) from error
    lacking = [name for name in NEEDS if name not in SamplingParams.__struct_fields__]
    if lacking:
        raise UserError(f"vLLM {version()} has no {lacking[0]}; install 0.32, with which the engine was tested.")
    return bool(current_platform.is_cpu())


def version() -> str:
    """vLLM's, whatever its package is called."""
    for name in ("vllm", "vllm-cpu"):
        with suppress(metadata.PackageNotFoundError):
            return metadata.version(name)
    return "unknown"


def started(name: str, **options: Any) -> tuple[Any, ProcessLog]:
    """vLLM's LLMEngine with a model, and what its processes write. Raises UserError where it does not start."""
    from vllm import EngineArgs, LLMEngine

    guard = Guard()
    log = ProcessLog(guard)
    shown = os.environ.get(LEVEL) != "ERROR"
    arguments = EngineArgs(
        **options,
        load_format="safetensors",
        generation_config="vllm",  # nothing is drawn otherwise than a request says
        skip_tokenizer_init=True,
        enable_prefix_caching=True,
        scheduling_policy="priority",
        disable_log_stats=True,
        use_tqdm_on_load=shown,
    )
    try:
        with nullcontext() if shown else log.aside():
            llm = LLMEngine.from_engine_args(arguments)
    except Exception as error:  # of any of its processes
        reason = log.reason(error)
        log.close()
        raise UserError(refusal(name, reason)) from error
    guard.started()
    tell_of_death(llm.engine_core)
    if shown:
        return llm, log
    log.new()
    logging.getLogger("vllm").setLevel(logging.CRITICAL + 1)  # of this process: what it has to say, an error says
    return llm, log


def tell_of_death(core: Any) -> None:
    """Has vLLM's client, which waits for its process for ever, told where that has died. It may be in this process."""
    from vllm.v1.engine.exceptions import EngineDeadError

    processes = getattr(getattr(getattr(core, "resources", None), "engine_manager", None), "processes", None)
    if not processes:
        return
    sentinels, queue = [process.sentinel for process in processes], core.outputs_queue

    def wait() -> None:
        multiprocessing.connection.wait(sentinels)
        queue.put(EngineDeadError())

    threading.Thread(target=wait, daemon=True, name="vLLM's death").start()


def refusal(name: str, reason: str) -> str:
    """The sentence for a vLLM that did not start."""
    if "KV cache" in reason or "kv cache" in reason:
        return (
            f"vLLM has too little memory for keys and values for one text as long as the context of {name}: give it "
            f"more (memory=GB), or a shorter context (max_model_len=TOKENS). It says: {reason}"
        )
    return f"vLLM did not start with {name} ({reason}); give another model, or see docs/engines-vllm.md."
