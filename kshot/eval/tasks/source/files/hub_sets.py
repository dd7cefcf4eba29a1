"""A data set of the hub through `datasets`, of the commit that was asked for and of no other.

Where the hub cannot be reached, `datasets` takes the newest copy that it has kept, of whatever revision: here that is
held against the commit that the revision stands for. One request tells whether the hub is there, without the client's
half minute of trying again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kshot import hub
from kshot.types import UserError

KEPT = re.compile(r"[/\\]([0-9a-f]{40})[/\\][^/\\]+$")  # of a file of `datasets`' cache: the commit that it was made of


def load_set(name: str, config: str | None, revision: str | None, **options: Any) -> Any:
    """What `datasets.load_dataset` gives for a set of the hub. Raises UserError where the hub's answer says why not.

    What else `datasets` raises, of files and formats, is left to the caller, who can name the place.
    """
    import datasets
    from datasets.utils.logging import ERROR, disable_progress_bar, get_verbosity, set_verbosity

    disable_progress_bar()
    quiet = hub.offline() or datasets.config.HF_HUB_OFFLINE
    commit = None if quiet else hub.commit_of(name, revision, kind="dataset", what="data set")
    if commit is None and not kept_here(name):
        raise UserError(
            f"{'HF_HUB_OFFLINE is set' if quiet else 'the hub cannot be reached'} and the data set {name} is not kept here "
            f"from before; {'unset it to fetch the set' if quiet else 'check the connection'}, or give a local file."
        )
    wanted = commit or kept_commit(name, revision)
    said = get_verbosity()
    set_verbosity(ERROR)  # it would say which copy it takes, which is checked here
    try:
        with asking(commit is not None):
            whole = datasets.load_dataset(name, config, revision=revision, **options)
    except UserError:
        raise
    except Exception:
        if commit is not None:
            hub.check_access(name, kind="dataset", what="data set")  # `datasets` does not say which answer it got
        raise
    finally:
        set_verbosity(said)
    found = commit_read(whole)
    if found and wanted and found != wanted:
        raise UserError(
            f"the copy of {name} that is kept here is of the commit {found[:12]} and not of {revision or 'main'}, "
            f"{wanted[:12]}: connect to the hub to fetch that, or give revision={found}."
        )
    if found and not wanted:
        raise UserError(
            f"the hub cannot be asked whether the copy of {name} that is kept here, of the commit {found[:12]}, is its "
            f"revision {revision or 'main'}: connect to it, or give revision={found}."
        )
    hub.note(name, found or wanted or "")
    return whole


@contextmanager
def asking(reachable: bool) -> Iterator[None]:
    """Lets the clients ask the hub, or keeps them from trying where nobody answers."""
    import datasets.config
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if not reachable:
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def kept_here(name: str) -> bool:
    """Whether `datasets` has kept a copy of any revision."""
    import datasets.config
    from datasets.naming import camelcase_to_snakecase

    owner, _, own = name.rpartition("/")
    folder = f"{owner}___{camelcase_to_snakecase(own)}" if owner else camelcase_to_snakecase(own)
    return any(Path(datasets.config.HF_DATASETS_CACHE).expanduser().glob(f"{folder}/*/*/*/"))


def kept_commit(name: str, revision: str | None) -> str:
    """The commit that a revision was when it was fetched last; "" where that is not known."""
    from huggingface_hub import constants

    if hub.is_commit(revision):
        return str(revision)
    folder = f"datasets--{name.replace('/', '--')}"
    place = Path(constants.HF_HUB_CACHE) / folder / "refs" / (revision or "main")
    said = place.read_text(encoding="ascii", errors="replace").strip() if place.is_file() else ""
    return said if hub.is_commit(said) else ""


def commit_read(whole: Any) -> str:
    """The commit that a loaded set is of, from where it is kept; "" where that does not say."""
    for one in whole.values() if isinstance(whole, dict) else [whole]:
        for file in getattr(one, "cache_files", ()):
            found = KEPT.search(str(file["filename"]))
            if found:
                return found[1]
    return ""
