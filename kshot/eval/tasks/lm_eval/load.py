"""A task file as a Task: its documents rendered once, as lm-evaluation-harness renders them.

A sample's question is what lm-evaluation-harness asks, to its end; template 0 puts the exemplars before it as it does, and
ends a reply where it does. So `zero-shot:template=0`, `few-shot:k=5,template=0`, `choice-logprob:score=text,k=5` and
`log-likelihood` send its prompts, and any other strategy asks the same documents in its own way.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from jinja2 import meta

from kshot.eval.answers import LETTER, LINE, labels
from kshot.eval.metrics.registry import Metric, MetricTraits, Scorer, known_metric
from kshot.eval.tasks.lm_eval.config import TaskFile, task_file
from kshot.eval.tasks.lm_eval.filters import reader_of
from kshot.eval.tasks.lm_eval.metrics import PARTED, metric_of, metrics_of
from kshot.eval.tasks.lm_eval.named import NamedTask
from kshot.eval.tasks.lm_eval.reading import Keys, codes_in, find_named, package, read_keys, unknown
from kshot.eval.tasks.lm_eval.rendering import apply_template, compiled, environment
from kshot.eval.tasks.lm_eval.samples import REST, TaskSamples
from kshot.registry import suggest
from kshot.types import AnswerFormat, Task, Template, UserError

TEXT = "{{ question }}{{ gap }}{{ answer }}"
BEGINNINGS = f"{{{{ answer }}}}{{{{ row.{REST} }}}}"  # where the choices are what the text begins with
NORMALISE = {"acc": "", "acc_norm": "normalise=characters", "acc_bytes": "normalise=bytes"}


def from_task_file(named: NamedTask) -> Task:
    """The task of a file of the user's, or of the package. Raises UserError, with file and key, for what does not fit."""
    path = named.path
    if path is None:
        path = find_named(named.key, package())
        if path is None:
            raise unknown(named.key, package())
    keys = read_keys(path)
    if "group" in keys and not isinstance(keys.get("task"), str):
        raise UserError(f"{named.shown} is a group of tasks, and one task is wanted here; name one of them.")
    return task_of(task_file(keys, named.shown, path.parent, trusted=named.trust_code), named)


def code_of_task_file(named: NamedTask) -> tuple[str, ...]:
    """The files of code that loading it would run, or the modules that lie elsewhere; none where it may run none."""
    path = named.path or find_named(named.key, package())
    if not named.trust_code or path is None:
        return ()
    found = (code.path if code.path.is_file() else Path(code.name) for code in codes_in(read_keys(path)))
    return tuple(dict.fromkeys(map(str, found)))


def task_of(file: TaskFile, named: NamedTask) -> Task:
    """The task of what a file says."""
    kind = file.output_type
    metrics = metrics_of(file, named.metrics)
    listed = labels_of(file) if kind == "multiple_choice" else ()
    name, steps = filter_of(file, named)
    made = TaskSamples(file, listed, steps, whole=any(one in PARTED for one in metrics))
    if kind == "generate_until":
        reader = reader_of(steps, name, f"{file.where}, filter {name}")
        form = AnswerFormat("lm-eval", "", "Therefore, the answer is", reader, statement="{answer}", bars=False)
    elif kind == "multiple_choice":
        form = replace(labels(listed) if listed else LETTER, bars=False)
    else:
        form = replace(LINE, bars=False)
    return Task(
        name=named.name,
        load=made.load,
        format=form,
        score=Scorer(tuple(scored_by(one, keys, file, listed, made) for one, keys in metrics.items())),
        version=file.version,
        labels=listed,
        note=note_of(file, named, tuple(metrics), listed),
        reply_tokens=file.reply_tokens,
        templates=templates_of(file, named),
        form="0" if kind in ("multiple_choice", "loglikelihood") else "",
        shots=made.shots,
    )


def scored_by(name: str, keys: Keys, file: TaskFile, listed: tuple[str, ...], made: TaskSamples) -> Metric:
    """A metric: what the task's own process_results gives by that name, or one of lm-evaluation-harness'.

    A report adds up again what goes by the name of one of kshot's, and would put its own in the place of a function's.
    """
    if file.process_results is None or file.output_type == "loglikelihood_rolling":
        return metric_of(name, keys, file, listed, made.golds)
    if file.output_type != "generate_until":
        raise UserError(f"{file.where}: kshot takes `process_results` of generate_until, not of {file.output_type}.")
    called = name if known_metric(name) is None else f"{name}_of_task"
    return Metric(called, lambda answer, sample: made.processed(answer, sample, name), MetricTraits())


