"""Templates that tasks share: the forms that published work asks such questions in, the best known first."""

from __future__ import annotations

from kshot.types import Template

LM_EVAL = "lm-evaluation-harness, its gsm8k and arc tasks"
FREE = (  # a question with an answer in words or numbers
    Template("Question: {{ question }}\nAnswer: {{ answer }}", source=LM_EVAL),
    Template("Q: {{ question }}\nA: {{ answer }}", source="Kojima et al. 2022, arXiv 2205.11916"),
    Template("Input: {{ question }}\nOutput: {{ answer }}", source="Honovich et al. 2022, arXiv 2205.10782"),
    Template("{{ question }}\nThe answer is {{ answer }}"),
)
PAIRS = (  # a word and its counterpart
    Template("Input: {{ question }}\nOutput: {{ answer }}", source="Honovich et al. 2022, arXiv 2205.10782"),
    Template("{{ question }} -> {{ answer }}", between="\n"),
    Template("Q: {{ question }}\nA: {{ answer }}"),
    Template("{{ question }}: {{ answer }}", between="\n"),
)
OPTIONS = "{% if options %}\n{{ options }}{% endif %}\n"
CHOICES = (  # multiple choice, by letter or by the choices' own words
    Template(
        "{{ question }}\n{% for letter in letters %}{{ letter }}. {{ choices[loop.index0] }}\n{% endfor %}"
        "Answer: {{ answer }}",
        source="Hendrycks et al. 2021, arXiv 2009.03300",
    ),
    Template("Question: {{ question }}" + OPTIONS + "Answer: {{ answer }}", source=LM_EVAL),
    Template(
        "Q: {{ question }}{% if options %}\nAnswer choices:\n{{ options }}{% endif %}\nA: {{ answer }}",
        source="Wei et al. 2022, arXiv 2201.11903, appendix G",
    ),
    Template("{{ question }}" + OPTIONS + "The right choice: {{ answer }}"),
)
SCAN = (
    Template('Q: "{{ question }}"\nA: {{ answer }}', source="Zhou et al. 2022, arXiv 2205.10625, appendix on SCAN"),
    Template(
        "IN: {{ question }}\nOUT: {{ answer }}", source="Lake and Baroni 2018, arXiv 1711.00350, the data's own form"
    ),
    Template("Command: {{ question }}\nActions: {{ answer }}"),
    Template("{{ question }} -> {{ answer }}", between="\n"),
)
LABELS = (  # a text with one of a few labels
    Template("Text: {{ question }}\nLabel: {{ answer }}"),
    Template("Input: {{ question }}\nOutput: {{ answer }}", source="Honovich et al. 2022, arXiv 2205.10782"),
    Template("{{ question }}\nCategory: {{ answer }}"),
    Template("Question: {{ question }}\nAnswer: {{ answer }}"),
)
FREE_ZH = (
    Template("问题：{{ question }}\n答案：{{ answer }}"),
    Template("问：{{ question }}\n答：{{ answer }}"),
    Template("输入：{{ question }}\n输出：{{ answer }}"),
    Template("{{ question }}\n答案是{{ answer }}"),
)
LETTERED_ZH = "{% for letter in letters %}\n{{ letter }}. {{ choices[loop.index0] }}{% endfor %}"
CHOICES_ZH = (
    Template(
        "{{ question }}" + LETTERED_ZH + "\n答案：{{ answer }}", source="Huang et al. 2023, arXiv 2305.08322 (C-Eval)"
    ),
    Template("问题：{{ question }}" + LETTERED_ZH + "\n答案：{{ answer }}"),
    Template("问：{{ question }}" + LETTERED_ZH + "\n答：{{ answer }}"),
    Template("{{ question }}" + LETTERED_ZH + "\n正确的选项是{{ answer }}"),
)
LABELS_ZH = (
    Template("文本：{{ question }}\n类别：{{ answer }}"),
    Template("输入：{{ question }}\n输出：{{ answer }}"),
    Template("{{ question }}\n它属于{{ answer }}"),
    Template("问题：{{ question }}\n答案：{{ answer }}"),
)


def templates_for(kind: str, language: str) -> tuple[Template, ...]:
    """Templates for a user's data, by how its answers are read ("letter", "label" or another) and in which language."""
    chinese = language == "zh"
    if kind == "letter":
        return CHOICES_ZH if chinese else CHOICES
    if kind == "label":
        return LABELS_ZH if chinese else LABELS
    return FREE_ZH if chinese else FREE
