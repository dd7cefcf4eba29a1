"""Public benchmarks: arithmetic, multiple choice, classification, BIG-Bench Hard.

Samples come in the set's own order from local JSONL (--data) or the hub. Where a set has no train split,
a seeded quarter of its test rows is the exemplar pool and is never evaluated: say so beside a score.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from kshot.eval.answers import LETTER, LINE, NUMBER, TEXT, YES_NO, canonical_number, exact, labels, numeric
from kshot.eval.tasks.hub import HubSet, rows_of
from kshot.eval.tasks.jsonl import Row, choices_of, identified, letter_of, text_of
from kshot.eval.tasks.registry import TASKS, in_train
from kshot.eval.tasks.wei2022 import DECOMPOSITIONS, EXEMPLARS
from kshot.registry import suggest
from kshot.types import AnswerFormat, Sample, Source, Split, Task, UserError

ARITHMETIC = (
    "Solve the arithmetic problem.",
    "Read the story and work out the number it asks for.",
    "Calculate the result of this word problem.",
)


def loader(
    folder: str,
    hub: HubSet | None,
    read: Callable[[Row, str], Sample | None],
    *,
    train: str | None = None,
    test: str = "test",
    pool: bool = True,
) -> Callable[[Split, Source], Sequence[Sample]]:
    """A Task.load: rows to samples; without a train split, a fixed quarter of the test rows is the pool.

    `pool` False: the task has published exemplars of its own, and all of its test rows are asked.
    A row that `read` has no use for (None) is left out.
    """

    def load(split: Split, source: Source) -> list[Sample]:
        if split == "train" and not train and not pool:
            return []
        wanted: Split = split if train else "test"
        rows, path = rows_of(folder, hub, wanted, source, local={"train": train or test, "test": test})
        names = identified(rows, f"{folder}-{wanted}", path)
        samples = []
        for row, name in zip(rows, names, strict=True):
            sample = read({**row, "path": path}, name)
            if sample is None:
                continue
            if train or not pool or in_train(" ".join([sample.question, *sample.choices])) == (split == "train"):
                samples.append(sample)
        return samples if split == "train" else samples[: source.limit]

    return load


# ---------------------------------------------------------------- arithmetic


def arithmetic_sample(row: Row, name: str) -> Sample:
    """A question with a number; GSM8K's worked solution, without its calculator marks, is the rationale."""
    answer = text_of(row, ("answer",), row["path"])
    worked, mark, final = answer.rpartition("####")
    target = canonical_number(final)
    if target is None:
        raise UserError(f"{row['path']}, line {row['line']}: the answer {final[:40]!r} holds no number; mend that line.")
    rationale = re.sub(r"<<[^>]*>>", "", worked).strip().replace("\n", " ") if mark else ""
    return Sample(name, text_of(row, ("question",), row["path"]), target, rationale)


def arithmetic(folder: str, hub: HubSet | None, *, train: str | None = None) -> Task:
    """A set of word problems; the exemplars of Wei et al. 2022 come first in its pool."""
    return Task(
        name=folder,
        load=loader(folder, hub, arithmetic_sample, train=train, pool=False),
        format=NUMBER,
        score=numeric,
        instructions=ARITHMETIC,
        decompositions=DECOMPOSITIONS,
        exemplars=EXEMPLARS,
    )


@TASKS.add("gsm8k")
def gsm8k() -> Task:
    """Grade-school word problems (Cobbe et al. 2021, arXiv 2110.14168), with the 8 exemplars of Wei et al. 2022."""
    hub = HubSet("openai/gsm8k", lambda row: {"question": row["question"], "answer": row["answer"]}, "main")
    return arithmetic("gsm8k", hub, train="train")


@TASKS.add("svamp")
def svamp() -> Task:
    """Word problems with varied structure (Patel et al. 2021, arXiv 2103.07191)."""
    hub = HubSet(
        "ChilleD/SVAMP", lambda row: {"question": f"{row['Body'].strip()} {row['Question'].strip()}", "answer": row["Answer"]}
    )
    return arithmetic("svamp", hub)


@TASKS.add("multiarith")
def multiarith() -> Task:
    """Word problems of several steps (Roy and Roth 2015)."""
    hub = HubSet("ChilleD/MultiArith", lambda row: {"question": row["question"], "answer": row["final_ans"]})
    return arithmetic("multiarith", hub)


@TASKS.add("addsub")
def addsub() -> Task:
    """Addition and subtraction stories (Hosseini et al. 2014). Local files only."""
    return arithmetic("addsub", None)


@TASKS.add("singleeq")
def singleeq() -> Task:
    """Stories that one equation solves (Koncel-Kedziorski et al. 2015). Local files only."""
    return arithmetic("singleeq", None)


