"""Gives kshot bad input of every kind, and holds it to its promise: one sentence, exit code 2, nothing lost.

    python bench/bad_input.py [--cases 500] [--seed 0] [--kind KIND] [--only N] [--keep DIR] [--small]

Mistaken command lines, damaged tables, broken code of users, damaged runs, models, adapters and studies, and folders of
strangers (`bad_cases.py`), each drawn from the seed and its number, so that `--only N` tries one again. Most commands
run in forks of this process, whose imports are paid once, a sample of them as processes of their own. What fails is
printed with its command line; the last line is one JSON object, and the exit code is 1 where one of these is not 0:

    tracebacks   commands that ended in a traceback, in the sentence that stands for one, or by a signal
    wrong_exit   another exit code than the case allows, no sentence, no end within a minute, text that acts
    lost         rows of a journal that damage had spared and that are gone, or a corrected command that fails
    ran_code     files of code that a folder named and that ran where only reading was asked
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import faulthandler
import gc
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.update(
    OMP_NUM_THREADS="1",
    OPENBLAS_NUM_THREADS="1",
    TOKENIZERS_PARALLELISM="false",
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    MPLBACKEND="agg",
    COLUMNS="100",
)

from bad_cases import ASK, KINDS, Case, Step, draw_case
from good_things import HERE, SMALL, TINY, make_all

FIELDS = ("tracebacks", "wrong_exit", "lost", "ran_code")
LIMIT = 60.0  # seconds of a processor that a command may take
PATIENCE = 2  # times that on the clock, where others are at work too
MEMORY = 14 << 30  # bytes of addresses a command may have
DRAWN = 8  # one case in so many writes a report's figures
OWN_PROCESS = 25  # one case in so many is run in processes of its own
STEERS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
WARM = (
    *(("report", "run", "--out", "warm"), ("export", "run", "--out", "warm"), ("compare", "run", "run")),
    *(("show", "run"), ("export", "run", "-f", "csv", "--out", "warm")),
)
WITH_A_MODEL = (
    *(("report", "study", "--out", "warm"), ("list",), ("classic", "diagnose", "table.csv", "--out", "warm")),
    (*ASK, *TINY, "--adapter", "study/lora-n2-s0", "--run", "warm"),
)
"""Commands that this process runs itself, so that forks have all that they import."""


def load_everything(base: Path, log: Path, *, small: bool) -> None:
    """Runs good commands, so that forks have what they import; in one thread, as a fork has but one."""
    from starlette.testclient import TestClient  # noqa: F401

    if not small:
        import torch

        torch.set_num_threads(1)
    sys.stdout.flush()
    kept, opened = [os.dup(stream) for stream in (1, 2)], os.open(log, os.O_WRONLY | os.O_CREAT)
    for stream in (1, 2):
        os.dup2(opened, stream)
    here = Path.cwd()
    os.chdir(base)
    try:
        for args in WARM if small else (*WARM, *WITH_A_MODEL):
            with contextlib.suppress(SystemExit):
                command(args)
    finally:
        os.chdir(here)
        sys.stdout.flush()
        for stream, was in enumerate(kept, 1):
            os.dup2(was, stream)
    shutil.rmtree(base / "warm", ignore_errors=True)
    gc.collect()
    gc.freeze()  # forks share these pages


def without_figures() -> None:
    """Leaves the files of a report's figures empty, which take most of its time; those in the page are drawn."""
    from kshot.eval.report import style

    style.pdf = style.png = lambda figure: b""  # type: ignore[assignment]


def in_fork(work: Callable[[], int | None], folder: Path, log: Path, *, plain_user: bool = False) -> int | None:
    """Runs in a fork in a folder, its output in a file. Gives its exit code, -signal, or None where it has no end."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        code = 70
        try:
            os.setsid()
            os.chdir(folder)
            opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            for stream in (1, 2):
                os.dup2(opened, stream)
            faulthandler.enable(2)
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
            resource.setrlimit(resource.RLIMIT_CPU, (int(LIMIT), int(LIMIT) + 5))
            if plain_user:
                drop_rights()
            code = work() or 0
        except SystemExit as left:
            code = left.code if isinstance(left.code, int) else 0 if left.code is None else 1
        except BaseException:
            traceback.print_exc()
            code = 1
        finally:
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)
    end, status = time.monotonic() + PATIENCE * LIMIT, 0
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def drop_rights() -> None:
    """Takes the superuser's rights away, so that a file can be unreadable to him too (capset of capget(2))."""
    if sys.platform == "linux" and not os.geteuid():
        libc = ctypes.CDLL(None)
        libc.capset((ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)())


