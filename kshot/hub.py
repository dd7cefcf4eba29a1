"""What models, adapters and data sets of the hub have in common: which commit, what went wrong, what a run came of.

All goes through huggingface_hub, the hub's own client, with the token that it finds itself; kshot never reads one.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from re import fullmatch
from typing import Any

from kshot.types import UserError

PATIENCE = 10.0  # seconds for the hub's answer to what a revision is
UNREACHED = "check the connection and HF_HUB_OFFLINE, or give a local {}"
Commits = dict[str, str]  # `owner/name` to the commit that was read
NOTED: ContextVar[Commits | None] = ContextVar("commits", default=None)


@contextmanager
def noted() -> Iterator[Commits]:
    """Gathers the commits of what is read of the hub within."""
    found: Commits = {}
    token = NOTED.set(found)
    try:
        yield found
    finally:
        NOTED.reset(token)


def note(name: str, commit: str) -> None:
    """Says which commit of a repository was read, to whoever gathers."""
    found = NOTED.get()
    if found is not None and commit:
        found[name] = commit


def is_commit(revision: str | None) -> bool:
    """Whether a revision is a whole commit, which never moves."""
    return bool(revision and fullmatch(r"[0-9a-f]{40}", revision))


def offline() -> bool:
    """Whether HF_HUB_OFFLINE says to ask nothing."""
    from huggingface_hub import constants

    return bool(constants.is_offline_mode())


def commit_of(name: str, revision: str | None, *, kind: str, what: str) -> str | None:
    """The commit that a revision is by now, asked once; None where the hub cannot be reached, or is not to be.

    `kind` is model or dataset. Raises UserError where the hub has no such repository or revision, or does not let it be
    read.
    """
    from huggingface_hub import HfApi

    if offline():
        return None
    try:
        info = HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=PATIENCE)
    except Exception as error:  # of the network, of httpx by several names, of the hub
        if is_unreached(error):
            return None
        raise explained(error, name, revision, what=what) from error
    return info.sha


def check_access(name: str, *, kind: str, what: str) -> None:
    """Raises UserError where the hub does not let this user read the files: gated repositories show only their page."""
    from huggingface_hub import HfApi

    try:
        HfApi().auth_check(name, repo_type=kind)
    except Exception as error:  # as above
        if not is_unreached(error):
            raise explained(error, name, None, what=what) from error


def chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came of."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def status_of(error: BaseException) -> int | None:
    """The code of the hub's answer, where it gave one."""
    for one in chain(error):
        with suppress(AttributeError, TypeError, ValueError):
            return int(one.response.status_code)  # type: ignore[attr-defined]
    return None


def is_unreached(error: BaseException) -> bool:
    """Whether nobody answered: no network, no hub, none to be asked; or a hub that is down."""
    status = status_of(error)
    if status is not None:
        return status >= 500 or status == 429
    return any(
        isinstance(one, (ConnectionError, TimeoutError)) or type(one).__module__.startswith("httpx")
        for one in chain(error)
    )


def explained(error: BaseException, name: str, revision: str | None, *, what: str, instead: str = "") -> UserError:
    """What an error of the hub's client means, and what to do; `what` is a model, a data set or an adapter.

    `instead` is what can be given in its place.
    """
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    errors = list(chain(error))

    def has(kind: Any) -> bool:
        return any(isinstance(one, kind) for one in errors)

    status = status_of(error)
    page = f"https://huggingface.co/{'datasets/' if what == 'data set' else ''}{name}"
    if any(getattr(one, "errno", None) == errno.ENOSPC or "No space left" in str(one) for one in errors):
        return UserError(f"the disk is full: free some space and fetch {name!r} again.")
    if has(GatedRepoError):
        if status == 403:
            return UserError(
                f"the {what} {name} is gated and your account may not read it yet: ask for access on its page, {page}."
            )
        return UserError(
            f"the {what} {name} is gated: ask for access on its page, {page}, and log in (hf auth login, or HF_TOKEN)."
        )
    if has(RevisionNotFoundError):
        return UserError(
            f"the hub's {name} has no revision {revision!r}; give a branch, a tag or a whole commit, or leave it out."
        )
    if status == 401 and any("Invalid credentials" in str(one) or "Invalid username" in str(one) for one in errors):
        return UserError("the hub does not take your token: log in again (hf auth login), or mend HF_TOKEN.")
    if has(RepositoryNotFoundError) or status in (401, 403):
        return UserError(
            f"the hub has no {what} {name!r} that you may read; check its name, or log in (hf auth login)."
        )
    if has(HFValidationError):
        return UserError(f"{name!r} is not a hub id ({first_line(error)}); write owner/name.")
    remedy = instead or UNREACHED.format("file" if what == "data set" else "folder")
    if status is not None and (status >= 500 or status == 429):
        why = "asks for patience" if status == 429 else "has trouble of its own"
        return UserError(f"the hub {why} (it answers {status}) and {name!r} is not whole here; try again later.")
    return UserError(f"the {what} hub cannot be reached for {name!r} ({first_line(error)}); {remedy}.")


def first_line(error: BaseException) -> str:
    """An error's first line, or its kind."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