# ---------------------------------------------------------------- multiple choice, yes or no

CHOOSE = (
    "Choose the right answer.",
    "Read the question and pick the choice that answers it best.",
    "Only one of the choices is right. Which?",
)


def choice_sample(row: Row, name: str) -> Sample:
    """A question with lettered choices."""
    choices = choices_of(row, row["path"])
    if not choices:
        raise UserError(f"{row['path']}, line {row['line']}: the field 'choices' is missing; add it to that line.")
    answer = letter_of(row, text_of(row, ("answer",), row["path"]), choices, row["path"])
    return Sample(name, text_of(row, ("question",), row["path"]).strip(), answer, choices=choices)


def multiple_choice(folder: str, hub: HubSet | None, *, train: str | None = None, test: str = "test") -> Task:
    """A multiple-choice set, answered by letter."""
    load = loader(folder, hub, choice_sample, train=train, test=test)
    return Task(name=folder, load=load, format=LETTER, score=exact, instructions=CHOOSE)


@TASKS.add("aqua")
def aqua() -> Task:
    """Algebra with five choices (Ling et al. 2017, arXiv 1705.04146)."""
    hub = HubSet(
        "deepmind/aqua_rat",
        lambda row: {
            "question": row["question"],
            "choices": [re.sub(r"^[A-E]\)\s*", "", option) for option in row["options"]],
            "answer": row["correct"],
        },
        "raw",
        train=None,
    )
    return multiple_choice("aqua", hub)


@TASKS.add("commonsenseqa")
def commonsenseqa() -> Task:
    """Common-sense questions with five choices (Talmor et al. 2019, arXiv 1811.00937)."""
    hub = HubSet(
        "tau/commonsense_qa",
        lambda row: {"question": row["question"], "choices": list(row["choices"]["text"]), "answer": row["answerKey"]},
        test="validation",
    )
    return multiple_choice("commonsenseqa", hub, train="train", test="validation")


@TASKS.add("date-understanding")
def date_understanding() -> Task:
    """Dates from a description, six choices (BIG-bench, arXiv 2206.04615). Local files only."""
    return multiple_choice("date_understanding", None)


@TASKS.add("shuffled-objects")
def shuffled_objects() -> Task:
    """Who holds what after swaps, three choices (BIG-bench, arXiv 2206.04615). Local files only."""
    return multiple_choice("shuffled_objects", None)


@TASKS.add("strategyqa")
def strategyqa() -> Task:
    """Yes-or-no questions that need implicit steps (Geva et al. 2021, arXiv 2101.02235)."""

    def read(row: Row, name: str) -> Sample:
        return Sample(name, text_of(row, ("question",), row["path"]), text_of(row, ("answer",), row["path"]).lower())

    hub = HubSet(
        "ChilleD/StrategyQA", lambda row: {"question": row["question"], "answer": "yes" if row["answer"] else "no"}
    )
    return Task(
        name="strategyqa",
        load=loader("strategyqa", hub, read),
        format=YES_NO,
        score=exact,
        labels=("yes", "no"),
        instructions=("Answer yes or no.", "Is it so? Think of the facts it hangs on.", "Decide whether the answer to the question is yes or no."),
    )


BBH = """boolean_expressions causal_judgement date_understanding disambiguation_qa dyck_languages formal_fallacies
geometric_shapes hyperbaton logical_deduction_five_objects logical_deduction_seven_objects
logical_deduction_three_objects movie_recommendation multistep_arithmetic_two navigate object_counting
penguins_in_a_table reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks
sports_understanding temporal_sequences tracking_shuffled_objects_five_objects
tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects web_of_lies word_sorting""".split()


@TASKS.add("bbh")
def bbh(*, name: str = "word_sorting") -> Task:
    """One of the 27 BIG-Bench Hard tasks, `name` as its file (Suzgun et al. 2022, arXiv 2210.09261)."""
    if name not in BBH:
        raise UserError(f"unknown bbh name {name!r}: {suggest(name, BBH)}")
    yes_no = {"causal_judgement", "navigate", "sports_understanding", "web_of_lies"}

    def read(row: Row, id: str) -> Sample | None:
        question, answer = text_of(row, ("question", "input"), row["path"]), text_of(row, ("answer", "target"), row["path"])
        listed = re.findall(r"^\(([A-Z])\) (.*)$", question, re.MULTILINE)
        if listed and re.fullmatch(r"\([A-Z]\)", answer.strip()):
            stem = re.split(r"\n?Options:\n", question)[0]
            return Sample(id, stem, answer.strip("() "), choices=tuple(text for _, text in listed))
        if form is LETTER:
            return None  # one published row of ruin_names has neither options nor a letter
        return Sample(id, question, answer.lower() if name in yes_no else answer)

    form: AnswerFormat = LETTER
    score = exact
    if name in yes_no:
        form = YES_NO
    elif name in {"multistep_arithmetic_two", "object_counting"}:
        form, score = NUMBER, numeric
    elif name == "word_sorting":
        form = TEXT
    elif name == "dyck_languages":
        form = LINE
    elif name == "boolean_expressions":
        form = labels(("True", "False"))
    elif name == "formal_fallacies":
        form = labels(("valid", "invalid"))
    hub = HubSet("lukaemon/bbh", lambda row: {"question": row["input"], "answer": row["target"]}, name, train=None)
    load = loader("bbh", hub, read, test=name)
    return Task(name="bbh", load=load, format=form, score=score, instructions=("Answer the question.", *CHOOSE[:2]))


