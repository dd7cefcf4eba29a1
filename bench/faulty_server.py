"""A small server of OpenAI's protocol that answers as it is told and fails as it is told: for tests and for bench/.

`ScriptedModel` answers from a hash of what it is asked, so that equal requests have equal answers in whatever process;
`TokenModel` answers by kshot's own engine, as the truth that what went over the wire is held against. `FaultyServer`
speaks HTTP by hand, since its faults are ones that no framework makes: half an answer, a connection that is dropped,
an answer that never comes. It runs in a thread, or as a process of its own:

    python bench/faulty_server.py --port 0 --log FILE --faults 0.2 --seed 3 --service 0.05
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any

Answer = Callable[[str, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True)
class Failure:
    """How a request goes wrong. Without a status the connection is lost."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  # what is sent in place of an answer; None: nothing, or the answer itself
    wait: float = 0.0  # seconds before anything happens
    cut: str = ""  # of the true answer only a half comes: "body", its length told rightly; "line", cut off on the way


Faults = Callable[[int, str, dict[str, Any]], Failure | None]
"""(number of the request, path, body) -> how it goes wrong; None: it does not."""


def none(number: int, path: str, body: dict[str, Any]) -> Failure | None:
    """No request goes wrong."""
    return None


def named(body: dict[str, Any]) -> str:
    """A request's name: equal for equal requests."""
    return hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=12).hexdigest()


class ScriptedModel:
    """Answers without a model, after `service` seconds. `changes` is laid over every answer."""

    def __init__(self, service: float = 0.0, model: str = "scripted", **changes: Any) -> None:
        self.service = service
        self.model = model
        self.changes = changes

    async def __call__(self, path: str, body: dict[str, Any]) -> Any:
        if path == "/v1/models":
            return {"object": "list", "data": [{"id": self.model, "object": "model", "owned_by": "bench"}]}
        if path not in ("/v1/completions", "/v1/chat/completions"):
            return None
        if self.service:
            await asyncio.sleep(self.service)
        said = body.get("prompt") or " ".join(str(turn["content"]) for turn in body.get("messages", []))
        draw = random.Random(named({key: body.get(key) for key in ("prompt", "messages", "seed", "temperature")}))
        text = (
            f"Let me see case {draw.randrange(10**6)}. The answer is {draw.choice(['yes', 'no', 'A', 'B', '7', '12'])}."
        )
        choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
        choice |= {"message": {"role": "assistant", "content": text}} if "chat" in path else {"text": text}
        counts = {"prompt_tokens": len(str(said).split()), "completion_tokens": len(text.split())}
        return {"id": "x", "model": self.model, "choices": [choice], "usage": counts, **self.changes}


def told(future: asyncio.Future[Any], answer: Any) -> None:
    """Gives a future its answer, if anybody still waits for it."""
    if not future.done():
        future.set_result(answer)


