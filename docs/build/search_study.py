"""Runs all searches for prompts on four tasks, trains soft prompts and LoRA on as many samples, and writes the page.

    python docs/build/search_study.py --data DIR [--runs runs/search-study] [--budget 2048] [--hours H]
        [--tasks sst2,trec,rte,word-pairs:relation=past] [--methods ...] [--seeds 3] [--limit 256] [--only-report]

DIR holds `sst2`, `trec` and `rte` as SET/SPLIT.jsonl. The same command goes on where it was stopped, by --hours or by a
kill: tasks are searched one after another, each tested when all of its searches have ended, then trained on. The page,
docs/prompt-search-study.md, is made of what is there, and names what is not. The last line is one JSON object: searches
and trainings that are there, and what was not run.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import fmean

from kshot.adapters.study.read import read_study
from kshot.eval.report.markdown import table
from kshot.eval.report.model import Block, Figure, Report, Table, columns
from kshot.eval.report.numbers import number, percent, points
from kshot.eval.report.searching.build import build
from kshot.eval.report.searching.tested import Tested, gathered, mean_of
from kshot.eval.report.style import png
from kshot.eval.tasks import get_task
from kshot.harness.runs.read import read_run
from kshot.harness.runs.search.found import FOUND, FoundFile, read_found
from kshot.types import Source, UserError

PAGE = Path(__file__).parent.parent / "prompt-search-study.md"
TASKS = "sst2,trec,rte,word-pairs:relation=past"
METHODS = "ape,opro,edits,demos,reinforce,hotflip,paraphrase"
TRAINED = ("prompt-tuning", "lora")
LEARN = 128  # samples that searches learn from, and trainings train on; fewer where the task has fewer
SHOWN = ("Chosen", "Is it better", "On the way", "Every prompt", "After", "Cost")


class OutOfTimeError(Exception):
    """The hours are over."""


def command(words: list[str], until: float | None) -> None:
    """A kshot command, stopped as by Ctrl-C when the hours are over. Raises OutOfTimeError, or SystemExit."""
    if until is not None and time.monotonic() >= until:
        raise OutOfTimeError
    process = subprocess.Popen([sys.executable, "-m", "kshot", *words])
    try:
        code = process.wait(None if until is None else until - time.monotonic())
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise OutOfTimeError from None
    if code:
        raise SystemExit(f"kshot {' '.join(words)} failed with exit code {code}")


def search_words(options: argparse.Namespace, task: str) -> list[str]:
    """The command that searches a task and tests what was found."""
    methods = [word for method in options.methods.split(",") for word in ("--method", method)]
    numbers = {"budget": options.budget, "seeds": options.seeds, "limit": options.limit, "top": options.top}
    numbers |= {"validation": options.validation, "train": options.learn}
    sizes = [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
    data = ["--data", str(options.data)] if options.data else []
    where = ["--runs", str(options.runs), "--run", "found", "--model", options.model, "--template", "plain"]
    return ["search", "--task", task, *methods, *sizes, *data, *where]


def tune_words(options: argparse.Namespace, task: str) -> list[str]:
    """The command that trains on as many samples as a search learns from, and tests on the same ones."""
    labels = len(get_task(task).labels)
    there = 4 * len(get_task(task).load("train", Source(options.data, 0))) // 5  # beside those for its own validation
    samples = max(1, min(options.learn, there) // max(labels, 1))
    methods = [word for method in TRAINED for word in ("--method", method)]
    data = ["--data", str(options.data)] if options.data else []
    strategy = "choice-logprob" if labels else "zero-shot"
    sizes = ["--samples", str(samples), "--seeds", str(options.seeds), "--limit", str(options.limit)]
    how = ["--strategy", strategy, "--compare", "none", "--epochs", str(options.epochs), "--batch-size", "4"]
    where = ["--runs", str(options.runs), "--run", tuned(task), "--model", options.model, "--template", "plain"]
    return ["tune", "--task", task, *methods, *sizes, *how, "--evaluations", "0", *data, *where]


def tuned(task: str) -> str:
    """The name of a task's trainings."""
    return f"tuned-{task.replace(':', '-').replace('=', '-')}"


def run(options: argparse.Namespace) -> None:
    """All that has not been run yet, as far as the hours do for it."""
    until = None if options.hours is None else time.monotonic() + 3600 * options.hours
    with suppress(OutOfTimeError):
        for words_of in (search_words, tune_words):
            for task in options.tasks.split(","):
                command(words_of(options, task), until)


# ---------------------------------------------------------------- the page


def side_by_side(tested: Tested, runs: Path) -> Table:
    """Prompts that people wrote, prompts that were found, soft prompts and LoRA on the same test samples."""
    rows = []
    for task in tested.tasks:
        human = tested.method(task, "best-human")
        base = human.test if human else 0.0
        asked: set[str] = set()
        if task in tested.baselines:
            scores = tested.baselines[task][1]
            rows.append(
                [task, "few-shot", "1", percent(mean_of(scores)), points(mean_of(scores) - base), "0", "0", "0"]
            )
        for method in (one for one in tested.methods if one.task == task):
            asked |= set(method.tests[0])
            tokens = fmean(one.proposing.tokens + one.scoring.tokens for one in method.outcomes)
            seconds = fmean(one.proposing.seconds + one.scoring.seconds for one in method.outcomes)
            gain = points(method.test - base)
            counts = ["0", number(tokens), number(seconds)]
            rows.append([task, method.name, str(len(method.tests)), percent(method.test), gain, *counts])
        rows += list(trained_rows(task, runs / tuned(task), asked, base))
    heads = columns("task", "method", "seeds#", "test#", "over best-human#", "parameters#", "tokens#", "seconds#")
    caption = (
        "Means over seeds, on the same test samples. Parameters: trained ones. Tokens and seconds: what finding or "
        "training took, of one seed; a training's tokens are its steps times the mean prompt of the test, each seen "
        "once forward and once back. few-shot took a choice of its template, which is in neither."
    )
    return Table("People, machines, soft prompts, LoRA", heads, rows, caption)


