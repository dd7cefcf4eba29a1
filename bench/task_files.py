"""Every task file of lm-evaluation-harness: how many are taken, and whether those of data alone are asked alike.

    python bench/task_files.py [--seconds 300]

Taken: the file makes a Task; of the functions that it names none is run. Asked alike: for every distinct form among the
files that name no function, rows are made up whose columns are those that its templates name, of kinds that are tried
until lm-evaluation-harness can ask them; then what both sides ask with three exemplars is compared to the character.
The gate: no file crashes, and no form is asked otherwise.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import datasets
from jinja2 import TemplateError, meta

sys.path.insert(0, str(Path(__file__).parents[1]))

from kshot.eval.tasks.lm_eval import config
from kshot.eval.tasks.lm_eval.load import task_of
from kshot.eval.tasks.lm_eval.named import NamedTask
from kshot.eval.tasks.lm_eval.reading import Keys, codes_in, package, read_keys, texts_of
from kshot.eval.tasks.lm_eval.rendering import environment
from kshot.harness.runs.plan import Loaded, Plan
from kshot.program import advance
from kshot.prompts.strategies import get_strategy
from kshot.types import Source, Task, UserError
from tests.eval.tasks.lm_eval import theirs

WORDS = ("river", "bread", "winter", "violin", "copper", "garden", "letter", "engine")
TEXTS = ("doc_to_text", "doc_to_target", "doc_to_choice", "gen_prefix")
LIKELY = {"doc_to_choice": ("list", "text"), "doc_to_target": ("index", "text", "letter"), "doc_to_text": ("text",)}
KINDS = ("text", "index", "letter", "list", "choices", "digit", "aliases")
STRATEGIES = {
    "generate_until": "few-shot:k=3,template=0",
    "multiple_choice": "choice-logprob:score=text,k=3",
    "loglikelihood": "log-likelihood:k=3",
    "loglikelihood_rolling": "log-likelihood",
}
TRIES = 14
NAMES = ("task", "task_alias", "tag", "dataset_name", "dataset_path", "metadata", "metric_list", "filter_list")


def made(keys: Keys, path: Path, *, trusted: bool) -> Task:
    """The task of a file."""
    return task_of(config.task_file(dict(keys), path.name, path.parent, trusted=trusted), NamedTask(path))


def files() -> Iterator[tuple[Path, Keys]]:
    """Every task file, with its keys."""
    for path in texts_of(package()):
        keys = read_keys(path)
        if isinstance(keys.get("task"), str):
            yield path, keys


def taken() -> tuple[Counter[str], Counter[str]]:
    """How many files are taken as data, with consent, or not; and why not."""
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    with patch.object(config, "loaded", lambda code, where: lambda *given: None):
        for path, keys in files():
            for trusted, word in ((False, "data"), (True, "consent")):
                try:
                    made(keys, path, trusted=trusted)
                    counts[word] += 1
                    break
                except UserError as error:
                    reason = str(error).partition(": ")[2]
            else:
                counts["refused"] += 1
                reasons[re.sub(r"<.*?>", "a function", reason)[:70]] += 1
    return counts, reasons


def forms() -> list[tuple[Path, Keys]]:
    """A file of every distinct form among those that name no function."""
    found: dict[str, tuple[Path, Keys]] = {}
    for path, keys in files():
        if not any(True for _ in codes_in(list(keys.values()))):
            form = {key: value for key, value in keys.items() if key not in NAMES}
            found.setdefault(json.dumps(form, sort_keys=True, default=str), (path, keys))
    return list(found.values())


def columns_of(keys: Keys) -> dict[str, str]:
    """The columns that a file's templates name, each with the key that names it first."""
    found: dict[str, str] = {}
    for key in TEXTS:
        for text in (keys.get(key), (keys.get("fewshot_config") or {}).get(key)):
            if isinstance(text, str):
                try:
                    names = meta.find_undeclared_variables(environment().parse(text))
                except TemplateError:
                    continue
                for name in sorted(names) or ([text] if text.isidentifier() else []):
                    found.setdefault(name, key)
    return found


