"""Texts written anew: summaries (XSum, CNN/DailyMail) and translations (WMT16).

All of a summary is held against the reference, of a translation the first line. A bar in a reference, which would part alternatives, is a blank.
"""

from __future__ import annotations

from kshot.eval.answers import SENTENCE, WHOLE
from kshot.eval.metrics import scored_by
from kshot.eval.tasks.groups import one_of
from kshot.eval.tasks.library.sets import HARNESS, public
from kshot.eval.tasks.registry import task
from kshot.eval.tasks.source.hub import HubSet
from kshot.eval.tasks.source.jsonl import Row
from kshot.types import AnswerFormat, Sample, Task, Template

SUMMARISE = (
    "Summarize the article in one sentence.",
    "Say in a sentence what the article is about.",
    "Write the sentence that could stand first in the article.",
)
HIGHLIGHT = (
    "Summarize the article.",
    "Write the highlights of the article, a short sentence each.",
    "Say in three or four sentences what the article reports.",
)
ROUGE = scored_by("rouge:kind=L,stem=yes", "rouge:kind=1,stem=yes", "rouge:kind=2,stem=yes")
FIRST = "[:100]"  # exemplars of long texts


def bare(text: str, form: AnswerFormat = WHOLE) -> str:
    """A reference as a reply of it is read, without bars."""
    return form.extract(text.replace("|", " "), ()).answer or ""


@task
def xsum() -> Task:
    """A sentence about a news story (Narayan et al. 2018, arXiv 1808.08745), by ROUGE with stems."""
    return public(
        "xsum",
        HubSet(
            "EdinburghNLP/xsum",
            train=f"validation{FIRST}",
            revision="refs/convert/parquet",
            files="default/{split}/*.parquet",
        ),
        lambda row: Sample("", row["document"].strip(), bare(row["summary"])),
        form=WHOLE,
        score=ROUGE,
        templates=(
            Template("Article: {{ question }}\n\nSummarize the article in one sentence. Summary: {{ answer }}"),
            Template(
                "{{ question }}\n\nTL;DR: {{ answer }}", source="Radford et al. 2019, Language Models are ..., 3.6"
            ),
            Template("{{ question }}\n\nSummary: {{ answer }}"),
            Template("Summarize: {{ question }}\n\n{{ answer }}"),
        ),
        instructions=SUMMARISE,
        reply_tokens=64,
    )


@task
def cnn_dailymail() -> Task:
    """The highlights of a news story (Hermann et al. 2015, arXiv 1506.03340; version 3.0.0), by ROUGE with stems."""
    return public(
        "cnn-dailymail",
        HubSet("abisee/cnn_dailymail", train=f"validation{FIRST}", files="3.0.0/{split}-*.parquet"),
        lambda row: Sample("", row["article"].strip(), bare(row["highlights"])),
        form=WHOLE,
        score=ROUGE,
        templates=(
            Template(
                "Summarize the following article:\n\n{{ question }}\n\nSummary: {{ answer }}",
                source=f"{HARNESS}cnn_dailymail_abisee",
            ),
            Template(
                "{{ question }}\n\nTL;DR: {{ answer }}", source="Radford et al. 2019, Language Models are ..., 3.6"
            ),
            Template("Article: {{ question }}\n\nHighlights: {{ answer }}"),
            Template("{{ question }}\n\nIn short: {{ answer }}"),
        ),
        instructions=HIGHLIGHT,
        reply_tokens=128,
    )


LANGUAGES = {
    "cs": "Czech",
    "de": "German",
    "en": "English",
    "fi": "Finnish",
    "ro": "Romanian",
    "ru": "Russian",
    "tr": "Turkish",
}
PAIRS = [pair for code in LANGUAGES if code != "en" for pair in (f"en-{code}", f"{code}-en")]


@task
def wmt16(*, pair: str = "en-de") -> Task:
    """News translated, `pair` as en-de or de-en (Bojar et al. 2016, W16-2301), by BLEU and chrF of the corpus."""
    one_of("wmt16", "pair", pair, PAIRS)
    source, target = pair.split("-")
    other = target if source == "en" else source
    names = LANGUAGES[source], LANGUAGES[target]

    def read(row: Row) -> Sample:
        return Sample("", row["translation"][source].strip(), bare(row["translation"][target], SENTENCE))

    return public(
        f"wmt16/{other}-en",
        HubSet("wmt/wmt16", train="validation", files=f"{other}-en/{{split}}-*.parquet"),
        read,
        form=SENTENCE,
        score=scored_by("bleu", "chrf"),
        templates=(
            Template(
                f"{names[0]} phrase: {{{{ question }}}}\n{names[1]} phrase:  {{{{ answer }}}}",
                source=f"{HARNESS}wmt16-{pair}, whose answers have two blanks before them",
            ),
            Template(
                f"Q: What is the {names[1]} translation of {{{{ question }}}} A: {{{{ answer }}}}",
                source="Brown et al. 2020, arXiv 2005.14165, appendix G",
            ),
            Template(f"{names[0]}: {{{{ question }}}}\n{names[1]}: {{{{ answer }}}}"),
            Template(f"Translate to {names[1]}: {{{{ question }}}}\n{{{{ answer }}}}"),
        ),
        instructions=(
            f"Translate the sentence from {names[0]} to {names[1]}.",
            f"Say it in {names[1]}.",
            f"Give a translation into {names[1]} that keeps the meaning.",
        ),
        reply_tokens=128,
    )
