"""What each search is for: planted words and exemplars are found, scores are shown, people's wordings compete."""

from __future__ import annotations

import itertools
import math
import random
import re

import pytest

from kshot.prompts.search import SEARCHES, Found, Searchable
from kshot.prompts.search.beginning import first_wording
from kshot.prompts.search.chunks import chunks_of, edited, joined
from kshot.prompts.search.edits import spread
from kshot.prompts.search.opro import points
from kshot.prompts.search.searchable import Trial
from kshot.prompts.search.trials import mean_of
from tests.prompts.search.tasks import LABELS, Model, searched, task_of


def target_of(task: Searchable, prompt: str) -> str:
    """The target of the sample that a prompt asks, which stands last."""
    asked = prompt.rpartition("Q: ")[2]
    return next(sample.target for sample in task.validation if sample.question in asked)


def liking(task: Searchable, good: float, prompt: str, label: str) -> float:
    """The log-probability of a label, its target's the higher the better the prompt is."""
    share = 1 / (1 + math.exp(-good))
    return math.log(share if label == target_of(task, prompt) else 1 - share)


def instruction_in(prompt: str) -> str:
    return prompt.removeprefix("Q: ").partition("\n\n")[0] if "\n\n" in prompt else ""


def best(found: Found) -> str:
    return found.candidates[found.best].text


# ---------------------------------------------------------------- edits


@pytest.mark.parametrize("seed", range(3))
def test_edits_find_that_a_word_is_better_gone_and_another_better_twice(seed: int) -> None:
    task = task_of(validation=10)
    assert "briefly," in first_wording(task) and "Say," in first_wording(task)

    def likes(prompt: str, label: str) -> float:
        said = instruction_in(prompt)
        return liking(task, said.count("review") - 2 * said.count("briefly"), prompt, label)

    found = searched(SEARCHES.get("edits"), task, Model(likes=likes), budget=800, seed=seed, candidates=8, patience=6)
    assert "briefly" not in best(found) and best(found).count("review") >= 2
    assert any(one.how == "delete" for one in found.candidates) and any(one.how == "swap" for one in found.candidates)
    values = [sum(trial.value for trial in one.trials) for one in found.candidates]
    assert values[found.best] == max(values)


def test_edits_go_on_from_the_best_and_end_early_where_nothing_helps() -> None:
    task = task_of()
    found = searched(SEARCHES.get("edits"), task, Model(likes=lambda prompt, label: -1.0))
    assert found.best == 0 and len(found.candidates) == 11 and found.scorings == 110  # two steps of five
    assert {one.parent for one in found.candidates[1:]} == {0}
    assert "it ended early: 2 steps in a row have found nothing better." in found.notes
    assert "210 of 320 scorings were not spent." in found.notes


def test_balance_rewards_answers_of_all_kinds_and_is_off_by_default() -> None:
    assert spread([Trial(0, 0, {"a": 0.7, "b": 0.3}), Trial(0, 0, {"a": 0.2, "b": 0.8})]) == pytest.approx(math.log(2))
    assert spread([Trial(0, 0, {"a": 0.7, "b": 0.3})] * 3) == 0 == spread([Trial(1, 1)])
    task = task_of(objective="accuracy")

    def likes(prompt: str, label: str) -> float:  # with "briefly" always the first label, without always the wrong one
        first, second = LABELS["en"]
        wrong = second if target_of(task, prompt) == first else first
        return 0.0 if label == (first if "briefly" in prompt else wrong) else -5.0

    found = {
        balance: searched(SEARCHES.get(f"edits:balance={balance},patience=4"), task, Model(likes=likes), budget=400)
        for balance in (0, 10)
    }
    assert "briefly" in best(found[0]) and "briefly" not in best(found[10])
    trials = found[10].candidates[found[10].best].trials
    assert spread(trials) > 0.6 and mean_of(trials) == 0