def filter_of(file: TaskFile, named: NamedTask) -> tuple[str, list[Keys]]:
    """The filter that reads answers. Raises UserError for one that there is not."""
    by_name = dict(file.filters)
    if named.filter and (named.filter not in by_name or file.output_type != "generate_until"):
        of = by_name if file.output_type == "generate_until" else {}
        raise UserError(
            f"{file.where} has no filter {named.filter!r}: "
            f"{suggest(named.filter, of) if of else 'it reads no written answers, or all of them; leave it out.'}"
        )
    name = named.filter or next(iter(by_name), "none")
    return name, list(by_name.get(name, [{"function": "take_first"}]))


def labels_of(file: TaskFile) -> tuple[str, ...]:
    """The labels, where all documents have the same choices; () where each has its own, or two are alike."""
    rule = file.asked.choice
    found = list(rule.values()) if isinstance(rule, dict) else rule
    if not isinstance(found, list) or not all(isinstance(one, str) and one.strip() for one in found):
        return ()
    alike = len({one.strip().casefold() for one in found}) < len(found)
    return () if alike or isinstance(file.asked.text, int) else tuple(found)


# ---------------------------------------------------------------- templates


def templates_of(file: TaskFile, named: NamedTask) -> tuple[Template, ...]:
    """How prompts are put together; and how, where choices are what a text begins with, which a function may make of
    them.
    """
    written = file.output_type == "generate_until"
    own = Template(
        TEXT,
        between=file.shown.fewshot_delimiter,
        start=description_of(file),
        gap=file.shown.target_delimiter if file.shown.prefix is None else "",
        scored_gap=file.asked.target_delimiter if file.output_type == "multiple_choice" else "",
        stop=file.until if written else None,
        source=f"lm-evaluation-harness, {named.shown}",
    )
    if not may_begin(file):
        return (own,)
    return own, replace(own, text=BEGINNINGS, gap=None, scored_gap=None)


def may_begin(file: TaskFile) -> bool:
    """Whether its choices may be beginnings: only documents tell where a function makes the text."""
    return file.output_type == "multiple_choice" and not isinstance(file.asked.text, str)


def description_of(file: TaskFile) -> str:
    """What stands before all. Raises UserError where it is another for each document."""
    compiled(file.description)
    if meta.find_undeclared_variables(environment().parse(file.description)):
        raise UserError(f"{file.where}: `description` differs from document to document, which kshot does not take.")
    return apply_template(file.description, {})


# ---------------------------------------------------------------- what a user should know


def note_of(file: TaskFile, named: NamedTask, metrics: tuple[str, ...], listed: tuple[str, ...]) -> str:
    """What a user should know before it runs."""
    said = [f"{named.shown} is asked as lm-evaluation-harness asks it by {asked_by(file, metrics, listed)}."]
    drawn = {key: file.generation[key] for key in ("temperature", "top_p", "top_k") if file.generation.get(key)}
    if file.generation.get("do_sample") and drawn:
        said.append(f"It draws replies, which a strategy has to say: {written(drawn)}.")
    if len(file.filters) > 1 and not named.filter and file.output_type == "generate_until":
        others = ", ".join(f"filter={name}" for name, _ in file.filters[1:])
        said.append(f"Answers are read by {file.filters[0][0]}; {others} reads them otherwise.")
    return " ".join(said)


def asked_by(file: TaskFile, metrics: tuple[str, ...], listed: tuple[str, ...]) -> str:
    """The strategy that asks as it does, with as many exemplars."""
    k = f"k={file.num_fewshot}" if file.num_fewshot else ""
    if file.output_type == "generate_until":
        return f"few-shot:{k},template=0" if k else "zero-shot:template=0"
    if file.output_type == "multiple_choice":
        own = spec("choice-logprob", "" if listed else "score=text", k, NORMALISE.get(metrics[0], ""))
        rest = spec("choice-logprob", "score=rest,template=1", k)
        return f"{own}, or {rest} where its choices are beginnings," if may_begin(file) else own
    return spec("log-likelihood", "greedy=true" if "acc" in metrics else "", k)


def spec(name: str, *given: str) -> str:
    """A specification of what is not empty."""
    said = ",".join(filter(None, given))
    return f"{name}:{said}" if said else name


def written(values: Keys) -> str:
    """Keys with their values."""
    return ", ".join(f"{key}={value}" for key, value in values.items())
