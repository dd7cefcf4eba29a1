"""Studies: training beside prompting, mixtures, the search for a rate, and what a kill leaves."""

from __future__ import annotations

import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from kshot.adapters.attach import load
from kshot.adapters.study import console
from kshot.adapters.study.plan import Study
from kshot.adapters.study.read import read_study
from kshot.adapters.study.report import build
from kshot.adapters.study.run import run_study
from kshot.adapters.study.search import next_exponent
from kshot.adapters.training.recipe import Recipe, Trained
from kshot.cli import main
from kshot.cli.tune import listed, tune
from kshot.harness.journal import Journal
from kshot.harness.models.load import load_model
from kshot.harness.models.sources import resolve
from kshot.harness.runs.plan import load_plan
from kshot.harness.runs.read import description
from kshot.harness.runs.view.server import model_of
from kshot.types import Message, UserError

pytestmark = pytest.mark.filterwarnings("ignore:.*pin_memory.*:UserWarning")


def study_of(folder: Path, **given: Any) -> Study:
    return Study(**{
        "model": str(folder), "tasks": ("coin-flip",), "methods": ("lora:r=4", "head"), "samples": (4,),
        "seeds": (0, 1), "prompting": ("zero-shot", "few-shot:k=2"), "limit": 10,
        "recipe": Recipe(epochs=2, batch_size=4, evaluations=2), **given,
    })  # fmt: skip


OPTIONS = {"device": "cpu", "dtype": "auto", "rows": 8, "trust_remote_code": False}


