"""Trains every adapter method on two tasks, beside prompting, and writes docs/adapters-study.md from what came of it,
and the table in docs/adapters.md.

    python docs/build/adapters_study.py --data DIR [--runs runs/study] [--threads 1] [--only STUDY] [--only-report]

DIR holds `sst2`, `trec`, `agnews`, `rte`, `cb` and `commonsenseqa` as SET/SPLIT.jsonl. It takes about five hours; the
same command goes on where it was stopped. Without --data only the study of word pairs runs. The last line is one JSON
object: trainings that are there, by study.
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
from kshot.eval.report.markdown import file_name, table
from kshot.eval.report.model import Cell, Figure, Table
from kshot.eval.report.style import png
from kshot.types import UserError

SOFT, LAYERS = ("prompt-tuning", "prefix-tuning", "p-tuning"), ("lora", "ia3", "bottleneck", "bitfit", "ln-tuning")
COMPARE = ("--compare", "zero-shot,instruction,few-shot:k=8", "--template", "plain", "--batch-size", "4")
PAST = ("--task", "word-pairs:relation=past", "--epochs", "10", "--search", *COMPARE)
# labels are scored, so that no answer is unread; the human baselines are chosen on validation, calibrated and not
BEST = "choice-logprob:template=best"
HUMAN = ",".join((
    "choice-logprob:template=own", BEST, f"{BEST},calibrate=batch", f"{BEST},k=8", f"{BEST},k=8,calibrate=batch",
    "zero-shot:template=own", "few-shot:k=8,template=own",
))  # fmt: skip
SST2 = (
    "--task", "sst2", "--strategy", "choice-logprob", "--epochs", "5", "--evaluations", "0", "--limit", "128",
    "--search", "--compare", HUMAN, "--template", "plain", "--batch-size", "4",
)  # fmt: skip
CLUSTERS = {  # tasks of a kind, held out together
    "sentiment": ("sst2",),
    "inference": ("rte", "cb"),
    "topic": ("agnews", "trec"),
}
WORDS = ("word-pairs", "word-pairs:relation=past", "word-pairs:relation=comparatives", "commonsenseqa", "coin-flip")
MIXTURE = (
    "--mixture", "--template", "plain", "--epochs", "1", "--batch-size", "8", "--samples", "32", "--limit", "100",
    "--seeds", "3", "--compare", "zero-shot,instruction",
)  # fmt: skip


def mixture(held: str) -> list[str]:
    """A mixture of all tasks but those of a kind, which are evaluated."""
    trained = (*(task for name, tasks in CLUSTERS.items() if name != held for task in tasks), *WORDS)
    options = [*MIXTURE, *(word for task in trained for word in ("--task", task))]
    return [*options, *(word for task in CLUSTERS[held] for word in ("--held-out", task))]


def methods(names: Iterable[str]) -> list[str]:
    """As options."""
    return [word for name in names for word in ("--method", name)]


STUDIES: dict[str, tuple[list[str], ...]] = {
    "past": (
        [*PAST, "--samples", "16", "--seeds", "3", *methods((*SOFT, *LAYERS, "dora", "adalora", "full"))],
        [*PAST, "--samples", "8", "--samples", "32", "--seeds", "3", *methods(("prefix-tuning", "lora", "full"))],
    ),
    "sst2": (
        [*SST2, "--samples", "16", "--seeds", "3", *methods(("lora", "prompt-tuning", "ia3", "bottleneck", "full"))],
        [
            *SST2,
            "--samples",
            "16",
            "--seeds",
            "1",
            *methods(("bitfit", "ln-tuning", "prefix-tuning", "p-tuning", "head")),
        ],
        [*SST2, "--samples", "8", "--samples", "64", "--seeds", "1", *methods(("lora",))],
    ),
    **{f"mixture-{name}": ([*mixture(name), *methods(("lora",))],) for name in CLUSTERS},
}
TITLES = {
    "past": "Past tenses: 16 training samples (and 8, 32), 124 to 130 test samples",
    "sst2": "Film reviews (SST-2): 16 training samples a label, 128 test samples",
    **{
        f"mixture-{name}": f"Instruction tuning with {name} held out ({', '.join(tasks)})"
        for name, tasks in CLUSTERS.items()
    },
}
SHOWN = ("Trained and prompted", "Samples to reach a level", "Differences")
DRAWN = ("tuned-parameters", "tuned-seconds", "tuned-samples")
AGAINST = {  # what trainings have to beat: the best that prompting does without them, calibrated by unlabelled inputs
    "past": "few-shot",
    "sst2": "choice-logprob:calibrate=batch,template=best",
}


def run(name: str, data: Path | None, runs: Path, threads: int) -> None:
    """Runs a study, or the rest of it."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    for options in STUDIES[name]:
        command = [sys.executable, "-m", "kshot", "tune", *options, "--runs", str(runs), "--run", name]
        subprocess.run(command + (["--data", str(data)] if data else []), env=environment, check=True)


