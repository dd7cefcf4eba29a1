"""kshot view: what SQLite finds is what Python finds, and the server gives nothing to whom it should not."""

from __future__ import annotations

import socket
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from kshot.eval.report.prompting.measures import outcome_of
from kshot.harness.engines.scripted import ScriptedEngine
from kshot.harness.journal import Journal
from kshot.harness.runs.plan import Plan, load_plan
from kshot.harness.runs.run import run_benchmark
from kshot.harness.runs.view import server, store
from kshot.harness.runs.view.server import PIECE, find_runs, make_app
from kshot.types import Request, UserError

TOKEN = "a-secret"
NASTY = '<script>alert(1)</script> 100%_ \\ "quoted" Ünï \ud800'


def reply(request: Request) -> str:
    """Right, wrong or nothing at all, as the prompt's length falls."""
    prompt = request.prompt if isinstance(request.prompt, str) else request.prompt[-1].content
    return (f"{NASTY} {prompt[-20:]}", "s", "")[len(prompt) % 3]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs")
    for name, limit in (("one", 40), ("two", 20)):
        plan = Plan(("word-pairs", "coin-flip"), ("zero-shot", "few-shot:k=2"), limit=limit)
        info = {"one": {"model": "owner/<b>model"}, "two": {"model": "base", "adapter": "runs/tune/lora-n4-s0"}}[name]
        run_benchmark(load_plan(plan), ScriptedEngine(reply, id="some/hash"), folder / name, info=info)
    return folder


@pytest.fixture
def client(runs: Path) -> TestClient:
    return TestClient(make_app(find_runs([runs]), TOKEN), base_url="http://127.0.0.1")


def text_of(journal: Journal, record: Any) -> str:
    """All of a record's text."""
    sample = journal.samples()[record.task, record.sample_id]
    parts = [sample.question, sample.target, sample.id, record.prediction.answer or ""]
    for key in record.calls:
        request, generation = journal.call(key)
        parts += [generation.text, *(turn.content for turn in request.prompt)]  # type: ignore[union-attr]
    return "\n".join(parts)


def test_a_filter_finds_what_python_finds(runs: Path) -> None:
    with Journal.read(runs / "one") as journal:
        records = list(journal.records())
        tasks, strategies = ({getattr(r, name) for r in records} for name in ("task", "strategy"))
        assert len({outcome_of(r) for r in records}) >= 2
        for task, strategy, outcome in product(["", *tasks], ["", *strategies], ["", "right", "wrong", "unparsed"]):
            count, found = store.find(journal, store.Wanted(task, strategy, outcome), limit=1000, offset=0)
            assert found == [
                r for r in records
                if task in ("", r.task) and strategy in ("", r.strategy) and outcome in ("", outcome_of(r))
            ]  # fmt: skip
            assert count == len(found)
            assert store.find(journal, store.Wanted(task, strategy, outcome), limit=3, offset=2)[1] == found[2:5]


@pytest.mark.parametrize("text", ["<script>", "100%_", "%", '"quoted"', "\\", "Ünï", "\ud800", "ALERT", "coin"])
def test_text_is_found_as_it_stands(runs: Path, text: str) -> None:
    with Journal.read(runs / "two") as journal:
        _, found = store.find(journal, store.Wanted(text=text), limit=1000, offset=0)
        assert found == [r for r in journal.records() if text.lower() in text_of(journal, r).lower()]


def test_one_strategy_against_another(runs: Path) -> None:
    with Journal.read(runs / "one") as journal:
        records = list(journal.records())
        one, two = sorted({r.strategy for r in records})
        right = {(r.task, r.sample_id, r.strategy): outcome_of(r) == "right" for r in records}
        total = 0
        for versus, (mine, its) in {
            "won": (True, False), "lost": (False, True), "both": (True, True), "neither": (False, False),
        }.items():  # fmt: skip
            _, found = store.find(journal, store.Wanted(strategy=one, other=two, versus=versus), limit=999, offset=0)
            expected = [
                r
                for r in records
                if r.strategy == one and [right[r.task, r.sample_id, s] for s in (one, two)] == [mine, its]
            ]
            assert found == expected
            total += len(found)
        assert total == len(records) // 2


def test_pages_over_a_run(client: TestClient) -> None:
    listed = client.get(f"/{TOKEN}/")
    assert listed.status_code == 200
    assert "two" in listed.text
    first = client.get(f"/{TOKEN}/run/0/")
    assert first.status_code == 200
    assert first.text.count("<details ") == PIECE
    assert f"1 to {PIECE} of 160" in first.text
    assert "<script>alert" not in first.text
    last = client.get(f"/{TOKEN}/run/0/?from=150")
    assert last.text.count("<details ") == 10
    assert "previous" in last.text
    beside = client.get(f"/{TOKEN}/run/0/?strategy=zero-shot&other=few-shot&task=coin-flip")
    assert beside.text.count("<details ") == 80
    assert beside.text.count("data-beside hidden") == 40
    assert "No transcript fits" in client.get(f"/{TOKEN}/run/0/?text=nowhere-to-be-found").text
    compared = client.get(f"/{TOKEN}/compare?a=0&b=1")
    assert compared.status_code == 200
    assert "two against one" in compared.text