def lacking(wanted: Sequence[str], tested: Tested, beside: Table, seeds: int) -> list[str]:
    """What of the study is not there: searches that were not tested, and trainings."""
    there = {(row[0], row[1]): int(str(row[2])) for row in beside.rows}
    found = [f"searches on {task}" for task in wanted if task not in tested.tasks]
    for task in (task for task in wanted if task in tested.tasks):
        counts = {method: there.get((task, method), 0) for method in TRAINED}
        found += [f"{seeds - n} of {seeds} trainings of {m} on {task}" for m, n in counts.items() if n < seeds]
    return found


def trained_rows(task: str, folder: Path, asked: set[str], base: float) -> Iterator[list[str]]:
    """A row a method that was trained. Raises UserError where it was tested on other samples."""
    try:
        results = read_study(folder)
    except (UserError, OSError):
        return
    try:
        for method in TRAINED:
            some = [one for one in results.outcomes if one.method.partition(":")[0] == method]
            if not some:
                continue
            records = [record for record in results.run.records if record.strategy == some[0].label]
            if {record.sample_id for record in records} != asked:
                raise UserError(f"{folder} was tested on other samples than the searches; run both with one --limit.")
            calls = fmean(len(record.calls) for record in records)
            seen = fmean((record.prompt_tokens + record.completion_tokens) / calls for record in records)
            tokens = fmean(4 * one.trained.steps * seen for one in some)
            test = fmean(one.accuracy for one in some)
            counts = [f"{some[0].trainable:,}", number(tokens), number(fmean(one.trained.seconds for one in some))]
            yield [task, method, str(len(some)), percent(test), points(test - base), *counts]
    finally:
        results.close()


def blocks_of(block: Block, pictures: Path) -> Iterator[str]:
    """A block as Markdown; figures are written beside the page."""
    if isinstance(block, str):
        yield block
    elif isinstance(block, Table):
        yield f"{table(block)}"
    elif isinstance(block, Figure):
        pictures.mkdir(parents=True, exist_ok=True)
        (pictures / f"search-{block.name}.png").write_bytes(png(block, dpi=110))
        yield f"![{block.title}](figures/search-{block.name}.png)\n\n*{block.caption}*"


def page_of(report: Report, beside: Table, pictures: Path, left: list[str], found: FoundFile) -> str:
    """The page."""
    about = f"{found.info.get('model')}, {found.protocol.get('budget'):,} scorings a search."
    said = [
        "# Machines that find prompts, measured",
        f"By `docs/build/search_study.py`; nothing below is typed. {about}",
    ]
    said.append(f"Not run: {', '.join(left)}." if left else "All of it was run.")
    said += [*report.summary, "## People, machines, soft prompts, LoRA", *blocks_of(beside, pictures)]
    for section in report.sections:
        if section.title.startswith(SHOWN):
            said.append(f"## {section.title}")
            said += [text for block in section.first() for text in blocks_of(block, pictures)]
    return "\n\n".join(said) + "\n"


def main() -> None:
    """Runs what is left, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/search-study"))
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--tasks", default=TASKS)
    parser.add_argument("--methods", default=METHODS)
    parser.add_argument("--budget", type=int, default=2048)
    parser.add_argument("--validation", type=int, default=64)
    parser.add_argument("--learn", type=int, default=LEARN)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--limit", type=int, default=256)
    parser.add_argument("--top", type=int, default=3, help="candidates of each search that are tested")
    parser.add_argument("--epochs", type=int, default=5, help="of the trainings")
    parser.add_argument("--hours", type=float)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--only-report", action="store_true")
    options = parser.parse_args()
    if not options.only_report:
        run(options)
    folder = options.runs / "found"
    if not (folder / FOUND).is_file() or not (folder / "journal.sqlite").is_file():
        raise SystemExit("no search has ended and been tested yet; give the same command again.")
    found = read_found(folder)
    data, journal = read_run(folder)
    with journal:
        tested = gathered(data, found.outcomes, found.few_shot, found.calibrated)
        wanted = [get_task(task).name for task in options.tasks.split(",")]
        report = build(data, found.outcomes, found.few_shot, found.calibrated, notes=found.notes)
        beside = side_by_side(tested, options.runs)
        left = lacking(wanted, tested, beside, options.seeds)
        text = page_of(report, beside, options.page.parent / "figures", left, found)
        options.page.write_text(text, encoding="utf-8")
    trained = sum(row[1] in TRAINED for row in beside.rows)
    print(json.dumps({"searches": len(found.outcomes), "trainings": trained, "not_run": left}))


if __name__ == "__main__":
    main()
