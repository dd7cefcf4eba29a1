"""Asks every task with labels in kshot's own forms and in each of its templates, and writes docs/templates.md from it.

    python docs/build/templates.py --data DIR --model NAME_OR_FILE [--model ...] [--limit 64] [--k 0 --k 4]
        [--written] [--runs runs/templates] [--threads 1] [--only-report]

DIR holds `sst2`, `trec`, `agnews`, `rte`, `cb` and `strategyqa` as SET/SPLIT.jsonl. Labels are scored
(`choice-logprob`), so that no answer is unread; with --written answers are written as well, in kshot's own form and in
template 0. A model with a chat template is asked in turns as well. The same command goes on where it was stopped;
--only-report writes the page from what is there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kshot.eval.report.prompting.measures import Measure, measure
from kshot.eval.roc import area
from kshot.eval.statistics import paired
from kshot.harness.runs.read import read_run
from kshot.prompts.strategies import get_strategy
from kshot.types import UserError

TASKS = ("sst2", "trec", "agnews", "rte", "cb", "strategyqa", "coin-flip")
PAGE = Path(__file__).parent.parent / "templates.md"
MARK = "<!-- measured below: docs/build/templates.py writes it -->"
TEMPLATES = range(4)
SETS = TASKS[:5]  # of labelled texts


def strategies(ks: list[int], mode: str) -> list[str]:
    """What a model is asked with; in turns, its own form alone, as templates are the same text in both."""
    names = ["own", *(map(str, TEMPLATES) if mode == "plain" else ())]
    return [f"choice-logprob:k={k},template={name}" for k in ks for name in names]


WRITTEN = [f"{name}template={form}" for name in ("zero-shot:", "few-shot:k=4,") for form in ("own", "0")]


def run(model: str, mode: str, options: argparse.Namespace, *, written: bool = False) -> None:
    """Runs a model, or the rest of it. A model without a chat template refuses to be asked in turns."""
    command = [sys.executable, "-m", "kshot", "bench", "--model", model, "--template", mode, "--limit"]
    command += [str(options.limit), "--data", str(options.data), "--runs", str(options.runs), "--run"]
    command += [f"{Path(model).stem}-{mode}{'-written' if written else ''}"]
    command += [word for task in (TASKS[:3] if written else options.task) for word in ("--task", task)]
    names = WRITTEN if written else strategies(options.k, mode)
    command += [word for name in names for word in ("--strategy", name)]
    done = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": str(options.threads)})
    if done.returncode and mode == "plain":
        raise SystemExit(done.returncode)


@dataclass(frozen=True)
class Form:
    """One form on one task."""

    measure: Measure
    auc: float


def forms(folder: Path, mode: str) -> Mapping[tuple[str, str], Form]:
    """By task and form ("turns", "Q/A" or a template's number, with ", k = 4" behind)."""
    found: dict[tuple[str, str], Form] = {}
    run_, journal = read_run(folder)
    with journal:
        measures = measure(run_)
        sizes: dict[str, set[int]] = {}
        for (task, _), each in measures.items():
            sizes.setdefault(task, set()).add(each.n)
        for (task, name), each in measures.items():
            if len(sizes[task]) > 1:  # not finished
                continue
            params = get_strategy(name).params
            own = "turns" if mode == "chat" else "Q/A"
            name = own if params["template"] in ("", "own") else params["template"]
            form = f"{name}{', k = 4' if params['k'] else ''}"
            rows = {record.sample_id: record.prediction.probabilities for record in each.records}
            targets = [run_.samples[task, sample].target for sample in rows]
            found[task, form] = Form(each, area([[row] for row in rows.values()], targets, draws=2).value)
    return found


def of_model(model: str, runs: Path) -> Mapping[tuple[str, str], Form]:
    """All forms that a model was asked in."""
    found: dict[tuple[str, str], Form] = {}
    for mode in ("chat", "plain"):
        folder = runs / f"{Path(model).stem}-{mode}"
        if (folder / "journal.sqlite").is_file():
            found |= forms(folder, mode)
    return found


def table(found: Mapping[tuple[str, str], Form]) -> Iterator[str]:
    """Accuracy and area of every form, a line a task, and their means."""
    tasks, names = (list(dict.fromkeys(key[at] for key in found)) for at in (0, 1))
    names.sort(key=lambda name: ("k" in name, name[0].isdigit(), name != "turns", name))
    yield f"| task | samples | constant | {' | '.join(names)} |"
    yield "|---|---:|---:|" + "---:|" * len(names)
    for task in tasks:
        some = next(found[task, name].measure for name in names if (task, name) in found)
        cells = [cell(found.get((task, name))) for name in names]
        constant = f"{100 * some.constant.value:.1f}" if some.constant else ""
        yield f"| {task} | {some.n} | {constant} | {' | '.join(cells)} |"
    means = []
    for name in names:
        those = [found[task, name] for task in tasks if (task, name) in found]
        means.append(
            f"{100 * statistics.mean(f.measure.value for f in those):.1f} / {statistics.mean(f.auc for f in those):.2f}"
        )
    yield f"| mean | | | {' | '.join(means)} |"


def cell(form: Form | None) -> str:
    """A form's accuracy in percent, and its area."""
    return "" if form is None else f"{100 * form.measure.value:.1f} / {form.auc:.2f}"


def against(found: Mapping[tuple[str, str], Form], form: str, own: str) -> str:
    """A form's difference from kshot's own over all samples of all tasks, each task a sample's worth of itself."""
    tasks = [task for task, name in found if name == form and (task, own) in found]
    if not tasks:
        return ""
    a, b = ([found[task, name].measure.scores for task in tasks] for name in (form, own))
    mine = [score for each, other in zip(a, b, strict=True) for score in [each[i] for i in other]]
    other = [score for each in b for score in each.values()]
    result = paired(mine, other)
    wins = sum(found[t, form].auc > found[t, own].auc for t in tasks)
    low, high = 100 * result.interval.low, 100 * result.interval.high
    points = f"{100 * result.difference:+.1f} points ({low:+.1f} to {high:+.1f})"
    return f"{points}, area higher on {wins} of {len(tasks)} tasks"


def answers(model: str, runs: Path) -> Iterator[str]:
    """Answers that were written, a line a task and strategy; nothing where none were."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for mode, own in (("plain", "Q/A"), ("chat", "turns")):
        folder = runs / f"{Path(model).stem}-{mode}-written"
        if not (folder / "journal.sqlite").is_file():
            continue
        run_, journal = read_run(folder)
        with journal:
            for (task, name), each in measure(run_).items():
                form = own if "template=own" in name else "0"
                unread = f", {100 * (each.unparsed + each.truncated):.0f}% unread" if each.unparsed else ""
                rows.setdefault((task, name.partition(":")[0]), {})[form] = f"{100 * each.value:.1f}{unread}"
    if rows:
        names = [name for name in ("turns", "Q/A", "0") if any(name in row for row in rows.values())]
        yield f"\nWritten answers:\n\n| task | strategy | {' | '.join(names)} |"
        yield "|---|---|" + "---:|" * len(names)
        for (task, strategy), row in rows.items():
            yield f"| {task} | {strategy} | {' | '.join(row.get(name, '') for name in names)} |"


def decision(models: list[str], runs: Path) -> Iterator[str]:
    """Means over the sets of labelled texts that were asked in every form, a line a model and number of exemplars."""
    yield "| model | exemplars | sets | turns | Q/A | template 0 | best of 0 to 3 on the test (no fair choice) |"
    yield "|---|---:|---:|---:|---:|---:|---:|"
    for model in models:
        found = of_model(model, runs)
        for k in ("", ", k = 4"):
            names = [name for name in ("turns", "Q/A", "0") if any(form == f"{name}{k}" for _, form in found)]
            sets = [task for task in SETS if all((task, f"{name}{k}") in found for name in names)]
            if not sets or "0" not in names:
                continue
            row = {name: mean_of([found[task, f"{name}{k}"] for task in sets]) for name in names}
            tried = [[found[task, f"{at}{k}"] for at in TEMPLATES if (task, f"{at}{k}") in found] for task in sets]
            best = mean_of([max(forms, key=lambda form: form.measure.value) for forms in tried])
            cells = [row.get(name, "") for name in ("turns", "Q/A", "0")]
            yield f"| {Path(model).stem} | {4 if k else 0} | {len(sets)} | {' | '.join(cells)} | {best} |"


def mean_of(forms: Sequence[Form]) -> str:
    """The mean accuracy and area of forms."""
    accuracy, auc = statistics.mean(f.measure.value for f in forms), statistics.mean(f.auc for f in forms)
    return f"{100 * accuracy:.1f} / {auc:.2f}"


def section(model: str, runs: Path) -> Iterator[str]:
    """A model's part of the page."""
    found = of_model(model, runs)
    if not found:
        return
    yield f"\n### {Path(model).stem}\n"
    yield from table(found)
    for k in ("", ", k = 4"):
        for own in (f"Q/A{k}", f"turns{k}"):
            said = against(found, f"0{k}", own)
            if said:
                yield f"\nTemplate 0{k} against {own.partition(',')[0]}{k}: {said}.  "
    yield from answers(model, runs)


def main() -> None:
    """Runs what is left, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--task", action="append")
    parser.add_argument("--limit", type=int, default=64)
    parser.add_argument("--k", type=int, action="append")
    parser.add_argument("--runs", type=Path, default=Path("runs/templates"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--written", action="store_true")
    parser.add_argument("--only-report", action="store_true")
    options = parser.parse_args()
    options.k, options.task = options.k or [0, 4], options.task or TASKS
    for model in options.model:
        for mode in ("plain", "chat"):
            if not options.only_report:
                run(model, mode, options)
                if options.written:
                    run(model, mode, options, written=True)
    try:
        lines = [*decision(options.model, options.runs)]
        lines += [line for model in options.model for line in section(model, options.runs)]
    except UserError as error:
        raise SystemExit(f"templates.py: {error}") from error
    before = PAGE.read_text(encoding="utf-8").partition(MARK)[0] if PAGE.is_file() else ""
    PAGE.write_text(before + MARK + "\n" + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
