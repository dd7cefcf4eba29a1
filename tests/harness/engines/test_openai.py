"""The engine `openai` against servers that do what servers do: its truth is kshot's own engine, served."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import Iterator
from email.utils import formatdate
from itertools import pairwise
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from bench.faulty_server import Failure, FaultyServer, ScriptedModel, TokenModel, now_and_then
from kshot.harness.engines import get_engine
from kshot.harness.engines.registry import find_engine
from kshot.harness.engines.served.address import Secret, is_loopback, read_address, read_key
from kshot.harness.engines.served.faults import Fault, Refusal, retry_after, verdict, wait_for
from kshot.harness.engines.transformers import load_engine
from kshot.types import EngineError, Generation, Message, Request, SamplingParams, UserError

pytest.importorskip("openai", reason='the library is not installed: pip install "kshot[openai]"')
pytestmark = pytest.mark.filterwarnings("ignore:.*; waiting [0-9]+ s")  # how long a wait is, is drawn

ASKED = (Message("user", "How many?"),)
TURN = (*ASKED, Message("assistant", "Well, "))
GREEDY = SamplingParams(max_new_tokens=12)
DRAWN = SamplingParams(1.0, 0.9, 8)


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def answers(engine: Any, requests: list[Request]) -> list[Generation]:
    """All at once; the engine is closed."""
    try:
        for ticket, request in enumerate(requests):
            engine.submit(ticket, request)
        found: dict[int, Generation] = {}
        while done := engine.collect():
            assert not found.keys() & dict(done).keys()
            found.update(done)
        return [found[ticket] for ticket in range(len(requests))]
    finally:
        engine.close()


def engine_at(server: FaultyServer, /, **params: Any) -> Any:
    listed = "".join(f",{name}={value}" for name, value in params.items())
    return get_engine(f"openai:base_url={server.url}{listed}")


def asked_of(server: FaultyServer) -> list[dict[str, Any]]:
    """The bodies of all that came after the engine was made."""
    return [
        body for path, body, _ in server.bodies if body and "Hi" not in str(body.get("prompt", body.get("messages")))
    ]


# ------------------------------------------------------------ the truth: kshot's own engine


@pytest.fixture(scope="module")
def direct(tiny_folder: Path) -> Iterator[Any]:
    engine = load_engine(str(tiny_folder), rows=8)
    yield engine
    engine.close()


def served(folder: Path, **how: Any) -> TokenModel:
    return TokenModel(load_engine(str(folder), rows=8), context=2048, **how)


REQUESTS = [
    Request("Once", GREEDY),
    Request("Once", SamplingParams(max_new_tokens=3)),
    *(Request("Once upon", DRAWN, seed) for seed in range(3)),
    Request("Once upon", SamplingParams(1.0, 1.0, 8, top_k=5), seed=4),
    Request("Once upon", SamplingParams(1.0, 1.0, 8, min_p=0.1), seed=4),
]
MESSAGES = [Request(ASKED, GREEDY), Request(TURN, GREEDY), Request((Message("system", "Be."), *ASKED), DRAWN, seed=1)]
SCORED = [Request("Once", continuation=" upon a time"), Request("Once ", continuation="upon")]


def told(generation: Generation) -> tuple[Any, ...]:
    counts = generation.prompt_tokens, generation.completion_tokens
    return generation.text, generation.finish_reason, *counts, pytest.approx(generation.logprob, abs=1e-4)


@pytest.mark.parametrize(
    "how",
    [
        {},  # as vLLM
        {"knows": ("seed", "top_k", "min_p", "echo")},  # scores by echo
        {"ids": False, "knows": ("seed", "top_k", "min_p", "echo"), "owner": "me"},  # and only texts
    ],
)
def test_with_a_tokenizer_all_is_as_of_our_own_engine(direct: Any, tiny_folder: Path, how: dict[str, Any]) -> None:
    wanted = [*REQUESTS, *MESSAGES, *SCORED, Request(ASKED, continuation="Two")]
    with_logprobs = [Request(r.prompt, r.params, r.seed, r.continuation, True) for r in wanted]
    truth = served(tiny_folder, **how)
    with FaultyServer(truth) as server:
        with warnings.catch_warnings():
            if how.get("owner") == "me":  # llama-cpp-python tells no ids
                warnings.filterwarnings("ignore", "the server tells no token ids")
            found = answers(engine_at(server, tokenizer=tiny_folder), with_logprobs)
        own = []
        for request in with_logprobs:
            direct.submit(0, request)
            own.append(direct.collect()[0][1])
        assert list(map(told, found)) == list(map(told, own))
        for mine, theirs in zip(found, own, strict=True):
            assert mine.token_logprobs == pytest.approx(theirs.token_logprobs, abs=1e-4)
            assert mine.tokens == theirs.tokens or how.get("owner") == "me"
    truth.close()


def test_without_a_tokenizer_too_where_the_server_renders(direct: Any, tiny_folder: Path) -> None:
    truth = served(tiny_folder)
    with FaultyServer(truth) as server:
        found = answers(engine_at(server), [*REQUESTS, *MESSAGES, *SCORED])
    truth.close()
    own = []
    for request in [*REQUESTS, *MESSAGES, *SCORED]:
        direct.submit(0, request)
        own.append(direct.collect()[0][1])
    assert [one.text for one in found] == [one.text for one in own]
    assert [one.finish_reason for one in found] == [one.finish_reason for one in own]
    scores = [one.logprob for one in own[-len(SCORED) :]]
    assert [one.logprob for one in found[-len(SCORED) :]] == pytest.approx(scores, abs=1e-4)
    assert found[0].prompt_tokens == own[0].prompt_tokens


def test_a_stop_string_cuts_a_text_wherever_it_is_looked_for(direct: Any, tiny_folder: Path) -> None:
    prompt = "Count, as far as you can:"
    direct.submit(0, Request(prompt, SamplingParams(max_new_tokens=40)))
    whole = direct.collect()[0][1].text
    stop = (*(f"<{n}>" for n in range(5)), whole[20:23], whole[9:12])
    request = Request(prompt, SamplingParams(max_new_tokens=40, stop=stop))
    first = min(whole.index(one) for one in stop[5:])
    truth = served(tiny_folder, owner="who knows")
    with FaultyServer(truth) as server:
        for stops, sent in (("auto", 4), ("0", None), ("6", 6)):
            [found] = answers(engine_at(server, stops=stops), [request])
            assert (found.text, found.finish_reason) == (whole[:first], "stop")
            assert len(asked_of(server)[-1].get("stop", ())) == (sent or 0)
    truth.close()


# ------------------------------------------------------------ what would be silently wrong


@pytest.mark.parametrize(
    ("knows", "request_", "sentence"),
    [
        (("seed",), Request(TURN, GREEDY), "does not continue a turn"),
        (("seed",), Request("Once", SamplingParams(1.0, 1.0, 8, top_k=5)), "takes no notice of top_k"),
        (("seed",), Request("Once", SamplingParams(1.0, 1.0, 8, min_p=0.1)), "takes no notice of min_p"),
        (("seed",), Request("Once", continuation=" upon"), "does not tell the log-probabilities"),
        (("seed", "echo"), Request(ASKED, continuation=" upon"), "this prompt is a conversation"),
    ],
)
def test_what_a_server_would_ignore_is_refused(
    tiny_folder: Path, knows: tuple[str, ...], request_: Request, sentence: str
) -> None:
    truth = served(tiny_folder, knows=knows)
    with FaultyServer(truth) as server, pytest.raises(UserError, match=sentence):
        answers(engine_at(server), [request_])
    truth.close()


def test_blanks_that_a_server_would_strip_are_refused(tiny_folder: Path) -> None:
    truth = served(tiny_folder)
    keeping = truth.prompt_ids

    def stripping(body: dict[str, Any]) -> list[int]:
        turns = [{**turn, "content": turn["content"].strip()} for turn in body.get("messages", [])]
        return keeping({**body, "messages": turns} if turns else body)

    truth.prompt_ids = stripping  # type: ignore[method-assign]
    with FaultyServer(truth) as server:
        with pytest.raises(UserError, match="strips the blanks"):
            answers(engine_at(server), [Request(TURN, GREEDY)])
        assert answers(engine_at(server), [Request((*ASKED, Message("assistant", "Well,")), GREEDY)])[0].prompt_tokens
    truth.close()


def test_a_server_that_does_not_draw_is_refused() -> None:
    with FaultyServer(ScriptedModel()) as server:
        server.answer = Always("the same")
        with pytest.raises(UserError, match="does not draw"):
            answers(engine_at(server), [Request("Once", DRAWN)])
        assert answers(engine_at(server), [Request("Once", GREEDY)])[0].text == "the same"


def test_another_models_tokenizer_is_refused(tiny_folder: Path, tiny_llama: Path) -> None:
    truth = served(tiny_folder)
    honest = truth.prompt_ids
    truth.prompt_ids = lambda body: honest(body)[::2]  # type: ignore[method-assign]  # as another tokenizer would
    with FaultyServer(truth) as server, pytest.raises(UserError, match="tokens of a text of which"):
        engine_at(server, tokenizer=tiny_folder)
    truth.close()


def test_a_continuation_that_begins_within_a_token_is_refused() -> None:
    from kshot.harness.engines.served.scores import of_echo_by_text

    def echo(*tokens: tuple[str, float | None]) -> dict[str, Any]:
        names, logprobs = [name for name, _ in tokens], [logprob for _, logprob in tokens]
        told = {"tokens": names, "token_logprobs": logprobs}
        return {"choices": [{"logprobs": told}], "usage": {"prompt_tokens": len(tokens)}}

    assert of_echo_by_text(echo(("<s>", None), ("On", -1), ("ce", -2), (" upon", -3)), "Once", " upon") == (-3,)
    with pytest.raises(UserError, match="begins no token"):
        of_echo_by_text(echo(("<s>", None), ("On", -1), ("ceup", -2), ("on", -3)), "Once", "upon")
    with pytest.raises(UserError, match="begins no token"):  # another prompt than ours
        of_echo_by_text(echo(("<s>", None), ("x", -1), (" upon", -3)), "Once", " upon")
    with pytest.raises(UserError, match="nothing stands before"):
        of_echo_by_text(echo(("up", None), ("on", -3)), "", "upon")


def test_a_model_that_changes_under_its_name_stops_the_run() -> None:
    with FaultyServer(ScriptedModel()) as server:
        engine = engine_at(server)
        server.answer = ScriptedModel(model="another")
        with pytest.raises(EngineError, match="now as another"):
            answers(engine, [Request("x", GREEDY)])


class Always:
    """A model that writes the same, and lays `changes` over its answer."""

    def __init__(self, text: str | None = "well", choice: dict[str, Any] | None = None, **changes: Any) -> None:
        self.text, self.choice, self.changes = text, choice or {}, changes
        self.scripted = ScriptedModel()

    async def __call__(self, path: str, body: dict[str, Any]) -> Any:
        value = await self.scripted(path, body)
        if isinstance(value, dict) and "choices" in value:
            choice = value["choices"][0]
            choice |= {"message": {"content": self.text}} if "chat" in path else {"text": self.text}
            choice |= self.choice
            value |= self.changes
        return value


# ------------------------------------------------------------ what is sent


def test_what_is_sent_of_a_request() -> None:
    with FaultyServer(ScriptedModel()) as server:
        params = SamplingParams(0.5, 0.9, 7, ("\n",))
        answers(
            engine_at(server),
            [Request("Once", GREEDY, seed=5), Request("Once", params, seed=5), Request(ASKED, GREEDY)],
        )
        bodies = {
            (path, str(body.get("temperature"))): body for path, body, _ in server.bodies if "upon" not in str(body)
        }
        greedy = {"model": "scripted", "prompt": "Once", "max_tokens": 12, "temperature": 0.0}
        assert bodies["/v1/completions", "0.0"] == greedy
        drawn = {**greedy, "max_tokens": 7, "temperature": 0.5, "top_p": 0.9, "seed": 5, "stop": ["\n"]}
        assert bodies["/v1/completions", "0.5"] == drawn
        turns = [{"role": "user", "content": "How many?"}]
        said = {"model": "scripted", "messages": turns, "max_tokens": 12, "temperature": 0.0}
        assert bodies["/v1/chat/completions", "0.0"] == said
        answers(engine_at(server, seed="no"), [Request("Once", params, seed=5)])
        assert "seed" not in asked_of(server)[-1]


def test_a_known_servers_own_defaults_are_overridden() -> None:
    with FaultyServer(ScriptedModel()) as server:
        for kind, neutral in {
            "vllm": ("repetition_penalty", "top_k"),
            "llama.cpp": ("repeat_penalty", "top_k"),
        }.items():
            answers(engine_at(server, server=kind), [Request("Once", DRAWN), Request("Twice", GREEDY)])
            drawn = next(body for body in reversed(asked_of(server)) if body.get("prompt") == "Once")
            greedy = next(body for body in reversed(asked_of(server)) if body.get("prompt") == "Twice")
            assert drawn[neutral[0]] == greedy[neutral[0]] == 1.0
            assert (drawn["top_k"], drawn["min_p"]) == (0, 0.0)
            assert "top_k" not in greedy


def test_a_limit_goes_by_the_name_that_the_server_wants() -> None:
    async def newer(path: str, body: dict[str, Any]) -> Any:
        if "max_tokens" in body and "chat" in path:
            said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return Failure(400, body={"error": {"message": said}})
        return await ScriptedModel()(path, body)

    with FaultyServer(newer) as server:
        assert answers(engine_at(server), [Request(ASKED, GREEDY)])[0].text
        assert asked_of(server)[-1]["max_completion_tokens"] == 12


def test_prompts_that_begin_alike_go_out_together() -> None:
    texts = [f"{letter} {'x' * 50} {number}" for number in range(4) for letter in "abc"]
    with FaultyServer(ScriptedModel(service=0.02)) as server:
        answers(engine_at(server, concurrency=1), [Request(text, GREEDY) for text in texts])
        letters = [body["prompt"][0] for body in asked_of(server)]
        assert server.most == 1
    changes = sum(a != b for a, b in pairwise(letters))
    assert changes <= 4  # as they were submitted 11
    assert sorted(letters) == sorted(text[0] for text in texts)


def test_no_more_than_concurrency_are_under_way() -> None:
    with FaultyServer(ScriptedModel(service=0.02)) as server:
        engine = engine_at(server, concurrency=3)
        assert engine.capacity == 3
        answers(engine, [Request(f"q{number}", GREEDY) for number in range(20)])
        assert server.most == 3


# ------------------------------------------------------------ what passes


PASSING = [
    Failure(),
    Failure(cut="line"),
    Failure(cut="body"),
    Failure(429, {"Retry-After": "0"}, {"error": {"message": "slow down"}}),
    *(Failure(status, body="<html>") for status in (408, 409, 425, 500, 502, 503, 529)),
    Failure(body="<html>a page</html>"),
    Failure(body={"choices": []}),
    Failure(body={"choices": [{}, {}]}),
    Failure(body=[]),
    Failure(body={"error": {"message": "upstream"}}),
    Failure(body={"choices": [{"text": None, "finish_reason": "stop"}]}),
    Failure(body={"choices": [{"text": ["a"], "finish_reason": "stop"}]}),
    Failure(body={"choices": [{"text": "half of it", "finish_reason": "abort"}]}),
    Failure(body={"choices": [{"text": "half of it", "finish_reason": None}]}),
    Failure(body={"choices": [{"text": "x", "finish_reason": "stop"}], "usage": {"prompt_tokens": "many"}}),
    Failure(body={"choices": [{"text": "x", "finish_reason": "stop"}], "usage": {"completion_tokens": -1}}),
]


@pytest.mark.parametrize("failure", PASSING, ids=lambda f: f"{f.status or f.cut or 'lost'}-{str(f.body)[:40]}")
def test_what_passes_is_tried_again(failure: Failure) -> None:
    with FaultyServer(ScriptedModel()) as server:
        engine = engine_at(server)
        came = server.number
        server.faults = lambda number, path, body: failure if number == came + 1 else None
        [found] = answers(engine, [Request("Once", GREEDY)])
        assert found.text.startswith("Let me see")
        assert server.number == came + 2


def test_a_request_that_hangs_is_tried_again() -> None:
    with FaultyServer(ScriptedModel()) as server:
        engine = engine_at(server, timeout=0.3)
        came = server.number
        server.faults = lambda number, path, body: Failure(wait=30, body={}) if number == came + 1 else None
        assert answers(engine, [Request("Once", GREEDY)])[0].text


def test_a_server_that_dies_and_comes_back_loses_nothing() -> None:
    with FaultyServer(ScriptedModel(service=0.01)) as server:
        engine = engine_at(server, concurrency=8)
        for ticket in range(60):
            engine.submit(ticket, Request(f"q{ticket}", GREEDY))
        found = dict(engine.collect())
        server.stop()
        server.start()
        while done := engine.collect():
            assert not found.keys() & dict(done).keys()
            found.update(done)
        engine.close()
        assert sorted(found) == list(range(60))


def test_many_faults_change_no_answer() -> None:
    requests = [Request(f"q{number}", GREEDY) for number in range(80)]
    with FaultyServer(ScriptedModel()) as server:
        whole = answers(engine_at(server), requests)
        engine = engine_at(server, concurrency=16)
        server.faults = now_and_then(0.3, seed=1, stall=0.1)
        assert [one.text for one in answers(engine, requests)] == [one.text for one in whole]


def test_a_server_says_how_long_to_wait_and_all_wait() -> None:
    with FaultyServer(ScriptedModel()) as server:
        engine = engine_at(server, concurrency=4)
        came = server.number
        busy = Failure(429, {"Retry-After": "1.5"}, {"error": {"message": "slow down"}})
        server.faults = lambda number, path, body: busy if number == came + 1 else None
        engine.submit(0, Request("q0", GREEDY))
        with pytest.warns(UserWarning, match=r"answers 429: slow down; waiting \d s"):
            assert len(engine.collect()) == 1
        engine.close()
        first, second = [event.at for event in server.events if not event.answered][-2:]
        assert second - first >= 1.5


def test_waits_grow_and_are_drawn() -> None:
    class Widest:
        def uniform(self, low: float, high: float) -> float:
            assert low == 0
            return high

    draw: Any = Widest()
    assert [wait_for(Fault("x"), tries, draw) for tries in (1, 2, 3, 9)] == [0.5, 1, 2, 20]
    assert 30 <= wait_for(Fault("x", 30), 1, draw) <= 30.5
    assert retry_after({"retry-after": "7"}) == 7
    assert retry_after({"retry-after-ms": "250"}) == 0.25
    assert retry_after({"retry-after": formatdate(time.time() + 60, usegmt=True)}) == pytest.approx(60, abs=2)
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert [retry_after({"retry-after": text}) for text in ("", "soon", "nan")] == [None] * 3


# ------------------------------------------------------------ what does not pass


@pytest.mark.parametrize(
    ("failure", "kind", "sentence"),
    [
        (Failure(400, body={"error": {"message": "maximum context length is 9"}}), UserError, "does not fit into"),
        (Failure(400, body={"error": {"message": "no such thing"}}), UserError, "400: no such thing"),
        (Failure(401, body={"detail": "who?"}), UserError, "key is missing or wrong .* 401: who.*OPENAI_API_KEY"),
        (Failure(403, body="no"), UserError, "does not allow"),
        (Failure(404, body={"error": {"message": "no model"}}), UserError, "check model= and base_url="),
        (Failure(307, {"Location": "http://127.0.0.1:1/v1"}), UserError, "sends on to another address"),
        (Failure(429, body={"error": {"code": "insufficient_quota", "message": "pay"}}), UserError, "no credit"),
        (Failure(429, {"Retry-After": "9999"}, ""), EngineError, "asks to wait 9999 s, more than patience"),
        (Failure(500, body=""), EngineError, "it was tried for .*patience=1"),
        (Failure(), EngineError, "broke off"),
        (Failure(body={"choices": []}), EngineError, "not one choice but nothing, 5 times"),
        (Failure(body={"choices": [{"text": "x", "finish_reason": "?"}]}), EngineError, "reason '\\?'"),
        (Failure(body={"choices": [{"text": "x", "finish_reason": "content_filter"}]}), EngineError, "a filter"),
        (Failure(body={"choices": [{"text": "x", "finish_reason": "tool_calls"}]}), EngineError, "calls a tool"),
    ],
)
def test_what_does_not_pass_is_one_sentence(
    failure: Failure, kind: type[Exception], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kshot.harness.engines.served.faults.FIRST_WAIT", 0.02)
    with FaultyServer(ScriptedModel()) as server:
        engine = engine_at(server, patience=1)
        server.faults = lambda number, path, body: failure if body.get("prompt") == "bad" else None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(kind, match=sentence) as caught:
                answers(engine, [Request("bad", GREEDY)])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ({"content": None}, "the text of an answer is None"),
        ({"content": None, "refusal": "I would rather not"}, "refuses"),
        ({"content": "", "tool_calls": [{"id": 1}]}, "calls a tool"),
        ("text", "the message of an answer is 'text'"),
        ({"content": [{"type": "text", "text": "x"}]}, "the text of an answer is"),
    ],
)
def test_a_chat_that_holds_no_answer_gives_none(message: Any, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.harness.engines.served.faults.FIRST_WAIT", 0.01)
    with FaultyServer(Always(choice={"message": message})) as server, pytest.raises(EngineError, match=sentence):
        answers(engine_at(server), [Request(ASKED, GREEDY)])


@pytest.mark.parametrize(
    ("message", "end", "text"),
    [
        ({"content": "4", "reasoning_content": "2+2"}, "stop", "<think>\n2+2\n</think>\n\n4"),
        ({"content": "4", "reasoning": "2+2"}, "stop", "<think>\n2+2\n</think>\n\n4"),
        ({"content": None, "reasoning_content": "2+"}, "length", "<think>\n2+"),
        ({"content": ""}, "stop", ""),
    ],
)
def test_what_is_thought_stands_before_the_answer(message: Any, end: str, text: str) -> None:
    with FaultyServer(Always(choice={"message": message, "finish_reason": end})) as server:
        [found] = answers(engine_at(server), [Request(ASKED, GREEDY)])
    assert (found.text, found.finish_reason) == (text, end)


def test_what_is_on_its_way_comes_in_before_a_failure_is_told() -> None:
    with FaultyServer(ScriptedModel()) as server:
        engine = engine_at(server)
        slow = Failure(wait=0.4)
        server.faults = lambda number, path, body: Failure(400, body="") if body.get("prompt") == "bad" else slow
        for ticket, text in enumerate(["a", "b", "bad", "c"]):
            engine.submit(ticket, Request(text, GREEDY))
        found = []
        with pytest.raises(UserError, match="refuses a request"):
            while done := engine.collect():
                found += [ticket for ticket, _ in done]
        assert sorted(found) == [0, 1, 3]
        assert engine.collect() == []
        engine.close()


def test_what_the_server_does_not_count_is_said_once() -> None:
    with FaultyServer(Always(usage=None)) as server:
        with pytest.warns(UserWarning, match="how many tokens") as said:
            found = answers(engine_at(server), [Request(f"q{n}", GREEDY) for n in range(5)])
        assert len(said) == 1
        assert {one.prompt_tokens for one in found} == {0}


def test_closing_ends_what_hangs() -> None:
    with FaultyServer(ScriptedModel()) as server:
        engine = engine_at(server)
        server.faults = lambda number, path, body: Failure(wait=60, body={})
        for ticket in range(3):
            engine.submit(ticket, Request(f"q{ticket}", GREEDY))
        engine.close()
        assert not engine.background.thread.is_alive()
        assert engine.collect() == []
        engine.close()


# ------------------------------------------------------------ which server, which model, which key


def test_the_id_is_the_models_and_not_the_ports() -> None:
    first, second = FaultyServer(ScriptedModel()), FaultyServer(ScriptedModel())
    with first, second:
        ids = []
        for server in (first, second):
            for params in (
                {},
                {"chat": "no"},
                {"seed": "no"},
                {"identity": "lab"},
                {"server": "vllm", "model": "scripted"},
            ):
                engine = engine_at(server, **params)
                ids.append(engine.id)
                engine.close()
    assert ids[:5] == ids[5:]
    assert len(set(ids[:5])) == 5
    assert ids[0] == "openai/unknown/scripted/chat"


def test_which_model_is_asked_where_there_are_several() -> None:
    with FaultyServer(ScriptedModel()) as server:
        rows = [{"id": name, "owned_by": "vllm"} for name in ("small", "large")]
        models = Failure(200, body={"data": rows})
        server.faults = lambda number, path, body: models if path.endswith("models") else None
        with pytest.raises(UserError, match=r"2 models \(small, large\): name one"):
            engine_at(server)
        with pytest.raises(UserError, match="did you mean large"):
            engine_at(server, model="lagre")
        engine = engine_at(server, model="large")
        assert engine.id == "openai/vllm/large/scripted/chat"
        engine.close()


def test_a_base_model_is_asked_in_plain_text() -> None:
    async def base(path: str, body: dict[str, Any]) -> Any:
        return (
            Failure(400, body={"error": {"message": "no chat template"}})
            if "chat" in path
            else await script(path, body)
        )

    script = ScriptedModel()
    with FaultyServer(base) as server:
        engine = engine_at(server)
        assert (engine.chat, engine.id) == (False, "openai/unknown/scripted/plain")
        with pytest.raises(UserError, match="asked in plain text"):
            engine.submit(0, Request(ASKED))
        engine.close()
        with pytest.raises(UserError, match="no chat template"):
            engine_at(server, chat="yes")


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kshot.harness.engines.openai.find_spec", lambda name: True)
    monkeypatch.setattr("kshot.harness.engines.served.discovery.FIRST_PATIENCE", 0.2)
    with FaultyServer(ScriptedModel()) as server:
        url = server.url
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(UserError, match="Is it running"):
            get_engine(f"openai:base_url={url}")


def test_an_address_holds_no_secret() -> None:
    for bad in ("http://me:secret@host/v1", "http://host/v1?key=secret", "http://host/v1#secret"):
        with pytest.raises(UserError, match="holds more than an address") as caught:
            read_address(bad)
        assert "secret" not in str(caught.value).replace("which would be kept", "")
    for bad in ("localhost:8000", "ftp://host/v1", "", "http://", "http://host:port/"):
        with pytest.raises(UserError, match="no address"):
            read_address(bad)
    whole = read_address("http://localhost:8000/v1/chat/completions")
    assert (whole.base_url, whole.root) == ("http://localhost:8000/v1", "http://localhost:8000")
    assert [is_loopback(host) for host in ("localhost", "127.0.0.2", "::1", "10.0.0.1", "host")] == [True] * 3 + [
        False
    ] * 2


def test_where_a_key_comes_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " sk-one ")
    monkeypatch.setenv("OTHER", "sk-two")
    kept = tmp_path / "key"
    kept.write_text("sk-three\n")
    assert read_key("OPENAI_API_KEY", "").value == "sk-one"
    assert read_key("OTHER", "").value == "sk-two"
    assert read_key("OPENAI_API_KEY", str(kept)).value == "sk-three"
    monkeypatch.setenv("OTHER", "sk-\u00e4bc")
    for env, file in (("OTHER", ""), ("sk-four", ""), ("NOT_SET", ""), ("OTHER", str(tmp_path / "none"))):
        with pytest.raises(UserError) as caught:
            read_key(env, file)
        assert "sk-" not in str(caught.value)
    with pytest.raises(UserError, match="key_env"):
        find_engine("openai:api_key=sk-five")
    assert "sk-one" not in repr(read_key("OPENAI_API_KEY", ""))


def test_no_sentence_holds_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    key = 'sk-"quoted"/and+more'
    monkeypatch.setenv("OPENAI_API_KEY", key)
    secret = Secret(key)
    assert key not in secret.clean(f"Incorrect key {key}.")
    cut = secret.clean(f"no JSON ('<html>Bearer {key[:-2]}'); it was tried")  # a sentence shows only a beginning
    assert key[:6] not in cut and cut.endswith("'); it was tried")
    for status in (401, 400, 500):
        with FaultyServer(ScriptedModel()) as server:
            engine = engine_at(server, patience=0)
            assert server.bodies[0][2]["authorization"] == f"Bearer {key}"
            failure = Failure(status, body={"error": {"message": f"Incorrect API key provided: {key}"}})
            server.faults = lambda number, path, body, failure=failure: failure  # type: ignore[misc]
            with pytest.raises((UserError, EngineError), match=r"provided: \[the key\]") as caught:
                answers(engine, [Request("x", GREEDY)])
            shown: BaseException | None = caught.value
            while shown is not None:
                assert "quoted" not in str(shown) + repr(shown.args)
                shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def test_a_key_that_goes_over_http_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setattr("kshot.harness.engines.served.discovery.FIRST_PATIENCE", 0.0)
    with pytest.warns(UserWarning, match="over http"), pytest.raises(UserError):
        get_engine("openai:base_url=http://kshot.invalid/v1")


def test_what_its_words_mean_before_it_is_made(tiny_folder: Path) -> None:
    plain = find_engine("openai:model=a")
    assert (plain.renders, plain.renderer(), plain.chat, plain.note(), plain.model) == (False, None, True, "", "a")
    assert not find_engine("openai:chat=no").chat
    rendered = find_engine(f"openai:model=a,tokenizer={tiny_folder}")
    renderer = rendered.renderer()
    assert renderer is not None
    assert rendered.renders
    assert renderer.text(ASKED) == "<|user|>How many?<|end|><|assistant|>"
    for bad, sentence in (
        ("chat=perhaps", "chat= is"),
        (f"tokenizer={tiny_folder},chat=yes", "template=chat"),
        ("concurrency=0", "concurrency="),
        ("timeout=0", "timeout="),
    ):
        with pytest.raises(UserError, match=sentence):
            get_engine(f"openai:{bad}")


def test_an_error_of_the_servers_is_read_whatever_its_form() -> None:
    def sentence(body: bytes) -> str:
        return str(verdict(400, {}, body, "here"))

    assert "400: a" in sentence(b'{"error": {"message": "a", "code": 1}}')
    assert "400: b" in sentence(b'{"error": "b"}')
    assert "400: c" in sentence(b'{"detail": "c"}')
    assert "d" in sentence(b'{"detail": [{"msg": "d"}]}')
    assert "400: e" in sentence(b"e")
    assert "(the server at here answers 400)" in sentence(b"<html>no</html>")
    assert len(sentence(b"x" * 100_000)) < 600
    assert isinstance(verdict(503, {}, b"[" * 90_000, "here"), Fault)
    assert isinstance(verdict(418, {}, b"", "here"), Refusal)


def test_the_server_of_these_tests_keeps_its_word() -> None:
    """A request's name is its content's, and an answer is another for another request."""

    async def texts() -> list[str]:
        model = ScriptedModel()
        return [
            (await model("/v1/completions", {"prompt": f"q{number}"}))["choices"][0]["text"] for number in range(20)
        ]

    assert asyncio.run(texts()) == asyncio.run(texts())
    assert len(set(asyncio.run(texts()))) > 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is what is asserted
def test_the_tests_server_lives_on_where_nobody_waits_any_more() -> None:
    """An answer that comes after its loop was closed, as at the end of a test."""
    loop = asyncio.new_event_loop()
    gone, answered = loop.create_future(), Queue[int]()
    loop.close()

    class Late:
        """An engine that answers what it was asked, once nobody waits."""

        def submit_tokens(self, ticket: int, *args: Any) -> None:
            self.ticket = ticket

        def collect(self) -> list[tuple[int, str]]:
            answered.put(self.ticket)
            return [(self.ticket, "late")]

        def close(self) -> None:
            pass

    model = TokenModel(Late())
    for ticket in (1, 2):  # the second finds a thread only if the first has not ended it
        model.asked.put((loop, gone, ((), {})))
        assert answered.get(timeout=60) == ticket
    model.close()
