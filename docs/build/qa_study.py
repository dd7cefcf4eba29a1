"""Asks tasks of decaNLP's kinds in their own form and as a question, trains a mixture in both, and writes docs/qa.md.

    python docs/build/qa_study.py --data DIR [--runs runs/qa] [--limit 128] [--threads 1] [--only forms|mixture]
        [--seeds 3] [--only-report]

DIR holds `sst2`, `rte`, `cb`, `agnews`, `trec` and `instruction_induction` as SET/SPLIT.jsonl, and, where they are to
be had, decaNLP's `winograd/schema.txt` and `woz/woz_train_en.json`, `woz/woz_test_en.json`; a task whose files are not
there is left out and named. The comparison of forms takes about half an hour on a core or two, the mixture half an hour
a seed. The same command goes on where it was stopped. The last line is one JSON object: blocks of the page by part.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from kshot.adapters.study.read import read_study
from kshot.eval.report.markdown import table
from kshot.eval.report.model import Table, columns
from kshot.eval.report.numbers import mean_in_brackets, percent, points
from kshot.eval.report.prompting.asked import (
    AskedPair,
    asked_figure,
    asked_sentence,
    asked_table,
    asked_task,
    means_of,
    pairs_of,
)
from kshot.eval.report.prompting.measures import Measure, measure
from kshot.eval.report.prompting.run_data import RunData
from kshot.eval.report.style import png
from kshot.eval.tasks import get_task
from kshot.harness.engines.registry import find_engine
from kshot.harness.runs.console import run_plan
from kshot.harness.runs.plan import Plan
from kshot.harness.runs.read import read_run
from kshot.prompts.strategies import get_strategy
from kshot.spec import write_spec
from kshot.types import Source, UserError

PAGE = Path(__file__).parent.parent / "qa.md"
MARK = "<!-- measured below: docs/build/qa_study.py writes it -->"
REAL, GENERATED, STAND_IN, BESIDE = "decaNLP's own", "generated", "a stand-in", "beside them"


@dataclass(frozen=True)
class Asked:
    """A task of the study: for which of decaNLP's ten it stands, and how."""

    spec: str
    of: str
    how: str
    note: str


TASKS = (
    Asked("sst2", "SST", REAL, "film reviews, positive or negative"),
    Asked("rte", "MNLI", STAND_IN, "RTE: entailment or not, two labels in place of three"),
    Asked("woz", "WOZ", REAL, "the change of a dialogue's state"),
    Asked("winograd", "MWSC", REAL, "Winograd schemas; both sentences of one are a cluster"),
    Asked("scan", "WikiSQL", STAND_IN, "SCAN: commands to actions, no SQL"),
    Asked("passages", "SQuAD", GENERATED, "made-up passages of 4 to 8 sentences"),
    Asked(
        "passages:unanswerable=0.25,held_out=True", "QA-ZRE", GENERATED, "the same, a quarter unanswerable, verbs new"
    ),
    Asked("passages:kind=roles", "QA-SRL", GENERATED, "the same, asked of a verb alone"),
    Asked("induction:name=translation_en-de", "IWSLT", STAND_IN, "single words into German, no sentence"),
    Asked("induction:name=active_to_passive", "CNN/DM", STAND_IN, "a sentence into the passive, no summary"),
    Asked("induction:name=negation", "CNN/DM", STAND_IN, "a sentence negated, no summary"),
    Asked("agnews", "", BESIDE, "news by topic"),
    Asked("trec", "", BESIDE, "questions by what they ask for"),
)
STRATEGIES = tuple(get_strategy(spec).name for spec in ("zero-shot", "few-shot:k=8", "choice-logprob"))
TOLD = "instruction"  # a task in its own form with a sentence that says it, as a question says it
MIXED = (
    *("agnews", "trec", "cb", "coin-flip", "word-pairs:relation=past", "passages", "induction:name=negation"),
    *("induction:name=active_to_passive", "induction:name=translation_en-de"),
)
HELD_OUT = ("sst2", "rte", "passages:kind=roles", "winograd")
UNTRAINED, TRAINED = "untrained", "trained on the mixture"
FORMS = {"own": TOLD, "question": "zero-shot"}  # a form of the mixture, and the strategy that asks in it