def test_chunks_are_words_or_phrases_and_come_together_again() -> None:
    text = "Read it, then say: good or bad?"
    assert joined(chunks_of(text, "word")) == text == joined(chunks_of(text, "phrase"))
    assert len(chunks_of(text, "phrase")) == 3 and len(chunks_of(text, "word")) == 7
    assert chunks_of("Say it", "phrase") == ["Say ", "it"]
    chinese = "请判断这条评论，回答好或差。"
    assert joined(chunks_of(chinese, "word")) == chinese == joined(chunks_of(chinese, "phrase"))
    generator = random.Random(0)
    one = edited("word", "word", (), generator)
    assert (one.text, one.how) == ("word word", "duplicate")
    assert edited("", "word", (), generator).how == "none"
    back = {edited("one", "word", ("two",), generator) for _ in range(30)}
    assert {(edit.text, edit.deleted) for edit in back if edit.how == "add-back"} == {("one two", ()), ("two one", ())}


# ---------------------------------------------------------------- demos


@pytest.mark.parametrize("seed", range(3))
def test_demos_find_planted_exemplars_and_their_order(seed: int) -> None:
    task = task_of(train=12, validation=20)
    good = [task.train[3].question, task.train[8].question]

    def likes(prompt: str, label: str) -> float:
        at = [prompt.find(f"{question}\n") for question in good]
        quality = sum(place >= 0 for place in at) + (0 <= at[0] < at[1])
        return liking(task, 0.5 * quality, prompt, label)

    found = searched(SEARCHES.get("demos"), task, Model(likes=likes), budget=1000, seed=seed, k=3)
    picks = re.findall(r"\d+", found.candidates[found.best].spec.partition("picks=")[2])
    assert {"3", "8"} < set(picks) and picks.index("3") < picks.index("8")
    assert {one.how for one in found.candidates} == {"drawn", "varied"}
    assert len({len(one.trials) for one in found.candidates}) > 1  # some were given up


def test_demos_vary_the_best_into_what_no_draw_had() -> None:
    task = task_of(train=20)
    good = [task.train[at].question for at in (2, 7, 11, 16)]

    def likes(prompt: str, label: str) -> float:
        return liking(task, 0.5 * sum(f"{question}\n" in prompt for question in good), prompt, label)

    found = searched(SEARCHES.get("demos"), task, Model(likes=likes), budget=1200)
    means = {how: [mean_of(one.trials) for one in found.candidates if one.how == how] for how in ("drawn", "varied")}
    assert max(means["varied"]) > max(means["drawn"])
    parents = {one.parent for one in found.candidates if one.how == "varied"}
    assert len(parents) > 1  # the best is another by and by


def test_demos_say_a_text_before_them_where_there_is_one() -> None:
    model = Model()
    found = searched(SEARCHES.get('demos:k=2,text="Judge, please."'), task_of(), model)
    assert all(one.spec.startswith('choice-logprob:text="Judge, please.",picks=') for one in found.candidates)
    assert all(prompt.startswith("Q: Judge, please.\n\n") for prompt in model.scored)


# ---------------------------------------------------------------- what a model writes


def test_ape_shows_three_draws_of_five_samples_and_finds_the_good_instruction() -> None:
    task = task_of()
    texts = {at: text for at, text in enumerate(["say it", "decide on the tone", "write"])}

    def likes(prompt: str, label: str) -> float:
        return liking(task, 3.0 * ("decide on the tone" in prompt), prompt, label)

    model = Model(lambda prompt, seed: f" {texts[seed % 3]}.\nInput: x", likes)
    found = searched(SEARCHES.get("ape"), task, model)
    assert best(found) == "decide on the tone." and found.proposals == 24 and found.unusable == 21
    assert len(set(model.proposals)) == 3
    for prompt in model.proposals:
        assert prompt.startswith("Q: I gave a friend an instruction and 5 inputs.") and prompt.endswith("to")
        assert prompt.count("\nInput: ") == 5 == prompt.count("\nOutput: ")
        assert sum(sample.question in prompt for sample in task.train) == 5


def test_ape_by_meta_shows_the_tasks_line_and_no_sample() -> None:
    task, model = task_of(), Model(lambda prompt, seed: f"tell its tone {seed % 5}.")
    found = searched(SEARCHES.get("ape:meta=true"), task, model)
    assert len(set(model.proposals)) == 1 and first_wording(task) in model.proposals[0]
    assert not any(sample.question in model.proposals[0] for sample in task.train)
    assert {one.how for one in found.candidates} == {"meta"} and len(found.candidates) == 5


