"""A task file without lm-evaluation-harness: what is refused and in which words, what runs nothing, and groups."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kshot.eval.metrics.registry import Scorer
from kshot.eval.tasks import code_in, get_task, in_language
from kshot.eval.tasks.lm_eval import reading
from kshot.eval.tasks.lm_eval.groups import members_of
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import refuse_code
from kshot.program import Done, advance
from kshot.types import Generation, Source, UserError

MINE: dict[str, Any] = {
    "task": "mine",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "test.jsonl", "train": "train.jsonl"}},
    "test_split": "test",
    "training_split": "train",
    "doc_to_text": "Q: {{ask}}\nA:",
    "doc_to_target": "{{said}}",
}
CHOSEN = {**MINE, "output_type": "multiple_choice", "doc_to_choice": "{{options}}", "doc_to_target": "right"}
Write = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a task file with data beside it."""
    for name, start in (("test", 0), ("train", 10)):
        rows = [
            {"ask": f"{n}?", "said": f"no. {n}", "options": ["a", f"b{n}"], "right": n % 2}
            for n in range(start, start + 5)
        ]
        (tmp_path / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))

    def written(keys: Mapping[str, Any] | str, name: str = "mine.yaml") -> Path:
        path = tmp_path / name
        path.write_text(keys if isinstance(keys, str) else yaml.safe_dump(dict(keys), sort_keys=False))
        return path

    return written


def refusal(spec: str, *, load: bool = False) -> str:
    with pytest.raises(UserError) as raised:
        task = get_task(spec)
        if load:
            list(task.load("test", Source()))
    return str(raised.value)


# ---------------------------------------------------------------- what is refused

