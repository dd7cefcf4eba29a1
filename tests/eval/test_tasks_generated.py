"""Generated tasks and word pairs against truths worked out apart from the generators."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from kshot.eval.tasks import FILES, TASKS, get_task
from kshot.eval.tasks.library import FILES as LIBRARY_FILES
from kshot.types import Sample, Source, UserError
from tests.eval.test_tasks_public import SPECS as PUBLIC
from tests.places import ROOT, SHARED

RELATIONS = ("plurals", "past", "capitals", "opposites", "comparatives")
KNOWN = (
    "last-letters",
    "last-letters:words=4",
    "coin-flip",
    "coin-flip:flips=4",
    "word-problems",
    "word-problems:steps=0",
    *(f"word-problems:steps={steps}" for steps in (1, 6)),
    "scan",
    "scan:split=length",
    "passages",
    "passages:kind=roles",
    "passages:unanswerable=0.25,held_out=True",
    "qa:task=coin-flip",
    *(f"word-pairs:relation={relation}" for relation in RELATIONS if relation != "plurals"),
    "word-pairs",
)
LIBRARY = {name for name, made in TASKS.entries.items() if ".tasks.library." in made.__module__}
FILES_OF_OTHERS = {"induction", "winograd", "woz"}  # read from a user's folder: tests/eval/test_tasks_deca.py
NAMED = {spec.partition(":")[0] for spec in (*KNOWN, *PUBLIC)} | FILES_OF_OTHERS
HELD = NAMED | LIBRARY  # tests/eval/tasks/library has the latter's
ADDED = tuple(sorted(set(TASKS) - HELD))  # held to it without a line
GENERATED = (*KNOWN, *ADDED)
# SHA-256 over "command<TAB>actions<NEWLINE>", sorted, of the published length split (brendenlake/SCAN@c4b756c)
LENGTH_SPLIT = {
    "train": (16990, "5858272319dfc0a7ae8fd17c301b8a46e4e90339ab09297037ee9ce307cff741"),
    "test": (3920, "a959bcb891448e37059941b198a13ec99da2780923df7dda04b77b5f74d9af0b"),
}


def digest(samples: list[tuple[str, str]]) -> str:
    return hashlib.sha256("".join(f"{a}\t{b}\n" for a, b in sorted(samples)).encode()).hexdigest()


@pytest.mark.parametrize("spec", GENERATED)
def test_contract_of_a_generated_task(spec: str) -> None:
    task = get_task(spec)
    assert task.name == spec
    assert len(task.instructions) >= (0 if spec.startswith("qa:") else 1 if spec in ADDED else 3)
    test, train = list(task.load("test", Source(limit=40))), list(task.load("train", Source(limit=40)))
    assert len(test) == 40 and len(train) >= 16
    for sample in [*test, *train[:100]]:
        shown = sample.target.split("|")[0]
        found = task.format.extract(task.format.statement.format(answer=shown), sample.choices)
        assert task.score(found.answer, sample).value == 1, (sample, found)
        # a list of actions at the very end of a cut-off text may be incomplete: only a whole line is explicit
        assert task.format.extract(task.format.statement.format(answer=shown) + "\n", sample.choices).explicit
        assert task.score(None, sample).value == 0 and not task.score(None, sample).answered
    assert len({s.id for s in [*test, *train]}) == len(test) + len(train)
    assert list(task.load("test", Source(limit=40))) == test


@pytest.mark.parametrize("spec", GENERATED)
def test_train_and_test_never_meet_whatever_seed_and_limit(spec: str) -> None:
    task = get_task(spec)
    test = {s.question for seed in (0, 1, 2) for s in task.load("test", Source(seed=seed, limit=200))}
    train = {s.question for seed in (0, 1, 2) for s in task.load("train", Source(seed=seed))}
    assert test and train and not test & train


@pytest.mark.parametrize("spec", [s for s in KNOWN if not s.startswith("word-pairs")])
def test_every_generated_sample_has_a_rationale_that_leads_to_its_target(spec: str) -> None:
    task = get_task(spec)
    for sample in [*task.load("test", Source(limit=30)), *list(task.load("train", Source()))[:30]]:
        assert sample.rationale
        if task.format.name in {"number", "actions", "word"}:
            assert sample.target in sample.rationale


def test_last_letters_against_the_words_themselves() -> None:
    for spec, words in (("last-letters", 2), ("last-letters:words=4", 4)):
        for sample in get_task(spec).load("test", Source()):
            [quoted] = re.findall(r'"([^"]+)"', sample.question)
            assert len(quoted.split()) == words
            assert sample.target == "".join(word[-1] for word in quoted.split()).lower()


def test_last_letters_is_worded_as_in_wei_et_al() -> None:
    sample = get_task("last-letters").load("train", Source())[0]
    first, last = re.search(r'"(\w+) (\w+)"', sample.question).groups()  # type: ignore[union-attr]
    assert sample.question == f'Take the last letters of the words in "{first} {last}" and concatenate them.'
    assert sample.rationale == (
        f'The last letter of "{first}" is "{first[-1]}". The last letter of "{last}" is "{last[-1]}". '
        f'Concatenating them is "{first[-1]}{last[-1]}".'
    )


@pytest.mark.parametrize(
    ("spec", "counted"), [("last-letters:words=4", 2), ("last-letters:words=4,exemplar_words=3", 3)]
)
def test_exemplars_of_last_letters_have_words_of_their_own(spec: str, counted: int) -> None:
    for sample in get_task(spec).load("train", Source()):
        [quoted] = re.findall(r'"([^"]+)"', sample.question)
        assert len(quoted.split()) == counted


def test_coin_flip_rationales_are_those_of_wei_et_al() -> None:
    seen = set()
    for sample in get_task("coin-flip").load("test", Source()):
        flippers = re.findall(r"(\w+) flips the coin\.", sample.question)
        ending = {
            0: "by no one. So the coin was flipped 0 times. The coin started heads up, and it was not flipped, "
            "so it is still heads up.",
            1: f"by {' and '.join(flippers)}. So the coin was flipped 1 time, which is an odd number. The coin started "
            "heads up, so after an odd number of flips, it will be tails up.",
            2: f"by {' and '.join(flippers)}. So the coin was flipped 2 times, which is an even number. The coin "
            "started heads up, so after an even number of flips, it will still be heads up.",
        }[len(flippers)]
        assert sample.rationale == f"The coin was flipped {ending}"
        seen.add(len(flippers))
    assert seen == {0, 1, 2}


def test_coin_flip_against_a_count_of_the_flips() -> None:
    samples = list(get_task("coin-flip:flips=4").load("test", Source(limit=200)))
    for sample in samples:
        flips, held = len(re.findall(r"\bflips the coin", sample.question)), sample.question.count("does not flip")
        assert flips + held == 4
        assert sample.target == ("yes" if flips % 2 == 0 else "no")
    assert 70 < sum(sample.target == "yes" for sample in samples) < 130


EQUATION = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")


def equations(sample: Sample) -> list[tuple[int, str, int, int]]:
    return [(int(a), op, int(b), int(c)) for a, op, b, c in EQUATION.findall(sample.rationale)]


@pytest.mark.parametrize("steps", range(1, 7))
def test_word_problems_are_sound_step_by_step(steps: int) -> None:
    spec = "word-problems" if steps == 3 else f"word-problems:steps={steps}"
    for sample in get_task(spec).load("test", Source(limit=60)):
        done = equations(sample)
        assert len(done) == steps
        have = int(re.findall(r"\d+", sample.question)[0])
        for left, op, right, result in done:
            assert left == have
            assert {"+": left + right, "-": left - right, "*": left * right, "/": left // right}[op] == result
            assert op != "/" or left % right == 0
            have = result
        assert sample.target == str(have) and have >= 0
        assert sample.cluster == f"{steps} step{'s' * (steps > 1)}"


def test_word_problems_are_told_in_many_ways() -> None:
    samples = get_task("word-problems:steps=1").load("test", Source(limit=300))
    signs = {equations(sample)[0][1] for sample in samples}
    assert signs == set("+-*/")
    bare = {re.sub(r"\d+", "#", re.sub(r"\b[A-Z]\w+", "", sample.rationale)) for sample in samples}
    assert len({re.sub(r"starts with # \w+", "", text) for text in bare}) >= 12
    assert all(0 <= result <= 400 for sample in samples for *_, result in equations(sample))


def test_mixed_word_problems_have_one_to_six_steps() -> None:
    samples = get_task("word-problems:steps=0").load("test", Source(limit=150))
    assert {len(equations(sample)) for sample in samples} == set(range(1, 7))


@pytest.mark.parametrize("part", ["train", "test"])
def test_scan_reproduces_the_published_length_split(part: str) -> None:
    count, published = LENGTH_SPLIT[part]
    samples = get_task("scan:split=length").load(part, Source(limit=10**6))  # type: ignore[arg-type]
    mine = [(sample.question, sample.target) for sample in samples]
    assert len(mine) == len(set(mine)) == count
    assert digest(mine) == published
    file = SHARED / "scan_length" / f"{part}.jsonl"
    if file.is_file():
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert {(row["question"], row["answer"]) for row in rows} == set(mine)


def test_scan_simple_split_is_four_fifths_of_all_commands() -> None:
    task = get_task("scan")
    train, test = task.load("train", Source()), task.load("test", Source(limit=10**6))
    assert len(train) + len(test) == 20910
    assert abs(len(train) / 20910 - 0.8) < 0.01


@pytest.mark.parametrize("relation", RELATIONS)
def test_word_pairs_are_many_and_distinct(relation: str) -> None:
    task = get_task(f"word-pairs:relation={relation}")
    samples = [*task.load("test", Source(limit=10**6)), *task.load("train", Source())]
    assert len(samples) >= 150
    assert len({sample.question.casefold() for sample in samples}) == len(samples)
    for sample in samples:
        for answer in sample.target.split("|"):
            assert answer and answer == answer.strip()
            found = task.format.extract(task.format.statement.format(answer=answer), ())
            assert task.score(found.answer, sample).value == 1, (sample, found)
            # an opposite of itself is no answer; but "cut" is its own past tense and Luxembourg its own capital
            assert relation not in ("opposites", "comparatives") or answer.casefold() != sample.question.casefold()


def test_word_pairs_hold_well_known_facts() -> None:
    known = {
        "plurals": {"child": "children", "mouse": "mice"},
        "past": {"go": "went", "begin": "began"},
        "capitals": {"France": "paris", "Japan": "tokyo", "Australia": "canberra"},
        "opposites": {"hot": "cold"},
        "comparatives": {"big": "bigger", "tall": "taller"},
    }
    assert set(known) == set(RELATIONS)
    capitals = get_task("word-pairs:relation=capitals")
    for asked in [*capitals.load("test", Source(limit=10**6)), *capitals.load("train", Source())]:
        if asked.question == "United States":
            replies = ("Washington, D.C.", "Washington D.C.", "Washington", "The answer is Washington, DC.")
            assert [capitals.score(capitals.format.extract(text, ()).answer, asked).value for text in replies] == [
                1
            ] * 4
    for relation, facts in known.items():
        task = get_task(f"word-pairs:relation={relation}")
        by_word = {s.question: s for s in [*task.load("test", Source(limit=10**6)), *task.load("train", Source())]}
        for word, answer in facts.items():
            assert task.score(answer, by_word[word]).value == 1
            assert task.score("banana", by_word[word]).value == 0


@pytest.mark.parametrize("name", ["last-letters", "scan", "word-problems", "gsm8k"])
def test_decompositions_end_in_the_question_and_state_an_answer(name: str) -> None:
    task = get_task(name)
    assert task.decompositions
    for exemplar in task.decompositions:
        question, answer = exemplar.steps[-1]
        assert question == exemplar.question
        assert task.format.extract(answer, ()).answer is not None


def test_decompositions_of_scan_and_last_letters_are_right() -> None:
    every = {s.question: s.target for s in get_task("scan").load("train", Source())}
    every |= {s.question: s.target for s in get_task("scan").load("test", Source(limit=10**6))}
    scan, letters = get_task("scan"), get_task("last-letters")
    for exemplar in scan.decompositions:
        for step, answer in exemplar.steps:
            assert scan.format.extract(answer, ()).answer == every[step]
    for exemplar in letters.decompositions:
        [quoted] = re.findall(r'"([^"]+)"', exemplar.question)
        expected = "".join(word.strip(",")[-1] for word in quoted.split()).lower()
        assert letters.format.extract(exemplar.steps[-1][1], ()).answer == expected


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("last-leters", "last-letters"),
        ("last-letters:wrds=2", "words"),
        ("last-letters:words=two", "two"),
        ("coin-flip:flips=0", "flips"),
        ("word-problems:steps=9", "steps"),
        ("scan:split=lenght", "length"),
        ("word-pairs:relation=plural", "plurals"),
    ],
)
def test_a_mistake_in_a_specification_is_named(spec: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        get_task(spec).load("test", Source())


def test_more_samples_than_exist_is_a_clear_error() -> None:
    with pytest.raises(UserError, match="limit"):
        get_task("coin-flip:flips=1").load("test", Source(limit=100_000))


def test_tasks_are_listed_without_heavy_imports() -> None:
    code = (
        "import sys, kshot.eval.tasks as t; assert len(list(t.TASKS)) > 15; "
        "print([m for m in ('torch', 'transformers', 'datasets', 'scipy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_registry_holds_all_generated_tasks() -> None:
    assert {spec.split(":")[0] for spec in KNOWN} <= set(TASKS)


def test_every_file_of_the_folder_is_named() -> None:
    files = {path.stem for path in (ROOT / "kshot/eval/tasks").glob("*.py")} - {"__init__", "registry", "groups"}
    assert set(FILES) == {*files, "library"}
    library = {path.stem for path in (ROOT / "kshot/eval/tasks/library").glob("*.py")}
    assert set(LIBRARY_FILES) == library - {"__init__", "sets", "equivalence"}


@pytest.mark.parametrize("spec", GENERATED)
def test_a_question_is_all_of_a_sample_but_its_target(spec: str) -> None:
    task = get_task(spec)
    pool = task.load("train", Source(train=4))[:4]
    sample = replace(task.load("test", Source(limit=1))[0], target="XYZZY", rationale="so XYZZY")
    question = task.question(sample, pool)
    assert "XYZZY" not in repr(question)
    assert (question.text, question.choices, question.exemplars) == (sample.question, sample.choices, tuple(pool))
    for field in ("format", "labels", "instructions", "decompositions"):
        assert getattr(question, field) == getattr(task, field)
