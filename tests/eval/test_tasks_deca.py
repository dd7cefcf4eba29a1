"""The tasks beside decaNLP's: made-up passages read by another reader, and files of its form that are made here."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from kshot.eval.tasks import get_task
from kshot.eval.tasks.induction import ASKED
from kshot.eval.tasks.passages import verbs_of
from kshot.eval.tasks.woz import state_of
from kshot.types import Generation, Sample, Source, Task, UserError
from tests.places import SHARED

PASSAGES = (
    "passages",
    "passages:kind=roles",
    "passages:unanswerable=0.25,held_out=True",
    "passages:kind=roles,unanswerable=1.0",
)
PLACE = r"(?P<where>(?i:in|at|behind|near|beside|under) the [a-z]+)"
TIME = r"(?P<when>(?i:on|in|at) (?:[A-Z][a-z]+|noon|midnight|dawn|sunset|\d{4}))"
WHO, WHAT = r"(?P<who>[A-Z][a-z]+)", r"(?P<did>[a-z]+ed) the (?P<what>[a-z]+ [a-z]+?)"
READS = [
    re.compile(rf"{WHO} {WHAT}(?: {PLACE})?(?: {TIME})?\."),
    re.compile(rf"{TIME}, {WHO} {WHAT} {PLACE}\."),
    re.compile(rf"{PLACE}, {WHO} {WHAT} {TIME}\."),
]


def told(passage: str) -> list[dict[str, str]]:
    """What a passage tells, read by patterns and not by the generator's own lists."""
    found = []
    for sentence in re.split(r"(?<=\.) ", passage):
        match = next(filter(None, (pattern.fullmatch(sentence) for pattern in READS)), None)
        assert match, sentence
        found.append({key: value for key, value in match.groupdict().items() if value})
    return found


def answers(deeds: Sequence[dict[str, str]], question: str) -> list[str | None]:
    """Every answer that a passage gives to a question: the part asked for, of each deed that fits."""
    patterns = {
        "who": r"Who (?P<did>\w+) (?:the (?P<what>.+)|something)\?",
        "what": r"What was (?P<did>\w+)\?",
        "where": r"Where (?:did (?P<who>\w+) (?P<do>\w+) the (?P<what>.+)|was something (?P<did>\w+))\?",
        "when": r"When (?:did (?P<who>\w+) (?P<do>\w+) the (?P<what>.+)|was something (?P<did>\w+))\?",
    }
    for wanted, pattern in patterns.items():
        if match := re.fullmatch(pattern, question):
            said = {key: value for key, value in match.groupdict().items() if value}
            base = said.pop("do", None)
            fits = [d for d in deeds if all(d.get(key) == value for key, value in said.items())]
            fits = [d for d in fits if base is None or base[:-1] in d["did"]]
            return [d.get(wanted) for d in fits]
    raise AssertionError(question)


@pytest.mark.parametrize("spec", PASSAGES)
@pytest.mark.parametrize("split", ["test", "train"])
def test_one_span_alone_answers_and_stands_once(spec: str, split: Any) -> None:
    samples = get_task(spec).load(split, Source(limit=300, train=300))
    lacking = 0
    for sample in samples:
        row = dict(sample.fields)
        assert sample.question == f"{row['context']}\n{row['asked']}"
        deeds = told(row["context"])
        assert 4 <= len(deeds) <= 8
        for part in ("who", "did", "what", "where", "when"):  # nothing is said of two
            values = [deed[part] for deed in deeds if part in deed]
            assert len(values) == len(set(values))
        found = [answer for answer in answers(deeds, row["asked"]) if answer is not None]
        if sample.target == "unanswerable":
            assert found == []
            lacking += 1
            continue
        [answer] = found
        assert answer.lower().removeprefix("the ") in {
            part.lower().removeprefix("the ") for part in sample.target.split("|")
        }
        for span in sample.target.split("|"):
            assert len(re.findall(rf"(?<!\w){re.escape(span)}(?!\w)", row["context"], re.IGNORECASE)) == 1
    share = {"0.25": 0.25, "1.0": 1.0}.get(spec.partition("unanswerable=")[2].partition(",")[0], 0.0)
    assert abs(lacking / len(samples) - share) < 0.08


def test_all_kinds_of_questions_are_asked_and_many_passages_told() -> None:
    for kind, words in (("facts", {"Who", "Where", "When"}), ("roles", {"Who", "What", "Where", "When"})):
        samples = get_task(f"passages:kind={kind}").load("test", Source(limit=300))
        assert {dict(sample.fields)["asked"].split()[0] for sample in samples} == words
        assert len({dict(sample.fields)["context"] for sample in samples}) == 300


def test_verbs_held_out_are_told_in_one_split_alone() -> None:
    test, train = ({past for _, past in verbs} for verbs in (verbs_of("test"), verbs_of("train")))
    assert len(test) == len(train) == 10 and not test & train
    task = get_task("passages:held_out=true")
    for samples, verbs in (
        (task.load("test", Source(limit=100)), test),
        (task.load("train", Source(train=100)), train),
    ):
        for sample in samples:
            assert {deed["did"] for deed in told(dict(sample.fields)["context"])} <= verbs