def as_question(spec: str) -> str:
    """The task that asks this one."""
    return get_task(write_spec("qa", {"task": spec})).name


def there(specs: Sequence[str], data: Path) -> list[str]:
    """Those whose samples are to be had."""
    found = []
    for spec in specs:
        try:
            get_task(spec).load("test", Source(data, limit=1))
            found.append(spec)
        except UserError as error:
            print(f"left out: {spec} ({error})", file=sys.stderr)
    return found


def ask_in_both(options: argparse.Namespace) -> None:
    """The comparison of forms, or the rest of it."""
    tasks = there([task.spec for task in TASKS], options.data)
    labelled = [spec for spec in tasks if get_task(spec).labels]
    pairs = [name for spec in tasks for name in (spec, as_question(spec))]
    only = {
        "choice-logprob": tuple(name for spec in labelled for name in (spec, as_question(spec))),
        TOLD: tuple(tasks),
    }
    plan = Plan(tuple(pairs), (*STRATEGIES, TOLD), options.data, options.limit, only=only)
    engine = write_spec("transformers", {"model": options.model, "template": "plain"})
    run_plan(plan, find_engine(engine), options.runs / "forms")


def train_in_both(options: argparse.Namespace) -> None:
    """A mixture in either form, evaluated on tasks held out in the same form, or the rest of it."""
    mixed, held = there(MIXED, options.data), there(HELD_OUT, options.data)
    for form, strategy in FORMS.items():
        names = [[as_question(spec) if form == "question" else spec for spec in specs] for specs in (mixed, held)]
        command = [sys.executable, "-m", "kshot", "tune", "--mixture", "--method", "lora", "--template", "plain"]
        command += ["--model", options.model, "--data", str(options.data), "--runs", str(options.runs)]
        command += ["--run", f"mixture-{form}", "--samples", str(options.samples), "--seeds", str(options.seeds)]
        command += ["--epochs", "3", "--limit", str(options.held), "--strategy", strategy, "--compare", strategy]
        command += [word for name in names[0] for word in ("--task", name)]
        command += [word for name in names[1] for word in ("--held-out", name)]
        subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(options.threads)}, check=True)


# ---------------------------------------------------------------- the page


def in_both(run: RunData) -> RunData:
    """The run with its questions beside the tasks' own form with an instruction, too: a question tells the task."""
    told = [
        replace(record, strategy=TOLD)
        for record in run.records
        if record.strategy == "zero-shot" and asked_task(record.task)
    ]
    return replace(run, records=[*run.records, *told], strategies=[STRATEGIES[0], TOLD, *STRATEGIES[1:]])


def merged(folder: Path) -> RunData:
    """Both mixtures as one run: what was asked before training and after it, in either form."""
    records, samples = [], {}
    with ExitStack() as closing:
        for form, strategy in FORMS.items():
            results = read_study(folder / f"mixture-{form}")
            closing.callback(results.close)
            for record in results.run.records:
                name = UNTRAINED if record.strategy == strategy else TRAINED
                records.append(replace(record, strategy=name))
            samples.update(results.run.samples)
            last = results.run
    return replace(last, records=records, samples=samples, strategies=[UNTRAINED, TRAINED], params={})


def constants(found: Sequence[AskedPair]) -> Table:
    """What each task is scored by, on how many samples, and what always the same answer would have."""
    listed: dict[str, Measure] = {one.task: one.native for one in found}
    told = {task.spec: task for task in TASKS}
    rows = []
    for name, m in listed.items():
        task = told.get(name)
        best = f"{percent(m.constant.value)} {m.constant.answer!r:.30}" if m.constant else "–"
        rows.append([name, task.of if task else "", task.how if task else "", task.note if task else "",
                     m.scale.metric, f"{m.n:,}", best])  # fmt: skip
    heads = columns("task", "in place of", "how", "what it is", "scored by", "samples#", "best constant answer")
    return Table("Tasks", heads, rows, "")


def section(title: str, found: Sequence[AskedPair], name: str, pictures: Path) -> Iterator[str]:
    """Sentence, figure and table of both forms."""
    means = means_of(found)
    figure = asked_figure(found, means)
    pictures.mkdir(parents=True, exist_ok=True)
    (pictures / f"qa-{name}.png").write_bytes(png(figure, dpi=110))
    yield f"## {title}"
    yield asked_sentence(found)
    yield f"![{title}](figures/qa-{name}.png)\n\n*{figure.caption}*"
    yield table(asked_table(found, means))


