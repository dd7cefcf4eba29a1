"""A folder that holds the runs of several models: which, and where each lies.

`models.json` has a line a model: its run is an ordinary one, in a folder that is named for it, or in this very folder
where it was a run of one model before others joined. What the file says is checked: a folder may come from a stranger.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kshot.harness.engines.deferred import is_known
from kshot.harness.engines.registry import NamedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.read import description
from kshot.registry import suggest
from kshot.spec import split_spec, write_spec
from kshot.types import UserError
from kshot.whole_file import read_object, write_whole

INDEX = "models.json"
HERE = "."
LONGEST = 60  # characters of a folder's name; a Chinese one has three bytes
NEUTRAL = ("batch", "memory", "share")  # of an engine: they change no answer
TAKEN = frozenset({
    "figures", "sources", "judge", "export", "search", "transfer", "con", "nul", "aux", "prn",
})  # fmt: skip
"""Names that mean something in a run's folder, or to some system."""


@dataclass(frozen=True, slots=True)
class ModelRun:
    """A model of a folder with several."""

    model: str  # as it was given
    engine: str  # the specification that makes it, without what changes no answer
    folder: str
    failed: str = ""  # why it has no whole run


def is_many(folder: Path) -> bool:
    """Whether a folder holds the runs of several models."""
    return (folder / INDEX).is_file()


def read_members(folder: Path) -> list[ModelRun]:
    """The models of a folder, in the order in which they joined. Raises UserError where its index is damaged."""
    path = folder / INDEX
    if not path.is_file():
        return []
    remedy = "give the same kshot bench command again after deleting it; the runs in the folder stay as they are"
    found = read_object(path, remedy).get("models")
    members = []
    for said in found if isinstance(found, list) else [None]:
        fields = ("model", "engine", "folder", "failed")
        if not isinstance(said, dict) or not all(isinstance(said.get(name), str) for name in fields):
            raise UserError(f"{path} is damaged: {remedy}.")
        member = ModelRun(*(said[name] for name in fields))
        if member.folder != HERE and member.folder != safe_name(member.folder):
            raise UserError(f"{path} names a folder {member.folder!r} that it cannot have: {remedy}.")
        members.append(member)
    return members


def write_members(folder: Path, members: Sequence[ModelRun]) -> None:
    """Keeps the models of a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / INDEX, json.dumps({"models": [asdict(member) for member in members]}, indent=2))


def folders_of(folder: Path, model: str | None = None) -> list[Path]:
    """The folders of all runs in a folder that holds several models', or of one; the folder itself where it is a run.

    Raises UserError for a model that is none of them.
    """
    members = read_members(folder)
    if not members:
        if model is not None:
            raise UserError(f"{folder} holds the run of one model: leave --model out.")
        return [folder]
    members = [member for member in members if (folder / member.folder / "journal.sqlite").is_file()]
    if model is None:
        return [folder / member.folder for member in members]
    names = {name: member for member in members for name in (member.model, shown(member))}
    if model not in names:
        raise UserError(f"{folder} has no run of {model!r}: {suggest(model, list(names))}")
    return [folder / names[model].folder]


def one_folder(folder: Path, model: str | None) -> Path:
    """The folder of one run. Raises UserError where there are several and none is chosen."""
    found = folders_of(folder, model)
    if len(found) != 1:
        names = ", ".join(shown(member) for member in read_members(folder))
        raise UserError(f"{folder} holds the runs of several models: choose one with --model ({names}).")
    return found[0]


def shown(member: ModelRun) -> str:
    """What a model is called on the command line: its folder's name, or its own where it lies in the folder itself."""
    return safe_name(member.model) if member.folder == HERE else member.folder