def value(kind: str, n: int, name: str) -> Any:
    """A made-up value."""
    word, other = WORDS[n % 8], WORDS[(3 * n + 1) % 8]
    return {
        "text": f"{word} {name} {n}",
        "index": n % 2,
        "digit": str(n % 2),
        "letter": "ABCD"[n % 2],
        "list": [f"{word} {at}" for at in range(4)],
        "choices": {"text": [f"{word} {at}" for at in range(4)], "label": list("ABCD")},
        "aliases": {"aliases": [word, other], "value": word, "en": word, "text": [other]},
    }[kind]


def rows_for(keys: Keys, columns: Mapping[str, str], attempt: int, path: Path) -> Any:
    """A data set with the splits of a file, in columns of kinds that are tried."""
    drawn = random.Random(f"{path.name} {attempt}")
    kinds = {}
    for name, key in columns.items():
        likely = ("list", "choices") if re.search("choice|option", name.lower()) else LIKELY.get(key, ("text",))
        kinds[name] = likely[attempt % len(likely)] if attempt < 6 else drawn.choice(KINDS)
    names = {keys.get(f"{kind}_split") for kind in ("training", "validation", "test", "fewshot")}
    names.add((keys.get("fewshot_config") or {}).get("split"))
    whole = {}
    for at, split in enumerate(sorted(filter(None, names))):
        rows = [{"number": n, **{c: value(kinds[c], n, c) for c in kinds}} for n in range(20 * at, 20 * at + 9)]
        whole[split] = datasets.Dataset.from_list(rows)
    return datasets.DatasetDict(whole)


def compared(path: Path, keys: Keys) -> str:
    """What comes of a form: equal, other, refused by kshot, or not to be asked by either."""
    columns, said = columns_of(keys), "no rows"
    kind = keys.get("output_type", "generate_until")
    for attempt in range(TRIES):
        whole = rows_for(keys, columns, attempt, path)
        with patch("datasets.load_dataset", lambda path, name=None, whole=whole, **given: whole):
            try:
                wanted = theirs.asked(theirs.task_at(path, 3))
            except Exception:  # it cannot ask such rows: others are tried
                continue
            try:
                task = made(keys, path, trusted=False)
                samples, pool = list(task.load("test", Source())), tuple(task.load("train", Source()))
                strategy = get_strategy(STRATEGIES[kind])
                loaded = Loaded(Plan(("x",), ("x",)), (task,), (strategy,), {task.name: samples}, {task.name: pool})
                asked = [list(advance(strategy(loaded.question(task, strategy, sample)))) for sample in samples]
            except UserError as error:
                said = f"refused ({str(error).partition(': ')[2]:.60})"
                continue
        if kind == "generate_until":
            wanted = [[(one[0],) for one in requests] for requests in wanted]
        fields = {"generate_until": ("prompt",), "loglikelihood_rolling": ("continuation",)}
        named = fields.get(kind, ("prompt", "continuation"))
        found = [[tuple(getattr(one, field) for field in named) for one in requests] for requests in asked]
        return "equal" if found == wanted else f"other: {path}"
    return said


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=300, help="for what is asked; other forms are left out")
    seconds = options.parse_args().seconds
    counts, reasons = taken()
    print(f"files: {sum(counts.values()):,}", dict(counts))
    for reason, count in reasons.most_common(12):
        print(f"  {count:5,} {reason}")
    found: Counter[str] = Counter()
    others = []
    listed, end = forms(), time.monotonic() + seconds
    random.Random(0).shuffle(listed)
    for path, keys in listed:
        if time.monotonic() > end:
            break
        try:
            made(keys, path, trusted=False)
        except UserError:
            found["not taken"] += 1
            continue
        result = compared(path, keys)
        others += [result] if result.startswith("other") else []
        found[result.partition(":")[0].partition(" (")[0]] += 1
    print(f"forms of data alone: {len(listed):,}, asked {sum(found.values()):,}", dict(found))
    print(*others[:5], sep="\n")
    if others:
        sys.exit("a form is asked otherwise")


if __name__ == "__main__":
    main()
