"""A study in a file: the options of `kshot bench` by their own words, to be kept, sent and run again.

    task: [coin-flip, questions.csv]
    strategy:
      - zero-shot
      - name: few-shot:k=4
        tasks: [coin-flip]
    limit: 100

Meets: what stands on the command line takes the place of what the file says; every value is text until its option
reads it, so that no `no` becomes false; paths are from the file's own folder. A run.json is read as the study that its
run is. A file may be a stranger's: what would run code is refused unless the command line trusts it. Concedes: no
anchors, tags or merges of YAML.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from kshot.types import UserError

META = "kshot.study"
NOT_IN_FILES = ("config", "save-config", "dry-run", "json", "help")
TRUST = ("trust-code", "trust-remote-code")  # which only the command line says
PLACES = ("data", "adapter", "runs")  # options that are a path, and no more
SPECS = ("task", "strategy", "metric", "score-by", "engine", "model", "template", "reuse")  # that may hold some
TOKEN = re.compile(r"[^=,():+\"]+")
CODE = re.compile(r"\.py\b|trust_(remote_)?code")
MOST_BYTES, MOST_DEPTH = 1_000_000, 8

Words = dict[str, Any]
"""What a file says: by option, a text or a list of texts; a strategy may be a mapping of `name` and `tasks`."""


def with_study_file(command: Any) -> Any:
    """Decorator: adds --config and --save-config to a command."""
    save = click.option(
        "--save-config", type=click.Path(path_type=Path, allow_dash=True),
        help="Write what this command says as such a file (- prints it), and run nothing.",
    )  # fmt: skip
    config = click.option(
        "--config", type=click.Path(path_type=Path), is_eager=True, expose_value=False, callback=read_into,
        help="A study's FILE.yaml, in the words of these options, or a run's run.json; options beside it take the "
        "place of what it says.",
    )  # fmt: skip
    return config(save(command))


def read_into(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Makes what a file says the defaults of a command. Raises UserError."""
    if path is None or context.resilient_parsing:
        return
    words = read_study(path, options_of(context.command))
    if not is_run(path):
        words = placed(words, path.parent, Path())
    context.meta[META] = words
    context.meta[f"{META}.path"] = path
    by_word = options_of(context.command)
    context.default_map = {
        **(context.default_map or {}),
        **{str(by_word[word].name): plain_names(value) for word, value in words.items()},
    }


def plain_names(value: Any) -> Any:
    """Strategies by their names alone."""
    return [one["name"] if isinstance(one, Mapping) else one for one in value] if isinstance(value, list) else value


def options_of(command: click.Command) -> dict[str, click.Option]:
    """A command's options by the words that a file has for them."""
    options = [param for param in command.params if isinstance(param, click.Option)]
    named = {max(option.opts, key=len).removeprefix("--"): option for option in options}
    return {word: option for word, option in named.items() if word not in NOT_IN_FILES}


# ------------------------------------------------------------ reading


def read_study(path: Path, options: Mapping[str, click.Option]) -> Words:
    """What a study file says, held against the options that there are. Raises UserError, with file and line."""
    try:
        with path.open("rb") as file:  # a device, or the wrong file, may have no end
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"--config {path} cannot be read ({error.strerror or error}); give an existing file.") from None
    if len(content) > MOST_BYTES:
        raise UserError(f"--config {path} has more than {MOST_BYTES:,} bytes, and no study has: give a study file.")
    said = words_of_run(path, content) if is_run(path) else mapping_of(path, content)
    return {word: checked(path, word, value, options) for word, value in said.items() if value not in ("", "null", "~")}


def mapping_of(path: Path, content: bytes) -> Words:
    """A YAML file's mapping, all of its values texts. Raises UserError."""
    import yaml

    try:
        text = content.decode("utf-8-sig")
        depth = 0
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            refuse_event(path, event, depth)
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        refuse_twice(path, node)
        found = yaml.load(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise UserError(f"{path}{line}: it is no YAML ({error.problem}); mend it.") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{path}: it is no YAML ({' '.join(str(error).split())[:120]}); mend it.") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} says nothing as a study: write the words of options, such as `task: coin-flip`.")
    return {spelt(word): value for word, value in found.items()}


def spelt(word: str) -> str:
    """An option's word as its option is called, however a file writes it: `score_by`, `--score-by`."""
    return word.removeprefix("--").replace("_", "-")


def refuse_event(path: Path, event: Any, depth: int) -> None:
    """Raises UserError for what a study has no use for, and by which a short file could grow without end."""
    import yaml

    line = event.start_mark.line + 1
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        raise UserError(f"{path}, line {line}: anchors (& and *) are not read; write the value out.")
    if depth > MOST_DEPTH:
        raise UserError(f"{path}, line {line}: it is nested deeper than any study; mend it.")
    if getattr(event, "tag", None):
        raise UserError(f"{path}, line {line}: the tag {event.tag} is not read; write the value as plain text.")


