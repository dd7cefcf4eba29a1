"""Writes the tables of docs/tasks.md: every task of the registry, its set on the hub, what is asked and its scores.

    python docs/build/tasks.py

What cannot be read off the code stands here: the strategy that asks as published, and the set's licence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kshot.eval.tasks import GROUPS, TASKS
from kshot.eval.tasks.source.hub import HubSet
from kshot.types import Sample, Task

PAGE = Path(__file__).parent.parent / "tasks.md"
START, END = "<!-- written by docs/build/tasks.py -->\n", "<!-- end -->\n"
LETTERS, WORDS = "choice-logprob", "choice-logprob:score=text"
BY_LENGTH = "choice-logprob:score=text,normalise=characters"
FREE = "few-shot:template=0"
PUBLISHED = {  # the strategy; with k=5, say, in front of what it has
    **dict.fromkeys(("mmlu", "medmcqa", "ceval", "cmmlu", "boolq", "wic", "cola", "mrpc", "qqp", "qnli"), LETTERS),
    **dict.fromkeys(("mnli", "anli", "sst2", "trec", "agnews", "rte", "cb"), LETTERS),
    **dict.fromkeys(("hellaswag", "arc-easy", "arc-challenge", "piqa", "openbookqa", "sciq", "swag"), BY_LENGTH),
    **dict.fromkeys(("copa", "xcopa", "social-iqa", "truthfulqa"), WORDS),
    "winogrande": "choice-logprob:score=rest",
    **dict.fromkeys(("squad", "triviaqa", "nq-open", "web-questions", "wmt16"), FREE),
    **dict.fromkeys(("xsum", "cnn-dailymail", "math500"), "zero-shot:template=0"),
    "math": "chain-of-thought:template=1,k=4",
    "mgsm": "chain-of-thought:template=1,k=8",
    "lambada": "log-likelihood:greedy=yes",
    "wikitext": "log-likelihood",
    **dict.fromkeys(("gsm8k", "svamp", "multiarith", "addsub", "singleeq"), "chain-of-thought"),
}
LICENCES = {  # as cards and papers name them; * looked up in a stored copy of the card, all others unverified
    "mmlu": "MIT", "arc-easy": "CC BY-SA 4.0", "arc-challenge": "CC BY-SA 4.0", "sciq": "CC BY-NC 3.0",
    "medmcqa": "Apache 2.0", "truthfulqa": "Apache 2.0", "hellaswag": "MIT", "winogrande": "CC BY",
    "copa": "BSD 2-Clause", "boolq": "CC BY-SA 3.0", "wic": "CC BY-NC 4.0", "anli": "CC BY-NC 4.0",
    "ceval": "CC BY-NC-SA 4.0 *", "cmmlu": "CC BY-NC 4.0 *", "xcopa": "CC BY 4.0", "squad": "CC BY-SA 4.0",
    "nq-open": "CC BY-SA 3.0", "math": "MIT *", "mgsm": "CC BY-SA 4.0", "cnn-dailymail": "Apache 2.0",
    "lambada": "MIT", "wikitext": "CC BY-SA 3.0", "gsm8k": "MIT", "commonsenseqa": "MIT", "aqua": "Apache 2.0",
    "strategyqa": "MIT", "bbh": "MIT",
}  # fmt: skip
ROOMS = {
    "Examinations and facts": "knowledge",
    "Common sense": "commonsense",
    "Passages and pairs of sentences": "sentences",
    "Answers in a few words": "reading",
    "Mathematics": "mathematics",
    "Texts whose words are scored": "language_modelling",
    "Texts written anew": "texts",
    "In Chinese": "chinese",
}
FORMS = ("qa",)  # of other tasks
OLDER = "Word problems, choices, labels and BIG-Bench Hard"
HEADS = ("task", "what it is", "on the hub", "asked; exemplars", "scored by", "asked as published by", "licence")


def made(name: str) -> Task:
    """A task as it is without hyperparameters; of a group's parts the first."""
    members = GROUPS.get(name)
    task: Task = TASKS.get(members[0] if members else name)()
    return task


def scored_by(task: Task) -> str:
    """The metrics of a task's score."""
    metrics = getattr(task.score, "metrics", None)
    if metrics:
        return ", ".join(one.name for one in metrics)
    if task.score.__name__ in ("exact", "numeric"):
        return "accuracy"
    sample = Sample("s", "?", task.labels[0] if task.labels else "1")
    return ", ".join(task.score(None, sample).values)


def row(name: str) -> list[str]:
    """A task's cells."""
    task, (what, *_) = made(name), (TASKS.entries[name].__doc__ or "").splitlines()
    hub: HubSet | None = vars(task.load).get("hub")
    spec, members = name, GROUPS.get(name)
    if members:
        spec = f"{members[0].partition('=')[0]}=..."
    if hub is None:
        place, asked = "local files only", "test; its own exemplars"
    else:
        config = "one a part" if members and (hub.config or hub.files) else hub.config
        place = f"`{hub.id}`{f', {config}' if config else ''}{f' ({hub.revision})' if hub.revision else ''}"
        told = vars(task.load)
        pool = hub.train if told["train"] else "a quarter of it, not asked" if told["pool"] else "none"
        pool = "a quarter of it, where any are shown" if task.undivided else pool
        asked = f"{hub.test}; {'the set has its own' if task.exemplars and not told['train'] else pool}"
    return [f"`{spec}`", what, place, asked, scored_by(task), f"`{PUBLISHED[name]}`" if name in PUBLISHED else "–",
            LICENCES.get(name, "?")]  # fmt: skip


def table(names: list[str]) -> str:
    """A table in Markdown."""
    lines = [HEADS, ["---"] * len(HEADS), *(row(name) for name in names)]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines) + "\n"


def tables() -> str:
    """All tables, by room, and the groups."""
    rooms: dict[str, list[str]] = {}
    generated: list[str] = []
    for name, function in sorted(TASKS.entries.items()):
        module: Any = function.__module__
        room = next((title for title, file in ROOMS.items() if module.endswith(f".library.{file}")), OLDER)
        has_set = name not in FORMS and "hub" in vars(made(name).load)
        (rooms.setdefault(room, []) if has_set else generated).append(name)
    parts = [f"### {title}\n\n{table(rooms[title])}" for title in (*ROOMS, OLDER) if title in rooms]
    parts.append("### Generated, of any size\n\n" + "".join(
        f"- `{name}`: {(TASKS.entries[name].__doc__ or '').splitlines()[0]}\n" for name in generated
    ))  # fmt: skip
    listed = [f"- `{name}`: {len(tasks)} tasks, `{tasks[0]}` to `{tasks[-1]}`\n" for name, tasks in GROUPS.items()]
    return "\n".join([*parts, "### Groups\n\n" + "".join(listed)])


def page(text: str) -> str:
    """The page with its tables written anew."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{tables()}\n{END}{rest.partition(END)[2]}"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