def test_a_study_sets_training_beside_prompting_and_goes_on(tiny_folder: Path, tmp_path: Path) -> None:
    said: list[str] = []

    def on_progress(what: str, *_: object) -> None:
        said.append(what)

    run_study(study_of(tiny_folder), tmp_path, OPTIONS, on_progress)
    results = read_study(tmp_path)
    report = build(results)
    strategies = {record.strategy for record in results.run.records}
    assert strategies == {"zero-shot", "few-shot:k=2", "lora:r=4,samples=4", "head:samples=4"}
    assert len(results.outcomes) == 4
    assert {record.repeat for record in results.run.records if record.strategy.startswith("lora")} == {0, 1}
    asked = {s: {r.sample_id for r in results.run.records if r.strategy == s} for s in strategies}
    assert len({frozenset(ids) for ids in asked.values()}) == 1  # the same samples
    titles = [section.title for section in report.sections]
    assert "What was trained" in titles
    assert "Learning curves" in titles
    assert any("of 2 trained" in sentence for sentence in report.summary)
    for figure in [block for block in report.blocks() if hasattr(block, "draw")]:
        figure.draw()
    key_ = next(r.calls[0] for r in results.run.records if r.strategy.startswith("lora"))
    assert isinstance(results.run.call(key_)[0].prompt, tuple | str)
    assert isinstance(results.run.call(key_)[0].prompt[0], Message | str)
    results.close()

    stamp = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}
    said.clear()
    run_study(study_of(tiny_folder, methods=("lora:r=4", "head", "bitfit"), seeds=(0,)), tmp_path, OPTIONS, on_progress)
    assert {what.split(":")[0] for what in said} == {"bitfit"}  # what is done is not done again
    assert stamp.items() <= {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.safetensors")}.items()
    run_study(study_of(tiny_folder, methods=("head",), samples=(2,), seeds=(0,)), tmp_path, OPTIONS)
    results = read_study(tmp_path)
    [table_] = [block for block in build(results).blocks() if getattr(block, "title", "") == "Samples to reach a level"]
    rows = {str(row[0]): row[1] for row in table_.rows}  # type: ignore[union-attr]
    assert rows["head"] == "4, 8"
    assert rows["bitfit"] == "8"
    results.close()
    with pytest.raises(UserError, match="was begun with limit = 10 and now it is 12"):
        run_study(study_of(tiny_folder, limit=12), tmp_path, OPTIONS)


def test_a_mixture_trains_on_some_tasks_and_evaluates_others(tiny_folder: Path, tmp_path: Path) -> None:
    trained_on = ("coin-flip", "word-pairs", "word-problems:steps=1")
    study = study_of(
        tiny_folder, tasks=("last-letters", "word-pairs:relation=past"), mixture=trained_on, methods=("lora:r=4",),
        samples=(7,), seeds=(0,), prompting=("instruction",), strategy="instruction", recipe=Recipe(epochs=1), limit=4,
    )  # fmt: skip
    parts = study.parts(load_plan(study.plan(("instruction",))), 7, 0)
    assert [(part.task.name, len(part.data.train)) for part in parts] == [
        (name, count) for name in trained_on for count in (3, 2, 2)
    ]  # 7 samples over three wordings
    assert len({part.strategy.name for part in parts}) == 3
    run_study(study, tmp_path, OPTIONS)
    results = read_study(tmp_path)
    report = build(results)
    asked = {(record.strategy, record.task) for record in results.run.records}
    tuned = "lora:r=4,samples=7"
    assert asked == {(s, t) for s in ("instruction", tuned) for t in ("last-letters", "word-pairs:relation=past")}
    assert results.outcomes[0].trained_on == 21
    assert re.search("(over 2|2 other) tasks", report.summary[1])
    results.close()
    with pytest.raises(UserError, match="coin-flip is in the mixture and held out"):
        study_of(tiny_folder, mixture=("coin-flip",), recipe=Recipe())


def test_a_study_of_before_is_read_and_gone_on_with(tiny_folder: Path, tmp_path: Path) -> None:
    """peft's methods were once written peft:OFT,r=8: in the names of folders, their files and the searched rates."""
    study = study_of(
        tiny_folder, methods=("peft:name=OFT,r=8",), seeds=(0,), prompting=(), search=True, recipe=Recipe(epochs=1)
    )
    run_study(study, tmp_path, OPTIONS)
    results = read_study(tmp_path)
    results.close()
    now = tmp_path / "peft-name=OFT-r=8-n4-s0"
    before = now.rename(tmp_path / "peft-OFT-r=8-n4-s0")
    for path in (before / "cell.json", before / "kshot_adapter.json", tmp_path / "rates.json"):
        text = path.read_text()
        assert "peft:name=OFT,r=8" in text
        path.write_text(text.replace("peft:name=OFT,r=8", "peft:OFT,r=8"))
    again = read_study(tmp_path)
    assert again.outcomes == results.outcomes
    assert again.outcomes[0].label == "peft:name=OFT,r=8,samples=4"
    assert build(again).summary[1].startswith("peft:name=OFT")
    assert again.info["packages"]["peft"]
    assert again.run.info["packages"] == again.info["packages"]
    assert model_of(description(before / "run")).endswith(" + peft-name=OFT-r=8-n4-s0")
    again.close()
    base = load_model(resolve(str(tiny_folder)), device="cpu")
    adapted = load(base.model, base.tokenizer, before, base=base.source.name, base_hash=base.weights_hash)
    assert adapted.spec == "peft:name=OFT,r=8"
    rates = (tmp_path / "rates.json").read_text()
    for methods in (("peft:name=OFT,r=8",), ("peft:OFT,r=8",)):
        run_study(replace(study, methods=methods), tmp_path, OPTIONS)
        assert not now.exists()
    run_study(replace(study, samples=(2,)), tmp_path, OPTIONS)
    assert (tmp_path / "rates.json").read_text() == rates  # what was searched is not searched again


def test_the_search_takes_the_lowest_validation_loss(tiny_folder: Path, tmp_path: Path) -> None:
    study = study_of(
        tiny_folder, methods=("bitfit",), seeds=(0,), prompting=(), search=True, recipe=Recipe(epochs=3, lr=3e-3)
    )
    run_study(study, tmp_path, OPTIONS)
    losses = json.loads((tmp_path / "rates.json").read_text())["bitfit"]
    steps = sorted(round(math.log(float(lr) / 3e-3, 3)) for lr in losses)
    assert steps == list(range(steps[0], steps[-1] + 1)) and {-1, 0, 1} <= set(steps)
    found = Trained.read(tmp_path / "bitfit-n4-s0")
    assert found is not None
    assert found.lr == float(min(losses, key=losses.__getitem__))


@pytest.mark.parametrize("best", range(-6, 7))
def test_the_search_goes_on_until_the_best_is_bracketed(best: int) -> None:
    """Losses that fall towards one rate, as a quadratic's: exhaustive search over all nine gives the same."""
    losses: dict[int, float] = {}
    while (exponent := next_exponent(losses)) is not None:
        assert exponent not in losses
        losses[exponent] = float((exponent - best) ** 2)
    found = min(losses, key=losses.__getitem__)
    assert found == min(range(-4, 5), key=lambda exponent: (exponent - best) ** 2)
    assert abs(best) > 4 or {found - 1, found, found + 1} <= {*losses, -5, 5}
    assert len(losses) <= 3 + max(0, abs(best))


def test_where_every_loss_left_all_bounds_lower_rates_are_tried() -> None:
    losses = dict.fromkeys((-1, 0, 1), float("inf"))
    assert next_exponent(losses) == -2
    assert next_exponent({**losses, -2: 3.0}) == -3
    assert next_exponent(dict.fromkeys(range(-4, 2), float("inf"))) is None


def test_mistakes_are_told_before_anything_is_trained(tiny_folder: Path, tmp_path: Path) -> None:
    for given, said in (
        ({"methods": ("lor",)}, "unknown adapter method 'lor': did you mean lora"),
        ({"methods": ("lora:rank=2",)}, "has no parameter 'rank'"),
        ({"samples": (0,)}, "--samples is 0"),
        ({"strategy": "zero-shoot"}, "unknown strategy"),
        ({"tasks": ("word-pairs",)}, "the method head needs one task that has labels"),
    ):
        with pytest.raises(UserError, match=said):
            run_study(study_of(tiny_folder, **given), tmp_path / "none", OPTIONS)
    assert not (tmp_path / "none").exists()
    with pytest.raises(UserError, match="given twice among the methods"):
        study_of(tiny_folder, methods=("lora", "lora"))


def test_a_study_trains_on_in_the_template_that_it_was_begun_with(tiny_folder: Path, tmp_path: Path) -> None:
    form = tmp_path / "form.jinja"
    form.write_text("Coin: {{ question }}\nUp: {{ answer }}")
    study = study_of(
        tiny_folder, methods=("bitfit",), samples=(2,), seeds=(0,), prompting=(), limit=2,
        strategy=f"zero-shot:template={form}", recipe=Recipe(epochs=1, evaluations=0),
    )  # fmt: skip
    run_study(study, tmp_path / "s", OPTIONS)
    run_study(replace(study, samples=(3,)), tmp_path / "s", OPTIONS)
    form.write_text("Coin: {{ question }}\nHeads: {{ answer }}")
    with pytest.raises(UserError, match=r"was begun with sources = .*form\.jinja"):
        run_study(replace(study, samples=(4,)), tmp_path / "s", OPTIONS)


def test_a_mistake_leaves_no_folder_that_refuses_the_corrected_command(tiny_folder: Path, tmp_path: Path) -> None:
    right = study_of(
        tiny_folder, tasks=("word-pairs",), methods=("bitfit",), samples=(2,), seeds=(0,), prompting=("zero-shot",),
        recipe=Recipe(epochs=1), limit=2,
    )  # fmt: skip
    mistakes: list[tuple[dict[str, Any], str]] = [
        ({"max_length": 20}, "raise --max-length"),
        ({"strategy": "zero-shot-cot"}, "cannot be trained on"),
        ({"strategy": "zero-shot:template=best"}, "train on the template that it chooses"),
        ({"strategy": "few-shot:k=99999"}, "lower k"),
        ({"prompting": ("instruction:wording=9",)}, "wording"),
        ({"tasks": ("word-pairs:relation=nosuch",)}, "nosuch"),
        ({"methods": ("lora:target_modules=nosuch",)}, "target_modules"),
        ({"methods": ("prompt-tuning",), "recipe": Recipe(epochs=1, packing=True)}, "leave packing out"),
        ({"samples": (10**6,)}, "lower --samples"),
    ]
    for wrong, said in mistakes:  # each the correction of the one before
        with pytest.raises(UserError, match=said):
            run_study(replace(right, **wrong), tmp_path, OPTIONS)
    run_study(right, tmp_path, OPTIONS)
    kept = json.loads(json.dumps({**right.settings(), "dtype": "auto"}))
    assert json.loads((tmp_path / "study.json").read_text()) == kept
    with pytest.raises(UserError, match="was begun with dtype = auto and now it is bfloat16"):
        run_study(replace(right, methods=("ia3",)), tmp_path, {**OPTIONS, "dtype": "bfloat16"})
    run_study(replace(right, max_length=900, recipe=replace(right.recipe, checkpoint_seconds=1)), tmp_path, OPTIONS)
    for other in ({"limit": 3}, {"recipe": Recipe(epochs=2)}):
        with pytest.raises(UserError, match=f"was begun with {next(iter(other))}"):
            run_study(replace(right, **other), tmp_path, OPTIONS)


def test_strategies_to_compare_with_are_added_and_none_stands_for_another(tiny_folder: Path, tmp_path: Path) -> None:
    study = study_of(tiny_folder, methods=("bitfit",), seeds=(0,), prompting=("zero-shot",), limit=2)
    study = replace(study, recipe=Recipe(epochs=1))
    for prompting in (("zero-shot",), ("few-shot:k=2",), ("few-shot:k=1", "zero-shot")):
        run_study(replace(study, prompting=prompting), tmp_path, OPTIONS)
        results = read_study(tmp_path)
        asked = {strategy: 0 for strategy in results.run.strategies}
        for record in results.run.records:
            asked[record.strategy] += 1
        results.close()
        assert set(prompting) <= asked.keys() and set(asked.values()) == {2}
    assert list(asked) == ["zero-shot", "few-shot:k=2", "few-shot:k=1", "bitfit:samples=4"]
    assert results.run.params["few-shot:k=2"]["k"] == 2
    with Journal.read(tmp_path / "prompting") as journal:
        assert journal.noted("total") == "6"
        assert journal.settings()["strategies"] == ["zero-shot", "few-shot:k=2", "few-shot:k=1"]


def test_what_the_model_has_no_room_for_is_told_first_and_samples_stand_behind_virtual_tokens(
    tiny_folder: Path, tmp_path: Path
) -> None:
    study = study_of(tiny_folder, seeds=(0,), prompting=("zero-shot",), limit=2, recipe=Recipe(epochs=1))
    for spec, said in (("prompt-tuning:num_virtual_tokens=2048", "no prompt fits"), ("lora:r=65", "the rank is 65")):
        with pytest.raises(UserError, match=said):
            run_study(replace(study, methods=(spec,)), tmp_path / "none", OPTIONS)
    assert not (tmp_path / "none").exists()
    for method in ("prompt-tuning", "prefix-tuning"):
        study = replace(study, methods=(f"{method}:num_virtual_tokens=2000",), prompting=())
        with pytest.raises(UserError, match="tokens, and the model has room for 48; use fewer exemplars or virtual"):
            run_study(study, tmp_path / "study", OPTIONS)


def test_two_processes_do_not_tune_in_one_folder(tiny_folder: Path, tmp_path: Path) -> None:
    held = "import sys; from kshot.adapters.study.lock import alone_in; from pathlib import Path\n"
    held += "with alone_in(Path(sys.argv[1])): print('held', flush=True); sys.stdin.read()"
    folder = tmp_path / "study"
    study = study_of(tiny_folder, methods=("bitfit",), seeds=(0,), prompting=(), recipe=Recipe(epochs=1), limit=2)
    with subprocess.Popen([sys.executable, "-c", held, str(folder)], stdin=-1, stdout=-1, text=True) as other:
        assert other.stdout and other.stdin
        assert other.stdout.readline() == "held\n"
        with pytest.raises(UserError, match=rf"the study in {folder} is under way in another process"):
            run_study(study, folder, OPTIONS)
        assert not (folder / "study.json").exists()
        other.stdin.close()
    run_study(study, folder, OPTIONS)
    run_study(study, folder, OPTIONS)  # it is let go
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        run_study(study, tmp_path / "file" / "study", OPTIONS)


def test_a_baseline_of_no_name_is_told_before_anything_is_trained(tiny_folder: Path, tmp_path: Path) -> None:
    study = study_of(tiny_folder, methods=("bitfit",), seeds=(0,), recipe=Recipe(epochs=1), limit=2)
    with pytest.raises(UserError, match="nosuch"):
        console.run(study, tmp_path / "study", OPTIONS, "nosuch")
    assert not (tmp_path / "study").exists()
    for baseline in ("zero-shot", "bitfit", "few-shot:k=2"):
        assert baseline.partition(":")[0] in " ".join(console.names_in_report(study, tmp_path / "study"))
    console.run(study, tmp_path / "study", OPTIONS, "few-shot")
    more = study_of(tiny_folder, methods=("head",), seeds=(0,), prompting=(), recipe=Recipe(epochs=1), limit=2)
    assert console.names_in_report(more, tmp_path / "study") == [
        "head:samples=4", "zero-shot", "few-shot:k=2", "bitfit:samples=4",
    ]  # fmt: skip


@pytest.mark.parametrize("seeds", ["0", "-1", "9999999999"])
def test_as_many_seeds_as_can_be_are_taken(seeds: str, tiny_folder: Path) -> None:
    given = ["--task", "coin-flip", "--method", "lora", "--model", str(tiny_folder), "--seeds", seeds]
    done = CliRunner().invoke(tune, given)
    assert isinstance(done.exception, UserError)
    assert f"--seeds is {seeds}; it must be at least 1 and at most 1000" in str(done.exception)


def test_specifications_in_one_text() -> None:
    assert listed("zero-shot,few-shot:k=8,order=reversed, chain-of-thought") == (
        "zero-shot", "few-shot:k=8,order=reversed", "chain-of-thought",
    )  # fmt: skip
    assert listed("self-consistency:base=few-shot(k=2,order=drawn),n=3") == (
        "self-consistency:base=few-shot(k=2,order=drawn),n=3",
    )


def test_a_killed_tune_resumes_to_the_same_adapter(tiny_folder: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle of training; the second run ends as an undisturbed one does."""

    def words(run: str) -> list[str]:
        return [
            "tune", "--model", str(tiny_folder), "--device", "cpu",
            "--task", "coin-flip", "--method", "lora:r=4", "--samples", "8", "--epochs", "4", "--batch-size", "1",
            "--limit", "8", "--evaluations", "2", "--compare", "zero-shot", "--checkpoint-seconds", "0.2",
            "--runs", str(tmp_path), "--run", run,
        ]  # fmt: skip

    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}  # sums in the same order
    folder = tmp_path / "killed" / "lora-r=4-n8-s0"
    command = [sys.executable, "-m", "kshot", *words("killed")]
    with subprocess.Popen(command, env=environment, stdout=-3, stderr=-3) as process:
        deadline = time.monotonic() + 120
        while not list(folder.glob("checkpoints/*/whole")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
    assert list(folder.glob("checkpoints/*/whole"))
    assert not (folder / "training.json").exists()
    for run in ("killed", "whole"):
        done = CliRunner().invoke(main, words(run))
        assert done.exit_code == 0, done.output
    base = load_model(resolve(str(tiny_folder)), device="cpu")
    found = []
    for run in ("killed", "whole"):
        here = tmp_path / run / "lora-r=4-n8-s0"
        adapted = load(base.model, base.tokenizer, here, base=base.source.name, base_hash=base.weights_hash)
        trained = Trained.read(here)
        assert trained is not None
        results = read_study(tmp_path / run)
        answers = sorted((r.strategy, r.sample_id, r.prediction.answer, r.score.value) for r in results.run.records)
        results.close()
        found.append((adapted.hash(), trained.loss, trained.steps, answers))
        adapted.detach()
    assert found[0] == found[1]
