"""Gradients by a prompt's own tokens: against finite differences and true loss changes; hotflip on planted tokens."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats

from kshot.adapters.discrete import (
    GradientEngine,
    embeddings,
    flipped,
    gradient_of,
    mean_embedding,
    told_of,
    with_gradients,
)
from kshot.adapters.spelled import Spelled, spell, text_with
from kshot.eval.answers import TEXT, labels
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.engines.transformers import load_engine
from kshot.harness.journal import Journal
from kshot.harness.runner import Job, replay, run_jobs
from kshot.program import gather, rewrite
from kshot.prompts.search import SEARCHES, Found, Searchable, Trial, Trials
from kshot.prompts.search.flips import HOLE, FlipsAsked, Gradient, Lossy, asked_in, flips_of, gradient_in, reply_of
from kshot.prompts.strategies import get_strategy
from kshot.prompts.templates import plain
from kshot.spec import write_spec
from kshot.types import Generation, Program, Question, Request, Sample, UserError

WORDS = ("good", "bad")
FORMAT = labels(WORDS)


def task_of(
    count: int = 24, validation: int = 16, *, answers: Sequence[str] = WORDS, objective: str = "likelihood"
) -> Searchable:
    """Short reviews, all of them good; without `answers` the target is to be written."""
    said = ("film", "plot", "cast", "song", "end")
    train = tuple(Sample(f"t{at}", f"{said[at % 5]} {at}", "good") for at in range(count))
    held = tuple(Sample(f"v{at}", f"{said[at % 5]} {at + 50}", "good") for at in range(validation))
    question = Question("", FORMAT if answers else TEXT, labels=tuple(answers), exemplars=train, reply_tokens=2)
    name = "choice-logprob" if answers else "instruction"

    def tried(spec: str, one: Sample) -> Program[Trial]:
        prediction = yield from get_strategy(spec)(Question(one.question, question.format, labels=question.labels))
        if not answers:
            return Trial(float(prediction.answer == one.target), float(prediction.answer == one.target))
        share = prediction.probabilities[one.target]
        return Trial(math.log(share), float(prediction.answer == one.target), prediction.probabilities)

    def score(spec: str, some: Sequence[Sample]) -> Program[list[Trial]]:
        return (yield from gather(tried(spec, one) for one in some))

    def worded(text: str) -> str:
        return get_strategy(write_spec(name, {"text": text})).name

    return Searchable(
        "reviews", question, train, held, objective, worded, lambda places, text: "", (worded("Say."),), score
    )


def rig(model: Any, good: int, *, target: int, other: int) -> None:
    """Makes a model a bag of words in which the token `good` makes `target` likelier and `other` less so."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        embeddings = model.get_input_embeddings().weight
        embeddings.copy_(0.1 * torch.randn(embeddings.shape, generator=generator))
        embeddings[:, 0] = 0.02 * torch.randn(len(embeddings), generator=generator)
        embeddings[good, 0] = 1.0
        embeddings[:, 1] = 1.0  # so that norms are alike
        for layer in model.model.layers:
            layer.self_attn.q_proj.weight.zero_()  # attends to all alike
            layer.self_attn.v_proj.weight.copy_(torch.eye(32, 64))
            layer.self_attn.o_proj.weight.zero_()
            layer.self_attn.o_proj.weight[0, 0] = 0.3
            layer.mlp.down_proj.weight.zero_()
        head = model.get_output_embeddings().weight
        head.zero_()
        head[target, 0], head[other, 0] = 1.0, -1.0


