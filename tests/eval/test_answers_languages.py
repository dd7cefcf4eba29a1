"""What a text states in Chinese, and numbers as other languages write them.

`answers_zh.jsonl` has replies of the sort that Chinese models give, with what a careful reader takes them for (null:
none).
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.answers import ACTIONS, LETTER, LINE, NUMBER, TEXT, WORD, YES_NO, exact, in_language, labels, numeric
from kshot.eval.answers.languages.conventions import CONVENTIONS
from kshot.types import AnswerFormat, Generation, Sample, UserError

ROWS: list[dict[str, Any]] = [
    json.loads(line) for line in Path(__file__).with_name("answers_zh.jsonl").read_text(encoding="utf-8").splitlines()
]
FORMS = {form.name: in_language(form, "zh") for form in (NUMBER, LETTER, YES_NO, TEXT, LINE, WORD, ACTIONS)}
MOOD = labels(("正面", "负面", "中性"), language="zh")


@pytest.mark.parametrize("row", [pytest.param(row, id=f"{row['kind']}: {row['text'][:50]!r}") for row in ROWS])
def test_what_a_chinese_text_states(row: dict[str, Any]) -> None:
    form = labels(tuple(row["labels"]), language="zh") if row["format"] == "label" else FORMS[row["format"]]
    found = form.extract(row["text"], tuple(row.get("choices", ())))
    assert found.answer == row["want"], found
    if found.answer is not None:
        assert found.span is not None and 0 <= found.span[0] < found.span[1] <= len(row["text"])


def test_every_kind_has_many_texts() -> None:
    kinds = Counter(row["kind"] for row in ROWS)
    assert len(kinds) == 5 and sum(kinds.values()) >= 300 and min(kinds.values()) >= 20, kinds


@pytest.mark.parametrize(
    ("form", "answers"),
    [
        (FORMS["number"], ("8", "-3", "0.5", "1234567", "-12.75")),
        (FORMS["letter"], ("A", "D")),
        (FORMS["yes-no"], ("是", "否")),
        (FORMS["text"], ("巴黎", "曹雪芹", "hello")),
        (FORMS["line"], ("[ ] }",)),
        (FORMS["word"], ("nk", "ab")),
        (FORMS["actions"], ("I_RUN I_JUMP",)),
        (MOOD, ("正面", "中性")),
    ],
    ids=lambda value: value.name if isinstance(value, AnswerFormat) else "",
)
def test_a_chinese_format_reads_what_its_own_words_state(form: AnswerFormat, answers: tuple[str, ...]) -> None:
    choices = ("猫", "狗", "鱼", "鸟") if form.name == "letter" else ()
    score = numeric if form.name == "number" else exact
    for said in (form.instruction, form.trigger, form.statement.format(answer="")):
        assert not any("a" <= sign.lower() <= "z" for sign in said)
    for answer in answers:
        for text in (
            form.statement.format(answer=answer),
            f"先算3加4，得7。{form.statement.format(answer=answer)}",
            f"{form.trigger}{answer}",
            f"{form.trigger} {answer}。" if form.name != "line" else f"{form.trigger} {answer}",
            answer,
        ):
            if form.name in ("line", "actions") and text.startswith("先"):
                continue
            read = form.read(Generation(text, "stop"), choices)
            assert score(read.answer, Sample("s", "?", answer)).value == 1, (text, read)


@pytest.mark.parametrize(
    ("text", "english", "german"),
    [
        ("Die Antwort ist 8,5.", "8.5", "8.5"),
        ("Das Ergebnis lautet 1.234.", "1.234", "1234"),
        ("1.234,5", "1234.5", "1234.5"),
        ("8,500", "8500", "8.5"),
        ("1.234", "1.234", "1234"),
        ("12.345.678", "12345678", "12345678"),
        ("0.125", "0.125", "0.125"),
        ("8.5", "8.5", "8.5"),
        ("-0,75", "-0.75", "-0.75"),
        ("1 234,5", "1234.5", "1234.5"),
        ("3,25 * 4 = 13,0", "13", "13"),
        ("(1,5)", None, "1.5"),
        ("1,2,3", None, None),
    ],
)
def test_a_comma_begins_decimals_or_groups_thousands(text: str, english: str | None, german: str | None) -> None:
    assert NUMBER.extract(text, ()).answer == english
    found = in_language(NUMBER, "de").extract(text, ())
    assert found.answer == german
    if german and found.span:
        assert text[slice(*found.span)].strip("0123456789.,- ") == ""


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Zuerst 3, dann 4. Die richtige Antwort lautet 7,5. Das sind 2 mehr."),
        ("fr", "D'abord 3. La réponse est 7,5. Il y en a 2."),
        ("es", "Primero 3. La respuesta final es 7,5. Son 2 más."),
        ("it", "Prima 3. La risposta è 7,5. Sono 2 in più."),
        ("pt", "Primeiro 3. A resposta é 7,5. São 2 a mais."),
        ("nl", "Eerst 3. Het antwoord is 7,5. Dat is 2 meer."),
        ("ru", "Сначала 3. Ответ: 7,5. Это на 2 больше."),
    ],
)
def test_an_answer_is_found_where_the_language_states_it(language: str, text: str) -> None:
    assert CONVENTIONS[language].comma
    assert in_language(NUMBER, language).extract(text, ()).answer == "7.5"


def test_a_language_without_words_is_asked_in_english_and_an_unknown_one_refused() -> None:
    assert in_language(TEXT, "fr") is TEXT or in_language(TEXT, "fr") == TEXT
    assert in_language(NUMBER, "fr").instruction == NUMBER.instruction
    assert in_language(NUMBER, "en") == NUMBER
    with pytest.raises(UserError, match="unknown language 'klingon': kshot reads en, zh, de"):
        in_language(NUMBER, "klingon")
