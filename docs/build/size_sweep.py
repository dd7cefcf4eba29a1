"""Asks models of several sizes the same four tasks, and writes docs/size-sweep.md with its figures.

    python docs/build/size_sweep.py --data DIR --model A --model B ... [--runs runs/sweep] [--reuse FOLDER]
        [--skip TASK] [--only-report]

DIR holds `sst2`, `trec` and `gsm8k` as SET/SPLIT.jsonl. The same command goes on where it was stopped, and with another
--model asks that one alone; with --reuse answers of the runs in FOLDER are taken. The page is the models' own report:
nothing in it is typed here. The last line is one JSON object: models and attempts.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from kshot.eval.report.markdown import table
from kshot.eval.report.model import Block, Figure, Table
from kshot.eval.report.style import png
from kshot.harness.engines.registry import find_engine
from kshot.harness.runs.many import joint_report, read_subjects, refuse_failures, run_many
from kshot.harness.runs.members import read_members
from kshot.harness.runs.plan import Plan
from kshot.harness.runs.reuse import runs_in
from kshot.spec import write_spec
from kshot.types import UserError

PAGE = Path(__file__).parent.parent / "size-sweep.md"
ASKED = (  # tasks, strategies, samples a task
    (("word-pairs",), ("zero-shot", "few-shot:k=8"), 128),
    (("sst2", "trec"), ("choice-logprob", "choice-logprob:k=8"), 128),
    (("gsm8k",), ("zero-shot", "zero-shot-cot", "chain-of-thought"), 40),
)
SHOWN = ("Accuracy", "Gains over", "Differences between gains", "Models")


def ask(options: argparse.Namespace, folder: Path) -> None:
    """All that has not been asked yet, model after model. Raises UserError, at last, where models failed."""
    engines = [find_engine(write_spec("transformers", {"model": name, "template": "plain"})) for name in options.model]
    for tasks, strategies, limit in ASKED:
        if set(tasks) & set(options.skip):
            continue
        plan = Plan(tasks, strategies, options.data, limit)
        reuse = runs_in(options.reuse) if options.reuse else []
        refuse_failures(run_many(plan, engines, folder, reuse=reuse), len(engines))


def blocks_of(block: Block, pictures: Path) -> Iterator[str]:
    """A block as Markdown; figures are written beside the page."""
    if isinstance(block, str):
        yield block
    elif isinstance(block, Table):
        yield table(block)
    elif isinstance(block, Figure):
        pictures.mkdir(parents=True, exist_ok=True)
        (pictures / f"sweep-{block.name}.png").write_bytes(png(block, dpi=110))
        yield f"![{block.title}](figures/sweep-{block.name}.png)\n\n*{block.caption}*"


def page(folder: Path, pictures: Path, skipped: list[str]) -> str:
    """The page, from the models' joint report, with what was not run named."""
    with ExitStack() as opened:
        report = joint_report(folder, opened)
        said = ["# Accuracy against size", "By `docs/build/size_sweep.py`; nothing below is typed.", *report.summary]
        if skipped:
            said.append(f"Not run yet: {', '.join(skipped)}.")
        for section in report.sections:
            if section.title.startswith(SHOWN):
                said.append(f"## {section.title}")
                said += [text for block in section.blocks for text in blocks_of(block, pictures)]
    return "\n\n".join(said) + "\n"


def main() -> None:
    """Runs what is left, and writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--reuse", type=Path)
    parser.add_argument("--skip", action="append", default=[], metavar="TASK", help="Left for another time.")
    parser.add_argument("--only-report", action="store_true")
    parser.add_argument("--out", type=Path, default=PAGE.parent)
    options = parser.parse_args()
    options.data = options.data.resolve()
    folder = options.runs / "size-sweep"
    try:
        if not options.only_report:
            ask(options, folder)
        text = page(folder, options.out / "figures", options.skip)
        with ExitStack() as opened:
            subjects = read_subjects([folder / m.folder for m in read_members(folder)], opened, lenient=True)
            counts = {subject.model: len(subject.run.records) for subject in subjects}
    except UserError as error:
        raise SystemExit(f"size_sweep.py: {error}") from error
    (options.out / PAGE.name).write_text(text, encoding="utf-8")
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
