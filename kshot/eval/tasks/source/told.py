"""How the answers of a user's file are to be read: told from all of them, or said with `answer=`.

The format is what most answers fit, and an answer that does not fit it is an error that names its row, so that one
odd row never turns numbers into text, nor an odd answer into another. Concedes: numbers among mostly other answers
are text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache

from kshot.eval.answers import LETTER, NUMBER, TEXT, WHOLE, YES_AND_NO, YES_NO, canonical_number, in_language, labels
from kshot.eval.answers.numerals import in_words
from kshot.registry import suggest
from kshot.types import AnswerFormat, Sample, UserError

ANSWERS = ("number", "text", "letter", "label", "yes-no", "whole")  # whole: all of a reply; never told, only said
WANTED = {"number": "a number", "letter": "a letter", "yes-no": "yes or no"}
TRUTHS = {"yes": "yes", "no": "no", "true": "yes", "false": "no"}
TRUTHS |= {"是": "yes", "否": "no", "对": "yes", "错": "no", "對": "yes", "錯": "no"}
TRUTHS |= {"正确": "yes", "错误": "no", "正確": "yes", "錯誤": "no", "√": "yes", "×": "no", "✓": "yes", "✗": "no"}
INITIALS = {"y": "yes", "n": "no", "t": "yes", "f": "no"}  # where no other answer is anything else
# full-width letters, digits and signs as the plain ones
PLAIN_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)}
HAN_ONLY = re.compile(r"[\u3007\u3400-\u9fff]+")
MOST_LABELS = 1_000
MOST_DIGITS = 100
MOST_SIGNS = 4  # of a letter: "(A)."
DIGITS = re.compile(r"0|[1-9][0-9]{0,14}")
# all of an answer, so that neither a date nor a telephone number is one; a comma groups thousands
NUMERAL = re.compile(
    r"(?P<sign>[-\u2212+]?)\s?[$€£]?\s?(?P<minus>[-\u2212]?)"
    r"(?P<digits>(?:\d{1,3}(?:,\d{2,3})*,\d{3}|\d+)(?:\.\d+)?|\.\d+)"
    r"(?:[eE](?P<power>[-+]?\d{1,2})|\s?/\s?(?P<below>\d+))?\s?%?\.?",
    re.ASCII,
)


def number_of(answer: str) -> str | None:
    """An answer that is nothing but a number, as a plain decimal; None for any other.

    >>> number_of("$1,000.50"), number_of("1e-5"), number_of("3/6"), number_of("3,5"), number_of("7 apples")
    ('1000.5', '0.00001', '0.5', None, None)
    >>> number_of("\uff11\uff12"), number_of("\u5341\u4e8c"), number_of("\u5341\u4e8c\u4e2a")
    ('12', '12', None)
    """
    answer = answer.translate(PLAIN_WIDTH)
    if DIGITS.fullmatch(answer):
        return answer
    found = NUMERAL.fullmatch(answer.strip())
    if found is None and HAN_ONLY.fullmatch(answer.strip()):
        words = in_words(answer.strip())
        return words.value if words and words.end == len(answer.strip()) else None
    if found is None or (found["sign"] and found["minus"]):
        return None
    digits = found["digits"].replace(",", "")
    if len(digits) + len(found["below"] or "") > MOST_DIGITS:
        return None
    value: str | None
    if found["below"]:
        value = canonical_number(f"{digits}/{found['below']}")
    else:
        whole, _, part = f"{Decimal(digits + 'e' + (found['power'] or '0')):f}".partition(".")
        value = f"{whole.lstrip('0') or '0'}.{part}".rstrip("0").rstrip(".") if part else whole.lstrip("0") or "0"
    negative = found["sign"] in ("-", "\u2212") or found["minus"]
    return f"-{value}" if value and value != "0" and negative else value


def truth_of(answer: str) -> str | None:
    """Yes or no, from "Yes", "no", "True" or "false"; None for any other."""
    return TRUTHS.get(answer.strip().lower())


def initial_of(answer: str) -> str | None:
    """Yes or no, from its first letter alone too; None for any other."""
    return truth_of(answer) or INITIALS.get(answer.strip().lower())


def lone_letter(answer: str) -> str | None:
    """The letter that an answer is, "(b)" or "B."; None for any other."""
    found = re.fullmatch(r"\(?([A-Za-z])[).:]{0,2}", answer.translate(PLAIN_WIDTH).strip())
    return found[1].upper() if found else None


def offers(question: str, letter: str | None) -> bool:
    """Whether choices stand in a question, under the letters from A to at least B and this one.

    >>> offers("Which is hot? (A) ice (B) steam", "B"), offers("A. Who was B?", "B"), offers("A．铁 B．木", "C")
    (True, False, False)
    """
    if letter is None:
        return False
    begins = 0
    for at in range(65, max(ord(letter), 66) + 1):
        found = re.compile(rf"(?:^|(?<=[\s(（]))[{chr(at)}{chr(at).lower()}]\s?[).．、:：）]", re.M).search(
            question, begins
        )
        if found is None:
            return False
        begins = found.end()
    return True


@lru_cache(maxsize=1 << 16)
def counted(answer: str) -> str | None:
    """An answer that is nothing but a number; None for digits behind a zero, which are a code and count nothing.

    >>> counted("7"), counted("0.7"), counted("007"), counted("0"), counted("1000|1,000"), counted("1|2")
    ('7', '0.7', None, '0', '1000', None)
    """
    if "|" in answer:  # several ways of writing one number
        found = {counted(part) for part in answer.split("|")}
        return found.pop() if len(found) == 1 else None
    return None if re.fullmatch(r"0\d+", answer.strip(), re.ASCII) else number_of(answer)


READ: dict[str, Callable[[str], str | None]] = {"number": counted, "letter": lone_letter, "yes-no": initial_of}


def kind_of(samples: Sequence[Sample], labelled: bool) -> str:
    """Which of ANSWERS most of the samples' targets are."""
    if samples[0].choices:
        return "letter"
    truths = sum(truth_of(sample.target) is not None for sample in samples)
    initials = {sample.target.strip().lower() for sample in samples}
    if truths == len(samples) or initials in ({"y", "n"}, {"t", "f"}) or (not labelled and 2 * truths > len(samples)):
        return "yes-no"
    if labelled:
        return "label"
    short = [sample for sample in samples if len(sample.target) <= MOST_SIGNS]
    if 2 * sum(offers(sample.question, lone_letter(sample.target)) for sample in short) > len(samples):
        return "letter"
    numbers = sum(counted(sample.target) is not None for sample in samples)
    return "number" if 2 * numbers > len(samples) else "text"


