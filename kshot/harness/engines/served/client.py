"""One call of a server: tried until it is answered, until it never can be, or until patience is at its end.

Meets: a lost connection, a cut-off or malformed answer, 408, 409, 425, 429 and every 5xx are tried again; what a server
asks to wait all calls wait. A redirect is not followed, so that the key goes nowhere else. No exception of the library
comes out, since its text may hold what the server sent back. Concedes: a call that was answered and whose answer was
lost on the way is asked again; nobody can tell.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from kshot.harness.engines.served.address import Secret, ServerAddress
from kshot.harness.engines.served.faults import Fault, Malformed, Refusal, verdict, wait_for
from kshot.types import EngineError

T = TypeVar("T")
CONNECT = 10.0  # seconds
MALFORMED_TRIES = 5
SILENCE = 10.0  # seconds between two sentences about waiting
WORTH_SAYING = 1.0  # seconds of a wait that is told


class ServerClient:
    """Calls to one server. All of it runs in one event loop; `say` gets a sentence where a wait is long."""

    def __init__(
        self,
        address: ServerAddress,
        secret: Secret,
        *,
        timeout: float,
        patience: float,
        concurrency: int,
        say: Callable[[str], None],
    ) -> None:
        self.address = address
        self.secret = secret
        self.patience = patience
        self.timeout = timeout
        self.say = say
        self.draw = random.Random()  # of waits alone
        self.resume_at = 0.0  # monotonic: before that the server wants to be left alone
        self.said_at = -SILENCE
        import httpx2  # the library's own transport; both come with the extra
        from openai import AsyncOpenAI

        self.waits: set[asyncio.Future[None]] = set()  # sleeps between tries, which an end cuts short
        limits = httpx2.Limits(max_connections=concurrency + 8, max_keepalive_connections=concurrency + 8)
        self.library = AsyncOpenAI(
            api_key=secret.value or "none",
            organization=None,
            base_url=address.base_url,
            max_retries=0,
            http_client=httpx2.AsyncClient(
                timeout=httpx2.Timeout(timeout, connect=min(CONNECT, timeout), pool=None),
                limits=limits,
                follow_redirects=False,
                trust_env=not address.local,  # a proxy for the world is none for this machine
            ),
        )

    async def call(
        self,
        path: str,
        body: dict[str, Any] | None,
        read: Callable[[Any], T],
        *,
        patience: float | None = None,
    ) -> T:
        """What `read` makes of the answer to a POST of `body`, or to a GET. `path` is relative, or a whole address.

        `read` raises Fault for what is no answer. Raises Refusal for what will never be answered, EngineError where
        patience (seconds from the first failure) is at its end.
        """
        patience = self.patience if patience is None else patience
        tries, first, malformed = 0, 0.0, 0
        while True:
            await self.gate()
            try:
                return read(await self.once(path, body))
            except Fault as fault:
                tries += 1
                now = time.monotonic()
                first = first or now
                malformed += isinstance(fault, Malformed)
                said = self.secret.clean(fault.said)
                wait = wait_for(fault, tries, self.draw)
                asked = fault.after
            if malformed >= MALFORMED_TRIES:
                raise EngineError(f"{said}, {malformed} times; no answer was made of it.")
            if now + wait > first + patience:
                raise EngineError(self.given_up(said, now - first, asked, patience))
            if asked:
                self.resume_at = max(self.resume_at, now + asked)
            if wait >= WORTH_SAYING and now - self.said_at >= SILENCE:
                self.said_at = now
                self.say(f"{said}; waiting {wait:.0f} s.")
            await self.sleep(wait)

    @staticmethod
    def given_up(said: str, waited: float, asked: float | None, patience: float) -> str:
        """The sentence for a server that has not come back."""
        if asked is not None and asked > patience:
            return f"{said} and asks to wait {asked:.0f} s, more than patience={patience:g}: raise it, or come back."
        return f"{said}; it was tried for {waited:.0f} s (patience={patience:g}): see to the server, or raise patience."

    async def gate(self) -> None:
        """Waits as long as the server has asked all to wait."""
        while (left := self.resume_at - time.monotonic()) > 0:
            await self.sleep(left)

    async def sleep(self, seconds: float) -> None:
        """Waits, unless `hurry` ends it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = asyncio.get_running_loop().call_later(seconds, wake, done)
        self.waits.add(done)
        try:
            await done
        finally:
            timer.cancel()
            self.waits.discard(done)

    def hurry(self) -> None:
        """Ends every wait between tries by cancelling it, and with it its call."""
        for done in list(self.waits):
            done.cancel()

    async def once(self, path: str, body: dict[str, Any] | None) -> Any:
        """One try: the answer's JSON. Raises Fault or Refusal, and nothing of the library's."""
        import httpx2
        from openai import APIConnectionError, APIStatusError, APITimeoutError, OpenAIError

        where = self.address.shown
        failure: Exception
        try:
            if body is None:
                response = await self.library.get(path, cast_to=httpx2.Response)
            else:
                response = await self.library.post(path, cast_to=httpx2.Response, body=body)
            return whole_json(response.content, where)
        except Fault as fault:
            failure = fault
        except APIStatusError as error:
            failure = verdict(error.status_code, error.response.headers, error.response.content, where)
        except APITimeoutError:
            failure = Fault(f"the server at {where} did not answer within {self.timeout:g} s")
        except APIConnectionError as error:
            why = type(error.__cause__).__name__ if error.__cause__ else "no connection"
            failure = Fault(f"the server at {where} cannot be reached, or broke off ({why})")
        except (OpenAIError, httpx2.HTTPError) as error:
            failure = Fault(f"the call to {where} failed ({type(error).__name__})")
        failure.args = tuple(self.secret.clean(str(arg)) for arg in failure.args)
        if isinstance(failure, Refusal):
            failure.message = self.secret.clean(failure.message)
        raise failure from None

    async def close(self) -> None:
        """Closes all connections."""
        await self.library.close()


def wake(done: asyncio.Future[None]) -> None:
    """Ends a wait that has not been ended."""
    if not done.done():
        done.set_result(None)


def whole_json(content: bytes, where: str) -> Any:
    """The JSON of an answer. Raises Fault where it is cut off or none."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        shown = content[:40].decode("utf-8", errors="replace")
        raise Fault(f"the answer of {where} is cut off, or no JSON ({shown!r})") from None
    if isinstance(value, dict) and value.get("error"):
        message = json.dumps(value["error"])[:200]
        raise Malformed(f"the answer of {where} is an error with a status that says it is none ({message})")
    return value
