"""What holds of every strategy in the registry, and of each that is added."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from kshot.harness.rows import kept_of, prediction_of
from kshot.program import drive, rewrite
from kshot.prompts.strategies import FILES, STRATEGIES, get_strategy
from kshot.prompts.templates import plain
from kshot.registry import hyperparameters
from kshot.spec import split_spec
from kshot.types import (
    AnswerFormat,
    Decomposition,
    Extraction,
    Generation,
    Message,
    Prediction,
    Question,
    Request,
    Sample,
    UserError,
)
from tests.places import ROOT

NAMES = list(STRATEGIES)
SECRET = "XYZZY"


def read(text: str, choices: tuple[str, ...]) -> Extraction:
    found = re.search(r"\b[AB]\b", text[-20_000:])
    return Extraction(found[0], "letter", found.span(), True) if found else Extraction(None)


FORMAT = AnswerFormat("letter", "Answer with the letter.", "So the answer is", read)
POOL = tuple(
    Sample(f"s{at}", f"question {at}", "AB"[at % 2], f"since {at}", (f"choice {at}", f"option {at}"))
    for at in range(12)
)
QUESTION = Question(
    "What now?",
    FORMAT,
    choices=("this", "that"),
    exemplars=POOL,
    instructions=("Choose.", "Pick one."),
    continuation=" Go on.",
    decompositions=(Decomposition("whole", (("part", "p"), ("whole", "The answer is A."))),),
)


LABELS_ALONE = ("channel-logprob", "knn-vote")  # what has no use for a sample's own choices


def fitting(spec: str, question: Question) -> Question:
    """The question with labels in place of choices, where a strategy needs that, and texts that are all as near."""

    def alike(embed: str, some: Sequence[str], others: Sequence[str]) -> np.ndarray:
        if embed not in ("minilm", "tfidf"):
            raise UserError(f"unknown embed {embed}.")
        return np.zeros((len(some), len(others)))

    if split_spec(spec)[0] not in LABELS_ALONE:
        return question
    pool = tuple(replace(sample, choices=()) for sample in question.exemplars)
    return replace(question, choices=(), labels=("A", "B"), exemplars=pool, vectors=alike)


def run(
    spec: str, question: Question, text: Callable[[Request], str], finish: str = "stop", *, chat: bool = True
) -> tuple[list[Request], Prediction]:
    asked: list[Request] = []
    question = fitting(spec, question)

    def answer(request: Request) -> Generation:
        asked.append(request)
        if request.continuation is not None:
            return Generation(request.continuation, "scored", logprob=-float(len(text(request)) % 97))
        return Generation(text(request), "length" if finish == "length" else "stop")

    strategy = get_strategy(spec)
    if strategy.prepare is not None:
        beforehand = strategy.prepare(question)
        found = drive(beforehand if chat else rewrite(beforehand, plain), answer)
        question = replace(question, prepared=json.loads(json.dumps(found)))
    program = strategy(question)
    return asked, drive(program if chat else rewrite(program, plain), answer)


def contents(request: Request) -> str:
    prompt = request.prompt
    return prompt if isinstance(prompt, str) else "\n".join(message.content for message in prompt)


def echo(request: Request) -> str:
    """A reply that hangs on all of a request, and nothing else."""
    digest = hashlib.sha256(repr(request).encode()).hexdigest()
    chosen = "response 1. " if "Select the most consistent response" in contents(request) else ""
    return f"1. step {digest[:4]}\n{chosen}The answer is {'AB'[int(digest[0], 16) % 2]}."


SMALL = {  # so many requests as hostile replies are read of
    "self-consistency": "n=3",
    "complexity-based-consistency": "n=3",
    "universal-self-consistency": "n=3",
    "tree-of-thoughts": "n=2,votes=2",
    "auto-cot": "k=4,tries=1",
}


def small(name: str) -> str:
    return f"{name}:{SMALL[name]}" if name in SMALL else name


def test_all_that_the_readme_names_are_there() -> None:
    assert set(NAMES) >= {
        "zero-shot", "instruction", "few-shot", "zero-shot-cot", "chain-of-thought", "self-consistency",
        "least-to-most", "choice-logprob", "auto-cot", "complexity-based-consistency", "plan-and-solve", "self-refine",
        "tree-of-thoughts", "universal-self-consistency",
    }  # fmt: skip


def test_every_file_of_the_folder_is_named() -> None:
    there = {path.stem for path in (ROOT / "kshot/prompts/strategies").glob("*.py")}
    assert set(FILES) == there - {"__init__", "registry"}


@pytest.mark.parametrize("name", NAMES)
def test_deterministic_given_its_replies(name: str) -> None:
    first, again = run(name, QUESTION, echo), run(name, QUESTION, echo)
    assert first == again
    assert first[1].answer in ("A", "B") or name == "log-likelihood"
    assert first[0] or name == "knn-vote"


@pytest.mark.parametrize("name", NAMES)
def test_never_sees_a_target(name: str) -> None:
    """Even where the pool holds the very sample that is asked."""
    own = Sample("own", QUESTION.text, SECRET, f"because {SECRET}", QUESTION.choices)
    question = replace(QUESTION, exemplars=(own, *POOL))
    asked, _ = run(name, question, echo)
    assert not any(SECRET in contents(request) for request in asked)
    assert asked == run(name, QUESTION, echo)[0]
    shown = replace(QUESTION, text="another", exemplars=(own, *POOL))  # where it is not asked, it may be shown
    if name in ("few-shot", "chain-of-thought", "self-consistency", "complexity-based-consistency"):
        assert any(SECRET in contents(request) for request in run(name, shown, echo)[0])


HOSTILE = {
    "empty": "",
    "blank": " \n\t\n ",
    "a megabyte": "A" * 2**20,
    "a megabyte of steps": "1. go on\n" * 2**17,
    "a megabyte of other steps": "".join(f"{at}. step {at}\n" for at in range(2**16)),
    "a megabyte of newlines": "\n" * 2**20,
    "the next question": "\nQ: and now?\nA: B\n\nQ:",
    "control characters": "\x00\x1b[31m<|im_end|>\ud7ff\u202e",
    "braces": "{answer} %s {0} \\boxed{",
}


@pytest.mark.parametrize("finish", ["stop", "length"])
@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", NAMES)
def test_survives_hostile_replies(name: str, kind: str, finish: str) -> None:
    for chat in (True, False):
        try:
            asked, prediction = run(small(name), QUESTION, lambda request: HOSTILE[kind], finish, chat=chat)
        except UserError as error:
            assert name == "auto-cot" and "found no chain among 4" in str(error)  # which it says and does not hide
            continue
        assert len(asked) <= 12
        assert (prediction.answer is None) == (prediction.status != "ok")
        kept = json.loads(json.dumps(kept_of(prediction), allow_nan=False))
        assert prediction_of(prediction.answer, prediction.status, kept) == prediction


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_can_be_read_there_is_no_answer(name: str) -> None:
    if name == "auto-cot":
        with pytest.raises(UserError, match="found no chain"):
            run(name, QUESTION, lambda request: "I do not know")
        return
    _, prediction = run(name, QUESTION, lambda request: "I do not know")
    scored = {
        "choice-logprob": "A",
        "log-likelihood": "-13.0000",
        "channel-logprob": "A",
        "knn-vote": "A",
    }  # a score always names an option, or is the answer
    assert prediction.answer == scored.get(name)


@pytest.mark.parametrize("name", NAMES)
def test_prompts_alternate_and_never_end_in_an_exemplar(name: str) -> None:
    for request in run(name, QUESTION, echo)[0]:
        if name == "log-likelihood":
            assert request.prompt == QUESTION.text  # as it stands
            continue
        assert isinstance(request.prompt, tuple)
        roles = [message.role for message in request.prompt]
        assert roles == (["user", "assistant"] * len(roles))[: len(roles)]
        assert all(isinstance(message, Message) and message.content for message in request.prompt)
        if roles[-1] == "assistant":  # continued, so it has to be the strategy's own opening
            assert name in CONTINUES


CONTINUES = (  # what opens the answer for the model to go on
    *("zero-shot-cot", "plan-and-solve", "auto-cot", "tree-of-thoughts"),
    *("universal-self-consistency", "self-refine"),  # by their base
)
BAD = {
    "k": ["-1", "99", "x", "1.5"],
    "select": ["nearest", ""],
    "order": ["random", ""],
    "noise": ["-0.1", "1.1", "nan"],
    "exemplar_seed": ["x"],
    "wording": ["2", "-2"],
    "text": ['" "'],
    "temperature": ["-1", "nan", "inf", "hot"],
    "top_p": ["0", "1.1", "nan"],
    "max_new_tokens": ["0", "-3"],
    "plan_tokens": ["0"],
    "answer_tokens": ["0"],
    "max_steps": ["0", "-1"],
    "lead": ["", '" "'],
    "base": ["nothing", "choice-logprob", "few-shot(k=2", ""],
    "n": ["0", "-1"],
    "normalise": ["tokens", ""],
    "score": ["words", ""],
    "calibrate": ["later", "batch"],  # unprepared
    "template": ["7", "no_such.jinja", "best"],
    "label_words": ["yes+no"],  # of a task without labels
    "format_seed": ["-2", "192", "0"],
    "system": ['" "'],
    "stop": [],
    "greedy": ["maybe"],
    "plus": ["maybe"],
    "steps": ["words", ""],
    "rounds": ["-1", "101"],
    "tries": ["0", "-1"],
    "generate": ["guess", ""],
    "evaluate": ["guess", ""],
    "depth": ["0", "101"],
    "breadth": ["0", "101"],
    "votes": ["0", "101"],
    "choose_tokens": ["0"],
    "feedback_tokens": ["0"],
    "thought_tokens": ["0"],
    "vote_tokens": ["0"],
    "top_k": ["-1", "x"],
    "min_p": ["-0.1", "1.1", "nan"],
    "embed": ["no such"],
    "premise": ["Its tone is"],  # without calibrate=pmi
    "ablate": ["silver", "symbols"],  # of a task without labels
    "share": ["-0.1", "1.1", "nan"],
    "permutation": ["-1", "3"],  # without order=perm
    "foreign": ["scan"],  # without ablate=foreign
    "picks": ["x", "-1", "1.5", "99"],
}


@pytest.mark.parametrize("name", NAMES)
def test_every_hyperparameter_is_validated(name: str) -> None:
    for key in hyperparameters(STRATEGIES.parse(name)[1]):
        for value in BAD[key]:  # a new hyperparameter brings its bad values along
            with pytest.raises(UserError) as caught:
                run(f"{name}:{key}={value}", QUESTION, echo)
            assert str(caught.value).count(".") >= 1
            assert value.split("(")[0] in str(caught.value) or not value.strip('" '), str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_spec_round_trip_with_every_hyperparameter_changed(name: str) -> None:
    other = {
        "base": "few-shot(k=2)", "lead": "Well, then (so to say):", "select": "random", "order": "reversed",
        "normalise": "bytes", "score": "text", "text": "Add, then stop.", "calibrate": "domain", "template": "1",
        "system": "Be brief, please.", "label_words": ("bad", "good"), "stop": ("###", "END"),
        "ablate": "random", "foreign": "scan", "embed": "tfidf", "premise": "It is", "steps": "sentences",
        "picks": ("3", "1"), "generate": "propose", "evaluate": "value",
    }  # fmt: skip
    function = STRATEGIES.parse(name)[1]
    for key, default in hyperparameters(function).items():
        changed = other[key] if isinstance(default, str | tuple) else type(default)(default + 1)
        said = "+".join(changed) if isinstance(changed, tuple) else changed
        written = json.dumps(said) if key in ("lead", "text", "system") else said
        strategy = get_strategy(f"{name}:{key}={written}")
        number = {"k": 2} if key == "picks" else {}  # which the name leaves out
        assert strategy.params == {**hyperparameters(function), **number, key: changed}
        assert split_spec(strategy.name) == (name, {key: str(said)})
        assert get_strategy(strategy.name) == strategy
    assert get_strategy(name).name == name


@pytest.mark.parametrize("name", NAMES)
def test_described_in_one_line(name: str) -> None:
    first, _, rest = (STRATEGIES.find(name).__doc__ or "").partition("\n")
    assert first.endswith(".") and len(first) <= 115
    assert re.search(r"\(\w+ et al\. 20\d\d\)", first)
    assert re.search(r"arXiv \d{4}\.\d{5}, section \d", " ".join(rest.split()))


def test_importing_them_imports_nothing_heavy() -> None:
    code = (
        "import sys, kshot.prompts.strategies; "
        "heavy = ('torch', 'transformers', 'numpy', 'scipy', 'bm25s', 'datasets', 'kshot.eval'); "
        "print([m for m in heavy if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("value", ["-1", "0", "1", "1" + "0" * 20])
@pytest.mark.parametrize("name", NAMES)
def test_a_number_that_cannot_be_is_told_before_anything_is_asked(name: str, value: str) -> None:
    """Or it can be, and the strategy comes to its end."""
    for key, default in hyperparameters(STRATEGIES.parse(name)[1]).items():
        if isinstance(default, bool) or not isinstance(default, int | float):
            continue
        asked: list[Request] = []

        def answer(request: Request, asked: list[Request] = asked) -> Generation:
            asked.append(request)
            return Generation(echo(request), "stop")

        try:
            drive(get_strategy(f"{name}:{key}={value}")(QUESTION), answer)
        except UserError:
            assert not asked, (key, value)
