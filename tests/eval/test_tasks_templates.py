"""What holds of every template of every task: a perfect reply is read, and an exemplar has the question's form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from kshot.eval.tasks import get_task
from kshot.prompts.common import in_words
from kshot.prompts.formats import formats_of
from kshot.prompts.templates import solved
from kshot.prompts.wording import asked_of, prompt_for, spoken, stops_of
from kshot.types import Generation, Sample, Source, Task, UserError
from tests.eval.tasks.library.copies import BY_SPEC, local_data
from tests.eval.test_tasks_generated import ADDED, KNOWN
from tests.eval.test_tasks_public import SPECS

# of sets whose rows are not at hand: a row of each kind
STANDS_IN = Sample("s", "Is it?", "", fields=(("premise", "It is."), ("hypothesis", "It may be.")))
WORDED = [spec for spec in BY_SPEC if spec != "wikitext"]  # whose texts no template words


def samples(spec: str, task: Task) -> Sequence[Sample]:
    """Samples of a task, of which a set with labels has one each."""
    if spec in BY_SPEC:
        return task.load("test", Source(data=local_data()))
    if spec in KNOWN:
        return task.load("train", Source())[:5]
    if task.labels:
        return [replace(STANDS_IN, target=label) for label in task.labels]
    if task.format.name == "letter":
        return [replace(STANDS_IN, target="B", choices=("a cat", "a cod"))]
    return [replace(STANDS_IN, target="4")]


@pytest.mark.parametrize("spec", [*KNOWN, *SPECS, *WORDED])
def test_every_template_of_a_task(spec: str) -> None:
    task = get_task(spec)
    assert len(task.templates) >= (3 if spec.startswith("qa:") else 4), "the published one first, and others"
    assert len({(each.text, each.words, each.start) for each in task.templates}) == len(task.templates)
    for at, sample in enumerate(samples(spec, task)):
        for name in map(str, range(len(task.templates))):
            question = in_words(task.question(sample, ()), {"template": name})
            asked, answer = asked_of(question), solved(spoken(question, sample), question.format)
            assert prompt_for(question) == f"{question.template.start if question.template else ''}{asked.text}"
            # the exemplar: the very question, its answer, and no more of it
            shown = prompt_for(question, [sample])
            assert f"{asked.text}{asked.gap}{answer}" in shown and shown.endswith(asked.text)
            # nothing of the asked side hangs on the target
            other = next((label for label in task.labels if label != sample.target), "5")
            assert asked_of(in_words(task.question(replace(sample, target=other), ()), {"template": name})) == asked
            # what would be right is read as right, with the next sample begun behind it
            assert question.template is not None
            said = f"{asked.gap}{answer}".partition(stops_of(question.template)[0])[0]
            prediction = question.format.read(Generation(said, "stop"), sample.choices)
            assert task.score(prediction.answer, sample).right, (name, at, said, prediction)


@pytest.mark.parametrize("spec", ["sst2", "trec", "agnews", "gsm8k", "word-pairs"])
def test_the_published_form_has_formats(spec: str) -> None:
    assert len(formats_of(get_task(spec).templates[0])) >= 96


def test_labels_are_written_as_published() -> None:
    """Zhao et al. 2021, data_utils.py: label_dict of each set, by our own labels."""
    published = {
        "sst2": {"negative": "Negative", "positive": "Positive"},
        "trec": {
            "number": "Number", "location": "Location", "person": "Person", "description": "Description",
            "entity": "Entity", "abbreviation": "Ab",
        },
        "agnews": {"world": "World", "sports": "Sports", "business": "Business", "technology": "Technology"},
        "rte": {"not_entailment": "False", "entailment": "True"},
        "cb": {"contradiction": "false", "neutral": "neither", "entailment": "true"},
    }  # fmt: skip
    for name, words in published.items():
        task = get_task(name)
        found = [dict(zip(task.labels, each.words, strict=True)) for each in task.templates if each.words]
        assert words in found


def test_an_added_task_may_have_none() -> None:
    for spec in ADDED:
        task = get_task(spec)
        if not task.templates:
            with pytest.raises(UserError, match="no template of its own"):
                in_words(task.question(task.load("test", Source(limit=1))[0], ()), {"template": "0"})
