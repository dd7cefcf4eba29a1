"""Public sets read from local copies where there are some, and what a user hears where there are none."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import bbh, get_task
from kshot.types import Source, UserError
from tests.places import SHARED

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
BBH = bbh.NAMES
SPECS = [*SETS, *(f"bbh:name={name}" for name in BBH)]
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="no copies of the public sets beside this checkout")


def rows_of(spec: str) -> list[dict[str, str]]:
    folder, name = SETS.get(spec, ("bbh", spec.partition("name=")[2]))
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


def stand_in(monkeypatch: pytest.MonkeyPatch, load: Callable[..., Any]) -> None:
    """Puts the given function in the place of `datasets.load_dataset`."""

    def load_set(name: str, config: str | None, revision: str | None, **options: Any) -> Any:
        return load(name, config, **({"revision": revision} if revision else {}), **options)

    monkeypatch.setattr("kshot.eval.tasks.source.hub.load_set", load_set)


@pytest.mark.parametrize(
    ("spec", "file"),
    [
        ("gsm8k", "gsm8k/test.jsonl"),
        ("sst2", "sst2/test.jsonl"),
        ("rte", "rte/validation.jsonl"),
        ("bbh:name=snarks", "bbh/snarks.jsonl"),
        ("addsub", "addsub/test.jsonl"),
    ],
)
def test_a_hub_that_cannot_be_reached_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, spec: str, file: str) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ConnectionError("Couldn't reach the hub")

    stand_in(monkeypatch, refuse)
    with pytest.raises(UserError, match=rf"--data DIR with {file}"):
        get_task(spec).load("test", Source())


BALLS = "Alice, Bob, and Claire play. Alice and Bob swap balls. At the end of the game, Alice has the"
# id, configuration and split asked for; a row as the hub has it; the sample that it is
HUB: dict[str, tuple[tuple[str, str | None, str], dict[str, Any], tuple[str, str, tuple[str, ...]]]] = {
    "gsm8k": (
        ("openai/gsm8k", "main", "test"),
        {"question": "Q?", "answer": "2+3=<<2+3=5>>5\n#### 1,005"},
        ("Q?", "1005", ()),
    ),
    "svamp": (
        ("ChilleD/SVAMP", None, "test"),
        {"Body": "Dan had $ 3 left", "Question": "How much?", "Answer": "1.0", "ID": "chal-1"},
        ("Dan had $ 3 left. How much?", "1", ()),
    ),
    "multiarith": (("ChilleD/MultiArith", None, "test"), {"question": " Q? ", "final_ans": "9"}, ("Q?", "9", ())),
    "aqua": (
        ("deepmind/aqua_rat", "raw", "test"),
        {"question": "Q?", "options": ["A)21", "B)21.5"], "rationale": "r", "correct": "B"},
        ("Q?", "B", ("21", "21.5")),
    ),
    "commonsenseqa": (
        ("tau/commonsense_qa", None, "validation"),
        {"question": "Q?", "choices": {"label": ["A", "B"], "text": ["bank", "mall"]}, "answerKey": "A"},
        ("Q?", "A", ("bank", "mall")),
    ),
    "strategyqa": (("ChilleD/StrategyQA", None, "test"), {"question": "Q?", "answer": True}, ("Q?", "yes", ())),
    "shuffled-objects": (
        ("tasksource/bigbench", "tracking_shuffled_objects", "train"),
        {
            "inputs": f"{BALLS}\n  choice: red ball.\n  choice: blue ball.\nA:",
            "multiple_choice_targets": ["red ball.", "blue ball."],
            "multiple_choice_scores": [0, 1],
        },
        (BALLS, "B", ("red ball.", "blue ball.")),
    ),
    "date-understanding": (
        ("tasksource/bigbench", "date_understanding", "train"),
        {
            "inputs": "Q: Today is May 1. What is the date?\n  choice: 05/01\n  choice: 05/02\nA:",
            "multiple_choice_targets": ["05/01", "05/02"],
            "multiple_choice_scores": [1, 0],
        },
        ("Today is May 1. What is the date?", "A", ("05/01", "05/02")),
    ),
    "bbh:name=navigate": (
        ("SaylorTwift/bbh", "navigate", "test"),
        {"input": "Do you return?", "target": "Yes"},
        ("Do you return?", "yes", ()),
    ),
    "sst2": (
        ("stanfordnlp/sst2", None, "validation"),
        {"idx": 0, "sentence": "fine", "label": 1},
        ("fine", "positive", ()),
    ),
    "trec": (
        ("SetFit/TREC-QC", None, "test"),
        {"text": "Who?", "label": 1, "label_coarse": 3, "label_coarse_original": "HUM"},
        ("Who?", "person", ()),
    ),
    "agnews": (("fancyzhx/ag_news", None, "test"), {"text": "Chips.", "label": 3}, ("Chips.", "technology", ())),
    "rte": (
        ("aps/super_glue", "rte", "validation"),
        {"premise": "P.", "hypothesis": "H.", "label": 1, "idx": 0},
        ("Premise: P.\nHypothesis: H.", "not_entailment", ()),
    ),
    "cb": (
        ("aps/super_glue", "cb", "validation"),
        {"premise": "P.", "hypothesis": "H.", "label": 2, "idx": 0},
        ("Premise: P.\nHypothesis: H.", "neutral", ()),
    ),
}


@pytest.mark.parametrize("spec", HUB)
def test_a_row_of_the_hub_becomes_the_same_sample(monkeypatch: pytest.MonkeyPatch, spec: str) -> None:
    place, row, (question, target, choices) = HUB[spec]
    asked = []

    def load(name: str, config: str | None, *, split: str) -> list[dict[str, Any]]:
        asked.append((name, config, split))
        return [row]

    stand_in(monkeypatch, load)
    task = get_task(spec)
    samples = [*task.load("test", Source()), *task.load("train", Source())]
    assert asked[0] == place
    assert (samples[0].question, samples[0].target, samples[0].choices) == (question, target, choices)
    if spec == "gsm8k":
        assert samples[0].rationale == "2+3=5"


@pytest.mark.parametrize(
    ("spec", "row"), [("sst2", {"sentence": "hidden", "label": -1}), ("agnews", {"body": "other form", "label": 0})]
)
def test_a_hub_row_of_another_form_is_no_sample(
    monkeypatch: pytest.MonkeyPatch, spec: str, row: dict[str, Any]
) -> None:
    stand_in(monkeypatch, lambda *args, **kwargs: [row])
    with pytest.raises(UserError, match=r"row 1 .*--data DIR"):
        get_task(spec).load("test", Source())


@needs_data
@pytest.mark.parametrize("spec", ["shuffled-objects", "date-understanding"])
def test_questions_about_one_passage_stay_on_one_side(spec: str) -> None:
    task, source = get_task(spec), Source(data=SHARED)
    test, train = task.load("test", source), task.load("train", source)
    told, held = {sample.cluster for sample in test} - {None}, {sample.cluster for sample in train} - {None}
    assert told and held and not told & held
    assert len(told) < len(test)
    for sample in test:
        assert sample.cluster is None or sample.question.startswith(sample.cluster)


def test_an_unknown_bbh_task_is_named() -> None:
    with pytest.raises(UserError, match="word_sorting"):
        get_task("bbh:name=word_sortin").load("test", Source(data=Path("nowhere")))
