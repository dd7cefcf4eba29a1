"""Labels that a text only grants, or names beside another, on the way to the one that it means."""

import pytest

from kshot.eval.answers import labels

FILMS = labels(("negative", "positive"))
ZH = labels(("负面", "正面"), language="zh")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("Overall it is positive, although there are some negative parts.", "positive"),
        ("Although parts are negative, I find it positive", "positive"),
        ("I find it positive despite a negative ending.", "positive"),
        ("It is more positive than negative", "positive"),
        ("It is less positive than negative", "negative"),
        ("Though negative", "negative"),
        ("Some parts are positive. Overall it is negative.", "negative"),
    ],
)
def test_what_is_granted_is_not_meant(text: str, want: str) -> None:
    assert FILMS.extract(text, ()).answer == want


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("总体来说是正面，虽然有一些负面的地方", "正面"),
        ("虽然有负面的描述，但整体是正面的", "正面"),
        ("尽管有正面的地方，总体是负面", "负面"),
        ("既有正面也有负面", None),
    ],
)
def test_what_is_granted_in_chinese_is_not_meant(text: str, want: str | None) -> None:
    assert ZH.extract(text, ()).answer == want