def refuse_twice(path: Path, node: Any) -> None:
    """Raises UserError for a key that stands twice, of which one would be dropped without a word."""
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = spelt(str(key.value)) if isinstance(key, yaml.ScalarNode) else None
            if name is None or name in seen:
                what = f"{key.value!r} stands twice: keep one" if name else "a key is no plain word: mend it"
                raise UserError(f"{path}, line {key.start_mark.line + 1}: {what}.")
            seen.add(name)
            refuse_twice(path, value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            refuse_twice(path, value)


def checked(path: Path, word: str, value: Any, options: Mapping[str, click.Option]) -> Any:
    """A value as its option takes it: texts where it is repeatable, else one. Raises UserError."""
    from kshot.registry import suggest

    if word in TRUST:
        raise UserError(f"{path}: {word} is for who runs a study to say; give --{word} on the command line.")
    if word not in options:
        raise UserError(f"{path} has no use for {word!r}: {suggest(word, list(options))}")
    option = options[word]
    if not option.multiple:
        if not isinstance(value, str):
            raise UserError(f"{path}: {word} takes one value, and has {shown(value)}.")
        try:
            option.type.convert(value, option, None)
        except click.BadParameter as error:
            raise UserError(f"{path}: {word}: {error.message}") from None
        return value
    listed = value if isinstance(value, list) else [value]
    for one in listed:
        if word == "strategy" and isinstance(one, dict):
            check_mapping(path, one)
        elif not isinstance(one, str):
            raise UserError(f"{path}: {word} takes texts, and has {shown(one)}.")
    return listed


def check_mapping(path: Path, one: Mapping[str, Any]) -> None:
    """Raises UserError where a strategy's mapping is none."""
    tasks = one.get("tasks")
    right = isinstance(one.get("name"), str) and (
        isinstance(tasks, str) or (isinstance(tasks, list) and tasks and all(isinstance(task, str) for task in tasks))
    )
    if not right or set(one) != {"name", "tasks"}:
        raise UserError(f"{path}: a strategy on some tasks is {{name: few-shot:k=4, tasks: [TASK]}}, not {shown(one)}.")


def shown(value: Any) -> str:
    """A value in a sentence."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else f"{text[:80]} ..."


# ------------------------------------------------------------ a run as a study


def is_run(path: Path) -> bool:
    """Whether a file is a run's description, whose paths are from where the run was made."""
    return path.suffix.lower() == ".json"


def words_of_run(path: Path, content: bytes) -> Words:
    """What a run's run.json comes to as a study. Raises UserError for one that is damaged, or no one command's."""
    try:
        said = json.loads(content)
        return study_words(said["settings"], said)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise UserError(
            f"{path} is no run.json of a run, or damaged ({error!r:.80}): give a study's FILE.yaml."
        ) from None


def study_words(settings: Mapping[str, Any], said: Mapping[str, Any]) -> Words:
    """A run's settings, and what its run.json says beside them, in the words of options."""
    from kshot.harness.runs.names import name_of, task_name

    asked = settings.get("asked") or []
    if len({(one["limit"], one["repeats"]) for one in asked}) > 1:
        raise UserError(
            "the run was asked under several limits or repeats, and no one command asks just that: give its parts as "
            "commands, which its run.json lists under `grown`."
        )
    only = settings.get("only", {})
    specs = {task_name(spec): spec for spec in settings["tasks"]}
    strategies: list[Any] = []
    for spec in settings["strategies"]:
        on = only.get(name_of(spec))
        strategies.append(spec if on is None else {"name": spec, "tasks": [specs.get(name, name) for name in on]})
    words: Words = {"task": list(settings["tasks"]), "strategy": strategies}
    study = said.get("study", {})
    if "engine" in study:
        words["engine"] = [str(study["engine"])]
    further = {"data": settings["data"], "limit": settings["limit"], "score-by": settings.get("score_by")}
    words |= {word: str(value) for word, value in further.items() if value}
    words |= {"seed": str(settings["seed"]), "repeats": str(settings["repeats"])}
    return {**words, "metric": [str(one) for one in study["metric"]]} if study.get("metric") else words


# ------------------------------------------------------------ paths, code, cells


def placed(words: Words, origin: Path, start: Path) -> Words:
    """Words whose paths are from one folder, with the same paths from another."""
    if origin.resolve() == start.resolve():
        return words
    return {word: value_placed(word, value, origin, start) for word, value in words.items()}


def value_placed(word: str, value: Any, origin: Path, start: Path) -> Any:
    """A value with its paths as they are from another folder."""
    if isinstance(value, list):
        return [value_placed(word, one, origin, start) for one in value]
    if isinstance(value, dict):
        on = value["tasks"] if isinstance(value["tasks"], list) else [value["tasks"]]
        named = value_placed(word, value["name"], origin, start)
        return {"name": named, "tasks": value_placed("task", on, origin, start)}
    if word in PLACES:
        return moved(value, origin, start)
    if word == "system" and str(value).startswith("@"):
        return f"@{moved(value[1:], origin, start)}"
    if word not in SPECS:
        return value
    return TOKEN.sub(lambda found: named_there(found.group(0), origin, start), value)


def named_there(token: str, origin: Path, start: Path) -> str:
    """A part of a specification; moved, where it names a file or a folder that is there."""
    if not re.search(r"[./\\]", token) or token.startswith("~") or not (origin / token).exists():
        return token
    return moved(token, origin, start)


def moved(text: str, origin: Path, start: Path) -> str:
    """A path from one folder as a path from another."""
    if Path(text).expanduser().is_absolute():
        return text
    found = os.path.relpath(origin / text, start)
    return f"./{found}" if text.startswith("./") and "/" not in found else found


def check_file(context: click.Context, *, trust_code: bool) -> None:
    """Raises UserError where a study file, and not the command line, names code that would be run; and where a run of
    an earlier kshot does not say what answered it."""
    options = options_of(context.command)
    path, unsaid = context.meta.get(f"{META}.path"), ParameterSource.DEFAULT
    if path and is_run(path) and all(context.get_parameter_source(name) is unsaid for name in ("engine", "model")):
        raise UserError(
            f"{path} is of an earlier kshot, and does not say how its engine was made: give --model or --engine."
        )
    if trust_code:
        return
    for word, value in context.meta.get(META, {}).items():
        from_file = context.get_parameter_source(str(options[word].name)) is ParameterSource.DEFAULT_MAP
        for text in texts_in(value) if from_file else ():
            if CODE.search(text):
                raise UserError(
                    f"{context.meta[f'{META}.path']} names code that would be run ({text}): add --trust-code where you "
                    "trust it."
                )


def texts_in(value: Any) -> list[str]:
    """All texts of a value."""
    if isinstance(value, str):
        return [value]
    return [text for one in (value.values() if isinstance(value, dict) else value) for text in texts_in(one)]


def cells_of(
    context: click.Context, tasks: Sequence[str], strategies: Sequence[str], given: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The tasks of strategies that a file has on some only, by the strategies' names; tasks as `tasks` has them.

    `given` are the tasks as they were given, in the order of `tasks`. Raises UserError for a task that is none of them.
    """
    from kshot.eval.tasks import expanded, get_task
    from kshot.prompts.strategies import get_strategy

    said = context.meta.get(META, {}).get("strategy", [])
    if context.get_parameter_source("strategies") is not ParameterSource.DEFAULT_MAP:
        return {}
    known = dict(zip(given, tasks, strict=True))
    found: dict[str, tuple[str, ...]] = {}
    for spec, one in zip(strategies, said, strict=True):
        if isinstance(one, dict):
            on = one["tasks"] if isinstance(one["tasks"], list) else [one["tasks"]]
            for task in on:
                if task not in known:
                    path = context.meta[f"{META}.path"]
                    raise UserError(
                        f"{path}: {one['name']} is to be on {task}, which is no task of it: add it to `task`."
                    )
            names = tuple(get_task(task).name for task in expanded([known[task] for task in on])[0])
            name = get_strategy(spec).name
            found[name] = (*found.get(name, ()), *names)
    return found


# ------------------------------------------------------------ writing


def save(context: click.Context, path: Path) -> None:
    """Writes what a command was told, by its file and its options, as a study file; `-` prints it. Raises UserError."""
    import yaml

    from kshot.harness.engines.openai import check_addresses
    from kshot.whole_file import write_whole

    words: Words = {}
    for word, option in options_of(context.command).items():
        name = str(option.name)
        source = context.get_parameter_source(name)
        if word in TRUST or source not in (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP):
            continue
        kept = context.meta.get(META, {}).get(word)
        value = kept if source is ParameterSource.DEFAULT_MAP else context.params[name]
        words[word] = written(value)
    for spec in words.get("engine", ()):
        check_addresses(spec)
    words = words if str(path) == "-" else placed(words, Path(), path.parent)
    text = yaml.safe_dump(words, sort_keys=False, allow_unicode=True, width=100)
    if str(path) == "-":
        click.echo(text, nl=False)
        return
    try:
        write_whole(path, text)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error.strerror or error}): give another path.") from None
    click.echo(f"study: {path}", err=True)


def written(value: Any) -> Any:
    """A value as YAML is to have it."""
    if isinstance(value, Mapping):
        return {key: written(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [written(one) for one in value]
    text = "auto" if value is None else str(value)
    return int(text) if text.isascii() and text.isdecimal() and str(int(text)) == text else text
