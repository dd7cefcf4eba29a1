"""A thread with an event loop of its own, so that calls go on while programs run; it ends with its owner."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")
ENOUGH = 5.0  # seconds for what was cancelled to end


class Background:
    """Runs coroutines in a thread. `close` cancels all of them and waits for the thread's end."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = Thread(target=self.live, name="kshot-served", daemon=True)
        self.thread.start()

    def live(self) -> None:
        """The thread: until it is stopped; then what is still there is cancelled."""
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left, timeout=ENOUGH))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Runs a coroutine to its end, from another thread."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def soon(self, function: Callable[..., Any], *args: Any) -> None:
        """Calls a function in the thread, and does not wait for it."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(function, *args)

    def close(self) -> None:
        """Ends the thread; again and again changes nothing."""
        if self.thread.is_alive():
            self.soon(self.loop.stop)
            self.thread.join(2 * ENOUGH)