BAD: Mapping[str, tuple[dict[str, Any], str]] = {
    "an unknown key": ({**MINE, "doc_to_txt": "x"}, "unknown key `doc_to_txt`: did you mean doc_to_text"),
    "a key that is not taken": (
        {**MINE, "use_prompt": "x"},
        "does not take the key `use_prompt` (a prompt of promptsource",
    ),
    "code that is run": ({**MINE, "unsafe_code": True}, "does not take the key `unsafe_code`"),
    "images": ({**MINE, "doc_to_image": "x"}, "does not take the key `doc_to_image`"),
    "no task": ({key: MINE[key] for key in MINE if key != "task"}, "lacks the key `task`; add it"),
    "no data": ({key: MINE[key] for key in MINE if key != "dataset_path"}, "lacks the key `dataset_path`"),
    "no target": ({**MINE, "doc_to_target": None}, "`doc_to_target` is None; give a template"),
    "nothing is asked": ({**MINE, "test_split": None}, "no `test_split` and no `validation_split`"),
    "an output type": (
        {**MINE, "output_type": "multiple-choice"},
        "unknown `output_type` 'multiple-choice': did you mean",
    ),
    "no choices": ({**MINE, "output_type": "multiple_choice"}, "needs a `doc_to_choice`"),
    "a number for a text": ({**MINE, "target_delimiter": 3}, "`target_delimiter` is 3; give a text"),
    "a sampler": ({**MINE, "fewshot_config": {"sampler": "balanced"}}, "unknown `sampler` 'balanced'"),
    "a key of few-shot": ({**MINE, "fewshot_config": {"smpler": "x"}}, "unknown key `smpler` of fewshot_config"),
    "a key of generation": (
        {**MINE, "generation_kwargs": {"penalty": 1}},
        "unknown key `penalty` of generation_kwargs",
    ),
    "beams": ({**MINE, "generation_kwargs": {"num_beams": 4}}, "`num_beams` is 4; kshot follows one beam"),
    "a length": ({**MINE, "generation_kwargs": {"max_gen_toks": "9"}}, "give a whole number"),
    "a description by document": (
        {**MINE, "description": "{{ask}}"},
        "`description` differs from document to document",
    ),
    "a metric": (
        {**MINE, "metric_list": [{"metric": "ter"}]},
        "the metric ter is none that kshot has for generate_until",
    ),
    "one of several metrics": (
        {**MINE, "metric_list": [{"metric": "exact_match"}, {"metric": "ter"}]},
        "leave it out with metrics=exact_match",
    ),
    "a metric's key": (
        {**MINE, "metric_list": [{"metric": "exact_match", "k": 1}]},
        "the metric exact_match takes no key `k`: Known:",
    ),
    "an aggregation": (
        {**MINE, "metric_list": [{"metric": "exact_match", "aggregation": "median"}]},
        "`aggregation` of exact_match is 'median'; kshot takes mean",
    ),
    "a filter": ({**MINE, "filter_list": [{"name": "x", "filter": [{"function": "regx"}]}]}, "did you mean regex"),
    "a vote": (
        {**MINE, "filter_list": [{"name": "x", "filter": [{"function": "majority_vote"}]}]},
        "the filter majority_vote: kshot does not take it (a vote is self-consistency's)",
    ),
    "a filter's parameter": (
        {**MINE, "filter_list": [{"name": "x", "filter": [{"function": "regex", "pattern": "a"}]}]},
        "has no parameter 'pattern': did you mean regex_pattern",
    ),
    "a pattern": (
        {**MINE, "filter_list": [{"name": "x", "filter": [{"function": "regex", "regex_pattern": "("}]}]},
        "the filter regex cannot be made",
    ),
    "a place that is no number": (
        {**MINE, "filter_list": [{"name": "x", "filter": [{"function": "regex", "group_select": "1"}]}]},
        "the filter regex cannot be made (group_select is a whole number",
    ),
    "a fallback that is no text": (
        {**MINE, "filter_list": [{"name": "x", "filter": [{"function": "multi_choice_regex", "fallback": 5}]}]},
        "the filter multi_choice_regex cannot be made (group_select is a whole number and fallback a text",
    ),
    "take_first too early": (
        {**MINE, "filter_list": [{"name": "x", "filter": [{"function": "take_first"}, {"function": "regex"}]}]},
        "take_first stands before other filters",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_not_taken_is_refused_by_name(name: str, write: Write) -> None:
    keys, said = BAD[name]
    path = write(keys)
    found = refusal(str(path))
    assert found.startswith(str(path)) and said in found


BAD_DATA: Mapping[str, tuple[dict[str, Any], str]] = {
    "a column": ({**MINE, "doc_to_text": "{{aks}}"}, "document 0: its template '{{aks}}' fails (UndefinedError: 'aks'"),
    "no Jinja": ({**MINE, "doc_to_text": "{{ask"}, "is no Jinja that is read here"),
    "another file": ({**MINE, "doc_to_text": "{% include 'x' %}"}, "asks for another file"),
    "Python": ({**MINE, "doc_to_text": "{{ask.__class__.mro()}}"}, "fails (SecurityError"),
    "too much": ({**MINE, "doc_to_text": "{{ask * 100000000}}"}, "makes more than 10,000,000 characters"),
    "no text": ({**MINE, "doc_to_text": "right"}, "doc_to_text gives 0 and no text"),
    "no list": ({**CHOSEN, "doc_to_choice": "{{ask}}"}, "is no list as Python writes it"),
    "a description that is a column": ({**MINE, "description": "ask"}, "`description` is a column"),
    "references that are parted": (
        {**MINE, "doc_to_target": "a | {{said}}", "metric_list": [{"metric": "bleu"}]},
        "document 0: the target 'a | no. 0' is one of several, or has a '|' in it",
    ),
    "no text to score": ({**MINE, "output_type": "loglikelihood", "doc_to_target": " "}, "and no text to score"),
    "no choice": ({**CHOSEN, "doc_to_target": 7}, "gives 7, which is none of its 2 choices"),
    "another choice": ({**CHOSEN, "doc_to_target": "{{said}}"}, "gives 'no. 0', which is none of its 2 choices"),
    "an index that is none": ({**CHOSEN, "doc_to_target": "007"}, "'007' stands where a choice's index does"),
    "a sign that is no digit": ({**CHOSEN, "doc_to_target": "²"}, "'²' stands where a choice's index does"),
    "a split": ({**MINE, "test_split": "tset"}, "the data set has no split 'tset': did you mean test"),
    "a file": (
        {**MINE, "dataset_kwargs": {"data_files": {"test": "nowhere.jsonl"}}},
        "the data set json cannot be had",
    ),
    "pickled data": ({**MINE, "dataset_path": "pandas"}, "`dataset_path: pandas` is a reader that kshot does not take"),
    "no file": ({**MINE, "dataset_kwargs": {}}, "needs `data_files` in `dataset_kwargs`"),
}


@pytest.mark.parametrize("name", BAD_DATA)
def test_a_document_that_cannot_be_asked_is_named(name: str, write: Write) -> None:
    keys, said = BAD_DATA[name]
    path = write(keys)
    found = refusal(str(path), load=True)
    assert found.startswith(str(path)) and said in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task: [", "line 2: it is no YAML that is read as data"),
        ("task: mine\n  x: 1", "line 2: it is no YAML"),
        ("- task", "a task file holds keys"),
        ("task: !!python/object/apply:os.system ['true']", "could not determine a constructor"),
        ("task: !other x", "could not determine a constructor"),
        ("include: nowhere.yaml", "`include` names nowhere.yaml, and"),
        ("include: mine.yaml", "`include` comes back to a file that includes it"),
        ("include: 3", "`include` is 3; give the name of a file"),
        ("task: x\nmetadata: &a [*a]", "its aliases (&name, *name) make more than 1,000,000 values of it"),
        (
            "metadata:\n- &a [x,x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"- &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)),
            "its aliases (&name, *name) make more than 1,000,000 values of it",
        ),
    ],
)
def test_what_is_no_task_file_is_named_with_its_line(text: str, said: str, write: Write) -> None:
    path = write(text)
    found = refusal(str(path))
    assert str(path) in found and said in found