# ---------------------------------------------------------------- classification


def classification(
    folder: str,
    hub: HubSet | None,
    names: tuple[str, ...],
    text: Callable[[Row], str],
    instructions: tuple[str, ...],
    *,
    test: str = "test",
) -> Task:
    """A set of labelled texts. Raises UserError, on loading, for a label outside the set."""

    def read(row: Row, name: str) -> Sample:
        label = text_of(row, ("label",), row["path"])
        if label not in names:
            raise UserError(f"{row['path']}, line {row['line']}: the label {label!r} is not one of {', '.join(names)}.")
        return Sample(name, text(row), label)

    return Task(
        name=folder,
        load=loader(folder, hub, read, train="train", test=test),
        format=labels(names),
        score=exact,
        labels=names,
        instructions=instructions,
    )


def from_index(names: tuple[str, ...], *fields: str) -> Callable[[Row], Row]:
    """Hub rows whose label is a number."""
    return lambda row: {**{field: row[field] for field in fields}, "label": names[row["label"]]}


def premise(row: Row) -> str:
    first, second = text_of(row, ("premise", "sentence1"), row["path"]), text_of(row, ("hypothesis", "sentence2"), row["path"])
    return f"Premise: {first}\nHypothesis: {second}"


def plain_text(row: Row) -> str:
    return text_of(row, ("text", "sentence"), row["path"])


@TASKS.add("sst2")
def sst2() -> Task:
    """Film reviews, positive or negative (Socher et al. 2013)."""
    names = ("negative", "positive")
    return classification(
        "sst2",
        HubSet("stanfordnlp/sst2", lambda row: {"text": row["sentence"], "label": names[row["label"]]}, test="validation"),
        names,
        plain_text,
        ("Is the sentiment of this film review positive or negative?", "Say whether the reviewer liked the film: positive or negative.", "Classify the text by its sentiment."),
    )


@TASKS.add("trec")
def trec() -> Task:
    """Questions by what they ask for, six labels (Voorhees and Tice 2000). Local files only."""
    names = ("description", "entity", "abbreviation", "person", "number", "location")
    shown = ", ".join(names)
    return classification(
        "trec",
        None,
        names,
        plain_text,
        (f"What does the question ask for? One of {shown}.", f"Classify the question as {shown}.", "Name the type of answer that the question wants."),
    )


@TASKS.add("agnews")
def agnews() -> Task:
    """News by topic, four labels (Zhang et al. 2015, arXiv 1509.01626)."""
    names = ("world", "sports", "business", "technology")
    return classification(
        "agnews",
        HubSet("fancyzhx/ag_news", from_index(names, "text")),
        names,
        plain_text,
        ("Which topic is the news item about: world, sports, business or technology?", "Classify the news item by its topic.", "In which section of a newspaper does this stand?"),
    )


@TASKS.add("rte")
def rte() -> Task:
    """Does the premise entail the hypothesis (Dagan et al. 2006; SuperGLUE, arXiv 1905.00537)."""
    names = ("entailment", "not_entailment")
    return classification(
        "rte",
        HubSet("aps/super_glue", from_index(names, "premise", "hypothesis"), "rte", test="validation"),
        names,
        premise,
        ("Does the premise entail the hypothesis? Answer entailment or not_entailment.", "Is the hypothesis true if the premise is?", "Decide between entailment and not_entailment."),
        test="validation",
    )


@TASKS.add("cb")
def cb() -> Task:
    """Entailment, contradiction or neither (de Marneffe et al. 2019; SuperGLUE, arXiv 1905.00537)."""
    names = ("entailment", "contradiction", "neutral")
    return classification(
        "cb",
        HubSet("aps/super_glue", from_index(names, "premise", "hypothesis"), "cb", test="validation"),
        names,
        premise,
        ("Is the hypothesis an entailment of the premise, a contradiction of it, or neutral?", "How does the hypothesis relate to the premise?", "Decide between entailment, contradiction and neutral."),
        test="validation",
    )
