"""Trains every adapter method on two tasks, beside prompting, and writes docs/adapters-study.md from what came of it.

    python docs/build/adapters_study.py --data DIR [--runs runs/study] [--threads 1] [--only-report]

DIR holds `sst2`, `trec`, `agnews`, `rte`, `cb`, `commonsenseqa` and `strategyqa` as SET/SPLIT.jsonl. It takes about two
hours; the same command goes on where it was stopped. Without --data only the study of word pairs runs. The last line is
one JSON object: trainings that are there, by study.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from kshot.adapters.study.read import Results, read_study
from kshot.adapters.study.report import build
from kshot.eval.report.markdown import file_name
from kshot.eval.report.model import Cell, Figure, Table
from kshot.eval.report.style import png
from kshot.types import UserError

SOFT, LAYERS = ("prompt-tuning", "prefix-tuning", "p-tuning"), ("lora", "ia3", "bottleneck", "bitfit", "ln-tuning")
COMPARE = ("--compare", "zero-shot,instruction,few-shot:k=8", "--template", "plain", "--batch-size", "4")
PAST = ("--task", "word-pairs:relation=past", "--epochs", "10", "--search", *COMPARE)
SST2 = ("--task", "sst2", "--epochs", "5", "--evaluations", "0", "--limit", "128", *COMPARE)
MIXTURE = (
    "--mixture", "--template", "plain", "--epochs", "3", "--batch-size", "8", "--samples", "32", "--limit", "100",
    *(word for task in (
        "trec", "agnews", "rte", "cb", "commonsenseqa", "coin-flip", "word-problems:steps=1", "word-pairs",
        "word-pairs:relation=past", "word-pairs:relation=comparatives",
    ) for word in ("--task", task)),
    *(word for task in (
        "sst2", "strategyqa", "word-pairs:relation=opposites", "word-pairs:relation=capitals",
    ) for word in ("--held-out", task)),
    "--compare", "instruction,zero-shot,few-shot:k=4",
)  # fmt: skip


def methods(names: Iterable[str]) -> list[str]:
    """As options."""
    return [word for name in names for word in ("--method", name)]


STUDIES: dict[str, tuple[list[str], ...]] = {
    "past": (
        [*PAST, "--samples", "16", "--seeds", "3", *methods((*SOFT, *LAYERS, "dora", "adalora", "full"))],
        [*PAST, "--samples", "8", "--samples", "32", "--seeds", "3", *methods(("prefix-tuning", "lora", "full"))],
    ),
    "sst2": (
        [*SST2, "--samples", "16", "--seeds", "3", *methods((*SOFT, *LAYERS, "head", "full"))],
        [*SST2, "--samples", "8", "--samples", "64", "--seeds", "2", *methods(("lora", "head", "full"))],
    ),
    "mixture": ([*MIXTURE, *methods(("lora",))],),
}
TITLES = {
    "past": "Past tenses: 16 training samples (and 8, 32), 124 to 130 test samples",
    "sst2": "Film reviews (SST-2): 16 training samples a label (and 8, 64), 128 test samples",
    "mixture": "Instruction tuning: ten tasks, 32 samples each in three wordings, four others held out",
}
SHOWN = ("Trained and prompted", "Samples to reach a level")
DRAWN = ("tuned-parameters", "tuned-seconds", "tuned-samples")


def run(name: str, data: Path | None, runs: Path, threads: int) -> None:
    """Runs a study, or the rest of it."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    for options in STUDIES[name]:
        command = [sys.executable, "-m", "kshot", "tune", *options, "--runs", str(runs), "--run", name]
        subprocess.run(command + (["--data", str(data)] if data else []), env=environment, check=True)


def table(block: Table) -> str:
    """As Markdown."""
    rows = [[column.title for column in block.columns], ["---:" if c.numeric else "---" for c in block.columns]]
    rows += [[cell.text if isinstance(cell, Cell) else cell for cell in row] for row in block.rows]
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + f"\n\n*{block.caption}*"


def written(name: str, results: Results, pictures: Path) -> str:
    """A study as a section."""
    report = build(results)
    mixture = name == "mixture"
    parts = [f"## {TITLES[name]}", *(report.summary[:2])]
    for block in report.blocks():
        wanted = (*SHOWN, "Accuracy", "Differences") if mixture else SHOWN
        if isinstance(block, Table) and block.title in wanted:
            parts.append(table(block))
        if isinstance(block, Figure) and (block.name in DRAWN or (mixture and block.name.startswith("difference"))):
            path = pictures / f"{name}-{file_name(block.name)}.png"
            path.write_bytes(png(block, dpi=110))
            parts.append(f"![{block.title}](figures/adapters/{path.name})\n\n*{block.caption}*")
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/study"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only-report", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    names = list(STUDIES) if options.data or options.only_report else ["past"]
    if not options.only_report:
        for name in names:
            run(name, options.data, options.runs, options.threads)
    pictures = options.out / "figures" / "adapters"
    pictures.mkdir(parents=True, exist_ok=True)
    sections, there = [], {}
    for name in names:
        try:
            results = read_study(options.runs / name)
        except UserError as error:
            print(error)
            continue
        sections.append(written(name, results, pictures))
        there[name] = len(results.outcomes)
        results.close()
    text = (
        "# Adapters beside prompting: a study\n\n"
        f"{sum(there.values())} trainings of SmolLM2-135M-Instruct (its Q4_1 quantisation, dequantised) as plain text, "
        "float32, on a CPU, a thread a study. Made by `docs/build/adapters_study.py`; what it means is in "
        "[adapters.md](adapters.md).\n\n"
    )
    (options.out / "adapters-study.md").write_text(text + "\n\n".join(sections) + "\n", encoding="utf-8")
    print(json.dumps(there))


if __name__ == "__main__":
    main()