def command(args: Sequence[str]) -> int:
    """One command of kshot, in this process."""
    from kshot.cli import main

    sys.argv = ["kshot", *args]
    main(list(args), prog_name="kshot")
    return 0


def in_process(args: Sequence[str], folder: Path, log: Path) -> int | None:
    """One command as a process of its own."""
    root = str(Path(__file__).parents[1])
    with log.open("wb") as out, open(os.devnull, "rb") as nothing:
        kept = {"cwd": folder, "stdin": nothing, "stdout": out, "stderr": out}
        asked = [sys.executable, "-m", "kshot", *args]
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                asked, **kept, env={**os.environ, "PYTHONPATH": root}, timeout=PATIENCE * LIMIT, check=False
            )
            return done.returncode
    return None


def run_step(step: Step, folder: Path, log: Path, *, own: bool, figures: bool) -> int | None:
    """One command, or pages of `kshot view`."""
    if step.work is not None:
        return in_fork(step.work, folder, log)
    if own and not step.plain_user and not any("\0" in arg for arg in step.args):
        return in_process(step.args, folder, log)

    def work() -> int:
        if not figures:
            without_figures()
        return command(step.args)

    return in_fork(work, folder, log, plain_user=step.plain_user)


def judged(step: Step, code: int | None, said: bytes) -> tuple[str, str] | None:
    """What is wrong with how a command has ended: the field that it counts in, and why."""
    if b"Traceback (most recent call last)" in said or b"this should not have happened" in said:
        return "tracebacks", "a traceback"
    if code is None:
        return "wrong_exit", f"no end within {LIMIT:.0f} s"
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return "wrong_exit", f"no end within {LIMIT:.0f} s of a processor"
    if code < 0:
        return "tracebacks", f"ended by {signal.Signals(-code).name}"
    if code not in step.exits:
        return ("lost" if step.corrected else "wrong_exit"), f"exit code {code}"
    if code and not re.search(rb"^(kshot|Error): .{12,}", said, re.MULTILINE):
        return "wrong_exit", "no sentence"
    if STEERS.search(said):
        return "wrong_exit", "a text that steers the terminal"
    return None


def tried(number: int, options: argparse.Namespace, base: Path, place: Path) -> dict[str, Any]:
    """One case from its number: drawn, run, judged."""
    folder = place / f"{number:04d}"
    folder.mkdir(parents=True)
    (folder / "tmp").mkdir()
    os.environ |= {"KSHOT_CACHE": str(folder / "cache"), "HOME": str(folder)}
    tempfile.tempdir = str(folder / "tmp")  # where tracebacks are kept
    os.environ["TMPDIR"] = tempfile.tempdir
    log, began, faults, steps = folder / "tmp" / "said", time.monotonic(), [], []
    case: Case = draw_case(number, options.seed, options.kind, folder, base)
    code: int | None = 0
    for step in case.steps:
        if step.after is not None and code != step.after:
            continue
        code = run_step(step, folder, log, own=number % OWN_PROCESS == OWN_PROCESS - 1, figures=not number % DRAWN)
        said = log.read_bytes() if log.exists() else b""
        steps.append(f"kshot {shlex.join(step.args)}"[:2000])
        fault = judged(step, code, said)
        if fault:
            kept = [path.read_bytes()[-1500:] for path in (folder / "tmp").glob("kshot-*.txt")]
            shown = b"\n".join([said[-2500:], *kept]).decode("utf-8", "backslashreplace")
            faults.append([*fault, steps[-1], f"exit {' or '.join(map(str, step.exits))}", shown])
            break
    faults += [["lost", why, steps[-1], "nothing is lost", ""] for why in case.held()[:3]]
    if (folder / "RAN").exists():
        faults.append(["ran_code", "code of a folder ran", steps[-1], "only reading", ""])
    if not options.keep:
        shutil.rmtree(folder, ignore_errors=True)
    return {"number": number, "kind": case.kind, "steps": steps, "faults": faults, "seconds": time.monotonic() - began}