def test_a_specification_says_what_it_may(write: Write) -> None:
    path = write({**MINE, "filter_list": [{"name": "one", "filter": [{"function": "take_first"}]}]})
    assert "has no parameter 'filters': did you mean filter" in refusal(f"{path}:filters=one")
    assert "has no filter 'two': Known: one" in refusal(f"{path}:filter=two")
    assert "has no metric 'acc': Known: exact_match" in refusal(f"{path}:metrics=acc")
    assert "names no task of lm-evaluation-harness" in refusal("lm-eval:filter=one")
    with pytest.raises(UserError, match="a task file says all of its words"):
        in_language(str(path), "zh")
    assert get_task(f"{path}:filter=one").name == "mine:filter=one"


def test_metrics_are_named_in_their_order(write: Write) -> None:
    path = write({**MINE, "metric_list": [{"metric": name} for name in ("exact_match", "chrf", "chrf++")]})
    score = get_task(f"{path}:metrics=chrf+++exact_match").score
    assert isinstance(score, Scorer) and [one.name for one in score.metrics] == ["chrf:words=2", "exact_match"]


def test_the_package_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "find_spec", lambda name: None)
    assert "not installed: pip install 'kshot[lm-eval]'" in refusal("lm-eval:arc_easy")


# ---------------------------------------------------------------- code

CODE = (
    "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\ndef text(doc):\n    return doc['ask'] * 2\n"
)


def test_a_function_is_run_only_where_that_is_said(write: Write, tmp_path: Path) -> None:
    text = yaml.safe_dump({key: value for key, value in MINE.items() if key != "doc_to_text"})
    path, code = write(f"{text}doc_to_text: !function own.text\n"), tmp_path / "own.py"
    code.write_text(CODE)
    assert refusal(str(path)) == (
        f"{path}: `doc_to_text` names the function own.text, which would be run: add trust_code=true where you trust "
        f"{code}."
    )
    assert not (tmp_path / "own.ran").exists() and not code_in(str(path))
    spec = f"{path}:trust_code=true"
    assert code_in(spec) == (str(code),)
    with pytest.raises(UserError, match="add --trust-code where you trust that file"):
        refuse_code(Plan((spec,), ("zero-shot",)), tmp_path)
    assert not (tmp_path / "own.ran").exists()
    assert get_task(spec).load("test", Source())[0].question == "0?0?"
    assert (tmp_path / "own.ran").exists()


def test_a_function_that_is_not_there_or_fails_is_named(write: Write, tmp_path: Path) -> None:
    text = yaml.safe_dump({key: value for key, value in MINE.items() if key != "doc_to_text"})
    path = write(f"{text}doc_to_text: !function own.text\n")
    (tmp_path / "own.py").write_text("def text(doc):\n    return doc['nothing']\n")
    assert "document 0: its function failed (KeyError: 'nothing')" in refusal(f"{path}:trust_code=true", load=True)
    (tmp_path / "own.py").write_text("def other(doc): pass\n")
    assert "has no 'text'" in refusal(f"{path}:trust_code=true")
    (tmp_path / "own.py").unlink()
    assert "own.py is not there, and No module named 'own'" in refusal(f"{path}:trust_code=true")


# ---------------------------------------------------------------- what is read


def test_includes_stand_behind_a_file_of_its_own_keys(write: Write) -> None:
    write({"doc_to_text": "far", "description": "D\n", "target_delimiter": "far"}, "far.yaml")
    write({"include": "far.yaml", "target_delimiter": "near"}, "near.yaml")
    path = write({**MINE, "include": ["near.yaml"], "doc_to_text": "own {{ask}}"})
    task = get_task(str(path))
    assert (task.templates[0].start, task.templates[0].gap) == ("D\n", "near")
    assert task.load("test", Source())[0].question == "own 0?"


def test_local_rows_take_the_place_of_the_hub(write: Write, tmp_path: Path) -> None:
    path = write({**MINE, "dataset_path": "someone/some_set", "dataset_kwargs": {}})
    for folder in ("mine", "some_set"):
        (tmp_path / "data" / folder).mkdir(parents=True)
        (tmp_path / "data" / folder / "test.jsonl").write_text(json.dumps({"ask": folder, "said": "x"}))
    task, source = get_task(str(path)), Source(data=tmp_path / "data")
    assert [sample.question for sample in task.load("test", source)] == ["Q: mine\nA:"]
    with pytest.raises(UserError, match=r"train\.jsonl does not exist; --data takes a folder that holds mine/train"):
        task.load("train", source)


