"""Replicas on a real Ray of this machine: the records of the engine within, whatever is killed.

Skipped without ray; what does not need it is in test_replicated.py and test_router.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kshot.harness.engines import get_engine
from kshot.harness.engines.ray_replicas import even, places, reach, reason_of
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.types import Engine, EngineError, Request, UserError
from tests.places import ROOT

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="the package ray is not installed")
OWN = """
import os, signal
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.types import UserError

def reply(request):
    if request.prompt == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return str(os.getpid() if request.prompt == "who" else request.prompt)

class Own(ScriptedEngine):
    def submit(self, ticket, request):
        if request.prompt == "refuse":
            raise UserError("write less.")
        super().submit(ticket, request)

def own(*, capacity: int = 4):
    return Own(reply, id="own", capacity=capacity)
"""


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """A Ray that all tests here share, as long as one engine holds it: to start one takes seconds."""
    if find_spec("ray") is None:
        pytest.skip("the package ray is not installed")
    engine = get_engine("ray:engine=scripted,replicas=1")
    yield engine
    engine.close()


@pytest.fixture
def own(held: Engine, tmp_path: Path) -> Iterator[Any]:
    (tmp_path / "mine.py").write_text(OWN)
    engine = get_engine(f"ray:engine={tmp_path}/mine.py:own,replicas=2")
    yield engine
    engine.close()


def answered(engine: Engine, prompts: list[str]) -> list[str]:
    """The texts, each ticket once."""
    for ticket, prompt in enumerate(prompts):
        engine.submit(ticket, Request(prompt))
    found: dict[int, str] = {}
    while done := engine.collect():
        for ticket, generation in done:
            assert ticket not in found
            found[ticket] = generation.text
    return [found[ticket] for ticket in range(len(prompts))]


def records(folder: Path) -> dict[object, object]:
    with Journal.read(folder) as journal:
        return {
            (r.task, r.strategy, r.sample_id, r.repeat): (r.prediction, r.score, r.calls, r.completion_tokens)
            for r in journal.records()
        }


def test_without_the_package_a_sentence_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.harness.engines.ray.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'kshot\[ray\]'"):
        get_engine("ray")


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("ray:replicas=0", "replicas is 0; it must be at least 1"),
        ("ray:route=prefx", "unknown route 'prefx': did you mean prefix"),
        ("ray:engine=ray(engine=scripted)", "cannot stand within itself"),
        ("ray:engine=scriptd", "unknown engine 'scriptd'"),
        ("ray:cpus=0", "cpus is '0'; give a whole number above 0, or auto"),
        ("ray:cpus=1.5", "cpus is '1.5'"),
        ("ray:gpus=some", "gpus is 'some'; give a number of GPUs"),
    ],
)
def test_a_mistake_is_told_before_ray_is_looked_for(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        get_engine(spec)


@pytest.mark.parametrize(
    ("machines", "count", "each"),
    [([2], 2, 1), ([8, 8], 3, 8 / 2), ([16, 8], 3, 8), ([4] * 4, 4, 4), ([1], 3, 1 / 3), ([0, 0], 2, 0), ([], 1, 0)],
)
def test_an_even_share_is_the_largest_that_fits(machines: list[float], count: int, each: float) -> None:
    assert even(machines, count) == pytest.approx(each)
    assert not each or places(machines, each) >= count
    assert not each >= 1 or places(machines, each + 1) < count


@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}"])
def test_a_cluster_that_is_not_there_is_told_at_once(address: str) -> None:
    with socket.socket() as bound:  # and does not listen
        bound.bind(("127.0.0.1", 0))
        with pytest.raises((OSError, ValueError)):
            reach(address.format(port=bound.getsockname()[1]))
        if "//" not in address:
            bound.listen()
            reach(address.format(port=bound.getsockname()[1]))


def test_a_death_is_told_in_a_few_words() -> None:
    assert reason_of(Exception("Task was killed due to the node running low on memory (memory monitor)")) == (
        "its machine ran out of memory"
    )
    assert reason_of(Exception("The actor died because its node has died.")) == "its machine was lost"
    assert reason_of(Exception("The actor is dead.\n\tclass_name: Replica")) == "its process died"


@needs_ray
def test_a_ray_of_our_own_lets_nobody_in(own: Any) -> None:
    """It listens on the loopback address alone, and a stranger on this machine has no token for it."""
    ports = {
        port for pid in processes_with(f"RAY_AUTH_TOKEN={os.environ['RAY_AUTH_TOKEN']}") for port in open_ports(pid)
    }
    assert len(ports) >= 4
    assert {address for address, _ in ports} == {"127.0.0.1"}
    address = own.replicas.ray.get_runtime_context().gcs_address
    script = f"import ray; ray._raylet.GcsClient(address={address!r}); print('in')"  # as ray.init does, once
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert "in" not in done.stdout.split()
    assert "Authentication" in done.stderr + done.stdout


def open_ports(pid: int) -> set[tuple[str, int]]:
    """The addresses on which a process listens."""
    import psutil

    with suppress(psutil.Error):
        found = psutil.Process(pid).net_connections(kind="inet")
        return {(one.laddr.ip.removeprefix("::ffff:"), one.laddr.port) for one in found if one.status == "LISTEN"}
    return set()


@needs_ray
def test_two_processes_answer_and_a_mistake_is_said_as_it_is(own: Any, tmp_path: Path) -> None:
    assert (own.id, own.chat, own.capacity) == ("own", True, 8)
    pids = set(answered(own, ["who"] * 12))
    assert pids == {str(pid) for pid in own.replicas.pids.values()}
    assert len(pids | {str(os.getpid())}) == 3
    own.submit(1, Request("refuse"))
    with pytest.raises(UserError, match=r"^write less\.$") as raised:
        own.collect()
    assert raised.value.ticket == 1
    with pytest.raises(UserError, match=r"^unknown order 'fofo': did you mean lifo or fifo"):
        get_engine("ray:engine=scripted(order=fofo),replicas=1")
    with pytest.raises(UserError, match=r"^this process uses the Ray at this machine already"):
        get_engine("ray:engine=scripted,address=auto")
    with pytest.raises(UserError, match="GPUs each do not fit"):
        get_engine("ray:engine=scripted,gpus=64")


@needs_ray
@pytest.mark.filterwarnings("ignore:replica . was lost")
def test_a_request_that_kills_is_named(own: Any) -> None:
    prompts = [f"p{n}" for n in range(30)]
    for ticket, prompt in enumerate([*prompts, "poison"]):
        own.submit(ticket, Request(prompt))
    found: list[int] = []
    with pytest.raises(EngineError, match=r"4 replicas died with one request, .* ends in 'poison'") as raised:
        while True:
            found += [ticket for ticket, _ in own.collect()]
    assert raised.value.ticket == 30
    assert len(found) == len(set(found))
    assert answered(own, prompts) == prompts  # and it would go on


@needs_ray
@pytest.mark.parametrize("route", ["prefix", "round-robin"])
def test_records_are_those_of_the_engine_within_whatever_is_killed(
    held: Engine, tiny_folder: Path, tmp_path: Path, route: str
) -> None:
    loaded = load_plan(
        Plan(("word-pairs",), ("few-shot:k=2", "self-consistency:base=zero-shot(max_new_tokens=8),n=3"), limit=12)
    )
    inner = f"transformers:model={tiny_folder},batch=4"
    alone = get_engine(inner)
    run_benchmark(loaded, alone, tmp_path / "alone")
    alone.close()
    killed: list[int] = []
    asked: list[str] = []
    nested = inner.replace(":", "(", 1) + ")"
    engine: Any = get_engine(f"ray:engine={nested},replicas=2,route={route}")
    assert engine.id == alone.id

    def kill(key: str) -> None:
        asked.append(key)
        if len(asked) in (6, 40):
            killed.append(engine.replicas.pids[len(killed) % 2])
            os.kill(killed[-1], signal.SIGKILL)

    with pytest.warns(UserWarning, match=r"replica . was lost \(its process died\)"):
        run_benchmark(loaded, engine, tmp_path / "killed", on_ask=kill)
        answered(engine, [f"p{n}" for n in range(8)])  # the last death may not have been noticed yet
    assert len(set(killed)) == 2
    assert len(asked) == len(set(asked))
    assert records(tmp_path / "killed") == records(tmp_path / "alone")
    engine.close()


@pytest.fixture
def scratch() -> Iterator[Path]:
    """What a command takes for its temporary files; short, as a socket's name must be."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def start(tmp_path: Path, scratch: Path, *more: str) -> subprocess.Popen[str]:
    (tmp_path / "mine.py").write_text(
        OWN.replace("    return str(", "    import time; time.sleep(0.2)\n    return str(")
    )
    words = ["bench", "--task", "word-pairs", "--strategy", "zero-shot", "--run", str(tmp_path / "run"), *more]
    engine = f"ray:engine={tmp_path}/mine.py:own(capacity=2),replicas=2"
    return subprocess.Popen(
        [sys.executable, "-m", "kshot", *words, "--engine", engine],
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def count(folder: Path) -> int:
    try:
        with Journal.read(folder) as journal:
            return int(journal.connection.execute("SELECT count(*) FROM generations").fetchone()[0])
    except Exception:  # not there yet
        return 0


@needs_ray
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_command_that_is_stopped_leaves_no_process_and_resumes(
    tmp_path: Path, scratch: Path, sign: signal.Signals
) -> None:
    """Ctrl-C goes to the whole group, as from a terminal; kill -9 to the command alone."""
    run = start(tmp_path, scratch, "--limit", "60")
    while count(tmp_path / "run") < 5:
        assert run.poll() is None, run.communicate()[0]
        time.sleep(0.05)
    os.killpg(run.pid, sign) if sign == signal.SIGINT else os.kill(run.pid, sign)
    said, _ = run.communicate()
    if sign == signal.SIGINT:
        assert run.returncode == 130, said
        assert "Traceback" not in said
        assert "give the same command again to resume" in said
        assert list(scratch.iterdir()) == []
    while processes_with(f"TMPDIR={scratch}"):
        time.sleep(0.05)  # the test's timeout is the bound
    kept = count(tmp_path / "run")
    assert 5 <= kept < 60
    again = start(tmp_path, scratch, "--limit", "60")
    said, _ = again.communicate()
    assert again.returncode == 0, said
    assert count(tmp_path / "run") == 60
    assert "lost" not in said


def processes_with(setting: str) -> list[int]:
    """The processes that have a setting in their environment and are not dead."""
    found = []
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if setting.encode() in environ.read_bytes().split(b"\0"):
                found.append(int(environ.parent.name))
    return found