def worker(read: int, write: int, options: argparse.Namespace, base: Path, place: Path) -> None:
    """Takes numbers of cases from a pipe until it is empty, and writes what came of each into another."""
    while taken := os.read(read, 4):
        number = int.from_bytes(taken, "big")
        try:
            found = tried(number, options, base, place)
        except Exception:
            found = {"number": number, "kind": "of the fuzzer", "steps": [], "seconds": 0.0}
            found["faults"] = [["tracebacks", "the fuzzer itself", "", "", traceback.format_exc()]]
        data = json.dumps(found).encode()
        os.write(write, len(data).to_bytes(4, "big") + data)


def results(options: argparse.Namespace, numbers: Sequence[int], base: Path, place: Path) -> Any:
    """What comes of the cases, as it comes, from two workers."""
    read, give = os.pipe()
    workers, ends = [], []
    for _ in range(options.workers):
        back, write = os.pipe()
        child = os.fork()
        if not child:
            os.close(give)
            try:
                worker(read, write, options, base, place)
            finally:
                os._exit(0)
        os.close(write)
        workers.append(child)
        ends.append(os.fdopen(back, "rb"))
    for number in numbers:
        os.write(give, number.to_bytes(4, "big"))
    os.close(give)
    import selectors

    with selectors.DefaultSelector() as ready:
        for end in ends:
            ready.register(end, selectors.EVENT_READ)
        while ready.get_map():
            for key, _ in ready.select():
                size = key.fileobj.read(4)  # type: ignore[union-attr]
                if not size:
                    ready.unregister(key.fileobj)
                    continue
                yield json.loads(key.fileobj.read(int.from_bytes(size, "big")))  # type: ignore[union-attr]
    for child in workers:
        os.waitpid(child, 0)


def report(found: dict[str, Any], options: argparse.Namespace) -> None:
    """Prints what is wrong with a case, so that it can be tried again alone."""
    kind = (f" --kind {options.kind}" if options.kind else "") + (" --small" if options.small else "")
    number = found["number"]
    print(f"\n== case {number} ({found['kind']}): bad_input.py --seed {options.seed}{kind} --only {number}")
    for step in found["steps"]:
        print(f"   $ {step}")
    for field, why, step, expected, shown in found["faults"]:
        print(f"   {field}: {why} of `{step[:200]}`; expected: {expected}")
        for line in shown.splitlines()[-options.lines :]:
            print(f"   | {line[:300]}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=sorted(KINDS), help="only cases of this kind")
    parser.add_argument("--only", type=int, action="append", help="only the case of this number")
    parser.add_argument("--keep", type=Path, help="keep every case's folder in this one")
    parser.add_argument("--small", action="store_true", help="only what needs no model")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--lines", type=int, default=12, help="of a failing command's output")
    options = parser.parse_args()
    began = time.monotonic()
    with contextlib.ExitStack() as undo:
        place = options.keep.resolve() if options.keep else Path(undo.enter_context(tempfile.TemporaryDirectory()))
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o755)
        base = place / "good"
        base.mkdir()
        os.environ["HF_HOME"] = str(place / "hub")
        if options.small:
            without_figures()
        make = in_fork(lambda: make_all(base, lambda args: call(args, base), small=options.small), base, place / "made")
        if make or not all((base / name).exists() for name in (SMALL if options.small else HERE)):
            raise SystemExit((place / "made").read_text())
        load_everything(base, place / "warm", small=options.small)
        numbers = options.only or range(options.cases)
        counts, kinds, slow = Counter[str](), Counter[str](), Counter[str]()
        for found in results(options, numbers, base, place):
            kinds[found["kind"]] += 1
            slow[found["kind"]] += found["seconds"]
            counts.update({fault[0] for fault in found["faults"]})
            if found["faults"] or options.only:
                report(found, options)
    print("\n" + ", ".join(f"{kind} {n} ({slow[kind] / n:.1f} s each)" for kind, n in kinds.most_common()))
    said = {"cases": sum(kinds.values()), **{field: counts[field] for field in FIELDS}}
    print(json.dumps({**said, "seconds": round(time.monotonic() - began)}))
    sys.exit(any(counts[field] for field in FIELDS))


def call(args: Sequence[str], folder: Path) -> int:
    """A command that should succeed, in a fork of a fork."""
    log = folder.parent / "made-by"
    code = in_fork(lambda: command(args), folder, log)
    if code:
        print(log.read_text())
    return code if code is not None else 1


if __name__ == "__main__":
    main()
