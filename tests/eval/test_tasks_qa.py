"""Tasks asked as a question: the very samples, one form for all strategies, and nothing of the task's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from kshot.eval.answers import NUMBER, numeric
from kshot.eval.report.prompting.asked import pairs_of
from kshot.eval.report.prompting.measures import measure
from kshot.eval.tasks import get_task, in_language
from kshot.eval.tasks.qa import asked
from kshot.eval.tasks.source.stories import last_sentence_asks
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.read import read_run
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.program import Done, advance
from kshot.prompts.calibration import inputs_of
from kshot.prompts.common import in_words
from kshot.prompts.strategies import get_strategy
from kshot.prompts.wording import prompt_for
from kshot.types import Generation, Prediction, Program, Request, Sample, Source, Split, Task, UserError
from tests.eval.test_tasks_public import SETS
from tests.places import SHARED

GENERATED = (
    *("coin-flip", "coin-flip:language=zh", "last-letters", "word-problems", "word-problems:steps=1", "scan"),
    *("word-pairs", "word-pairs:relation=capitals", "passages", "passages:kind=roles"),
    "passages:unanswerable=0.5,held_out=True",
)
PUBLIC = (*SETS, "bbh:name=snarks", "bbh:name=navigate", "bbh:name=formal_fallacies", "induction:name=negation")
STRATEGIES = ("zero-shot", "few-shot:k=2", "choice-logprob")
HOSTILE = ("", " ", "\n\n", "?", "Context:", "Question: Which?", "I cannot help with that.", "\ue000")


NO_COPIES = pytest.mark.skipif(not SHARED.is_dir(), reason="no copies of the public sets beside this checkout")
SPECS = [*GENERATED, *(pytest.param(spec, marks=NO_COPIES) for spec in PUBLIC)]


def source_of(spec: str) -> Source:
    return Source(data=None if spec in GENERATED else SHARED, limit=20)


def both(spec: str) -> tuple[Task, Task]:
    name, colon, params = spec.partition(":")
    return get_task(spec), get_task(f"qa:task={f'{name}({params})' if colon else name}")


def played(program: Program[Prediction], answer: Callable[[Request], Generation]) -> Prediction:
    step = advance(program)
    while not isinstance(step, Done):
        step = advance(program, [answer(request) for request in step])
    return step.result


def said(text: str) -> Callable[[Request], Generation]:
    return lambda request: Generation(text, "stop", completion_tokens=1)


def likes(text: str) -> Callable[[Request], Generation]:
    def score(request: Request) -> Generation:
        liked = (request.continuation or "").strip() == text
        return Generation("", "scored", completion_tokens=1, logprob=-1.0 if liked else -2.0)

    return score


def asked_by(strategy: str, task: Task, sample: Sample, pool: Sequence[Sample]) -> str:
    step = advance(get_strategy(strategy)(task.question(sample, pool)))
    assert not isinstance(step, Done) and isinstance(step[0].prompt, str)
    return step[0].prompt


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("split", ["test", "train"])
def test_the_samples_are_the_tasks_own_split_by_split(spec: str, split: Split) -> None:
    native, question = both(spec)
    ours, theirs = (
        [*(task.exemplars if split == "train" else ()), *task.load(split, source_of(spec))]
        for task in (question, native)
    )
    assert len(ours) == len(theirs) > 0
    for mine, own in zip(ours, theirs, strict=True):
        assert replace(mine, question="", fields=()) == replace(own, question="", fields=())
        assert {field for field in own.fields if field[0] not in ("context", "asked")} <= {*mine.fields}
    for name in ("labels", "language", "reply_tokens", "version"):
        assert getattr(question, name) == getattr(native, name)
    assert question.format.instruction == native.format.instruction


@pytest.mark.parametrize("spec", SPECS)
def test_a_perfect_reply_is_right_and_a_hostile_one_wrong(spec: str) -> None:
    _, task = both(spec)
    source = source_of(spec)
    pool = [*task.exemplars, *task.load("train", source)]
    for sample in task.load("test", source):
        question = task.question(sample, pool)
        wanted = sample.target.split("|")[0]
        for strategy in STRATEGIES[:2]:
            program = get_strategy(strategy)
            for text in (wanted, f" {wanted}", f" {wanted}\n"):
                assert task.score(played(program(question), said(text)).answer, sample).right, (sample, text)
            for text in HOSTILE:
                score = task.score(played(program(question), said(text)).answer, sample)
                assert score.value == 0 or "unanswerable" in sample.target, (sample, text)
        if task.labels or sample.choices:
            assert task.score(played(get_strategy("choice-logprob")(question), likes(wanted)).answer, sample).right


@pytest.mark.parametrize("spec", SPECS)
def test_all_strategies_ask_in_one_form_and_exemplars_have_it_too(spec: str) -> None:
    native, task = both(spec)
    source = source_of(spec)
    pool = [*task.exemplars, *task.load("train", source)]
    sample = task.load("test", source)[0]
    begins, asks, ends = (
        ("背景：", "问题：", "答案：") if task.language == "zh" else ("Context: ", "Question: ", "Answer:")
    )
    row = dict(sample.fields)
    options = "".join(f"\n({'ABCDEFGH'[at]}) {text}" for at, text in enumerate(sample.choices))
    form = f"{begins}{row['context']}\n{asks}{row['asked']}{options}\n{ends.strip()}"
    assert sample.question == f"{begins}{row['context']}\n{asks}{row['asked']}"
    names = STRATEGIES if task.labels or sample.choices else STRATEGIES[:2]
    for name in names:
        prompt = asked_by(name, task, sample, pool)
        assert prompt == form if "few-shot" not in name else prompt.endswith(f"\n\n{form}"), name
    shown = asked_by("few-shot:k=2", task, sample, pool)
    for exemplar in pool[:2]:
        gap = "" if task.language == "zh" else " "
        choices = "".join(f"\n({'ABCDEFGH'[at]}) {text}" for at, text in enumerate(exemplar.choices))
        assert f"{exemplar.question}{choices}\n{ends.strip()}{gap}{exemplar.target.split('|')[0]}\n\n" in shown
    assert not {each.text for each in native.templates} & {each.text for each in task.templates[:1]}
    assert not (task.instructions or task.decompositions or task.note)


@pytest.mark.parametrize("spec", SPECS)
def test_a_question_with_labels_says_which_there_are(spec: str) -> None:
    _, task = both(spec)
    for wording in ("", ",wording=0", ",wording=1") if len(both(spec)[0].instructions) > 1 else ("",):
        other = get_task(f"{task.name}{wording}")
        for sample in other.load("test", source_of(spec)):
            assert all(label.casefold() in dict(sample.fields)["asked"].casefold() for label in task.labels)


def test_decanlps_own_questions(tmp_path: Path) -> None:
    rows = {
        "sst2/test": {"text": "Fine.", "label": "positive"},
        "rte/validation": {"premise": "It rains.", "hypothesis": "It is wet.", "label": "entailment"},
        "cb/validation": {"premise": "It rains.", "hypothesis": "It is wet.", "label": "neutral"},
    }
    parts = {}
    for place, row in rows.items():
        (tmp_path / place).parent.mkdir()
        (tmp_path / f"{place}.jsonl").write_text(json.dumps(row))
        [sample] = get_task(f"qa:task={place.partition('/')[0]}").load("test", Source(data=tmp_path))
        parts[place] = (dict(sample.fields)["context"], dict(sample.fields)["asked"])
    assert parts == {
        "sst2/test": ("Fine.", "Is this review negative or positive?"),
        "rte/validation": ('Premise: "It rains."', 'Hypothesis: "It is wet." -- entailment or not_entailment?'),
        "cb/validation": ('Premise: "It rains."', 'Hypothesis: "It is wet." -- entailment, neutral, or contradiction?'),
    }


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Tom has 3. He gets 2. How many?", ("Tom has 3. He gets 2.", "How many?")),
        ("Tom has 3.\nHow many has Mr. Lee?", ("Tom has 3.", "How many has Mr. Lee?")),
        ("Tom has $2.50. How many has J. Doe? ", ("Tom has $2.50.", "How many has J. Doe?")),
        ("They swap. In the end, Bob has the", ("They swap.", "In the end, Bob has the")),
        ("How many are 2 and 3?", ("How many are 2 and 3?", "Work it out.")),
        ("小明有3个。又买了2个。一共几个？", ("小明有3个。又买了2个。", "一共几个？")),
    ],
)
def test_a_story_ends_in_its_question(text: str, parts: tuple[str, str]) -> None:
    assert last_sentence_asks("Work it out.")(Sample("s", text, "1")) == parts


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("qa:task=word-problems:steps=3", "qa:task=word-problems"),
        ("qa:task=word-problems(exemplar_steps=2,steps=1)", "qa:task=word-problems(steps=1,exemplar_steps=2)"),
        ('qa:task="word-problems:steps=1,exemplar_steps=2"', "qa:task=word-problems(steps=1,exemplar_steps=2)"),
        ("qa:wording=1,task=coin-flip", "qa:task=coin-flip,wording=1"),
        ("qa(task=bbh:name=snarks)", "qa:task=bbh(name=snarks)"),
    ],
)
def test_one_task_has_one_name(spec: str, name: str) -> None:
    assert get_task(spec).name == name == get_task(name).name


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("qa", "qa:task=sst2"),
        ("qa:task=sst3", "sst2"),
        ("qa:task=qa(task=sst2)", "as a question already"),
        ("qa:task=coin-flip,wording=7", "wordings 0 to 2"),
        ("qa:task=coin-flip,wording=-2", "wordings 0 to 2"),
        ("qa:task=coin-flip,words=7", "wording"),
    ],
)
def test_a_mistake_is_named(spec: str, named: str) -> None:
    with pytest.raises(UserError, match=named):
        get_task(spec)


def test_a_language_is_the_inner_tasks() -> None:
    assert get_task(in_language("qa:task=coin-flip", "zh")).name == "qa:task=coin-flip(language=zh)"
    with pytest.raises(UserError, match="en alone"):
        in_language("qa:task=scan", "zh")


def test_data_of_a_user_is_asked_too_and_divided_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    rows = [{"context": f"Box {n} is red.", "question": f"What is box {n}?", "answer": "red"} for n in range(20)]
    path.write_text("\n".join(map(json.dumps, rows)))
    task = get_task(f"qa:task={path}")
    loaded = [load_plan(Plan((f"qa:task={path}",), (name,))) for name in ("zero-shot", "few-shot:k=2")]
    assert [len(each.samples[task.name]) for each in loaded] == [20, 12]
    assert all(sample.question.startswith("Context: ") for each in loaded for sample in each.samples[task.name])
    row = dict(task.load("train", Source())[0].fields)
    assert (row["context"], row["asked"]) == ("Box 0 is red.", "What is box 0?")


def test_a_users_task_says_its_own_question_and_a_broken_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from kshot.eval.answers import NUMBER, numeric\nfrom kshot.types import Sample, Task\n"
        "def load(split, source):\n    return [Sample(f'{split}{n}', f'{n}+1', str(n + 1)) for n in range(9)]\n"
        "good = Task('t', load, NUMBER, numeric, as_question=lambda s: (s.question, 'What is the sum?'))\n"
        "bad = Task('t', load, NUMBER, numeric, as_question=lambda s: ('', s.question))\n"
        "worse = Task('t', load, NUMBER, numeric, as_question=lambda s: s.question)\n"
    )
    assert (
        get_task(f"qa:task={path}:good").load("test", Source())[3].question
        == "Context: 3+1\nQuestion: What is the sum?"
    )
    for name in ("bad", "worse"):
        with pytest.raises(UserError, match="as_question has to give a context and a question"):
            get_task(f"qa:task={path}:{name}").load("test", Source())


def plain_task() -> Task:
    samples = [Sample(f"s{n}", f"{n} plus 1", str(n + 1)) for n in range(12)]
    return Task("sums", lambda split, source: samples, NUMBER, numeric, instructions=("Add.",))


def test_what_asks_all_alike_is_kept_where_a_prior_is_estimated() -> None:
    task = asked(plain_task(), -1, "qa:task=sums")
    sample, *pool = task.load("test", Source())
    for kind in ("contextual", "domain", "batch"):
        for filled in inputs_of(kind, task.question(sample, pool), ()):
            assert dict(filled.fields)["asked"] == "Add."
            assert dict(filled.fields)["context"] != dict(sample.fields)["context"]
    pool[0] = replace(pool[0], fields=(("context", "x"), ("asked", "And this?")))
    [first, *_] = inputs_of("contextual", task.question(sample, pool), ())
    assert dict(first.fields)["asked"] == "N/A"  # a question of its own belongs to the input


def test_words_for_labels_are_said_in_the_question_and_its_exemplars() -> None:
    task = get_task("qa:task=coin-flip")
    [sample], pool = task.load("test", Source(limit=1)), task.load("train", Source())
    question = in_words(task.question(sample, pool), {"template": "0", "label_words": ("up", "down")})
    prompt = prompt_for(question, pool[:2])
    assert isinstance(prompt, str)
    assert prompt.count("Answer up or down.") == 3 and "yes" not in prompt


def test_a_run_says_in_which_form_it_was_asked_and_goes_on_in_it(tmp_path: Path) -> None:
    plan = Plan(("coin-flip", "qa:task=coin-flip"), ("zero-shot", "choice-logprob"), limit=3)
    engine = ScriptedEngine(lambda request: "yes" if request.continuation is None else "-1")
    run_benchmark(load_plan(plan), engine, tmp_path / "r")
    asked_in = {isinstance(request.prompt, str) for request in engine.asked}
    assert asked_in == {True, False}  # turns in the task's own form, text as a question
    data, journal = read_run(tmp_path / "r")
    with journal:
        from kshot.eval.report.prompting.templates import described_template

        for strategy in ("zero-shot", "choice-logprob"):
            described = described_template(data, "qa:task=coin-flip", strategy)
            assert described is not None and described[1].startswith("Context: {{ context }}")
            assert described_template(data, "coin-flip", strategy) is None
    again = ScriptedEngine(lambda request: "no")
    run_benchmark(load_plan(plan), again, tmp_path / "r")
    assert again.asked == []


def test_a_file_of_code_within_is_run_only_by_who_trusts_it(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from kshot.eval.answers import NUMBER, numeric\nfrom kshot.types import Sample, Task\n"
        "def load(split, source):\n    return [Sample(f'{split}{n}', f'{n}+1', str(n + 1)) for n in range(9)]\n"
        "sums = Task('t', load, NUMBER, numeric)\n"
    )
    plan = Plan((f"{path}:sums", f"qa:task={path}:sums"), ("zero-shot",))
    run_benchmark(load_plan(plan), ScriptedEngine(lambda request: "3"), tmp_path / "r")
    with pytest.raises(UserError, match="trust-code"):
        rescore(tmp_path / "r")
    assert rescore(tmp_path / "r", trust_code=True) == (18, 0)
    data, journal = read_run(tmp_path / "r")
    with journal:
        [pair] = pairs_of(measure(data), data)
        assert (pair.task, pair.comparison.result.n) == (f"{path}:sums", 9)
    path.write_text(path.read_text() + "\n")
    with pytest.raises(UserError, match="it has changed"):
        run_benchmark(load_plan(plan), ScriptedEngine(lambda request: "3"), tmp_path / "r")


def test_how_data_is_read_is_said_in_parentheses(tmp_path: Path) -> None:
    path = tmp_path / "own (1).jsonl"
    path.write_text("\n".join(json.dumps({"question": f"{n}?", "answer": str(n)}) for n in range(8)))
    number, text = (get_task(f"qa:task={path}{said}") for said in ("", "(answer=text)"))
    assert (number.format.name, text.format.name) == ("number", "text")
    for at, said in enumerate(("", ":answer=text", ":answer=text,exemplars=2")):
        within = f"{path}({said[1:]})" if said else str(path)
        plan = Plan((f"{path}{said}", f"qa:task={within}"), ("zero-shot",))
        run_benchmark(load_plan(plan), ScriptedEngine(lambda request: "3"), tmp_path / f"r{at}")
        data, journal = read_run(tmp_path / f"r{at}")
        with journal:
            assert [pair.comparison.result.n for pair in pairs_of(measure(data), data)] == [
                6 if "exemplars" in said else 8
            ]


def test_what_cannot_be_asked_so_says_it() -> None:
    task = get_task("qa:task=word-problems")
    [sample], pool = task.load("test", Source(limit=1)), task.load("train", Source())
    question = task.question(sample, pool)
    chain = asked_by("chain-of-thought:k=1", task, sample, pool)
    assert chain.count("Context: ") == chain.count("\nQuestion: ") == 2 and "The answer is" in chain
    for name in ("instruction", "few-shot:wording=0"):
        with pytest.raises(UserError, match="no instruction"):
            advance(get_strategy(name)(question))
    with pytest.raises(UserError, match="decomposition"):
        advance(get_strategy("least-to-most")(question))


def test_a_text_that_asks_nothing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("One.\n\nTwo.")
    with pytest.raises(UserError, match="asks nothing"):
        get_task(f"qa:task={path}").load("test", Source())


def test_that_there_may_be_no_answer_is_asked_too() -> None:
    for share, asks in (("0.0", False), ("0.5", True)):
        for sample in get_task(f"qa:task=passages(unanswerable={share})").load("test", Source(limit=20)):
            assert dict(sample.fields)["asked"].endswith(" Or is it unanswerable?") is asks