class TokenModel:
    """Answers by an engine of kshot's own around a loaded model; speaks as vLLM does, or as a server that knows less.

    `ids`: whether prompts may be tokens; `knows`: the fields beyond the protocol that it heeds, others it ignores.
    """

    def __init__(
        self,
        engine: Any,
        *,
        owner: str = "vllm",
        ids: bool = True,
        context: int | None = None,
        knows: tuple[str, ...] = ("top_k", "min_p", "continue_final_message", "prompt_logprobs", "echo", "seed"),
    ) -> None:
        self.engine, self.owner, self.ids, self.context, self.knows = engine, owner, ids, context, knows
        self.asked: Queue[Any] = Queue()
        self.over = Event()
        self.worker = Thread(target=self.work, daemon=True)
        self.worker.start()

    def work(self) -> None:
        """The engine's own thread: takes what is asked, and collects."""
        waiting: dict[int, Any] = {}
        ticket = 0
        while not self.over.is_set():
            try:
                while True:
                    loop, future, args = self.asked.get(block=not waiting, timeout=0.1)
                    ticket += 1
                    waiting[ticket] = (loop, future)
                    self.engine.submit_tokens(ticket, *args[0], **args[1])
            except Empty:
                pass
            for done, generation in self.engine.collect() if waiting else []:
                loop, future = waiting.pop(done)
                with suppress(RuntimeError):  # the server was closed meanwhile, and nobody waits any more
                    loop.call_soon_threadsafe(told, future, generation)

    async def run(self, *args: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self.asked.put((loop, future, (args, options)))
        return await future

    def close(self) -> None:
        self.over.set()
        self.worker.join()
        self.engine.close()

    def prompt_ids(self, body: dict[str, Any]) -> list[int]:
        """A prompt's tokens; of messages by the model's own template."""
        from kshot.types import Message

        if "messages" not in body:
            prompt = body["prompt"]
            if isinstance(prompt, list):
                return list(prompt)
            return list(self.engine.tokenizer(prompt, add_special_tokens=True).input_ids)
        turns = [(turn["role"], turn["content"]) for turn in body["messages"]]
        if turns[-1][0] == "assistant" and not (
            "continue_final_message" in self.knows and "add_generation_prompt" in body
        ):
            # closed, and a new one opened
            text = self.engine.renderer.render(tuple(Message(r, s) for r, s in (*turns, ("user", "\0"))))
            text = text.replace("<|user|>\0<|end|>", "")
            return list(self.engine.tokenizer(text, add_special_tokens=False).input_ids)
        return list(self.engine.renderer.encode(tuple(Message(role, said) for role, said in turns)))

    async def __call__(self, path: str, body: dict[str, Any]) -> Any:
        from kshot.types import SamplingParams

        if path == "/v1/models":
            told = {"max_model_len": self.context} if self.context else {}
            return {"data": [{"id": "truth", "owned_by": self.owner, "root": "truth", **told}]}
        if path == "/version":
            return {"version": "1.0"}
        if path not in ("/v1/completions", "/v1/chat/completions"):
            return None
        if isinstance(body.get("prompt"), list) and not self.ids:
            return Failure(422, body={"detail": "prompt must be a string."})
        ids = self.prompt_ids(body)
        limit = body.get("max_tokens", 16)
        if self.context and len(ids) + limit > self.context:
            return Failure(400, body={"error": {"message": f"maximum context length is {self.context} tokens"}})
        chat = "chat" in path
        choice: dict[str, Any] = {"index": 0}
        if any(
            body.get(key) is not None and body[key] is not False and key in self.knows
            for key in ("prompt_logprobs", "echo")
        ):
            scored = await self.run(ids[:1], SamplingParams(), targets=ids[1:], logprobs=True)
            listed = [None, *scored.token_logprobs]
            names = [self.engine.tokenizer.decode([token]) for token in ids]
            if "echo" in body:
                choice |= {"text": self.engine.tokenizer.decode(ids), "finish_reason": "length"}
                choice["logprobs"] = {"tokens": names, "token_logprobs": listed}
            else:
                rows = [{str(t): {"logprob": p}} if p is not None else None for t, p in zip(ids, listed, strict=True)]
                choice |= {"text": "", "finish_reason": "length", "prompt_logprobs": rows}
            counts = {"prompt_tokens": len(ids), "completion_tokens": 0}
            return {"model": "truth", "choices": [choice], "usage": counts}
        known = {key: body[key] for key in ("temperature", "top_p") if key in body}
        known |= {key: body[key] for key in ("top_k", "min_p") if key in body and key in self.knows}
        stop = tuple(body.get("stop") or ())
        params = SamplingParams(max_new_tokens=limit, stop=stop, **known)
        seed = body["seed"] if "seed" in body and "seed" in self.knows else random.randrange(1 << 30)
        made = await self.run(ids, params, seed, logprobs=True)
        choice["finish_reason"] = made.finish_reason
        choice |= {"message": {"role": "assistant", "content": made.text}} if chat else {"text": made.text}
        if "logprobs" in body:
            told = list(made.token_logprobs)
            choice["logprobs"] = {"content": [{"logprob": p} for p in told]} if chat else {"token_logprobs": told}
        if body.get("return_token_ids"):
            choice["token_ids"] = list(made.tokens)
        counts = {"prompt_tokens": len(ids), "completion_tokens": made.completion_tokens}
        counts["prompt_tokens_details"] = {"cached_tokens": made.cached_tokens}
        return {"model": "truth", "choices": [choice], "usage": counts}


@dataclass(frozen=True)
class Seen:
    """What happened to a request: when it came, its name, and whether its whole answer was sent."""

    at: float
    name: str
    answered: bool


class FaultyServer:
    """Serves in a thread. `stop` drops all connections at once; started again it has the same port."""

    def __init__(self, answer: Answer, faults: Faults = none, port: int = 0, log: Path | None = None) -> None:
        self.answer, self.faults, self.port, self.log = answer, faults, port, log
        self.number = 0
        self.bodies: list[tuple[str, dict[str, Any], dict[str, str]]] = []  # path, body and headers of all that came
        self.events: list[Seen] = []
        self.now, self.most = 0, 0  # requests at a time
        self.keep = True  # whether bodies are kept
        self.writers: set[asyncio.StreamWriter] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> FaultyServer:
        """Serves from now on."""
        ready = Event()
        self.loop = asyncio.new_event_loop()

        def live() -> None:
            asyncio.set_event_loop(self.loop)
            self.listener = self.loop.run_until_complete(self.listen())
            ready.set()
            self.loop.run_forever()

        self.thread = Thread(target=live, daemon=True)
        self.thread.start()
        ready.wait()
        return self

    async def listen(self) -> asyncio.Server:
        listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port, backlog=512)
        self.port = listener.sockets[0].getsockname()[1]
        return listener

    def stop(self) -> None:
        """Dies: the port is closed and every connection dropped, whatever was under way."""

        async def die() -> None:
            self.listener.close()
            for writer in list(self.writers):
                writer.transport.abort()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(die(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def __enter__(self) -> FaultyServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        self.writers.add(writer)
        try:
            while await self.one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.writers.discard(writer)
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request. Whether the connection is still there after it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        path = head[0].split()[1]
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        headers = {name.lower(): value for name, value in headers.items()}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        self.number += 1
        if self.keep:
            self.bodies.append((path, body, headers))
        self.note(body, False)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            return await self.answered(path, body, writer)
        finally:
            self.now -= 1

    async def answered(self, path: str, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        failure = self.faults(self.number, path, body)
        if failure and failure.wait:
            await asyncio.sleep(failure.wait)
        if failure and not failure.status and not failure.cut:
            if failure.body is None and failure.wait:  # slow, and no more
                failure = None
            elif failure.body is None:
                writer.transport.abort()
                return False
        if failure and failure.status:
            await self.send(writer, failure.status, failure.body, failure.headers)
            return True
        if failure and failure.body is not None:
            await self.send(writer, 200, failure.body, failure.headers)
            return True
        value = await self.answer(path, body)
        if value is None:
            value = Failure(404, body={"error": {"message": f"no such path {path}"}})
        if isinstance(value, Failure):
            await self.send(writer, value.status, value.body, value.headers)
            return True
        whole = json.dumps(value).encode()
        if failure:
            half = whole[: len(whole) // 2]
            writer.write(head_of(200, len(half if failure.cut == "body" else whole), {}) + half)
            await writer.drain()
            if failure.cut == "line":
                writer.close()
            return failure.cut == "body"
        writer.write(head_of(200, len(whole), {}) + whole)
        self.note(body, True)  # before anybody can have read it
        await writer.drain()
        return True

    @staticmethod
    async def send(writer: asyncio.StreamWriter, status: int, body: Any, headers: dict[str, str]) -> None:
        text = body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
        writer.write(head_of(status, len(text), headers) + text)
        await writer.drain()

    def note(self, body: dict[str, Any], answered: bool) -> None:
        """Keeps what happened, in a file too where there is one."""
        if not body or not (self.keep or self.log):
            return
        event = Seen(time.time(), named(body), answered)
        if self.keep:
            self.events.append(event)
        if self.log:
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps([event.at, event.name, event.answered]) + "\n")


def head_of(status: int, length: int, headers: dict[str, str]) -> bytes:
    """The head of an answer."""
    lines = [f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {length}"]
    return ("\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items())]) + "\r\n\r\n").encode()


def now_and_then(share: float, seed: int, stall: float = 1.5) -> Faults:
    """Faults of every kind that passes, for a share of the completions; another draw each time a request comes."""
    draw = random.Random(seed)
    kinds = [
        Failure(),
        Failure(cut="line"),
        Failure(cut="body"),
        Failure(429, {"Retry-After": "0"}, {"error": {"message": "slow down"}}),
        Failure(500, body={"error": {"message": "internal"}}),
        Failure(503, body="<html>busy</html>"),
        Failure(wait=0.2),
        Failure(504, wait=stall, body=""),
        Failure(body={"choices": []}),
        Failure(body={"choices": [{"text": 7, "message": {"content": None}, "finish_reason": "stop"}]}),
    ]

    def fail(number: int, path: str, body: dict[str, Any]) -> Failure | None:
        return draw.choice(kinds) if "completions" in path and draw.random() < share else None

    return fail


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--faults", type=float, default=0.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--service", type=float, default=0.0, help="seconds a request")
    options = parser.parse_args()
    faults = now_and_then(options.faults, options.seed) if options.faults else none
    server = FaultyServer(ScriptedModel(options.service), faults, options.port, options.log)
    server.keep = False
    server.start()
    print(server.port, flush=True)
    server.thread.join()


if __name__ == "__main__":
    main()