@pytest.fixture(scope="module")
def rigged(tiny_llama: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with that model: `z` is what helps."""
    from transformers import AutoTokenizer, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("rigged")
    tokenizer = AutoTokenizer.from_pretrained(tiny_llama)
    model = LlamaForCausalLM.from_pretrained(tiny_llama)
    ids = {letter: tokenizer.convert_tokens_to_ids(letter) for letter in "zgb"}
    rig(model, ids["z"], target=ids["g"], other=ids["b"])
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def engine(rigged: Path) -> Iterator[GradientEngine]:
    made = with_gradients(load_engine(str(rigged), rows=16))
    assert isinstance(made, GradientEngine)
    yield made
    made.close()


def program(task: Searchable, budget: int, spec: str, seed: int = 0) -> tuple[Program[Found], Trials]:
    trials = Trials(task, budget)
    return rewrite(SEARCHES.get(spec)(task, trials, seed=seed), plain), trials


def searched(
    engine: Any, folder: Path, spec: str, task: Searchable, budget: int = 700, seed: int = 0, **more: Any
) -> Found:
    ended: list[Found] = []
    job = Job("search", lambda: program(task, budget, spec, seed)[0])
    with Journal.open(folder, {"engine": engine.id}) as journal:
        run_jobs(engine, [job], journal, done=lambda _, found, calls: ended.append(found), **more)
    return ended[0]


# ---------------------------------------------------------------- the gradient


@pytest.fixture(scope="module")
def tiny_gpt2() -> Any:
    """A model that computes in float64 throughout, as those with RMSNorm do not."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=120, n_positions=32, n_embd=64, n_layer=2, n_head=4, initializer_range=0.3, tie_word_embeddings=False
    )
    return GPT2LMHeadModel(config).to(torch.float64).eval()


@pytest.mark.parametrize("count", [1, 2])
def test_the_gradient_is_that_of_finite_differences(tiny_gpt2: Any, count: int) -> None:
    """`count` continuations: one alone, a token; two, of unequal length, among themselves."""
    model = tiny_gpt2
    spelled = [
        Spelled(row, [1, 40, 41 + row, 90, 91, 60, 61 + row][: 6 + row], targets, range(3, 5))
        for row in (0, 1)
        for targets in ([70, 71, 72], [80])[:count]
    ]
    rows = [Lossy("", ("",) * count, right=0), Lossy("", ("",) * count, right=count - 1)]
    loss, gradient = gradient_of(model, spelled, rows)
    assert gradient.dtype == torch.float64 and gradient.shape == (2, 64)
    table = model.get_input_embeddings().weight
    generator = torch.Generator().manual_seed(3)
    for place, token in enumerate((90, 91)):  # nowhere else, so that its row of the table is its place
        for _ in range(3):
            way = torch.randn(64, generator=generator, dtype=torch.float64)
            ends = []
            for step in (1e-6, -1e-6):
                with torch.no_grad():
                    table[token] += step * way
                    ends.append(gradient_of(model, spelled, rows)[0])
                    table[token] -= step * way
            assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(float(gradient[place] @ way), rel=1e-6)
    direct = [-log_of(model, one) / len(one.targets) for one in spelled] if count == 1 else None
    if direct:
        assert loss == pytest.approx(sum(direct) / 2, rel=1e-9)
    else:
        logs = [log_of(model, one) for one in spelled]
        right = [logs[0], logs[3]]
        sums = [math.log(math.exp(logs[at]) + math.exp(logs[at + 1])) for at in (0, 2)]
        assert loss == pytest.approx(sum(s - r for s, r in zip(sums, right, strict=True)) / 2, rel=1e-9)


def log_of(model: Any, one: Spelled) -> float:
    """A continuation's log-likelihood, the plain way."""
    with torch.no_grad():
        logs = model(torch.tensor([one.ids + one.targets])).logits[0].log_softmax(-1)
    return sum(float(logs[len(one.ids) - 1 + at, token]) for at, token in enumerate(one.targets))