def rates_table(folder: Path) -> str:
    """The learning rates that were tried, and the validation losses that they came to."""
    found = json.loads((folder / "rates.json").read_text(encoding="utf-8")) if (folder / "rates.json").is_file() else {}
    if not found:
        return ""
    rows = ["| method | rate: validation loss |", "|---|---|"]
    for method, losses in found.items():
        tried = sorted(losses.items(), key=lambda item: float(item[0]))
        best = min(losses, key=losses.__getitem__)
        assert best not in (tried[0][0], tried[-1][0]) or len(tried) > 8, f"{method}: the best rate is at an edge"
        said = (f"{float(rate):.2g}: {loss:.3f}" for rate, loss in tried)
        marked = (f"**{text}**" if rate == best else text for text, (rate, _) in zip(said, tried, strict=True))
        rows.append(f"| `{method}` | {', '.join(marked)} |")
    caption = (
        "*Learning rates tried, each for a third of the epochs, until the lowest loss has a higher one on either side.*"
    )
    return "\n".join(rows) + f"\n\n{caption}"


def rows_of(name: str, results: Results) -> dict[str, dict[str, str]]:
    """A study's rows by strategy or method (of 16 training samples), each cell by its column, the difference beside."""
    found: dict[str, dict[str, str]] = {}
    done: set[str] = set()
    for block in build(results, baseline=AGAINST[name]).blocks():
        if (
            isinstance(block, Table)
            and block.title in ("Trained and prompted", "Differences")
            and block.title not in done
        ):
            done.add(block.title)
            for row in block.rows:
                cells = [cell.text if isinstance(cell, Cell) else cell for cell in row]
                at = dict(zip((column.title for column in block.columns), cells, strict=True))
                key = at["strategy"] if "strategy" in at else at["strategy or method"]
                if block.title == "Differences":
                    at["difference interval"] = at.pop("95% interval")
                found.setdefault(key.removesuffix(":samples=16"), {}).update(at)
    return found


def side_by_side(rows: dict[str, dict[str, dict[str, str]]]) -> str:
    """Both tasks in one table: score, spread over seeds, and the paired difference from the best prompt."""
    names = list(dict.fromkeys(name for study in rows.values() for name in study if ":samples=" not in name))
    names.sort(key=lambda name: int(best_known(name, rows, "parameters").replace(",", "") or 0))
    lines = [
        "| | parameters | past tenses, 16 samples | over seeds | from `few-shot` | SST-2, 32 samples | over seeds "
        "| from the best template, calibrated | p (Holm) |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        past, sst2 = (rows[study].get(name, {}) for study in ("past", "sst2"))
        cells = [
            f"`{name}`", best_known(name, rows, "parameters"),
            *(past.get(column, "–") for column in ("accuracy", "st. dev. over seeds", "difference")),
            *(sst2.get(column, "–") for column in ("accuracy", "st. dev. over seeds")),
            f"{sst2['difference']} ({sst2['difference interval']})" if "difference" in sst2 else "–",
            sst2.get("p (Holm)", "–"),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def best_known(name: str, rows: dict[str, dict[str, dict[str, str]]], column: str) -> str:
    """A cell that any study has of a name."""
    return next((study[name][column] for study in rows.values() if column in study.get(name, {})), "")


def written(name: str, results: Results, folder: Path, pictures: Path) -> str:
    """A study as a section, its trainings against the best prompt."""
    report = build(results, baseline=AGAINST.get(name))
    of_mixture = name.startswith("mixture")
    parts = [f"## {TITLES[name]}", *(report.summary[:2])]
    seen: set[str] = set()
    for block in report.blocks():
        wanted = (*SHOWN, "Accuracy") if of_mixture else SHOWN
        if isinstance(block, Table) and block.title in wanted and block.title not in seen:  # the first family of pairs
            seen.add(block.title)
            parts.append(table(block))
        if isinstance(block, Figure) and (block.name in DRAWN or block.name == "differences"):
            path = pictures / f"{name}-{file_name(block.name)}.png"
            path.write_bytes(png(block, dpi=110))
            parts.append(f"![{block.title}](figures/adapters/{path.name})\n\n*{block.caption}*")
    tried = rates_table(folder)
    return "\n\n".join([*parts, *([tried] if tried else [])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("runs/study"))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", action="append", choices=STUDIES, help="A study of them. Repeatable.")
    parser.add_argument("--only-report", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    options = parser.parse_args()
    names = options.only or (list(STUDIES) if options.data or options.only_report else ["past"])
    if not options.only_report:
        for name in names:
            run(name, options.data, options.runs, options.threads)
    pictures = options.out / "figures" / "adapters"
    pictures.mkdir(parents=True, exist_ok=True)
    sections, there, rows = [], {}, {}
    for name in names:
        try:
            results = read_study(options.runs / name)
        except UserError as error:
            print(error)
            continue
        sections.append(written(name, results, options.runs / name, pictures))
        there[name] = len(results.outcomes)
        if name in AGAINST:
            rows[name] = rows_of(name, results)
        results.close()
    text = (
        "# Adapters beside prompting: a study\n\n"
        f"{sum(there.values())} trainings of SmolLM2-135M-Instruct (its Q4_1 quantisation, dequantised) as plain text, "
        "float32, on a CPU, a thread a study. Made by `docs/build/adapters_study.py`; what it means is in "
        "[adapters.md](adapters.md).\n\n"
    )
    (options.out / "adapters-study.md").write_text(text + "\n\n".join(sections) + "\n", encoding="utf-8")
    page = options.out / "adapters.md"
    if set(AGAINST) <= set(rows) and page.is_file():
        before, rest = page.read_text(encoding="utf-8").split("<!-- study -->\n")
        _, after = rest.split("<!-- end of it -->\n")
        text = f"{before}<!-- study -->\n{side_by_side(rows)}\n<!-- end of it -->\n{after}"
        page.write_text(text, encoding="utf-8")
    print(json.dumps(there))


if __name__ == "__main__":
    main()