def test_paraphrase_rewords_every_wording_and_tries_them_too() -> None:
    task = task_of()
    model = Model(lambda prompt, seed: "Reworded, " + prompt.partition("Input: ")[2].partition("\n")[0])
    found = searched(SEARCHES.get("paraphrase"), task, model)
    assert [one.text for one in found.candidates] == [
        *task.question.instructions,
        *(f"Reworded, {text}" for text in task.question.instructions),
    ]
    assert [one.parent for one in found.candidates] == [None, None, 0, 1]


def test_opro_shows_the_trajectory_in_ascending_order_of_its_scores() -> None:
    task = task_of(validation=20)

    def likes(prompt: str, label: str) -> float:
        stars = re.search(r"tone (\d+)", instruction_in(prompt))
        return liking(task, 0.05 * int(stars[1]) if stars else 0.0, prompt, label)

    model = Model(lambda prompt, seed: f"Tell the tone {seed % 60} of it] and so on", likes)
    found = searched(SEARCHES.get("opro:samples=10,a_step=6"), task, model, budget=600)
    steps = list(dict.fromkeys(model.proposals))
    assert found.proposals == 24 and len(steps) == 4
    assert first_wording(task) in steps[0] and steps[0].count("score:\n") == 1
    shown = [re.findall(r"text:\n(.*)\nscore:\n(\d+)\n", step) for step in steps]
    written = {one.text: points(task, sum(t.value for t in one.trials[:10]) / 10) for one in found.candidates}
    for before, pairs in itertools.pairwise(shown):
        scores = [int(score) for _, score in pairs]
        assert scores == sorted(scores) and len(pairs) > len(before)
        assert all(written[text] == int(score) for text, score in pairs)
    assert all(step.count("<INS>\n") == 3 and step.endswith("[") for step in steps)
    assert best(found) == max(written, key=lambda text: written[text])


def test_opro_leaves_out_low_scores_but_never_the_best() -> None:
    task = task_of(objective="accuracy")
    model = Model(
        lambda prompt, seed: f"Tell the tone {seed % 60}.", lambda prompt, label: liking(task, -1, prompt, label)
    )
    searched(SEARCHES.get("opro"), task, model)
    assert all(prompt.count("\nscore:\n0\n") == 1 for prompt in model.proposals)


# ---------------------------------------------------------------- controls, labels


def test_best_human_tries_all_that_people_wrote_and_no_more() -> None:
    task = task_of()
    model = Model(likes=lambda prompt, label: liking(task, 2.0 * ("Is it" in prompt), prompt, label))
    found = searched(SEARCHES.get("best-human"), task, model)
    assert [one.spec for one in found.candidates] == list(task.humans)
    assert found.candidates[found.best].spec == "choice-logprob:wording=1" and found.scorings == 30


def test_random_edits_are_drawn_before_anything_is_scored() -> None:
    task = task_of()
    one = searched(SEARCHES.get("random"), task, Model())
    other = searched(SEARCHES.get("random"), task, Model(likes=lambda prompt, label: -float(len(label))))
    assert [each.spec for each in one.candidates] == [each.spec for each in other.candidates]
    assert len(one.candidates) == 32 and one.scorings == 320


@pytest.mark.parametrize("name", ["edits", "random", "ape", "opro", "paraphrase"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_filtered_no_prompt_names_a_label(name: str, language: str) -> None:
    task = task_of(language)
    texts = ["tell whether it is positive", "tell its tone", "说出是好是坏", "说出语气"]
    for label_words, allowed in (("filtered", False), ("allowed", True)):
        model = Model(lambda prompt, seed: f"{texts[seed % 4]}.")
        found = searched(SEARCHES.get(f"{name}:label_words={label_words}"), task, model)
        named = [any(label in one.text for label in LABELS[language]) for one in found.candidates]
        assert any(named) is allowed and len(found.candidates) > 1
    assert not any(label in first_wording(task, filtered=True) for label in LABELS[language])