def test_the_list_has_each_runs_model(client: TestClient) -> None:
    listed = client.get(f"/{TOKEN}/").text
    assert "<td>owner/&lt;b&gt;model</td>" in listed
    assert "<td>base + lora-n4-s0</td>" in listed
    assert "some" not in listed


def test_a_link_to_a_transcript_holds_on_any_page(client: TestClient) -> None:
    last = client.get(f"/{TOKEN}/run/0/?from=150").text
    link = last.split('<a href="?at=')[1].split("#")[0]
    assert f'id="{link}"' in client.get(f"/{TOKEN}/run/0/?at={link}").text


def test_state_of_a_run_at_its_end(client: TestClient) -> None:
    state = client.get(f"/{TOKEN}/run/0/state").json()
    assert (state["done"], state["total"], state["running"]) == (160, 160, False)
    assert state["said"].startswith("complete: 160 of 160 attempts")


def test_without_the_token_there_is_nothing(client: TestClient) -> None:
    for path in ("/", "/wrong/", "/wrong/run/0/", "/wrong/compare?a=0&b=1", f"/{TOKEN}x/run/0/state"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "kshot" not in answer.text


def test_another_host_is_refused_and_nothing_can_be_written(client: TestClient) -> None:
    assert client.get(f"/{TOKEN}/", headers={"host": "evil.example"}).status_code == 400
    for method in ("post", "put", "delete", "patch"):
        assert getattr(client, method)(f"/{TOKEN}/run/0/").status_code == 405


def test_headers_and_policy(client: TestClient) -> None:
    for path in ("", "run/0/", "run/0/state", "compare?a=0&b=1"):
        headers = client.get(f"/{TOKEN}/{path}").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cache-control"] == "no-store"
    page = client.get(f"/{TOKEN}/run/0/").text
    assert "default-src &#39;none&#39;" in page
    assert "connect-src &#39;self&#39;" in page


def test_errors_have_the_headers_too(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [client.get(path) for path in ("/", "/wrong/", "/a/b/c/d", f"/{TOKEN}/run/99/")]
    answers += [client.get(f"/{TOKEN}/", headers={"host": "evil.example"}), client.post(f"/{TOKEN}/run/0/")]
    monkeypatch.setattr(server, "report_page", {}.__getitem__)
    answers.append(client.get(f"/{TOKEN}/run/0/"))
    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 400, 405, 500]
    assert "this should not have happened" in answers[-1].text
    for answer in answers:
        assert {name: answer.headers.get(name) for name in server.HEADERS} == server.HEADERS


@pytest.mark.parametrize("start", [str(2**63), "9" * 5000, "-1", "x", "1.5"])
def test_an_attempt_that_cannot_be_begun_with_is_refused(client: TestClient, start: str) -> None:
    answer = client.get(f"/{TOKEN}/run/0/?from={start}")
    assert answer.status_code == 400 and "a page cannot begin with attempt" in answer.text


def test_somebody_listens_when_the_address_is_told(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    reached = []

    def ready(address: str) -> None:
        with socket.create_connection(("127.0.0.1", int(urlsplit(address).port or 0)), timeout=5) as connection:
            reached.append(connection.getpeername())

    server.serve(find_runs([runs]), 0, ready)
    assert len(reached) == 1


def test_a_wrong_address_is_said_in_a_sentence(client: TestClient) -> None:
    for path in ("run/99/", "run/-1/", "run/x/", "compare?a=0", "run/0/?other=few-shot&versus=nonsense"):
        answer = client.get(f"/{TOKEN}/{path}")
        assert answer.status_code == 404
        assert "choose" in answer.text or "use one of" in answer.text


def test_no_run_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no run"):
        find_runs([tmp_path])


def test_another_metric_is_called_by_its_name(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from kshot.eval.answers import TEXT\nfrom kshot.types import Sample, Score, Task\n"
        "def half(answer, sample):\n"
        "    value = 1.0 if answer == sample.target else len(answer or '') % 2 / 2\n"
        "    return Score({'half-right': value}, answer is not None)\n"
        "def mine():\n"
        "    return Task('mine', lambda *_: [Sample(f's{i}', f'q{i}', 'xxx') for i in range(9)], TEXT, half)\n"
    )
    loaded = load_plan(Plan((f"{file}:mine",), ("zero-shot",)))
    texts = {f"q{i}": "x" * (i % 3 + 1) for i in range(9)}

    def words(request: Request) -> str:
        return next(text for name, text in texts.items() if name in str(request.prompt[-1].content))  # type: ignore[union-attr]

    run_benchmark(loaded, ScriptedEngine(words), tmp_path / "run")
    with Journal.read(tmp_path / "run") as journal:
        state = store.state_of(journal)
        records = list(journal.records())
        for outcome in ("right", "partial", "wrong"):
            count, _ = store.find(journal, store.Wanted(outcome=outcome), limit=100, offset=0)
            assert count == sum(outcome_of(record) == outcome for record in records) == 3
    assert state.score == "mean half-right 50.0%"
    client = TestClient(make_app(find_runs([tmp_path]), TOKEN), base_url="http://127.0.0.1")
    for address in (f"/{TOKEN}/", f"/{TOKEN}/run/0/"):
        page = client.get(address).text
        assert state.score in page
        assert "ccuracy" not in page
        assert "% right" not in page
    assert "<option>partial</option>" in page
