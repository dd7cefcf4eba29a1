"""From what a model wrote to an instruction, whatever that is."""

from __future__ import annotations

import pytest

from kshot.prompts.search.proposals import WORDS, cleaned, is_unusable, words_in
from kshot.spec import split_spec, write_spec
from tests.prompts.search.tasks import task_of


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Say what it is.", "Say what it is."),
        ("  Say\twhat it is. ", "Say what it is."),
        ("\n\n1. Say it.\n2. Do it.", "Say it."),
        ('Instruction: "Say it."', "Say it."),
        ("- **Say it.**", "Say it."),
        ('"Say it.', "Say it."),
        ('Say "yes" or "no".', 'Say "yes" or "no".'),
        ("[Say it.]", "Say it."),
        ("<INS>Say it.</INS>", "Say it."),
        ("The new instruction is: say it.", "say it."),
        ("“请判断好坏。”", "请判断好坏。"),
        ("指令：请判断好坏。", "请判断好坏。"),
        ("Name it. Name it. Name it. Name it.", "Name it."),
        ("very very very very very", "very"),
        ("It is very very good.", "It is very very good."),
        ("a\ue000b\x00c\ud83d", "ab c"),
        ("", ""),
        ("...\n---\n", ""),
        ('""', ""),
    ],
)
def test_what_is_said_is_kept_and_what_is_around_it_goes(text: str, said: str) -> None:
    assert cleaned(text) == said
    assert cleaned(cleaned(text)) == said
    assert not said or split_spec(write_spec("instruction", {"text": said}))[1] == {"text": said}


def test_long_repetition_is_read_in_no_time() -> None:
    assert cleaned("no " * 20_000) == "no"
    assert words_in(cleaned(" ".join(f"w{at}" for at in range(20_000)))) > WORDS


@pytest.mark.parametrize(
    ("text", "unusable"),
    [
        ("Say what it is.", False),
        ("film", False),
        ("?!", True),
        ("the film number 3 was quite a film", True),
        ("Say: THE FILM number 3  was quite a film, positive", True),
        ("was quite a film", False),  # four words stand in many a text
        ("number 3 was quite a film", True),
        ("Input: a film Output: positive", True),
        ("score: 61", True),
        (" ".join(f"w{at}" for at in range(WORDS)), False),
        (" ".join(f"w{at}" for at in range(WORDS + 1)), True),
    ],
)
def test_copies_and_what_runs_on_are_unusable(text: str, unusable: bool) -> None:
    assert is_unusable(text, task_of()) is unusable


def test_labels_are_refused_only_where_they_are_filtered() -> None:
    for language, named, free in (
        ("en", "Say Positive or not.", "Say positively what it is."),
        ("zh", "请判断这条评论好不好。", "请判断这条评论。"),
    ):
        task = task_of(language)
        assert not is_unusable(named, task) and is_unusable(named, task, filtered=True)
        assert not is_unusable(free, task, filtered=True)


def test_chinese_words_are_counted_by_characters() -> None:
    assert words_in("请判断这条评论的好坏") == 7
    assert words_in("Say 好 or bad") == 4
    assert not is_unusable("请" + "判断" * 25, task_of("zh")) and is_unusable("判断" * 40, task_of("zh"))