def test_a_share_of_words_counts_and_whether_all_is_right_stands_beside() -> None:
    task = get_task("passages:unanswerable=0.25,held_out=true")
    sample = Sample("s", "?", "the old clock")
    scores = {
        "the old clock": (1, 1), "Old clock.": (1, 1), "a clock": (2 / 3, 0), "the fence": (0, 0), "Not known": (0, 0),
    }  # fmt: skip
    for text, (share, whole) in scores.items():
        score = task.score(task.format.read(Generation(text, "stop")).answer, sample)
        assert dict(score.values) == pytest.approx({"token-f1": share, "exact-match:normalise=words": whole}), text
    none = Sample("s", "?", "unanswerable")
    for text in ("unanswerable", "Unanswerable.", "I don't know.", "The answer is not known."):
        assert task.score(task.format.read(Generation(text, "stop")).answer, none).right, text
    plain = get_task("passages")
    assert plain.format.read(Generation("I don't know.", "stop")).answer is None  # where all can be answered


@pytest.mark.parametrize(("spec", "named"), [("passages:kind=fact", "facts"), ("passages:unanswerable=2", "share")])
def test_a_mistake_in_a_specification_is_named(spec: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        get_task(spec)


# ---------------------------------------------------------------- Winograd schemas


def schemas(folder: Path, count: int = 132, broken: str = "") -> Path:
    """A file in the form of decaNLP's, whose last schema has no blank line behind it."""
    blocks = [
        f"The cup{n} did not fit the box{n} as it was too [small/large]. \n"
        f"What was too [small/large]? \nbox{n}/ cup{n}\n"
        for n in range(count)
    ]
    blocks[0] = "Emma's mother had died, and her [place/education] had been [taken/managed] by a friend.\n"
    blocks[0] += "Whose [place/education] had been [taken/managed]?\nmother's/Emma's\n"
    (folder / "winograd").mkdir()
    (folder / "winograd" / "schema.txt").write_text((broken or "") + "\n".join(blocks))
    return folder


def test_schemas_are_decanlps_splits_and_stay_whole(tmp_path: Path) -> None:
    task, source = get_task("winograd"), Source(data=schemas(tmp_path))
    test, train = task.load("test", source), task.load("train", source)
    assert (len(test), len(train)) == (100, 162)
    assert not {s.cluster for s in test} & {s.cluster for s in train}
    assert set(Counter(s.cluster for s in [*test, *train]).values()) == {2}
    assert test[-1].question == (
        "The cup130 did not fit the box130 as it was too large. What was too large? box130 or cup130?"
    )
    assert (test[-2].target, test[-1].target) == ("box130", "cup130")
    first, second = train[:2]  # two pairs of brackets in a line are two pairs
    assert first.question.startswith(
        "Emma's mother had died, and her place had been taken by a friend. Whose place had"
    )
    assert second.question.endswith("Whose education had been managed? mother's or Emma's?")
    said = [task.format.read(Generation(text, "stop")).answer for text in ("Mother's.", "Emma's")]
    assert [task.score(answer, first).value for answer in said] == [1, 0]
    letters = get_task("winograd:answer=letter").load("test", source)
    assert (letters[0].target, letters[1].target, letters[1].choices) == ("A", "B", ("box81", "cup81"))
    [sample] = get_task("qa:task=winograd").load("test", Source(data=tmp_path, limit=1))
    assert sample.question == (
        "Context: The cup81 did not fit the box81 as it was too small.\nQuestion: What was too small? box81 or cup81?"
    )


def test_a_file_that_holds_no_schemas_is_named(tmp_path: Path) -> None:
    task = get_task("winograd")
    with pytest.raises(UserError, match=r"--data DIR with winograd/schema\.txt"):
        task.load("test", Source())
    schemas(tmp_path, broken="A line.\nAnother line.\n\n")
    with pytest.raises(UserError, match=r"schema\.txt, line 1: three lines make a schema"):
        task.load("train", Source(data=tmp_path))
    (tmp_path / "winograd" / "schema.txt").write_text("A [b/c].\nWhat?\nd/e\n\n")
    with pytest.raises(UserError, match="has 1 schemas and the last 50"):
        task.load("test", Source(data=tmp_path))


# ---------------------------------------------------------------- dialogue state


def turn(transcript: str, wished: dict[str, str], requested: Sequence[str] = (), acts: Sequence[Any] = ()) -> Any:
    state = [{"act": "inform", "slots": [[slot, value]]} for slot, value in wished.items()]
    state += [{"act": "request", "slots": [["slot", value]]} for value in requested]
    return {"transcript": transcript, "belief_state": state, "system_acts": list(acts)}


TALK = [
    turn("Something cheap  in the west, please.", {"price range": "cheap", "area": "west"}),
    turn("Indian. And the phone?", {"food": "indian", "price range": "cheap", "area": "west"}, ["phone", "address"],
         ["food", ["area", "west"]]),
    turn("Make it the east.", {"food": "indian", "price range": "cheap", "area": "east"}),
    turn("Thanks, bye.", {"food": "indian", "price range": "cheap", "area": "east"}),
    turn("The phone?", {"food": "indian", "price range": "cheap", "area": "east"}, ["phone"]),
]  # fmt: skip


def talks(folder: Path) -> Path:
    (folder / "woz").mkdir()
    for split in ("train", "test"):
        dialogues = [{"dialogue_idx": n, "dialogue": TALK} for n in range(2)]
        (folder / "woz" / f"woz_{split}_en.json").write_text(json.dumps(dialogues))
    return folder


def test_a_turn_is_what_decanlp_makes_of_it(tmp_path: Path) -> None:
    task = get_task("woz")
    samples = task.load("test", Source(data=talks(tmp_path)))
    assert [(s.question, s.target) for s in samples[:5]] == [
        ("Something cheap in the west, please.", "price range: cheap, area: west;"),
        ("food, area: west -- Indian. And the phone?", "food: indian; phone, address"),
        ("Make it the east.", "area: east;"),
        ("Thanks, bye.", "None"),
        ("The phone?", "; phone"),
    ]
    assert [s.cluster for s in samples] == ["talk 0"] * 5 + ["talk 1"] * 5
    assert len({s.id for s in [*samples, *task.load("train", Source(data=tmp_path))]}) == 20
    for sample in samples[:5]:
        for said, right in (
            (sample.target, True),
            (f"{sample.target}\nUser: more", True),
            ("food: thai;", False),
            ("", False),
        ):
            assert task.score(task.format.read(Generation(said, "stop")).answer, sample).right is right, (sample, said)
    [asked, *_] = get_task("qa:task=woz").load("test", Source(data=tmp_path))
    assert asked.question == "Context: Something cheap in the west, please.\nQuestion: What is the change in state?"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("area: west, food: thai;", "food: thai, area: west", True),
        ("Area : West; Phone", "area: west;phone", True),
        ("none.", "None", True),
        ("area: west;", "area: west; phone", False),
        ("phone", "; phone", False),
        ("area: west;", "None", False),
    ],
)
def test_states_are_compared_as_sets(one: str, other: str, same: bool) -> None:
    assert (state_of(one) == state_of(other)) is same