def placed(engines: Sequence[NamedEngine], folder: Path) -> tuple[list[ModelRun], list[ModelRun]]:
    """(All members of a folder once these engines have joined, those of the engines in their order).

    A run of one model that lies in the folder itself stays where it is. Raises UserError for a model given twice.
    """
    members = read_members(folder)
    if not members and (folder / "journal.sqlite").is_file():
        mine = next((named for named in engines if made_by(folder, named)), None)
        model = mine.model if mine else str(description(folder).get("model") or folder.name)
        members.append(ModelRun(model, identity(mine) if mine else "", HERE))
    chosen: list[ModelRun] = []
    for named in engines:
        member = member_of(named, members, folder)
        if member in chosen:
            raise UserError(f"the model {named.model} is given twice; give it once.")
        if member not in members:
            members.append(member)
        chosen.append(member)
    return members, chosen


def member_of(named: NamedEngine, members: Sequence[ModelRun], folder: Path) -> ModelRun:
    """The member that an engine is, of those that there are or a new one."""
    own = identity(named)
    for member in members:
        if member.engine == own:
            return member
    name = safe_name(name_of(named))
    for member in members:  # the same files under another path, as where a study has moved
        if shown(member) in (name, f"{name}-{digest(member.engine)}") and made_by(folder / member.folder, named):
            return member
    taken = {member.folder.casefold() for member in members}
    stands = (folder / name).exists() and not made_by(folder / name, named)  # an index was lost, or it is no run
    if name.casefold() in taken or stands:
        name = f"{name}-{digest(own)}"
    return ModelRun(named.model, own, name)


def made_by(folder: Path, named: NamedEngine) -> bool:
    """Whether a run was made by an engine: as its model's files say, else as its description does."""
    with suppress(UserError), Journal.read(folder) as journal:
        id = journal.settings().get("engine")
        if isinstance(id, str) and is_known(named, id):
            return True
        if isinstance(id, str) and not id.startswith("transformers/"):
            return bool(description(folder).get("model") == named.model)
    return False


def engine_ids(folder: Path, members: Sequence[ModelRun]) -> dict[str, str]:
    """The ids of the engines that members of a folder were run on, with the models' names."""
    found = {}
    for member in members:
        with suppress(UserError), Journal.read(folder / member.folder) as journal:
            found[str(journal.settings().get("engine"))] = member.model
    return found


def identity(named: NamedEngine) -> str:
    """The specification of an engine without what changes no answer, a path to its model in full."""
    name, given = split_spec(named.name)
    params: dict[str, object] = {key: value for key, value in given.items() if key not in NEUTRAL}
    path = os.path.expanduser(str(params.get("model", "")))
    if "model" in params and os.path.exists(path):  # False, too, of a name that no system has a file for
        params["model"] = os.path.realpath(path)
    return write_spec(name, params)


def name_of(named: NamedEngine) -> str:
    """What an engine's model is called: the last part of its name, behind the engine's where that is not the usual."""
    model = Path(named.model).name.removesuffix(".gguf") or named.model
    kind = split_spec(named.name)[0].rpartition(":")[2]
    return model if kind == "transformers" or kind == model else f"{kind}-{model}"


def safe_name(text: str) -> str:
    """A folder's name out of any text, in at most `LONGEST` characters.

    >>> safe_name("owner/name@main"), safe_name(".."), safe_name("模型 7B")
    ('owner-name-main', 'model', '模型-7B')
    """
    name = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", text)).strip("-.")[:LONGEST].rstrip("-.")
    if not name:
        return "model"
    return f"model-{name}" if name.casefold() in TAKEN else name


def digest(text: str) -> str:
    """A few characters that tell one text from another."""
    return hashlib.blake2b(text.encode(), digest_size=3).hexdigest()


def with_failures(members: Sequence[ModelRun], failed: dict[str, str], tried: Sequence[ModelRun]) -> list[ModelRun]:
    """Members with what became of those that were tried."""
    names = {member.folder for member in tried}
    return [
        replace(member, failed=failed.get(member.folder, "")) if member.folder in names else member
        for member in members
    ]
