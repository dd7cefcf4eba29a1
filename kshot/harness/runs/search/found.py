"""RUN/found.json: what each search came to, for people and for the report.

Written when all searches have ended and before the test split is read; a later command's searches are added to it. What
is read of it is checked: a folder may come from a stranger.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from kshot.eval.report.searching.outcomes import SearchOutcome, Spent, Tried
from kshot.eval.selection_bias import SelectionBias, selection_bias
from kshot.harness import provenance
from kshot.harness.damage import SEARCHES, unended
from kshot.harness.runs.search.plan import Searches
from kshot.harness.runs.search.run import Searched
from kshot.prompts.search import Candidate, Found, Searchable
from kshot.types import UserError
from kshot.whole_file import read_object, write_whole

FOUND = "found.json"
VERSION = 1
REMEDY = "give the same kshot search command again, which makes it anew from what was answered"


@dataclass(frozen=True, slots=True)
class FoundFile:
    """What the file says."""

    outcomes: tuple[SearchOutcome, ...]
    protocol: Mapping[str, Any] = field(default_factory=dict)
    few_shot: Mapping[str, str] = field(default_factory=dict)  # by task
    calibrated: Mapping[str, str] = field(default_factory=dict)  # specification -> calibrated
    notes: tuple[str, ...] = ()
    info: Mapping[str, Any] = field(default_factory=dict)  # model, engine, versions
    pools: Mapping[str, str] = field(default_factory=dict)  # task -> a hash of its train samples


def outcome_of(loaded: Searches, searched: Searched) -> SearchOutcome:
    """A search's end as values."""
    (task, method, seed), found, subject = searched.key, searched.found, loaded.subjects[searched.key[0]]
    bias = corrected(found, subject)
    return SearchOutcome(
        task=task, method=method, seed=seed, objective=subject.objective, train=len(subject.train),
        validation=len(subject.validation), budget=loaded.plan.budget, scorings=found.scorings,
        proposals=found.proposals, unusable=found.unusable, best=found.best,
        tried=tuple(map(tried_of, found.candidates)),
        out_of_bag=None if math.isnan(bias.out_of_bag) else bias.out_of_bag,
        low=bias.interval.low, high=bias.interval.high, judging=bias.judging,
        tested=tuple(found.candidates[at].spec for at in best_of(found.candidates, found.best, loaded.plan.top)),
        proposing=searched.meter.proposals, scoring=searched.meter.scorings, notes=found.notes,
    )  # fmt: skip


def tried_of(one: Candidate) -> Tried:
    """A candidate without its single trials."""
    value, score = (fmean(getattr(trial, name) for trial in one.trials) for name in ("value", "score"))
    known = value if math.isfinite(value) else None
    return Tried(one.spec, one.text, one.how, one.parent, one.born, len(one.trials), known, score)


def corrected(found: Found, subject: Searchable) -> SelectionBias:
    """What the choice of the winner is worth, out of bag."""
    clusters = [sample.cluster or sample.id for sample in subject.validation]
    values, scores = (
        [[getattr(t, name) for t in one.trials] for one in found.candidates] for name in ("value", "score")
    )
    grouped = clusters if len(set(clusters)) < len(clusters) else None
    return selection_bias(values, scores, best=found.best, clusters=grouped)


def best_of(candidates: Sequence[Candidate], best: int, top: int) -> list[int]:
    """The places of the winner and the next best of those that were tried as far as it, in all at most `top`."""
    full = [at for at, one in enumerate(candidates) if len(one.trials) == len(candidates[best].trials) and at != best]
    full.sort(key=lambda at: -fmean(trial.value for trial in candidates[at].trials))
    return [best, *full][:top]


# ---------------------------------------------------------------- the file


def write_found(folder: Path, found: FoundFile) -> None:
    """Keeps it, whole or not at all."""
    said = {
        "version": VERSION,
        **found.info,
        "protocol": dict(found.protocol),
        "few_shot": dict(found.few_shot),
        "calibrated": dict(found.calibrated),
        "pools": dict(found.pools),
        "notes": list(found.notes),
        "searches": [
            {
                **{each.name: getattr(one, each.name) for each in fields(one) if each.name not in NESTED},
                "spec": one.spec,
                "text": one.winner.text,
                "candidates": len(one.tried),
                "validation_score": one.winner.score,
                "proposing": asdict(one.proposing),
                "scoring": asdict(one.scoring),
                "trajectory": one.trajectory,
                "tried": [asdict(each) for each in one.tried],
            }
            for one in found.outcomes
        ],
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FOUND, json.dumps(said, indent=1, ensure_ascii=False) + "\n")


NESTED = ("tried", "proposing", "scoring")


