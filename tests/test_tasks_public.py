"""Public sets read from local copies where there are some, and what a user hears where there are none."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

from kshot.eval.tasks import get_task
from kshot.types import Source, UserError

SHARED = Path(__file__).parents[2] / "shared" / "data"
# rows that each copy holds for test, and the labels or letters that its answers may have
SETS = {
    "gsm8k": ("gsm8k", "test"),
    "svamp": ("svamp", "test"),
    "multiarith": ("multiarith", "test"),
    "addsub": ("addsub", "test"),
    "singleeq": ("singleeq", "test"),
    "aqua": ("aqua", "test"),
    "commonsenseqa": ("commonsenseqa", "validation"),
    "strategyqa": ("strategyqa", "test"),
    "date-understanding": ("date_understanding", "test"),
    "shuffled-objects": ("shuffled_objects", "test"),
    "sst2": ("sst2", "test"),
    "trec": ("trec", "test"),
    "agnews": ("agnews", "test"),
    "rte": ("rte", "validation"),
    "cb": ("cb", "validation"),
}
BBH = [
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
]
SPECS = [*SETS, *("bbh" if name == "word_sorting" else f"bbh:name={name}" for name in BBH)]
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="no copies of the public sets beside this checkout")


def rows_of(spec: str) -> list[dict[str, str]]:
    folder, name = SETS.get(spec, ("bbh", spec.partition("name=")[2] or "word_sorting"))
    return [json.loads(line) for line in (SHARED / folder / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


@needs_data
@pytest.mark.parametrize("spec", SPECS)
def test_contract_of_a_public_task(spec: str) -> None:
    task, source = get_task(spec), Source(data=SHARED)
    assert task.name == spec
    assert len(task.instructions) >= 3
    test, train = task.load("test", source), [*task.exemplars, *task.load("train", source)]
    assert len(train) >= 8
    ids = {row["id"] for row in rows_of(spec)}
    assert {sample.id for sample in test} <= ids
    wrong = []
    for sample in [*test, *train[:200]]:
        shown = sample.target.split("|")[0]
        found = task.format.extract(task.format.statement.format(answer=shown), sample.choices)
        if task.score(found.answer, sample).value != 1 or not sample.question.strip():
            wrong.append((sample.id, sample.target, found.answer))
    assert not wrong, f"{len(wrong)} targets do not come back: {wrong[:3]}"
    assert not {sample.id for sample in test} & {sample.id for sample in train}
    assert [s.id for s in task.load("test", Source(data=SHARED, limit=5))] == [s.id for s in test[:5]]


@needs_data
@pytest.mark.parametrize("spec", SPECS)
def test_test_rows_are_all_evaluated_but_those_of_the_pool(spec: str) -> None:
    task, source = get_task(spec), Source(data=SHARED)
    rows, test, train = rows_of(spec), task.load("test", source), task.load("train", source)
    held = {row["id"] for row in rows} & {sample.id for sample in train}
    broken = 1 if spec == "bbh:name=ruin_names" else 0  # one published row has neither options nor a letter
    assert len(test) + len(held) == len(rows) - broken
    assert len(test) >= 0.7 * len(rows) - 2 or (len(rows) < 150 and len(test) >= 0.6 * len(rows))
    if held:  # the pool was cut out of test: its questions are never evaluated
        asked = {(sample.question, sample.choices) for sample in test}
        assert not asked & {(sample.question, sample.choices) for sample in train}


@needs_data
def test_gsm8k_rationales_and_targets() -> None:
    task = get_task("gsm8k")
    test, train = task.load("test", Source(data=SHARED)), task.load("train", Source(data=SHARED))
    first = test[0]
    assert first.target == "18" and first.id == "gsm8k-test-0"
    for sample in [*test, *train]:
        assert "<<" not in sample.rationale and "####" not in sample.rationale and sample.rationale
    by_id = {row["id"]: row["answer"].rpartition("####")[2].strip().replace(",", "") for row in rows_of("gsm8k")}
    assert {sample.id: sample.target for sample in test} == by_id


@needs_data
def test_the_exemplars_are_those_of_wei_et_al() -> None:
    file = SHARED / "exemplars" / "gsm8k_cot_wei2022.jsonl"
    published = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    for name in ("gsm8k", "svamp", "multiarith", "addsub", "singleeq"):
        mine = [(s.question, s.rationale, s.target) for s in get_task(name).exemplars]
        assert mine == [(row["question"], row["rationale"], row["answer"]) for row in published]


def test_the_published_exemplars_come_with_the_package() -> None:
    exemplars = get_task("gsm8k").exemplars
    assert [sample.target for sample in exemplars] == ["6", "5", "39", "8", "9", "29", "33", "8"]


def test_a_missing_local_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gsm8k.*test\.jsonl"):
        get_task("gsm8k").load("test", Source(data=tmp_path))


def test_a_label_outside_the_set_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "sst2").mkdir()
    good, bad = {"text": "fine", "label": "positive"}, {"text": "odd", "label": "meh"}
    (tmp_path / "sst2" / "test.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    with pytest.raises(UserError, match=r"test\.jsonl.*2.*meh"):
        get_task("sst2").load("test", Source(data=tmp_path))


def test_a_hub_that_cannot_be_reached_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ConnectionError("Couldn't reach the hub")

    stand_in = types.ModuleType("datasets")
    stand_in.load_dataset = refuse  # type: ignore[attr-defined]
    logging = types.ModuleType("datasets.utils.logging")
    logging.disable_progress_bar = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", stand_in)
    monkeypatch.setitem(sys.modules, "datasets.utils", types.ModuleType("datasets.utils"))
    monkeypatch.setitem(sys.modules, "datasets.utils.logging", logging)
    with pytest.raises(UserError, match=r"--data DIR"):
        get_task("gsm8k").load("test", Source())


def test_an_unknown_bbh_task_is_named() -> None:
    with pytest.raises(UserError, match="word_sorting"):
        get_task("bbh:name=word_sortin").load("test", Source(data=Path("nowhere")))
