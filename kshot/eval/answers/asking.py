"""What a format says of its own, by language: how it asks, how a chain is led to its answer, how an exemplar states it.

English is the formats' own; a language that has no row here is asked in English. The trigger of Chinese is that of
Kojima et al. 2022 (arXiv 2205.11916) put into Chinese; the statement is as the Chinese exemplars of MGSM have it (Shi
et al. 2022, arXiv 2210.03057).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asking:
    """How a format asks."""

    instruction: str
    trigger: str
    statement: str


STATED = "答案是{answer}。"
CHINESE: Mapping[str, Asking] = {
    "number": Asking("只回答一个数字。", "因此，答案（阿拉伯数字）是", STATED),
    "letter": Asking("只回答正确选项的字母。", "因此，在这些选项中，答案是", STATED),
    "yes-no": Asking("只回答“是”或“否”。", "因此，答案（是或否）：", "答案：{answer}。"),
    "text": Asking("只给出答案。", "因此，答案是", STATED),
    "line": Asking("只给出答案。", "因此，答案是", "答案是{answer}"),
    "whole": Asking("只给出文本本身。", "因此，文本是：", "{answer}"),
    "word": Asking("只给出连起来的结果。", "因此，答案是", "答案是“{answer}”。"),
    "actions": Asking("给出动作序列。", "因此，答案是", STATED),
    "label": Asking("只回答{listed}。", "因此，答案（{listed}）是", STATED),
}
ASKING: Mapping[str, Mapping[str, Asking]] = {"zh": CHINESE}
YES_AND_NO: Mapping[str, tuple[str, str]] = {"en": ("yes", "no"), "zh": ("是", "否")}


def listed(names: tuple[str, ...], language: str) -> str:
    """Labels as a sentence lists them.

    >>> listed(("pro", "contra"), "en"), listed(("正面", "负面", "中性"), "zh")
    ('pro or contra', '正面、负面或中性')
    """
    comma, join = ("、", "或") if language == "zh" else (", ", " or ")
    return comma.join(names[:-1]) + f"{join}{names[-1]}" if len(names) > 1 else names[0]
