"""The library's sets through the loading code itself: real ids, files and columns, from a hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import GROUPS, get_task
from kshot.eval.tasks.groups import expanded
from kshot.harness.runs.plan import Plan, load_plan
from kshot.types import Sample, Source, UserError
from tests.eval.tasks.library.copies import BY_SPEC, COPIES, Copy, local_data, served
from tests.eval.tasks.source.hub import hub_of
from tests.places import ROOT

LOADS = """
import json, sys
from dataclasses import asdict
from kshot.eval.tasks import get_task
from kshot.types import Source
found = {}
for spec in sys.argv[1:]:
    task = get_task(spec)
    found[spec] = {split: [asdict(sample) for sample in task.load(split, Source())] for split in ("test", "train")}
print(json.dumps(found))
"""
SPECS = [copy.spec for copy in COPIES]


def asked_of_hub(address: str, home: Path, code: str, *arguments: str) -> Any:
    """What a program prints as its last line, with the small hub as its hub."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTEST"))},
        **{"HF_ENDPOINT": address, "HF_HOME": str(home), "PYTHONPATH": str(ROOT), "HF_HUB_DISABLE_TELEMETRY": "1"},
    }
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=home)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def little_hub() -> Iterator[tuple[str, list[str]]]:
    with hub_of(served(COPIES)) as hub:
        yield hub


@pytest.fixture(scope="module")
def loaded(little_hub: tuple[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    found: dict[str, Any] = asked_of_hub(little_hub[0], tmp_path_factory.mktemp("kshot"), LOADS, *SPECS)
    return found


@pytest.fixture(scope="module")
def local() -> Path:
    return local_data()


@pytest.mark.parametrize("spec", SPECS)
def test_a_set_comes_from_the_hub_as_from_a_local_copy(spec: str, loaded: dict[str, Any], local: Path) -> None:
    task, copy = get_task(spec), BY_SPEC[spec]
    for split, rows in (("test", copy.rows), ("train", copy.pool)):
        samples = task.load(split, Source(data=local))  # type: ignore[arg-type]
        assert loaded[spec][split] == json.loads(json.dumps([asdict(sample) for sample in samples]))
        if copy.train:
            assert len(samples) == len(rows), "each split, and all of it"
    asked = {sample["id"] for sample in loaded[spec]["test"]}
    assert len(asked) == len(loaded[spec]["test"]) and not asked & {sample["id"] for sample in loaded[spec]["train"]}


def test_of_a_large_set_only_the_files_that_are_asked_are_fetched(
    little_hub: tuple[str, list[str]], loaded: dict[str, Any]
) -> None:
    fetched = [line for line in little_hub[1] if line.startswith("GET") and "/resolve/" in line]
    for name in ("wmt/wmt16", "abisee/cnn_dailymail", "EdinburghNLP/xsum"):
        here = [line for line in fetched if name in line and "parquet" in line.rpartition("/")[2]]
        assert any("test" in line for line in here) and not any("train" in line for line in here), here


@pytest.mark.parametrize("spec", [copy.spec for copy in COPIES if "test" in copy.others])
def test_hidden_labels_are_refused(spec: str, tmp_path: Path) -> None:
    """A local copy whose asked split has the hidden labels of the test split: no sample is made of them."""
    copy = BY_SPEC[spec]
    hidden = Copy(spec, copy.id, copy.test, copy.others["test"], copy.train, copy.pool, folder=copy.folder)
    hidden.write_local(tmp_path)
    with pytest.raises(UserError, match=rf"{copy.test}\.jsonl, line 1.*hidden"):
        get_task(spec).load("test", Source(data=tmp_path))


@pytest.mark.parametrize("spec", SPECS)
def test_a_row_of_another_form_is_named(spec: str, tmp_path: Path) -> None:
    copy = BY_SPEC[spec]
    Copy(spec, copy.id, copy.test, [{"other": 1}], copy.train, copy.pool, folder=copy.folder).write_local(tmp_path)
    with pytest.raises(UserError, match=rf"{copy.test}\.jsonl, line 1: the row is not in the form of {copy.id}"):
        get_task(spec).load("test", Source(data=tmp_path))


def test_every_task_of_the_library_has_a_copy() -> None:
    from kshot.eval.tasks import TASKS

    ours = {name for name, made in TASKS.entries.items() if ".tasks.library." in made.__module__}
    assert {copy.spec.partition(":")[0] for copy in COPIES} == ours
    assert len(TASKS.entries) >= 40


def test_every_task_of_every_group_can_be_made() -> None:
    for name, members in GROUPS.items():
        assert len(set(members)) == len(members) >= 2
        assert [get_task(spec).name for spec in members] == list(members), name
        assert expanded([name]) == (members, {name: members})
    sizes = {name: len(members) for name, members in GROUPS.items()}
    assert (sizes["bbh"], sizes["mmlu"], sizes["ceval"], sizes["cmmlu"], sizes["math"]) == (27, 57, 52, 67, 7)


def samples_of(spec: str, local: Path) -> list[Sample]:
    return list(get_task(spec).load("test", Source(data=local)))


def test_what_always_comes_first_in_the_data_does_not_in_a_sample(local: Path) -> None:
    letters = {sample.target for spec in ("truthfulqa", "sciq") for sample in samples_of(spec, local)}
    assert len(letters) > 1
    for sample in samples_of("truthfulqa", local):
        assert sample.choices[ord(sample.target) - 65] == "It gets warm."


def test_rows_are_set_aside_only_where_exemplars_are_shown(local: Path) -> None:
    """A published figure is of all rows: those of a set without a train split are all asked, zero-shot."""
    for spec in ("truthfulqa", "math500"):
        count = len(BY_SPEC[spec].rows)
        whole = load_plan(Plan((spec,), ("zero-shot",), data=local))
        assert len(whole.samples[spec]) == count and not whole.pools[spec] and whole.plan.set_aside is False
        shown = load_plan(Plan((spec,), ("zero-shot", "few-shot:k=1"), data=local))
        assert 0 < len(shown.pools[spec]) == count - len(shown.samples[spec])
        assert load_plan(Plan.of(whole.settings("e"))).samples == whole.samples


def test_one_odd_row_does_not_bar_a_set(tmp_path: Path) -> None:
    """Answers and choices for which a reply is taken for another are found in real sets, which nobody can mend."""
    answers = {"question": "What does the song say?", "answer": ["The answer is blowing in the wind", "it blows"]}
    brackets = {"choices": ["f(x)", "(x)", "(a)", "(b)"], "question": "Which?", "subject": "s", "answer": 0}
    for spec, rows in (("nq-open", [answers]), ("mmlu:subject=anatomy", [brackets, {**brackets, "answer": 1}])):
        copy = BY_SPEC.get(spec, BY_SPEC["mmlu:subject=high_school_us_history"])
        folder = copy.folder.replace("high_school_us_history", "anatomy")
        Copy(spec, copy.id, copy.test, rows, copy.train, copy.pool, folder=folder).write_local(tmp_path)
    [song] = get_task("nq-open").load("test", Source(data=tmp_path))
    assert song.target == "it blows"
    first, second = get_task("mmlu:subject=anatomy").load("test", Source(data=tmp_path))
    assert first.choices == ("f(x)", "x", "a", "b") and (first.target, second.target) == ("A", "B")
