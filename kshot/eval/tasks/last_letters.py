"""Concatenate the last letters of words: trivial step by step, hard in one go."""

from __future__ import annotations

import random

from kshot.eval.answers import WORD, exact, in_language
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source import chinese
from kshot.eval.tasks.source.generated import draw_samples
from kshot.eval.tasks.source.language import spoken
from kshot.eval.tasks.source.templates import FREE, FREE_ZH
from kshot.types import Decomposition, Sample, Source, Split, Task, UserError

FIRST_NAMES = """
Ada Alan Alice Amir Anna Ben Boris Carla Carlos Chen Clara Daniel David Diego Dora Elena Emil Emma Eric Fatima
Felix Fiona Frank Grace Hana Hannah Hugo Ian Igor Ines Iris Isaac Ivan Jack Jane Jonas Julia Karim Karl Kenji
Laura Leo Lena Liam Lily Linda Lucas Marco Maria Mark Martin Maya Mei Mia Milan Nadia Nina Noah Nora Olga
Oliver Omar Oscar Paul Pedro Petra Priya Quinn Rachel Ravi Robert Rosa Ruth Sam Samir Sara Sofia Stefan Tara
Theo Thomas Tina Umar Uma Vera Victor Walter Wendy Xena Yara Yusuf Zara Zoe
"""
FIRST = FIRST_NAMES.split()
LAST_NAMES = """
Abbott Adams Bauer Becker Bell Bishop Brooks Brown Carter Castro Chan Clark Cohen Cooper Costa Cruz Davis Diaz
Dixon Evans Fischer Flores Ford Foster Fox Garcia Gomez Grant Gray Green Gupta Hall Hansen Harris Hayes Hill
Howard Hughes Hunt Ito Jackson James Jensen Johnson Jones Kaya Kelly Khan Kim King Klein Kumar Lee Lewis Lopez
Mason Meyer Miller Moore Morgan Murphy Nelson Nguyen Novak Okafor Olsen Ortiz Parker Patel Perez Price Quist
Ramos Reed Reyes Rivera Rossi Russo Santos Sato Schmidt Scott Shah Silva Singh Smith Stone Suzuki Tanaka
Taylor Torres Turner Vega Walker Wang Ward Watson Weber White Wong Wright Yamada Young Zhang
"""
LAST = LAST_NAMES.split()


def question(words: list[str]) -> str:
    """The question, in the words of Wei et al. 2022."""
    return f'Take the last letters of the words in "{" ".join(words)}" and concatenate them.'


def make(words: int, generator: random.Random) -> Sample:
    """A sample of so many words, first and last names in turn."""
    drawn = [generator.choice(FIRST if index % 2 == 0 else LAST) for index in range(words)]
    answer = "".join(word[-1] for word in drawn)
    steps = " ".join(f'The last letter of "{word}" is "{word[-1]}".' for word in drawn)
    return Sample("", question(drawn), answer, f'{steps} Concatenating them is "{answer}".')


def decomposition(words: list[str]) -> Decomposition:
    """Zhou et al. 2022, section 3.1: one word more a step, each building on the answer before."""
    steps = []
    for count in range(2, len(words) + 1):
        part, letters = words[:count], "".join(word[-1] for word in words[:count])
        if count == 2:
            text = (
                f'The last letter of "{part[0]}" is "{part[0][-1]}". The last letter of "{part[1]}" is "{part[1][-1]}".'
            )
            text += f' Concatenating "{part[0][-1]}", "{part[1][-1]}" leads to "{letters}".'
        else:
            text = f'"{" ".join(part[:-1])}" outputs "{letters[:-1]}". The last letter of "{part[-1]}" is "{part[-1][-1]}".'
            text += f' Concatenating "{letters[:-1]}", "{part[-1][-1]}" leads to "{letters}".'
        steps.append((question(part), f'{text} The answer is "{letters}".'))
    return Decomposition(question(words), tuple(steps))


def question_chinese(words: list[str]) -> str:
    """The question in Chinese, where a word's last character stands in for its last letter."""
    return f"把“{'、'.join(words)}”中每个词的最后一个字依次连起来。"


def make_chinese(words: int, generator: random.Random) -> Sample:
    """A sample of so many words of two characters."""
    drawn = [generator.choice(chinese.WORDS) for _ in range(words)]
    answer = "".join(word[-1] for word in drawn)
    steps = "".join(f"“{word}”的最后一个字是“{word[-1]}”。" for word in drawn)
    return Sample("", question_chinese(drawn), answer, f"{steps}连起来得到“{answer}”。")


def decomposition_chinese(words: list[str]) -> Decomposition:
    """`decomposition` in Chinese."""
    steps = []
    for count in range(2, len(words) + 1):
        part, joined = words[:count], "".join(word[-1] for word in words[:count])
        last = f"“{part[-1]}”的最后一个字是“{part[-1][-1]}”。"
        if count == 2:
            text = f"“{part[0]}”的最后一个字是“{part[0][-1]}”。{last}"
        else:
            text = f"“{'、'.join(part[:-1])}”得到“{joined[:-1]}”。{last}"
        text += f"把“{joined[:-1]}”和“{part[-1][-1]}”连起来得到“{joined}”。"
        steps.append((question_chinese(part), f"{text}答案是“{joined}”。"))
    return Decomposition(question_chinese(words), tuple(steps))


INSTRUCTIONS = (
    "Take the last letter of each word and join the letters.",
    "Concatenate the final letters of all the words, in order.",
    "For every word in the quotation write down its last letter, without spaces.",
)
INSTRUCTIONS_ZH = (
    "取每个词的最后一个字，连在一起。",
    "按顺序把所有词的末字拼接起来。",
    "写出引号里每个词的最后一个字，中间不加空格。",
)
DECOMPOSITIONS = (decomposition(["Elon", "Musk", "Tesla"]), decomposition(["Bill", "Gates", "Paul", "Allen"]))
DECOMPOSITIONS_ZH = (
    decomposition_chinese(["香蕉", "公园", "同学"]),
    decomposition_chinese(["中国", "长城", "黄河", "泰山"]),
)
TOLD = {
    "en": (make, INSTRUCTIONS, DECOMPOSITIONS, FREE),
    "zh": (make_chinese, INSTRUCTIONS_ZH, DECOMPOSITIONS_ZH, FREE_ZH),
}


@task
def last_letters(*, words: int = 2, exemplar_words: int = 2, language: str = "en") -> Task:
    """Concatenate the last letters of `words` words (Wei et al. 2022, arXiv 2201.11903, section 5).

    The paper asks 2 and 4; exemplars have 2 either way. In Chinese (`language=zh`) it is the last characters.
    """
    draw, instructions, decompositions, templates = spoken("last-letters", language, TOLD)
    for key, count in (("words", words), ("exemplar_words", exemplar_words)):
        if not 1 <= count <= 12:
            raise UserError(f"last-letters: {key} is {count}; it must lie between 1 and 12.")

    def load(split: Split, source: Source) -> list[Sample]:
        count = exemplar_words if split == "train" else words
        return draw_samples(f"last-letters {count}", lambda generator: draw(count, generator), split, source)

    return Task(
        name="last-letters",
        load=load,
        format=in_language(WORD, language),
        score=exact,
        instructions=instructions,
        decompositions=decompositions,
        templates=templates,
        language=language,
    )
