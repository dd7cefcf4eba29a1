"""Runs every experiment of the classic half and writes docs/classic.md with its figures, from that run.

    python bench/classic_docs.py [--out docs]

The order is the course's; each experiment's formula and source are its docstring's, its finding the report's. The last
line is one JSON object: experiments, seconds in all, and of each.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import json
import os
import time
from pathlib import Path

from kshot.classic.experiments import COURSE, EXPERIMENTS
from kshot.eval.report.markdown import file_name
from kshot.eval.report.model import Figure
from kshot.eval.report.style import png

HEAD = """# The classic half

Regression, classification, networks, and why training fails: every algorithm written to be read next to the lecture,
every finding below is from one run of `bench/classic_docs.py` (what `kshot classic run all` runs), {seconds:.0f} s on
{cores} cores.
"""


def algorithms(experiment: Path) -> list[Path]:
    """The files of kshot.classic that an experiment stands on, relative to the project."""
    root = Path(__file__).parents[1]
    found = []
    for node in ast.walk(ast.parse(experiment.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kshot.classic."):
            path = Path(*str(node.module).split(".")).with_suffix(".py")
            if "experiments" not in path.parts and (root / path).is_file() and path not in found:
                found.append(path)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    out: Path = parser.parse_args().out
    pictures = out / "figures" / "classic"
    pictures.mkdir(parents=True, exist_ok=True)
    parts, times = [], {}
    for name in COURSE:
        function = EXPERIMENTS.find(name)
        began = time.perf_counter()
        report = function()
        times[name] = round(time.perf_counter() - began, 1)
        file = Path(inspect.getsourcefile(function) or "")
        where = f"../{file.relative_to(Path(__file__).parents[1])}"
        used = ", ".join(f"[{path.name}](../{path.as_posix()})" for path in algorithms(file))
        first, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
        lines = [
            f"## {report.title}",
            " ".join(first.split()),
            f"`kshot classic run {name}`: the experiment is [{file.name}]({where}){f', on {used}' if used else ''}.",
        ]
        if rest:
            lines.append("\n".join(f"    {line}" if line else "" for line in rest.splitlines()))
        lines += [f"**{report.summary[0]}**", *report.summary[1:]]
        for block in report.blocks():
            if isinstance(block, Figure):
                path = pictures / f"{name}-{file_name(block.name)}.png"
                path.write_bytes(png(block, dpi=110))
                lines.append(f"![{block.title}](figures/classic/{path.name})\n\n*{block.caption}*")
        parts.append("\n\n".join(lines))
        print(f"{name}: {times[name]} s", flush=True)
    total = sum(times.values())
    head = HEAD.format(seconds=total, cores=os.cpu_count())
    (out / "classic.md").write_text(f"{head}\n" + "\n\n".join(parts) + "\n", encoding="utf-8")
    print(json.dumps({"experiments": len(times), "seconds": round(total, 1), "each": times}))


if __name__ == "__main__":
    main()