def fitted(samples: Sequence[Sample], kind: str, places: Mapping[str, str], *, said: bool) -> list[Sample]:
    """The samples with their targets as the format writes them. Raises UserError for one that does not fit, by row."""
    read = READ.get(kind)
    if read is None or samples[0].choices:  # a choice's letter is read already
        return list(samples)
    found = []
    for sample in samples:
        target = read(sample.target)
        if target is None:
            raise UserError(odd(samples, sample, kind, places[sample.id], said=said))
        found.append(sample if target == sample.target else replace(sample, target=target))
    return found


def odd(samples: Sequence[Sample], sample: Sample, kind: str, place: str, *, said: bool) -> str:
    """The sentence about a row whose answer is not what the others are, or what was asked for."""
    shown = sample.target if len(sample.target) <= 60 else f"{sample.target[:60]}..."
    if said:
        return f"{place}: the answer {shown!r} is not {WANTED[kind]}, as answer={kind} asks; mend that row, or ask for another."
    fitting = sum(READ[kind](other.target) is not None for other in samples)
    return (
        f"{place}: the answer {shown!r} is not {WANTED[kind]}, as {fitting:,} of {len(samples):,} answers are; mend that "
        "row, or say how all are to be read, such as --answer text."
    )


def classes(samples: Sequence[Sample], source: str, places: Mapping[str, str]) -> dict[str, str]:
    """Every label as it stands, with its name: 1.0 is 1 where all are whole numbers.

    Raises UserError for labels that are hidden, too many, or one but for their case.
    """
    found = sorted({sample.target for sample in samples})
    if found == ["-1"] and len(samples) > 1:
        raise UserError(f"{source}: all labels are -1, which stands for a hidden label; use a split that has labels.")
    if len(found) > 3 and set(found) == {str(index) for index in range(-1, len(found) - 1)}:  # as SNLI has it
        first = next(sample for sample in samples if sample.target == "-1")
        raise UserError(
            f"{places[first.id]}: the label -1 beside 0 to {len(found) - 2} stands for a hidden one; leave out the rows "
            "that have it, or write labels as words."
        )
    if "-1" in found and not any(re.fullmatch(r"\d+(?:\.0+)?", label, re.ASCII) for label in found):  # beside names
        first = next(sample for sample in samples if sample.target == "-1")
        raise UserError(
            f"{places[first.id]}: the label -1 stands for a hidden one; leave out the rows that have it, or take a split "
            "that has labels."
        )
    if (
        "-" in found
        and len(found) > 1
        and all(re.fullmatch(r"[^\W\d_][\w ]*", label) for label in found if label != "-")
    ):
        first = next(sample for sample in samples if sample.target == "-")
        raise UserError(
            f"{places[first.id]}: the label '-' stands for one that annotators did not agree on, as in SNLI; leave out "
            "the rows that have it."
        )
    cases: dict[str, str] = {}
    for sample in samples:
        other = cases.setdefault(sample.target.casefold(), sample.target)
        if other != sample.target:
            raise UserError(
                f"{places[sample.id]}: the label {sample.target!r} is {other!r} but for its case; write one of them."
            )
    if len(found) > MOST_LABELS:
        raise UserError(
            f"{source} has {len(found):,} different labels, and at most {MOST_LABELS:,} can be told apart; "
            "read its answers as text with --answer text."
        )
    whole = all(re.fullmatch(r"-?\d+(?:\.0+)?", label, re.ASCII) for label in found)
    if whole:
        found.sort(key=lambda label: int(label.partition(".")[0]))  # label_words= counts on it
    return {label: label.partition(".")[0] if whole else label for label in found}


def format_of(kind: str, names: Sequence[str], language: str = "en") -> tuple[AnswerFormat, tuple[str, ...]]:
    """The answer format of a kind in a language, and the labels where it is a classification."""
    if kind == "label":
        return labels(tuple(names), language=language), tuple(names)
    form = {"number": NUMBER, "text": TEXT, "letter": LETTER, "yes-no": YES_NO, "whole": WHOLE}[kind]
    return in_language(form, language), YES_AND_NO.get(language, YES_AND_NO["en"]) if kind == "yes-no" else ()


def known(answer: str) -> str:
    """A kind of answers by its name. Raises UserError for another."""
    if answer not in ANSWERS:
        raise UserError(f"unknown kind of answers {answer!r}: {suggest(answer, ANSWERS)}")
    return answer
