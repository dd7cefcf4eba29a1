"""Runs every experiment of the classic half and writes docs/classic.md with its figures, from that run.

    python docs/build/classic.py [--out docs]

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
every finding below is from one run of `docs/build/classic.py` (what `kshot classic run all` runs), {seconds:.0f} s on
{cores} cores.
"""

TAIL = """
## In Python

What the experiments stand on can be imported: estimators that keep scikit-learn's contract, optimisers, layers. Some
of it no experiment needs.

Schedules ([schedules.py](../kshot/classic/descent/schedules.py): `warm_up`, `cosine`, `step_decay`, `exponential`,
`inverse_sqrt`) with any of the optimisers, on any loss:

    import numpy as np
    from kshot.classic.descent.descend import batches, descend
    from kshot.classic.descent.optimizers import AdamW
    from kshot.classic.descent.schedules import cosine, warm_up

    def loss(w, rows):
        left = X[rows] @ w - y[rows]
        return left @ left / len(left), 2 * X[rows].T @ left / len(left)

    draw = batches(len(X), 32, np.random.default_rng(0))
    schedule = warm_up(50, then=cosine(450))
    found = descend(loss, np.zeros(X.shape[1]), AdamW(lr=0.1), updates=500, draw=draw, schedule=schedule)
    print(found.losses[-1], found.weights)

Images of yours ([images.py](../kshot/classic/data/images.py)): a folder of them for each class, or the folder of
CIFAR-10's binary version, into the network of the vision experiment:

    from pathlib import Path
    from kshot.classic.data.images import ImageFolder, cifar10, transforms
    from kshot.classic.networks.vision import SmallCNN, fit

    T = transforms()  # torchvision's where it is installed
    to_tensor = T.Compose([T.Resize((32, 32)), T.ToTensor()])
    train, test = (ImageFolder(Path(folder), to_tensor) for folder in ("train", "test"))
    history = fit(SmallCNN(3, 32, len(train.classes)), train, test, epochs=2)
    print(history.test_accuracies)
    cifar = cifar10(Path("cifar-10-batches-bin"), train=False)

Folds that no row leaks through ([validation.py](../kshot/classic/selection/validation.py)), with any estimator:

    from kshot.classic.regression.linear import RidgeRegression
    from kshot.classic.selection.validation import cross_validate, n_folds

    print(cross_validate(RidgeRegression(alpha=1.0), X, y, n_folds(len(y), 5, seed=0)))
"""


def algorithms(experiment: Path) -> list[Path]:
    """The files of kshot.classic that an experiment stands on, relative to the project."""
    root = Path(__file__).parents[2]
    found = []
    for node in ast.walk(ast.parse(experiment.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kshot.classic."):
            path = Path(*str(node.module).split(".")).with_suffix(".py")
            if "experiments" not in path.parts and (root / path).is_file() and path not in found:
                found.append(path)
    return found


def sources(name: str) -> str:
    """How an experiment is run, and links to it and to what it stands on."""
    file = Path(inspect.getsourcefile(EXPERIMENTS.find(name)) or "")
    where = f"../{file.relative_to(Path(__file__).parents[2])}"
    used = ", ".join(f"[{path.name}](../{path.as_posix()})" for path in algorithms(file))
    return f"`kshot classic run {name}`: the experiment is [{file.name}]({where}){f', on {used}' if used else ''}."


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
        first, _, rest = inspect.cleandoc(function.__doc__ or "").partition("\n\n")
        lines = [f"## {report.title}", " ".join(first.split()), sources(name)]
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
    (out / "classic.md").write_text(f"{head}\n" + "\n\n".join(parts) + f"\n{TAIL}", encoding="utf-8")
    print(json.dumps({"experiments": len(times), "seconds": round(total, 1), "each": times}))


if __name__ == "__main__":
    main()