@pytest.mark.parametrize("content", ["{", "[1]", '[{"dialogue": [{"transcript": "Hi"}]}]', '{"dialogue": []}'])
def test_a_file_of_another_form_is_named(tmp_path: Path, content: str) -> None:
    talks(tmp_path)
    (tmp_path / "woz" / "woz_test_en.json").write_text(content)
    with pytest.raises(UserError, match=r"woz_test_en\.json is not in the form"):
        get_task("woz").load("test", Source(data=tmp_path))
    with pytest.raises(UserError, match=r"woz/woz_test_en\.json"):
        get_task("woz").load("test", Source())


# ---------------------------------------------------------------- text to text


def oracle(task: Task, sample: Sample) -> None:
    for said in (sample.target, f" {sample.target}\nInput: next"):
        assert task.score(task.format.read(Generation(said, "stop")).answer, sample).right, (sample, said)
    for said in ("", "\n", "?", "Output:"):
        assert task.score(task.format.read(Generation(said, "stop")).answer, sample).value == 0, (sample, said)


@pytest.mark.parametrize("name", ASKED)
def test_every_row_of_instruction_induction_can_be_won(name: str) -> None:
    if not SHARED.is_dir():
        pytest.skip("no copies of the public sets beside this checkout")
    for form in ("induction:name={}", "qa:task=induction(name={})"):
        task, source = get_task(form.format(name)), Source(data=SHARED)
        test, train = task.load("test", source), task.load("train", source)
        rows = (SHARED / "instruction_induction" / f"{name}.test.jsonl").read_text().splitlines()
        assert len(test) == len(rows) and len(train) >= 15
        for sample in test:
            oracle(task, sample)


def test_what_a_sentence_shares_stands_beside_whether_it_is_right(tmp_path: Path) -> None:
    folder = tmp_path / "instruction_induction"
    folder.mkdir()
    row = {"input": "The dog saw it.", "output": "The dog did not see it."}
    for split in ("train", "test"):
        (folder / f"negation.{split}.jsonl").write_text(json.dumps(row))
    task = get_task("induction:name=negation")
    [sample] = task.load("test", Source(data=tmp_path))
    score = task.score("The dog saw it.", sample)  # copied
    assert score.metric == "accuracy" and score.value == 0
    assert score.values["rouge"] == pytest.approx(2 * 3 / (4 + 6))  # the dog ... it
    assert task.score("the dog did not see it", sample).right


@pytest.mark.parametrize(
    ("spec", "named"), [("induction", "translation_en-de"), ("induction:name=negatin", "negation")]
)
def test_an_unknown_name_is_named(spec: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        get_task(spec)
