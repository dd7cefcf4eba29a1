"""The recipes of CONTRIBUTING.md work as they stand there."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import TASKS, get_task
from kshot.harness.engines import ENGINES, get_engine
from kshot.harness.journal import Journal
from kshot.harness.runner import Job, run_jobs
from kshot.program import drive
from kshot.prompts.strategies import STRATEGIES, get_strategy
from kshot.types import Generation, Question, Request, Source
from tests.places import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
RECIPES = dict(re.findall(r"^## Add an? (\w+)\n.*?```python\n(.*?)```", TEXT, re.DOTALL | re.MULTILINE))


def run(kind: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": f"recipe_{kind}"}
    exec(compile(RECIPES[kind], f"CONTRIBUTING.md, {kind}", "exec"), names)
    return names


@pytest.fixture
def doubles(tmp_path: Path) -> Any:
    (tmp_path / "file.py").write_text(RECIPES["task"])
    yield get_task(f"{tmp_path / 'file.py'}:doubles")
    del TASKS.entries["doubles"]


@pytest.fixture
def polite() -> Any:
    known = set(STRATEGIES.entries)
    run("strategy")
    [name] = set(STRATEGIES.entries) - known
    yield get_strategy(f"{name}:max_new_tokens=7")
    del STRATEGIES.entries[name]


def test_there_is_a_recipe_for_each_and_it_is_short() -> None:
    assert set(RECIPES) == {"strategy", "task", "engine", "method"}
    for kind, code in RECIPES.items():
        assert len(code.strip().splitlines()) <= 18, kind


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout to add to."""
    for folder in ("kshot", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def said_in(folder: Path, *command: str) -> str:
    """What a Python command prints there. Fails with all that it said where it does not end well."""
    done = subprocess.run([sys.executable, *command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("kind", "folder", "name", "contract"),
    [
        ("strategy", "prompts/strategies", "polite", "tests/prompts/test_strategies_contract.py"),
        ("task", "eval/tasks", "doubles", "tests/eval/test_tasks_generated.py"),
    ],
)
def test_a_recipe_in_the_package_is_listed_and_holds_to_the_contract(
    checkout: Path, kind: str, folder: str, name: str, contract: str
) -> None:
    file, init = f"kshot/{folder}/{name}.py", checkout / "kshot" / folder / "__init__.py"
    (checkout / file).write_text(RECIPES[kind])
    files = "FILES: tuple[str, ...] = ("
    init.write_text(init.read_text().replace(files, f'{files}\n    "{name}",'))
    assert name in said_in(checkout, "-m", "kshot", "list", f"{folder.rpartition('/')[2]}").split()
    for check in ("check", "format --check"):
        said_in(checkout, "-m", "ruff", *check.split(), file)
    said_in(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", contract, "-k", f"{name} or named")


def test_the_task_and_the_strategy(doubles: Any, polite: Any) -> None:
    sample = doubles.load("test", Source(limit=3))[2]
    pool = doubles.load("train", Source())
    assert not {s.question for s in doubles.load("test", Source())} & {s.question for s in pool}
    asked: list[Request] = []

    def answer(request: Request) -> Generation:
        asked.append(request)
        return Generation("That is 4.", "stop")

    question = Question(sample.question, doubles.format, exemplars=tuple(pool), instructions=doubles.instructions)
    prediction = drive(polite(question), answer)
    assert doubles.score(prediction.answer, sample).value == 1
    assert doubles.score("5", sample).value == 0
    assert asked[0].params.max_new_tokens == 7
    assert sample.question in str(asked[0].prompt)
    assert "Please answer." in str(asked[0].prompt)


def test_the_engine(tmp_path: Path, doubles: Any, polite: Any) -> None:
    run("engine")
    engine = get_engine("echo:capacity=3")
    del ENGINES.entries["echo"]
    samples = doubles.load("test", Source(limit=20))
    answers = {}

    def done(job: Any, prediction: Any, calls: Any) -> None:
        answers[job.key] = calls[0][1].text

    def job(sample: Any) -> Job[Any]:
        return Job(sample.id, lambda: polite(Question(sample.question, doubles.format)))

    with Journal.open(tmp_path / "run", {"engine": engine.id}) as journal:
        run_jobs(engine, [job(sample) for sample in samples], journal, done=done)
    assert list(answers) and all(samples[int(key[1:])].question in text for key, text in answers.items())
    assert len(answers) == 20


def test_the_method(tmp_path: Path, tiny_llama: Path) -> None:
    import torch

    from kshot.adapters.attach import attach, load, save
    from kshot.adapters.methods import METHODS
    from kshot.harness.models.load import load_model
    from kshot.harness.models.sources import resolve

    known = set(METHODS.entries)
    run("method")
    try:
        loaded = load_model(resolve(str(tiny_llama)))
        layers = loaded.model.base_model.layers
        before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
        adapted = attach(loaded.model, loaded.tokenizer, "first-layers:count=1", seed=0)
        assert adapted.trainable == sum(p.numel() for p in layers[0].parameters())
        with torch.no_grad():
            layers[0].mlp.up_proj.weight.add_(1)
        save(adapted, tmp_path, base="tiny", base_hash="abc")
        changed = layers[0].mlp.up_proj.weight.detach().clone()
        base = adapted.detach()
        assert all(torch.equal(value, base.state_dict()[name]) for name, value in before.items())
        load(base, loaded.tokenizer, tmp_path, base="tiny", base_hash="abc")
        assert torch.equal(layers[0].mlp.up_proj.weight, changed)
    finally:
        for name in set(METHODS.entries) - known:
            del METHODS.entries[name]
