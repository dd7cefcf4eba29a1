"""All small copies of the library's sets, made by hand."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from tests.eval.tasks.library.copy_of import Copy, served
from tests.eval.tasks.library.rows_choices import COMMONSENSE, KNOWLEDGE
from tests.eval.tasks.library.rows_sentences import CHINESE, SENTENCES
from tests.eval.tasks.library.rows_texts import LANGUAGE_MODELLING, MATHEMATICS, READING, TEXTS

__all__ = ["BY_SPEC", "COPIES", "Copy", "local_data", "served"]

COPIES = (*KNOWLEDGE, *LANGUAGE_MODELLING, *TEXTS, *COMMONSENSE, *SENTENCES, *CHINESE, *READING, *MATHEMATICS)
BY_SPEC = {copy.spec: copy for copy in COPIES}


@lru_cache
def local_data() -> Path:
    """A folder with all of them as --data has them, for as long as the tests run."""
    folder = Path(tempfile.mkdtemp(prefix="kshot-copies-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for copy in COPIES:
        copy.write_local(folder)
    return folder