def read_found(folder: Path) -> FoundFile:
    """What a folder's searches came to. Raises UserError where there is none, or it is damaged."""
    path = folder / FOUND
    if not path.is_file():
        begun = (folder / SEARCHES / "journal.sqlite").is_file()
        none = f"{folder} holds no search (no {FOUND}): give a folder of `kshot search`."
        raise UserError(unended(folder) if begun else none)
    said = read_object(path, REMEDY)
    try:
        outcomes = tuple(map(outcome_read, said["searches"]))
        texts = (said["few_shot"], said["calibrated"], said.get("pools", {}))
        if not all(isinstance(text, str) for each in texts for pair in each.items() for text in pair):
            raise TypeError("a specification is no text")
        own = ("searches", "few_shot", "calibrated", "pools", "notes")
        info = {key: value for key, value in said.items() if key not in own}
        few_shot, calibrated, pools = map(dict, texts)
        notes = tuple(map(str, said["notes"]))
        return FoundFile(outcomes, dict(said["protocol"]), few_shot, calibrated, notes, info, pools)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise UserError(f"{path} is damaged ({error!r:.200}): {REMEDY}.") from error


LARGEST = 2**53  # what is not below it is no number of a search: figures cannot draw it
KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "str": (str,),
    "float": (int, float),
    "int | None": (int, type(None)),
    "float | None": (int, float, type(None)),
}


def typed(kind: type[Any], said: Mapping[str, Any], **given: Any) -> Any:
    """A value of plain fields out of an object, each of the kind that it has. Raises TypeError and KeyError."""
    values = dict(given)
    for each in fields(kind):
        if each.name in values:
            continue
        value = said[each.name]
        if (
            isinstance(value, bool)
            or not isinstance(value, KINDS[str(each.type)])
            or (isinstance(value, int | float) and not abs(value) < LARGEST)
        ):
            raise TypeError(f"{each.name} is {value!r:.60}")
        values[each.name] = value
    return kind(**values)


def outcome_read(said: Mapping[str, Any]) -> SearchOutcome:
    """A search as the file has it. Raises TypeError, KeyError and IndexError."""
    tried = tuple(typed(Tried, one) for one in said["tried"])
    tested, notes = tuple(said["tested"]), tuple(said["notes"])
    if not all(isinstance(text, str) for text in (*tested, *notes)):
        raise TypeError("a text is none")
    found: SearchOutcome = typed(
        SearchOutcome, said, tried=tried, tested=tested, notes=notes,
        proposing=typed(Spent, said["proposing"]), scoring=typed(Spent, said["scoring"]),
    )  # fmt: skip
    if not 0 <= found.best < len(tried):
        raise IndexError(f"best is {found.best} of {len(tried)}")
    if tested[:1] != (found.spec,) or not set(tested) <= {one.spec for one in tried}:
        raise ValueError(f"tested is {tested!r:.60}, and not the winner first and others that were tried")
    if not all(0 <= one.score <= 1 for one in tried):
        raise ValueError("a score is not between 0 and 1")
    return found


def check_same_train(folder: Path, pools: Mapping[str, str]) -> None:
    """Raises UserError where a folder's searches have seen other train samples of a task."""
    try:
        before = read_found(folder).pools
    except UserError:  # none is there, or damaged: nothing of it is kept
        return
    for task, found in pools.items():
        if before.get(task, found) != found:
            raise UserError(
                f"the train samples of {task} are not those that the searches in {folder} have seen (the data has "
                "changed): use another --run name, or put back what they were."
            )


def merged(folder: Path, new: FoundFile) -> FoundFile:
    """What a folder has and what is new: a search that was there is replaced. Raises UserError for another protocol."""
    if not (folder / FOUND).is_file():
        return new
    try:
        old = read_found(folder)
    except UserError:  # damaged: what was answered is in the journal
        return new
    if dict(old.protocol) != dict(new.protocol):
        return new
    mine = {(one.task, one.method, one.seed) for one in new.outcomes}
    kept = [one for one in old.outcomes if (one.task, one.method, one.seed) not in mine]
    return replace(
        new,
        outcomes=tuple(sorted((*kept, *new.outcomes), key=lambda one: one.seed)),  # reports pair methods seed by seed
        few_shot={**old.few_shot, **new.few_shot},
        calibrated={**old.calibrated, **new.calibrated},
        pools={**old.pools, **new.pools},
        notes=tuple(dict.fromkeys((*old.notes, *new.notes))),
    )


def described(model: str, proposer: str | None) -> dict[str, Any]:
    """What makes it again: models and versions."""
    now: dict[str, Any] = dict(provenance.collect())
    kept: dict[str, Any] = {key: now[key] for key in ("kshot", "commit", "command") if key in now}
    written = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"model": model, "proposer": proposer, **kept, "written": written}


def specs_of(outcomes: Iterable[SearchOutcome]) -> dict[str, list[str]]:
    """What is to be tested, by task, none twice."""
    found: dict[str, list[str]] = {}
    for one in outcomes:
        found.setdefault(one.task, []).extend(spec for spec in one.tested if spec not in found.get(one.task, []))
    return found
