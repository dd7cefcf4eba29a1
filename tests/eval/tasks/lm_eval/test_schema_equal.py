"""What the schema of lm-evaluation-harness' task files can say, key by key, on both sides: prompts are equal."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from kshot.harness.runs.plan import Plan, load_plan
from kshot.program import advance
from tests.eval.tasks.lm_eval.cases import Rows, each

pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed: pip install 'kshot[lm-eval]'")
from tests.eval.tasks.lm_eval import theirs


def row(n: int, a: str, b: str) -> dict[str, Any]:
    return {
        "ask": f"Who is {a} {n}?",
        "said": f"{b} | {n}",
        "options": [a, f"{b} {n}", " blank"],
        "right": n % 3,
        "lead": f"Number {n}:" if n % 3 else "",
        "nested": {"list": [a, {"deep": b}], "none": None},
        "several": [b, a],
    }


ROWS: dict[str, Rows] = {
    "train": each(9, row),
    "test": [*each(5, row, 20), *each(5, row, 20), *each(3, row, 40)],  # the first five stand there twice
    "valid": each(7, row, 60),
    "often": [row(0, "oak", "elm"), row(1, "ash", "fir"), *[row(2, "yew", "fig")] * 4, row(3, "box", "bay")],
}
WRITTEN: dict[str, Any] = {
    "task": "mine",
    "dataset_path": "json",
    "test_split": "test",
    "fewshot_split": "train",
    "output_type": "generate_until",
    "doc_to_text": "Q: {{ask}}\nA:",
    "doc_to_target": "{{said}}",
}
CHOSEN = {
    **WRITTEN,
    "output_type": "multiple_choice",
    "doc_to_choice": "options",
    "doc_to_target": "right",
    "metric_list": [{"metric": "acc"}],
}
FILES: Mapping[str, dict[str, Any]] = {
    "plain": WRITTEN,
    "shown and asked are one split": {**WRITTEN, "fewshot_split": "test"},
    "one split with a row several times": {**WRITTEN, "test_split": "often", "fewshot_split": "often"},
    "one split, first_n": {**WRITTEN, "fewshot_split": "test", "fewshot_config": {"sampler": "first_n"}},
    "no split is named, which leaves the document out": {**WRITTEN, "test_split": None, "fewshot_split": None}
    | {"validation_split": "valid", "training_split": "train"},
    "the training split, then the document is drawn": {**WRITTEN, "fewshot_split": None, "training_split": "train"},
    "the validation split": {**WRITTEN, "fewshot_split": None, "validation_split": "valid"},
    "the test split alone": {**WRITTEN, "fewshot_split": None},
    "first_n": {**WRITTEN, "fewshot_config": {"sampler": "first_n"}},
    "the split of fewshot_config": {**WRITTEN, "fewshot_config": {"split": "valid"}},
    "rows in the file": {
        **{**WRITTEN, "fewshot_split": None, "doc_to_target": "{{said if said is defined else reply}}"},
        "fewshot_config": {"samples": [{"ask": f"{n}?", "reply": f"r{n}"} for n in range(6)]},
    },
    "exemplars in words of their own": {
        **WRITTEN,
        "fewshot_config": {"doc_to_text": "{{ask|upper}} =", "doc_to_target": "{{options[right]}}"},
    },
    "delimiters": {**WRITTEN, "target_delimiter": "\n", "fewshot_delimiter": "\n###\n"},
    "delimiters of exemplars": {
        **WRITTEN,
        "fewshot_config": {"target_delimiter": " => ", "fewshot_delimiter": "\n-\n"},
    },
    "no delimiter": {**WRITTEN, "target_delimiter": "", "doc_to_text": "{{ask}}  "},
    "a description": {**WRITTEN, "description": "Answer these, {{ '{{' }} briefly.\n"},
    "a column": {**WRITTEN, "doc_to_text": "ask", "doc_to_target": "said"},
    "several targets": {**WRITTEN, "doc_to_target": "several"},
    "several targets in a text": {**WRITTEN, "doc_to_target": "{{several}}"},
    "a list for all": {**WRITTEN, "doc_to_target": ["one", "two"]},
    "text like a list": {**WRITTEN, "doc_to_target": "[{{said}} not a list]"},
    "a prefix": {**WRITTEN, "gen_prefix": "It is"},
    "a prefix with a blank": {**WRITTEN, "gen_prefix": "It is ", "target_delimiter": "\n"},
    "a prefix by document": {**WRITTEN, "gen_prefix": "lead"},
    "a prefix in Jinja": {**WRITTEN, "gen_prefix": "{{lead}}", "doc_to_text": "{{ask}} "},
    "Jinja": {
        **WRITTEN,
        "doc_to_text": "{% set x = ask|replace('Who', 'What') %}{% for one in options %}{{loop.index}}. {{one}}\n"
        "{% endfor %}{{x|regex_replace('[0-9]+', '#')}} {{nested.list[1].deep|title}} {{nested.none}}"
        "{% if right > 0 %}!{% endif %}{{ several|join(', ') }}{{ ask[:3] ~ right }}\n\n",
    },
    "a newline at the end": {**WRITTEN, "doc_to_text": "{{ask}}\n"},
    "until": {**WRITTEN, "generation_kwargs": {"until": ["\n", "Q:", ""], "max_gen_toks": 7}},
    "one until": {**WRITTEN, "generation_kwargs": {"until": "\n\n", "max_new_tokens": 9}},
    "no until": {**WRITTEN, "generation_kwargs": {"temperature": 0}, "fewshot_delimiter": "\n"},
    "choices in a column": CHOSEN,
    "choices in Jinja": {**CHOSEN, "doc_to_choice": "{{[options[2], options[0]]}}", "doc_to_target": "{{right % 2}}"},
    "choices by key": {**CHOSEN, "doc_to_choice": {"x": "no", "y": "yes", "z": "may be"}},
    "choices in the file": {**CHOSEN, "doc_to_choice": ["no", " yes", "may | be"]},
    "choices alike": {**CHOSEN, "doc_to_choice": ["no", "No", "yes"]},
    "a target that is a choice's text": {**CHOSEN, "doc_to_target": "{{options[right]}}"},
    "the same choice for all": {**CHOSEN, "doc_to_target": 1},
    "choices, delimiters": {**CHOSEN, "target_delimiter": "\n", "doc_to_text": "{{ask}} "},
    "choices, a prefix": {**CHOSEN, "gen_prefix": "Therefore"},
    "choices, a prefix by document": {**CHOSEN, "gen_prefix": "{{lead}}", "target_delimiter": ""},
    "choices, exemplars' own": {
        **CHOSEN,
        "fewshot_config": {"doc_to_choice": ["x", "y", "z"], "target_delimiter": ": ", "sampler": "first_n"},
    },
    "choices of a written reply": {**WRITTEN, "doc_to_choice": "options", "doc_to_target": "right"},
}


def written_file(folder: Path, keys: Mapping[str, Any]) -> Path:
    """A task file with its data beside it."""
    files = {}
    for split, rows in ROWS.items():
        files[split] = str(folder / f"{split}.jsonl")
        Path(files[split]).write_text("".join(f"{json.dumps(one)}\n" for one in rows))
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({"dataset_kwargs": {"data_files": files}, **keys}, sort_keys=False))
    return path


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """No data of a test stays in the user's cache."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        yield


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("k", [0, 2, 3])
def test_what_a_file_says_is_asked(name: str, k: int, tmp_path: Path) -> None:
    path = written_file(tmp_path, FILES[name])
    scored = FILES[name]["output_type"] == "multiple_choice"
    wanted = theirs.asked(theirs.task_at(path, k))
    loaded = load_plan(
        Plan((str(path),), (f"choice-logprob:score=text,k={k}" if scored else f"few-shot:k={k},template=0",))
    )
    [task], [strategy] = loaded.tasks, loaded.strategies
    found = [list(advance(strategy(loaded.question(task, strategy, one)))) for one in loaded.samples[task.name]]
    if scored:
        assert [[(r.prompt, r.continuation) for r in requests] for requests in found] == wanted
    else:
        assert [(r.prompt, r.params.stop, r.params.max_new_tokens) for [r] in found] == [
            (prompt, tuple(filter(None, until(given))), given.get("max_gen_toks", given.get("max_new_tokens", 256)))
            for [(prompt, given)] in wanted
        ]


def until(given: Mapping[str, Any]) -> list[str]:
    return [given["until"]] if isinstance(given["until"], str) else list(given["until"])
