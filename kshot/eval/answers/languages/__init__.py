"""The languages that answers are read in. Another is one file of patterns, and one name here.

language.py          what a language brings
english.py           English
english_numbers.py   numbers in its words
chinese.py           Chinese
chinese_numbers.py   numbers in its words and signs
conventions.py       how numbers are written, of languages that answers are not read in otherwise, too
"""

from __future__ import annotations

import re
from collections.abc import Callable

from kshot.eval.answers.languages.chinese import CHINESE
from kshot.eval.answers.languages.english import ENGLISH
from kshot.eval.answers.languages.language import Language

LANGUAGES = (ENGLISH, CHINESE)
UNSPACED = r"\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # letters of scripts whose words may touch others


def either(words: Callable[[Language], str]) -> str:
    """The same pattern of every language, as one."""
    return f"(?:{'|'.join(words(language) for language in LANGUAGES)})"


def pattern(words: Callable[[Language], str]) -> re.Pattern[str]:
    """The same pattern of every language, compiled."""
    return re.compile(either(words), re.IGNORECASE)
