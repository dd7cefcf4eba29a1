"""An error that nobody foresaw: its traceback goes to a file, and a sentence says where.

Meets: a terminal shows a sentence in any case. A user's own file that fails is named with its line, as it is theirs.
"""

from __future__ import annotations

import os
import tempfile
import traceback
from pathlib import Path
from types import TracebackType

from kshot.registry import words_of

USERS = "kshot_user_"
"""How the modules of users' own files are called (`kshot.registry.load_from_file`)."""


def keep_traceback(error: BaseException) -> Path | None:
    """Writes an error's traceback into a file that only its owner reads, and gives it; None where there is no room."""
    try:
        handle, name = tempfile.mkstemp(prefix="kshot-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.writelines(traceback.format_exception(error))
    except OSError:
        return None
    return Path(name)


def users_line(trace: TracebackType | None) -> str | None:
    """The innermost line of a user's own file that an error came through: "mine.py, line 7"."""
    found = None
    while trace is not None:
        if str(trace.tb_frame.f_globals.get("__name__", "")).startswith(USERS):
            found = f"{trace.tb_frame.f_code.co_filename}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return found


def told(error: BaseException) -> tuple[str, bool]:
    """What to say of an error, and whether it is of the user's own file. Its traceback is in a file that is named."""
    kept = keep_traceback(error)
    where = f"the traceback is in {kept}" if kept else "there was no room to keep its traceback"
    what = f"{type(error).__name__}: {words_of(error)}".rstrip(": ")
    line = users_line(error.__traceback__)
    if line:
        return f"{line}, failed ({what}): mend the file; {where}.", True
    return f"this should not have happened, and is no mistake of yours ({what}): {where}; please report it.", False