def test_many_rows_at_once_are_the_same_as_few(tiny_gpt2: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_gpt2
    spelled = [
        Spelled(row, [1, *range(20, 30 + row)], [row + 40, row + 3][: 1 + row % 2], range(2, 5)) for row in range(6)
    ]
    rows = [Lossy("", ("",))] * 6
    loss, gradient = gradient_of(model, spelled, rows)
    monkeypatch.setattr("kshot.adapters.discrete.AT_ONCE", 1)
    alone, own = gradient_of(model, spelled, rows)
    assert loss == pytest.approx(alone, rel=1e-12)
    torch.testing.assert_close(gradient, own, rtol=1e-9, atol=1e-12)


def test_the_engine_answers_afterwards_as_before(engine: GradientEngine) -> None:
    def ask() -> float:
        engine.submit(1, Request("Is it fine?", continuation=" good"))
        return engine.collect()[0][1].logprob

    inner: Any = engine.engine
    before, attention = ask(), inner.model.config._attn_implementation
    trained = [parameter.requires_grad for parameter in inner.model.parameters()]
    rows = (Lossy(f"{HOLE}\n\nQ: film\nA:", (" good", " bad")),)
    engine.submit(2, flips_of(FlipsAsked("the", rows, 3)))
    assert engine.collect()[0][0] == 2
    assert (ask(), inner.model.config._attn_implementation) == (before, attention)
    assert [parameter.requires_grad for parameter in inner.model.parameters()] == trained


# ---------------------------------------------------------------- what is told are texts


def test_a_flip_is_a_text_that_is_cut_into_its_very_tokens(engine: GradientEngine) -> None:
    inner: Any = engine.engine
    rows = tuple(Lossy(f"{HOLE}\n\nQ: film {at}\nA:", (" good", " bad")) for at in range(3))
    words = "say the word"
    tokenizer, told = inner.tokenizer, dict[str, float]()
    for turn in range(len(words) + 1):
        asked = FlipsAsked(words, rows, 5, turn, without=("ward",))
        engine.submit(0, flips_of(asked))
        found = gradient_in(engine.collect()[0][1])
        assert found.places == len(words) and found.flips
        assert [loss for _, loss in found.flips] == sorted(loss for _, loss in found.flips)
        for text, loss in found.flips:
            new, old = (tokenizer(f"{said}\n\nQ: film 1\nA:").input_ids for said in (text, words))
            ahead = len(old) - len(f"{words}\n\nQ: film 1\nA:")  # a token a letter, and one to begin with or none
            place = ahead + turn % len(words)  # one after another, and round again
            assert [at for at, (a, b) in enumerate(zip(new, old, strict=True)) if a != b] == [place]
            assert text == text.strip() and text.isprintable()
            told[text] = loss
    assert "z" in min(told, key=told.__getitem__)


@pytest.mark.parametrize("filtered", ["filtered", "kept"])
def test_no_label_becomes_a_word_of_the_text_unless_it_may(engine: GradientEngine, filtered: str) -> None:
    inner: Any = engine.engine
    asked = FlipsAsked(
        "xood it", (Lossy(f"{HOLE}\nA:", (" good", " bad")),), 5, 0, WORDS if filtered == "filtered" else ()
    )
    token = inner.tokenizer.convert_tokens_to_ids("g")
    text = text_with(inner, asked, spell(inner, asked), 0, token)
    assert text == (None if filtered == "filtered" else "good it")


def test_what_merges_with_its_neighbours_is_no_flip(bundled: Any) -> None:
    """Of a tokenizer that merges: "the" and "m" are one word together, so that no text is these two tokens."""
    inner = engine_of(bundled)
    asked = FlipsAsked("see the and", (Lossy(f"{HOLE}\n\nReview: fine\nSentiment:", (" good",)),), 5)
    spelled = spell(inner, asked)
    assert inner.tokenizer.decode([spelled[0].ids[at] for at in spelled[0].span]) == "see the and"
    ids = {text: inner.tokenizer(text, add_special_tokens=False).input_ids for text in ("m", " them", " m")}
    assert all(len(each) == 1 for each in ids.values())
    assert text_with(inner, asked, spelled, 2, ids["m"][0]) is None
    assert text_with(inner, asked, spelled, 2, ids[" m"][0]) == "see the m"
    assert text_with(inner, asked, spelled, 1, ids[" them"][0]) == "see them and"
    assert text_with(inner, asked, spelled, 0, ids[" them"][0]) is None  # begins with a blank


def test_a_blank_before_the_text_is_in_its_first_token(bundled: Any) -> None:
    """ "Q: the": the text's first token has the blank in it, and can be exchanged as all others can."""
    inner = engine_of(bundled)
    for text in ("the the the", "say the word"):
        asked = FlipsAsked(text, (Lossy(f"Q: {HOLE}\n\ngo\nA:", (" went",)),), 3)
        spelled = spell(inner, asked)
        assert inner.tokenizer.decode([spelled[0].ids[at] for at in spelled[0].span]) == f" {text}"
        for turn in range(3):
            found = gradient_in(flipped(inner, replace(asked, turn=turn)))
            assert found.places == 3 and len(found.flips) == 3
            for flip, _ in found.flips:
                words, old = flip.split(), text.split()
                assert flip.startswith(" ".join(old[:turn])) and flip.endswith(" ".join(old[turn + 1 :]))
                assert flip != text and words


def test_turns_are_searched_as_the_chat_template_has_them(tiny_chat_llama: Path) -> None:
    engine = with_gradients(load_engine(str(tiny_chat_llama), rows=4))
    task = task_of()
    step = next(task.score(task.worded(HOLE), task.train[:1]))
    row = Lossy(step[0].prompt, tuple(str(one.continuation) for one in step))
    assert not isinstance(row.prompt, str)
    engine.submit(0, flips_of(FlipsAsked("the film", (row,), 4)))
    found = gradient_in(engine.collect()[0][1])
    assert found.places == len("the film") and len(found.flips) > 1
    engine.close()


# ---------------------------------------------------------------- the search


@pytest.mark.parametrize("seed", range(2))
def test_a_planted_token_is_found(engine: GradientEngine, tmp_path: Path, seed: int) -> None:
    found = searched(engine, tmp_path / "run", "hotflip:tokens=1,samples=3,top=4", task_of(), 300, seed)
    best, start = found.candidates[found.best], next(one for one in found.candidates if one.how == "start")
    assert best.text.count("z") >= 2 and len(best.trials) == 16
    assert best.trials[0].value > start.trials[0].value
    assert 300 - 10 < found.scorings <= 300
    [again] = [one.spec for one in found.candidates if one.text == best.text]
    assert get_strategy(again).params["text"] == best.text


def test_what_writes_is_searched_by_its_targets_likelihood(engine: GradientEngine, tmp_path: Path) -> None:
    task = task_of(answers=(), objective="accuracy")
    found = searched(engine, tmp_path / "run", "hotflip:tokens=1,samples=3,tries=4,top=4", task, 200)
    assert max(one.text.count("z") for one in found.candidates) >= 2
    assert 200 - 6 < found.scorings <= 200


def test_killed_anywhere_it_goes_on_to_the_same_end_and_is_replayed_without_a_model(
    rigged: Path, tmp_path: Path
) -> None:
    spec, task, answered = "hotflip:tokens=1,samples=3,tries=4,top=4", task_of(), [0]

    class Counted(GradientEngine):
        """Stops when so many answers were given."""

        stop = 10**9

        def collect(self) -> list[tuple[int, Generation]]:
            if answered[0] >= self.stop:
                raise KeyboardInterrupt
            found = super().collect()
            answered[0] += len(found)
            return found

    whole = searched(Counted(load_engine(str(rigged), rows=16)), tmp_path / "whole", spec, task, 300)
    asked, answered[0] = answered[0], 0
    ended, kills = None, 0
    while ended is None:
        stopping = Counted(load_engine(str(rigged), rows=16))
        stopping.stop = answered[0] + 80
        try:
            ended = searched(stopping, tmp_path / "killed", spec, task, 300)
        except KeyboardInterrupt:
            kills += 1
        stopping.close()
    assert kills >= 2
    assert [(one.text, one.how, one.born) for one in ended.candidates] == [
        (one.text, one.how, one.born) for one in whole.candidates
    ]
    for one, other in zip(ended.candidates, whole.candidates, strict=True):  # batches differ, and so do last bits
        assert [trial.value for trial in one.trials] == pytest.approx([trial.value for trial in other.trials], abs=1e-5)
    assert answered[0] == asked
    again: list[Found] = []
    with Journal.open(tmp_path / "killed", {"engine": stopping.id}) as journal:
        job = Job("search", lambda: program(task, 300, spec)[0])
        replay(stopping.id, [job], journal, done=lambda _, found, calls: again.append(found))
    assert again == [ended]


def test_an_engine_without_weights_is_refused_in_one_sentence(tmp_path: Path) -> None:
    scripted = ScriptedEngine(lambda request: "-1.0", id="scripted", capacity=4)
    with pytest.raises(UserError, match="hotflip follows gradients, which only kshot's own engine has"):
        with_gradients(scripted)
    with pytest.raises(UserError, match="hotflip follows gradients, which only kshot's own engine has"):
        searched(scripted, tmp_path / "run", "hotflip", task_of())


def test_layers_without_a_derivative_are_refused(rigged: Path) -> None:
    with pytest.raises(UserError, match=r"layers give none .*--quantize"):
        with_gradients(load_engine(str(rigged), rows=4, quantize="int8"))


@pytest.mark.parametrize(
    ("spec", "said"), [("hotflip:tries=0", "tries is 0"), ("hotflip:label_words=x", "label_words 'x'")]
)
def test_what_cannot_be_is_said(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        next(program(task_of(), 700, spec)[0])


def test_what_is_asked_and_answered_is_read_as_it_was_written() -> None:
    turns = next(task_of().score("instruction:text=x", task_of().train[:1]))[0].prompt
    asked = FlipsAsked('a "b"', (Lossy("x", ("a", "b"), 1), Lossy(turns, ("c",))), 7, 3, ("d",), "zh")
    assert asked_in(flips_of(asked)) == asked
    found = Gradient(0.25, 2, (("é", 1.5),))
    assert gradient_in(Generation(reply_of(found), "scored")) == found
    for text in ("gradients", "[]", json.dumps({"loss": 1}), json.dumps({"loss": 1, "places": 1, "flips": [["a"]]})):
        with pytest.raises(UserError, match="hotflip"):
            gradient_in(Generation(text, "scored"))


# ---------------------------------------------------------------- on the bundled model


def engine_of(loaded: Any) -> Any:
    """The bundled model, loaded once, as the engine has it."""
    from kshot.harness.engines.transformers import engine_around

    return engine_around(loaded, loaded.model, chat=False, pack=False, rows=16)


REVIEWS = (("a moving film", " good"), ("a waste of time", " bad"))


ROWS = tuple(
    Lossy(f"{HOLE}\n\nReview: {said}\nIt was", (" good", " bad"), int(right == " bad")) for said, right in REVIEWS
)


def test_what_is_told_of_a_token_is_true_a_small_step_towards_it(bundled: Any) -> None:
    """16 exchanges, a fiftieth of the way from the mean of all embeddings; whole ones bench/hotflip.py measures."""
    inner = engine_of(bundled)
    spelled = spell(inner, FlipsAsked("the the the", ROWS, 1))
    table = torch.cat(list(embeddings(inner.model)))
    mean, drawing = mean_embedding(inner.model), random.Random(0)
    torch.testing.assert_close(mean, table.mean(0), rtol=1e-4, atol=1e-6)
    said, true = list[float](), list[float]()
    told = {place: told_of(inner.model, spelled, ROWS, place) for place in range(3)}
    for _ in range(16):
        place, token = drawing.randrange(3), drawing.randrange(len(table))
        loss, losses = told[place]
        step = (place, mean + 0.02 * (table[token] - mean))
        true.append((gradient_of(inner.model, spelled, ROWS, step)[0] - loss) / 0.02)
        said.append(float(losses[token]) - loss)
    assert stats.pearsonr(said, true).statistic > 0.95


def test_an_embedding_that_stands_instead_is_that_tokens(bundled: Any) -> None:
    """The loss with a token's own embedding put in its place is the loss of the text with that token."""
    inner = engine_of(bundled)
    table = torch.cat(list(embeddings(inner.model)))
    spelled, other = (spell(inner, FlipsAsked(text, ROWS, 1)) for text in ("the the the", "the film the"))
    [token] = {one.ids[one.span[1]] for one in other}
    loss, gradient = gradient_of(inner.model, spelled, ROWS, (1, table[token]))
    own, direct = gradient_of(inner.model, other, ROWS)
    assert loss == pytest.approx(own, abs=1e-5)
    torch.testing.assert_close(gradient, direct, rtol=1e-3, atol=1e-5)
    assert abs(loss - gradient_of(inner.model, spelled, ROWS)[0]) > 1e-3
