"""What holds of every search in the registry, and of each that is added."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kshot.program import drive
from kshot.prompts.exemplars import plain_words
from kshot.prompts.search import FILES, SEARCHES, Found, Trials
from kshot.prompts.strategies import get_strategy
from kshot.registry import hyperparameters
from kshot.types import UserError
from tests.places import ROOT
from tests.prompts.search.tasks import Model, drawn, searched, task_of

NAMES = list(SEARCHES)
DRAWS = [name for name in NAMES if name != "best-human"]  # which tries what there is
LEARNS = ("hotflip", "reinforce")  # which score train samples too
WRITTEN = ("ape", "ape:meta=true", "opro", "paraphrase")  # what asks a model to write
WORDS = ("Say", "tell", "whether", "what", "the", "review", "says", "is", "bad", "fine", "or", "not", "please", "now")
JUNK = (
    *("", " \n\t\n", '"', '""', "[]", "[", "]]", "...", "1.", "- ", "<INS>", "\x00\x07\ue000\ue001", "\ud83d"),
    *(
        "the the the the the the the the the the",
        "very good " * 300,
        "a" * 5000,
        "Input: x\nOutput: y",
        "text:\nscore:\n61",
    ),
    *(
        "the film number 3 was quite a film",
        "The film number 3 was quite a film. Positive.",
        '(a=1,b="2")',
        "{{ answer }}",
    ),
    *(
        'he said "this',
        "<|endoftext|>",
        "1. Say it.\n2. Say it again.",
        "**Bold words**",
        "好" * 200,
        "、、、",
        "\\n\\u0000",
    ),
)


def sentence(prompt: str, seed: int) -> str:
    """Something that could be an instruction, drawn by prompt and seed."""
    number = drawn(f"{prompt}{seed}")
    return " ".join(WORDS[number // 13**at % len(WORDS)] for at in range(6)) + "."


def junk(prompt: str, seed: int) -> str:
    """Something that a small model writes."""
    return JUNK[drawn(f"{prompt}{seed}") % len(JUNK)]


def held(found: Found, validation: int, budget: int, proposals: int, name: str = "") -> None:
    """What is true of everything that a search comes to."""
    best = found.candidates[found.best]
    assert len(best.trials) == validation
    chosen_on = sum(len(one.trials) for one in found.candidates)
    assert chosen_on <= found.scorings <= budget
    assert chosen_on == found.scorings or name in LEARNS
    assert found.proposals <= proposals and found.unusable >= 0
    names = [plain_words(one.spec) for one in found.candidates]
    assert len(set(names)) == len(names)
    for at, one in enumerate(found.candidates):
        assert 0 < len(one.trials) <= validation
        assert get_strategy(get_strategy(one.spec).name) == get_strategy(one.spec)
        assert one.how and (one.parent is None or one.parent < at)
        assert 0 <= one.born < budget
    assert [note for note in found.notes if "were not spent" in note] or found.scorings == budget


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("validation", "budget", "proposals"), [(10, 320, 24), (10, 10, 24), (24, 100, 5), (10, 57, 0), (66, 400, 24)]
)
def test_it_is_never_over_budget_and_its_winner_has_all_samples(
    name: str, validation: int, budget: int, proposals: int
) -> None:
    task, model = task_of(validation=validation), Model(sentence)
    found = searched(SEARCHES.get(name), task, model, budget=budget, proposals=proposals)
    held(found, validation, budget, proposals, name)
    assert len(model.proposals) == found.proposals
    assert len(model.scored) == 2 * found.scorings  # labels


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("objective", ["likelihood", "accuracy"])
def test_it_finds_the_same_with_the_same_seed(name: str, language: str, objective: str) -> None:
    def found(seed: int) -> Found:
        task = task_of(language, objective=objective)
        return searched(SEARCHES.get(name), task, Model(sentence), seed=seed)

    one = found(1)
    held(one, 10, 320, 24, name)
    assert one == found(1)
    assert one.candidates != found(2).candidates or name not in DRAWS


@pytest.mark.parametrize("name", [*NAMES, *WRITTEN])
@pytest.mark.parametrize(
    "writes", [junk, lambda prompt, seed: "", lambda prompt, seed: prompt], ids=["junk", "empty", "copy"]
)
def test_it_survives_whatever_a_model_writes(name: str, writes: Callable[[str, int], str]) -> None:
    for language in ("en", "zh"):
        found = searched(SEARCHES.get(name), task_of(language), Model(writes))
        held(found, 10, 320, 24, name)
        if found.proposals and writes is not junk:
            assert found.unusable >= found.proposals


@pytest.mark.parametrize("name", NAMES)
def test_what_it_scores_shows_no_sample_of_the_validation_but_the_one_that_is_asked(name: str) -> None:
    task, model = task_of(), Model(sentence)
    searched(SEARCHES.get(name), task, model)
    own = [sample.question for sample in task.validation]
    shown = [sum(question in prompt for question in own) for prompt in model.scored]
    assert set(shown) == ({0, 1} if name in LEARNS else {1})
    assert not any(question in prompt for question in own for prompt in model.proposals)


@pytest.mark.parametrize("name", NAMES)
def test_it_seeks_its_seed_and_refuses_what_is_out_of_range(name: str) -> None:
    known = hyperparameters(SEARCHES.parse(name)[1])
    assert known["seed"] == 0
    for key, default in known.items():
        bad = {int: ["-1", "x"], float: ["-1", "x", "nan"], str: ["no such"], bool: ["maybe"]}[type(default)]
        for value in bad:
            if key in ("seed", "text", "balance", "wording") and value in ("-1", "no such"):
                continue
            with pytest.raises(UserError) as caught:
                searched(SEARCHES.get(f"{name}:{key}={value}"), task_of(), Model(sentence))
            assert key in str(caught.value) or value in str(caught.value)


def test_every_file_of_the_folder_is_named() -> None:
    not_searches = {
        "__init__",
        "beginning",
        "chunks",
        "flips",
        "proposals",
        "registry",
        "searchable",
        "trials",
        "words",
    }
    files = {path.stem for path in (ROOT / "kshot" / "prompts" / "search").glob("*.py")} - not_searches
    assert files == set(FILES) == {name.replace("-", "_") for name in NAMES}


def test_a_budget_that_tries_nothing_to_the_end_is_refused() -> None:
    with pytest.raises(UserError, match="budget is 9; to try one prompt on all 10 validation samples"):
        Trials(task_of(), 9)
    with pytest.raises(UserError, match="proposals is -1"):
        Trials(task_of(), 10, -1)


def test_what_is_no_search_is_told_with_the_nearest_name() -> None:
    with pytest.raises(UserError, match="unknown search 'edit': did you mean edits"):
        drive(SEARCHES.get("edit")(), Model())
