"""The commands from end to end on a tiny model, their errors, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kshot.adapters.attach import attach, save
from kshot.cli import main
from kshot.harness.journal import Journal
from kshot.harness.models.load import load_model
from kshot.harness.models.sources import resolve
from kshot.types import Record, UserError

STRATEGIES = [
    "zero-shot:max_new_tokens=6",
    "few-shot:k=3,max_new_tokens=6",
    "zero-shot-cot:max_new_tokens=8,answer_tokens=4",
    "self-consistency:base=few-shot(k=3,max_new_tokens=6),n=4",
    "least-to-most:max_steps=2,plan_tokens=8,max_new_tokens=6",
]


def kshot(*args: str) -> Result:
    return CliRunner().invoke(main, list(args))


def bench_args(model: Path, runs: Path, *more: str, limit: int = 6) -> list[str]:
    args = [
        "bench",
        "--model",
        str(model),
        "--runs",
        str(runs),
        "--run",
        "r",
        "--task",
        "coin-flip",
        "--limit",
        str(limit),
    ]
    for strategy in STRATEGIES:
        args += ["--strategy", strategy]
    return [*args, *more]


def records(folder: Path) -> list[tuple[object, ...]]:
    def essence(record: Record) -> tuple[object, ...]:
        return (
            record.task,
            record.strategy,
            record.sample_id,
            record.repeat,
            record.prediction,
            record.score,
            record.calls,
        )

    with Journal.read(folder) as journal:
        return [essence(record) for record in journal.records()]


@pytest.fixture(scope="module")
def finished(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("runs")
    result = kshot(*bench_args(tiny_folder, runs))
    assert result.exit_code == 0, result.output
    return runs / "r"


def test_a_run_leaves_records_and_reports(finished: Path) -> None:
    assert len(records(finished)) == 6 * len(STRATEGIES)
    described = json.loads((finished / "run.json").read_text())
    assert described["settings"]["limit"] == 6
    assert described["packages"]["torch"]
    for name in ("report.md", "report.html", "figures/accuracy.png"):
        assert (finished / name).stat().st_size > 500, name
    assert "<script" in (finished / "report.html").read_text()


def test_the_same_command_again_asks_nothing(tiny_folder: Path, finished: Path) -> None:
    before = records(finished)
    stamp = os.stat(finished / "run.json").st_mtime_ns
    result = kshot(*bench_args(tiny_folder, finished.parent, "--batch", "3"))
    assert result.exit_code == 0, result.output
    assert records(finished) == before
    assert os.stat(finished / "run.json").st_mtime_ns == stamp


def test_another_batch_gives_equal_records(tiny_folder: Path, finished: Path, tmp_path: Path) -> None:
    assert kshot(*bench_args(tiny_folder, tmp_path, "--batch", "2")).exit_code == 0
    assert records(tmp_path / "r") == records(finished)


def test_show_names_rule_and_target(finished: Path) -> None:
    result = kshot("show", str(finished), "--strategy", "few-shot:k=3,max_new_tokens=6")
    assert result.exit_code == 0, result.output
    assert "rule" in result.output
    assert "target" in result.output
    assert "Is the coin still heads up?" in result.output


def test_rescore_and_compare_with_itself(finished: Path) -> None:
    before = records(finished)
    result = kshot("rescore", str(finished))
    assert result.exit_code == 0, result.output
    assert f"{len(before)} records read again, 0 changed" in result.output
    assert records(finished) == before
    assert kshot("compare", str(finished), str(finished)).exit_code == 0


def test_dry_run_prints_prompts_and_runs_nothing(tiny_folder: Path, tmp_path: Path) -> None:
    result = kshot(*bench_args(tiny_folder, tmp_path, "--dry-run"))
    assert result.exit_code == 0, result.output
    assert "prompt tokens" in result.output
    assert "A coin is heads up." in result.output
    assert not (tmp_path / "r").exists()


def test_an_engine_by_name_is_what_model_is_short_for(tiny_folder: Path, finished: Path) -> None:
    args = bench_args(tiny_folder, finished.parent)
    at = args.index("--model")
    args[at : at + 2] = ["--engine", f"transformers:dtype=float32,model={tiny_folder}"]
    before = records(finished)
    assert kshot(*args).exit_code == 0  # into the same run: the engine's id agrees
    assert records(finished) == before
    result = kshot(*args, "--dry-run")
    assert "prompt tokens in the first requests of 6 samples" in result.output


def test_a_scripted_engine_runs_without_a_model(tmp_path: Path) -> None:
    args = ["--task", "coin-flip", "--strategy", "few-shot:k=2", "--strategy", "choice-logprob", "--limit", "3"]
    args += ["--runs", str(tmp_path), "--engine", 'scripted:reply="Yes, it is."']
    dry = kshot("bench", *args, "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "[user] A coin is heads up." in dry.output
    assert "[assistant] " in dry.output
    assert "the first of 3 samples" in dry.output
    assert "tokens" not in dry.output
    result = kshot("bench", *args)
    assert result.exit_code == 0, result.output
    found = records(tmp_path / "coin-flip--scripted")
    assert len(found) == 6
    described = json.loads((tmp_path / "coin-flip--scripted" / "run.json").read_text())
    assert described["model"] == "scripted"
    assert described["settings"]["chat"] is True


def test_a_users_own_engine(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from kshot.harness.engines.scripted import ScriptedEngine\n"
        "def mine(*, word: str = 'yes'):\n"
        "    return ScriptedEngine(lambda request: word, id=f'mine-{word}', chat=False)\n"
    )
    args = ["--task", "coin-flip", "--strategy", "zero-shot", "--limit", "2", "--runs", str(tmp_path)]
    result = kshot("bench", *args, "--engine", f"{tmp_path / 'mine.py'}:mine:word=no")
    assert result.exit_code == 0, result.output
    with Journal.read(tmp_path / "coin-flip--mine") as journal:
        assert journal.settings()["engine"] == "mine-no"
        assert {record.prediction.answer for record in journal.records()} == {"no"}


def test_an_adapter_by_its_option_is_the_engine_adapted(tiny_folder: Path, tmp_path: Path) -> None:
    loaded = load_model(resolve(str(tiny_folder)))
    adapter = tmp_path / "my-adapter"
    adapted = attach(loaded.model, loaded.tokenizer, "ia3", seed=0)
    save(adapted, adapter, base=loaded.source.name, base_hash=loaded.weights_hash)
    args = ["bench", "--task", "coin-flip", "--strategy", "zero-shot:max_new_tokens=2", "--limit", "2"]
    args += ["--runs", str(tmp_path)]
    first = kshot(*args, "--model", str(tiny_folder), "--adapter", str(adapter))
    assert first.exit_code == 0, first.output
    folder = tmp_path / f"coin-flip--{tiny_folder.name}-my-adapter"
    described = json.loads((folder / "run.json").read_text())
    assert (described["model"], described["adapter"]) == (str(tiny_folder), str(adapter))
    again = kshot(*args, "--engine", f"adapted:model={tiny_folder},adapter={adapter}")
    assert again.exit_code == 0, again.output
    assert len(records(folder)) == 2
    assert sorted(path.name for path in tmp_path.glob("coin-flip*")) == [folder.name]


def test_what_can_be_named_is_listed() -> None:
    said = kshot("list").output
    places = [said.index(f"\n{kind}\n") for kind in ("strategies", "engines", "methods", "models")]
    assert places == sorted(places)
    for explained in ("template: own", "label_words: ", "format_seed: ", "calibrate (takes off", "select: first"):
        assert explained in said
    engines = kshot("list", "engines").output
    assert engines.startswith("engines\n  adapted  (model=smollm2-135m, adapter=, ")
    assert "  transformers  (model=smollm2-135m, device=auto, dtype=auto, template=auto, batch=auto" in engines
    assert "tasks" not in engines


def test_a_users_own_jsonl_needs_no_code(tiny_folder: Path, tmp_path: Path) -> None:
    rows = [{"question": f"What is {a} + 1?", "answer": a + 1} for a in range(12)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    args = ["--model", str(tiny_folder), "--runs", str(tmp_path), "--run", "own", "--strategy", "few-shot:k=2"]
    result = kshot("bench", "--task", str(tmp_path / "sums.jsonl"), *args)
    assert result.exit_code == 0, result.output
    assert len(records(tmp_path / "own")) == 6


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--task", "coin-flop", "--strategy", "zero-shot"], "did you mean coin-flip"),
        (["--task", "coin-flip", "--strategy", "few-shots"], "did you mean few-shot"),
        (["--task", "coin-flip", "--strategy", "few-shot:kk=3"], "has no parameter 'kk'"),
        (["--task", "coin-flip", "--strategy", "few-shot:k=three"], "'three' is not a whole number"),
        (["--task", "coin-flip", "--strategy", "few-shot:k=5000"], "5000"),
        (["--task", "missing.jsonl", "--strategy", "zero-shot"], "missing.jsonl does not exist"),
        (["--task", "coin-flip", "--strategy", "zero-shot", "--limit", "0"], "--limit is 0"),
        (["--task", "gsm8k", "--strategy", "zero-shot", "--data", "/nowhere"], "is not a folder"),
        (["--task", "coin-flip", "--strategy", "zero-shot", "--model", "smolm2-135m"], "did you mean smollm2-135m"),
        (["--task", "word-pairs", "--strategy", "choice-logprob"], "choices"),
        (["--task", "coin-flip", "--strategy", "zero-shot", "--device", "cuda"], "--device"),
        (["--task", "coin-flip", "--strategy", "zero-shot", "--batch", "some"], "--batch is 'some'"),
        (["--task", "coin-flip", "--strategy", "zero-shot", "--batch", "0"], "--batch is 0"),
        (["--task", "coin-flip", "--strategy", "zero-shot", "--engine", "scripted"], "--model stands beside --engine"),
        (["--task", "coin-flip", "--strategy", "zero-shot", "--adapter", "nowhere"], "nowhere"),
    ],
)
def test_a_users_mistake_gets_a_sentence_and_exit_code_2(
    args: list[str], said: str, tiny_folder: Path, tmp_path: Path
) -> None:
    model = [] if "--model" in args else ["--model", str(tiny_folder)]
    result = kshot("bench", *args, *model, "--runs", str(tmp_path))
    assert result.exit_code == 2, result.output
    assert said in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--engine", "scripted", "--dtype", "auto"], "--dtype stands beside --engine"),
        (["--engine", "scripted", "--batch", "auto"], "--batch stands beside --engine"),
        (["--engine", "scripted", "--adapter", "a"], "--adapter stands beside --engine"),
        (["--engine", "scripted", "--trust-remote-code"], "(--engine NAME:trust_remote_code=..., see"),
        (["--engine", "scriptd"], "unknown engine 'scriptd': did you mean scripted"),
        (["--engine", "scripted:chatt=no"], "has no parameter 'chatt': did you mean chat"),
        (["--engine", ""], "unknown engine ''"),
    ],
)
def test_an_engine_that_is_misnamed_or_contradicted(tmp_path: Path, more: list[str], said: str) -> None:
    result = kshot("bench", "--task", "coin-flip", "--strategy", "zero-shot", "--runs", str(tmp_path), *more)
    assert result.exit_code == 2, result.output
    assert said in result.output


def test_a_prompt_beyond_the_context_names_its_sample(tiny_folder: Path, tmp_path: Path) -> None:
    args = ["--task", "word-problems:steps=6", "--strategy", "few-shot:k=20", "--model", str(tiny_folder)]
    result = kshot("bench", *args, "--runs", str(tmp_path))
    assert result.exit_code == 2
    assert "word-problems:steps=6, few-shot:k=20, test-0-0" in result.output
    assert "context holds 2048" in result.output


def test_other_settings_and_unknown_commands(tiny_folder: Path, finished: Path) -> None:
    result = kshot(*bench_args(tiny_folder, finished.parent, limit=7), "--seed", "5")
    assert result.exit_code == 2
    assert "seed: 0 -> 5" in result.output
    result = kshot("bensh")
    assert result.exit_code == 2
    assert "did you mean bench" in result.output


def test_a_killed_run_resumes_to_the_same_records(tiny_folder: Path, tmp_path: Path) -> None:
    """SIGKILL at random moments, each time another batch; nothing answered is lost or answered anew."""
    limit, generator = 12, random.Random(0)
    assert kshot(*bench_args(tiny_folder, tmp_path / "whole", limit=limit)).exit_code == 0
    kept: dict[str, str] = {}

    def answered() -> dict[str, str]:
        try:
            with Journal.read(tmp_path / "cut" / "r") as journal:
                return dict(journal.connection.execute("SELECT key, text || seconds FROM generations"))
        except UserError:  # not begun
            return {}

    kills = 0
    for batch in ("2", "5", "3"):
        command = [
            sys.executable,
            "-m",
            "kshot",
            *bench_args(tiny_folder, tmp_path / "cut", "--batch", batch, limit=limit),
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        target = len(kept) + generator.randrange(10, 40)
        while process.poll() is None and len(answered()) < target:
            time.sleep(0.02)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        now = answered()
        assert kept.items() <= now.items()  # text and time of every answer are those first written
        kept = now
    assert kills >= 2
    assert kshot(*bench_args(tiny_folder, tmp_path / "cut", "--batch", "7", limit=limit)).exit_code == 0
    assert kept.items() <= answered().items()
    assert records(tmp_path / "cut" / "r") == records(tmp_path / "whole" / "r")
