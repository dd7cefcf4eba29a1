"""A journal opened to be read, from a medium that cannot be written too: a backup, a CD, another user's folder.

Concedes: there, a journal with an unfinished log is copied to a scratch folder for as long as it is read.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import ExitStack
from pathlib import Path

from kshot.harness.damage import NO_MEDIUM


def connect_to_read(path: Path, held: ExitStack) -> sqlite3.Connection:
    """A connection to a journal; `held` closes it. Raises sqlite3.DatabaseError and OSError.

    SQLite writes beside a journal even to read it. Where it cannot, a journal without a log is read as it stands, and
    one with a log, whose newest answers lie there, from a copy of both.
    """
    connection = sqlite3.connect(path)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        connection.close()
        if not any(said in str(error) for said in NO_MEDIUM):
            raise
    except Exception:
        connection.close()
        raise
    else:
        held.callback(connection.close)
        return connection
    log = path.with_name(f"{path.name}-wal")
    if log.is_file() and log.stat().st_size:
        place = Path(held.enter_context(tempfile.TemporaryDirectory(prefix="kshot-")))
        for file in (path, log):
            shutil.copyfile(file, place / file.name)
        connection = sqlite3.connect(place / path.name)
    else:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    held.callback(connection.close)
    return connection