def forms_part(options: argparse.Namespace) -> Iterator[str]:
    """The comparison of forms."""
    run, journal = read_run(options.runs / "forms")
    with journal:
        seconds, count = sum(record.seconds for record in run.records), len(run.records)
        order = [task.spec for task in TASKS]
        found = sorted(pairs_of(measure(in_both(run)), run), key=lambda one: order.index(one.native.task))
        left_out = [task for task in TASKS if task.spec not in {one.native.task for one in found}]
        yield "## The tasks"
        yield table(constants(found))
        if left_out:
            names = ", ".join(f"{task.spec} ({task.of})" for task in left_out)
            yield f"Not asked, as their files were not at hand: {names}."
        yield (
            f"{count:,} attempts of {options.model} as plain text, at most {options.limit} samples a task; the engine "
            f"worked {seconds / 60:.0f} minutes on them, {options.threads} thread{'s' * (options.threads > 1)}."
        )
        yield from section("In its own form and as a question", found, "forms", options.out / "figures")


def mixture_part(options: argparse.Namespace) -> Iterator[str]:
    """The mixtures, what training gained in either form, and what each seed came to."""
    run = merged(options.runs)
    found = pairs_of(measure(run), run)
    yield from section("Trained on a mixture in either form", found, "mixture", options.out / "figures")
    before, after = ({mean.strategy: mean for mean in means_of(found)}.get(name) for name in (UNTRAINED, TRAINED))
    if before and after:
        own, asked = (points(after.scores[at] - before.scores[at]) for at in (0, 1))
        yield (
            f"Over the {after.tasks} tasks held out training gained {own} points in the tasks' own form and {asked} as "
            f"questions, to {percent(after.scores[0])} and {percent(after.scores[1])}."
        )
    rows, differences = [], []
    for seed in sorted({record.repeat for record in run.records if record.strategy == TRAINED}):
        one = replace(run, records=[r for r in run.records if r.strategy == TRAINED and r.repeat == seed])
        for mean in means_of(pairs_of(measure(one), one)):
            rows.append([str(seed), *map(percent, mean.scores), points(mean.difference)])
            differences.append(mean.difference)
    if len(rows) > 1:
        heads = columns("seed#", "trained in its own form#", "trained as questions#", "difference#")
        caption = (
            "Means over the tasks held out, by training seed. Over seeds the difference is "
            f"{mean_in_brackets(differences, scale=100, signed=True)} points, with its 95% interval by Student's t: "
            "another training may come out elsewhere, which the intervals above, for these very trainings, do not say."
        )
        yield table(Table("Seeds", heads, rows, caption))


def main() -> None:
    """Runs what is left, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--limit", type=int, default=128, help="Samples a task.")
    parser.add_argument("--held", type=int, default=100, help="Samples of a task held out of the mixture.")
    parser.add_argument("--samples", type=int, default=32, help="Training samples a task of the mixture.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/qa"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=("forms", "mixture"))
    parser.add_argument("--only-report", action="store_true")
    parser.add_argument("--out", type=Path, default=PAGE.parent)
    options = parser.parse_args()
    options.data = options.data.resolve()
    parts = {"forms": (ask_in_both, forms_part), "mixture": (train_in_both, mixture_part)}
    wanted = [options.only] if options.only else list(parts)
    said, there_is = [], {}
    try:
        if not options.only_report:
            for name in wanted:
                parts[name][0](options)
        for name, (_, write) in parts.items():
            if any(path.is_dir() for path in options.runs.glob(f"{name}*")):
                lines = list(write(options))
                said += lines
                there_is[name] = len(lines)
    except UserError as error:
        raise SystemExit(f"qa_study.py: {error}") from error
    page = options.out / PAGE.name
    before = PAGE.read_text(encoding="utf-8").partition(MARK)[0] if PAGE.is_file() else ""
    page.write_text(before + MARK + "\n\n" + "\n\n".join(said) + "\n", encoding="utf-8")
    print(json.dumps(there_is))


if __name__ == "__main__":
    main()
