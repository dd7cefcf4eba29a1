"""A run selects by vectors, and makes exemplars of another task's inputs; neither becomes another unnoticed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from kshot.eval.tasks import get_task
from kshot.harness.embeddings.encoder import Encoder
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import rescore, run_benchmark
from kshot.harness.runs.sources import code_of
from kshot.types import Generation, Request, Source, UserError
from tests.conftest import save_tiny


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSHOT_CACHE", str(tmp_path / "cache"))


def yes(request: Request) -> Generation:
    return Generation("yes", "stop") if request.continuation is None else Generation("", "scored", logprob=-1.0)


def asked_of(engine: ScriptedEngine) -> list[tuple[str, ...]]:
    """The contents of every prompt's turns."""
    return [tuple(turn.content for turn in request.prompt) for request in engine.asked]  # type: ignore[union-attr]


def test_a_run_shows_the_nearest_by_its_embedder_and_its_answers_are_read_again(
    tiny_llama: Path, tmp_path: Path
) -> None:
    engine = ScriptedEngine(yes)
    loaded = load_plan(Plan(("coin-flip",), (f"few-shot:k=2,select=knn(embed={tiny_llama})",), limit=4))
    run_benchmark(loaded, engine, tmp_path / "r", info={"model": "scripted"})
    encoder = Encoder("tiny", tiny_llama)
    pool = [one.question for one in loaded.pools["coin-flip"]]
    texts = [one.question for one in loaded.samples["coin-flip"]]
    near = encoder.encode(texts) @ encoder.encode(pool).T
    for text, row in zip(texts, near, strict=True):
        best = [pool[at] for at in np.argsort(-row, kind="stable")[:2]]
        [turns] = [turns for turns in asked_of(engine) if turns[-1].startswith(text)]
        assert [turns[2], turns[0]] == best
    said = json.loads((tmp_path / "r" / "run.json").read_text())
    assert said["brought"] == {str(tiny_llama): encoder.hash}
    assert rescore(tmp_path / "r") == (4, 0)


def test_with_another_embedder_of_that_name_a_run_does_not_go_on(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "encoder", chat=False)
    plan = Plan(("coin-flip",), (f"few-shot:k=2,select=knn(embed={folder})",), limit=2)
    run_benchmark(load_plan(plan), ScriptedEngine(yes), tmp_path / "r")
    config = folder / "config.json"
    before = config.read_text()
    config.write_text(json.dumps({**json.loads(before), "rms_norm_eps": 0.5}))
    engine = ScriptedEngine(yes)
    with pytest.raises(UserError, match=r"encoder is not what the run in .* has made its exemplars with"):
        run_benchmark(load_plan(plan), engine, tmp_path / "r")
    config.write_text(before)
    run_benchmark(load_plan(plan), engine, tmp_path / "r")
    assert engine.asked == []


def test_the_vectors_of_the_model_under_test(tiny_llama: Path, tmp_path: Path) -> None:
    plan = Plan(("coin-flip",), ("few-shot:k=2,select=knn(embed=self)", "knn-vote:embed=self"), limit=3)
    loaded = load_plan(plan)
    loaded.check()  # before it is known which
    prompts = []
    for name in (str(tiny_llama), None):
        engine = ScriptedEngine(yes)
        if name is None:
            with pytest.raises(UserError, match="none is known here"):
                run_benchmark(loaded, engine, tmp_path / "none", info={})
            continue
        run_benchmark(loaded, engine, tmp_path / "self", info={"model": name})
        prompts.append(asked_of(engine))
    named = ScriptedEngine(yes)
    other = Plan(("coin-flip",), (f"few-shot:k=2,select=knn(embed={tiny_llama})",), limit=3)
    run_benchmark(load_plan(other), named, tmp_path / "named")
    assert sorted(prompts[0]) == sorted(asked_of(named))
    with Journal.read(tmp_path / "self") as journal:
        votes = [record for record in journal.records() if record.strategy.startswith("knn-vote")]
    assert len(votes) == 3 and all(not record.calls and record.prediction.answer for record in votes)


def test_a_users_own_selection_counts_as_code_however_deep() -> None:
    for select in ("own.py:longest(shortest=yes)", "knn(among=own.py:longest,size=4)"):
        assert list(code_of(Plan(("coin-flip",), (f"few-shot:k=2,select={select}",)))) == ["own.py"]


def test_inputs_of_another_task(tmp_path: Path) -> None:
    engine = ScriptedEngine(yes)
    plan = Plan(("coin-flip",), ("few-shot:k=3,ablate=foreign,foreign=last-letters",), limit=2)
    run_benchmark(load_plan(plan), engine, tmp_path / "r")
    foreign = {one.question for one in get_task("last-letters").load("train", Source())}
    for turns in asked_of(engine):
        assert {turns[0], turns[2], turns[4]} <= foreign and turns[6] not in foreign
        assert {turns[1], turns[3], turns[5]} <= {"yes", "no"}
    assert set(json.loads((tmp_path / "r" / "run.json").read_text())["brought"]) == {"inputs of last-letters"}
    with pytest.raises(UserError, match="unknown task 'last-leters'"):
        load_plan(Plan(("coin-flip",), ("few-shot:k=3,ablate=foreign,foreign=last-leters",), limit=2)).check()


def test_the_order_of_the_highest_entropy_is_found_once_and_kept(tmp_path: Path) -> None:
    def reply(request: Request) -> Generation:
        if request.continuation is None:
            return Generation(f"A coin is heads up {request.seed}.", "stop")
        return Generation("", "scored", logprob=-float(hash_of(request) % 5) - 0.1)

    def hash_of(request: Request) -> int:
        return sum(map(ord, str(request.prompt))) + len(str(request.continuation))

    plan = Plan(("coin-flip",), ("choice-logprob:k=3,order=globale,calibrate=domain",), limit=3)
    run_benchmark(load_plan(plan), ScriptedEngine(reply), tmp_path / "r")
    with Journal.read(tmp_path / "r") as journal:
        [(_, _, found)] = json.loads(journal.noted("prepared"))
        shown = {
            tuple(turn.content for turn in journal.call(record.calls[0])[0].prompt[:-1]) for record in journal.records()
        }  # type: ignore[union-attr]
    assert 0 <= found["permutation"] < 6 and found["orders"] == 6 and found["inputs"] == 20 and len(shown) == 1
    again = ScriptedEngine(reply)
    run_benchmark(load_plan(plan), again, tmp_path / "r")
    assert again.asked == []
    shutil.rmtree(tmp_path / "r")