def test_an_exemplar_without_a_target_is_named(write: Write) -> None:
    target = "{{said if ask[:2] != '12' else ''}}"
    path = write({**MINE, "doc_to_target": target, "fewshot_config": {"sampler": "first_n"}})
    loaded = load_plan(Plan((str(path),), ("few-shot:k=2,template=0",)))
    loaded.check()
    with pytest.raises(UserError, match="document 2 of the exemplars: its target is empty"):
        load_plan(Plan((str(path),), ("few-shot:k=3,template=0",))).check()


def test_an_answer_that_no_filter_finds_is_none(write: Write) -> None:
    steps = [{"function": "regex", "regex_pattern": r"no\. \d"}, {"function": "take_first"}]
    path = write({**MINE, "filter_list": [{"name": "number", "filter": steps}]})
    loaded = load_plan(Plan((str(path),), ("zero-shot:template=0",)))
    [task], [strategy] = loaded.tasks, loaded.strategies
    sample = loaded.samples["mine"][1]
    for text, end, answer, value in (
        ("It is no. 1!", "stop", "no. 1", 1.0),
        ("It is no. 1!", "length", "no. 1", 1.0),
        ("It is no. 2!", "stop", "no. 2", 0.0),
        ("It is [invalid].", "stop", None, 0.0),
    ):
        program = strategy(loaded.question(task, strategy, sample))
        advance(program)
        step = advance(program, [Generation(text, end)])  # type: ignore[arg-type]
        assert isinstance(step, Done) and step.result.answer == answer
        assert task.score(answer, sample).values == {"exact_match": value}
        assert step.result.rule == "number"


# ---------------------------------------------------------------- groups


def test_a_group_is_its_tasks(write: Write, tmp_path: Path) -> None:
    one, two, three = (write({**MINE, "task": name}, f"{name}.yaml") for name in ("one", "two", "three"))
    write({"group": "inner", "task": ["two", {"task": "three", "task_alias": "drei"}]}, "inner.yaml")
    means = [{"metric": "exact_match", "aggregation": "mean", "weight_by_size": False}]
    path = write({"group": "all", "task": ["one", "inner", "one"], "aggregate_metric_list": means}, "all.yaml")
    assert members_of(str(path)) == (str(one), str(two), str(three))
    assert members_of(f"{path}:metrics=exact_match")[0] == f"{one}:metrics=exact_match"
    assert members_of(str(one)) == () and members_of("word-pairs") == ()
    inline = {"group": "all", "task": [{"group": "part", "task": ["one", "two"]}, "three"]}
    assert members_of(str(write(inline, "inline.yaml"))) == (str(one), str(two), str(three))
    assert "is a group of tasks, and one task is wanted here" in refusal(str(path))
    loaded = load_plan(Plan((str(path),), ("zero-shot:template=0",)))
    assert loaded.plan.groups == {str(path): ("one", "two", "three")}
    assert [task.name for task in loaded.tasks] == ["one", "two", "three"]


def test_what_a_group_s_tasks_would_run_is_named(write: Write, tmp_path: Path) -> None:
    text = yaml.safe_dump({key: value for key, value in MINE.items() if key != "doc_to_text"})
    write(f"{text}doc_to_text: !function own.text\n", "mine.yaml")
    path = write({"group": "all", "task": ["mine"]}, "all.yaml")
    (tmp_path / "own.py").write_text(CODE)
    assert code_in(f"{path}:trust_code=true") == (str(tmp_path / "own.py"),) and code_in(str(path)) == ()
    with pytest.raises(UserError, match=r"names the function own\.text, which would be run"):
        load_plan(Plan((str(path),), ("zero-shot:template=0",)))
    assert not (tmp_path / "own.ran").exists()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"task": ["one"], "num_fewshot": 5}, "`num_fewshot` of a group changes all of its tasks"),
        ({"task": [{"task": "one", "num_fewshot": 5}]}, "`num_fewshot` of one changes a task for this group alone"),
        ({"task": [3]}, "an entry of `task` is 3"),
        ({}, "a group has a list `task` of names"),
        ({"task": ["all"]}, "the group all holds itself"),
        (
            {"task": ["one"], "aggregate_metric_list": [{"metric": "acc", "aggregation": "median"}]},
            "`aggregation` of a group is 'median'; kshot takes mean",
        ),
        ({"task": ["one"], "aggregate_metric_list": [{"metrics": "acc"}]}, "unknown key `metrics`"),
    ],
)
def test_a_group_that_changes_its_tasks_is_refused(keys: dict[str, Any], said: str, write: Write) -> None:
    write({**MINE, "task": "one"}, "one.yaml")
    with pytest.raises(UserError) as raised:
        members_of(str(write({"group": "all", **keys}, "all.yaml")))
    assert said in str(raised.value) and "all.yaml" in str(raised.value)
