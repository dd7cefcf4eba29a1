"""Writes the tables of docs/lm-eval.md from what kshot takes of lm-evaluation-harness' schema.

python docs/build/lm_eval.py
"""

from __future__ import annotations

from pathlib import Path

from kshot.eval.tasks.lm_eval.metrics import LENGTHS, OURS, TAKEN
from kshot.eval.tasks.lm_eval.schema import TABLES

PAGE = Path(__file__).parent.parent / "lm-eval.md"
MARK = "<!-- below: docs/build/lm_eval.py writes it -->"
SAID = {
    "exact_match": "`exact_match`, with its four `ignore` keys",
    "acc": "`acc`",
    "f1": "`label-f1` of the second of two labels",
    **{name: f"`{name}`, from the same requests" for name in LENGTHS if name != "acc"},
}


def tables() -> str:
    """The tables."""
    lines = []
    for title, keys in TABLES.items():
        lines += [f"### {title}", "", "| key | taken | |", "|---|---|---|"]
        lines += [f"| `{name}` | {key.taken} | {key.what} |" for name, key in keys.items()]
        lines.append("")
    lines += ["### Metrics", "", "| of | metric | aggregated by | here |", "|---|---|---|---|"]
    for kind, metrics in TAKEN.items():
        for name, aggregation in metrics.items():
            here = SAID.get(name) or f"`{OURS[name]}`"
            if (kind, name) == ("loglikelihood", "acc"):
                here = "`acc`, by `log-likelihood:greedy=true`"
            lines.append(f"| `{kind}` | `{name}` | `{aggregation}` | {here} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Writes the page."""
    before = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    PAGE.write_text(f"{before}{MARK}\n\n{tables()}", encoding="utf-8")


if __name__ == "__main__":
    main()
