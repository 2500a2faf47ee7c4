# SPDX-License-Identifier: Apache-2.0
"""A coroutine in a thread of its own, while the caller's thread answers its questions one by one.

Callers keep things that belong to their thread (a database connection, a progress bar) and may not touch them inside a
running event loop. So the loop runs aside and waits for each answer, and the caller's functions run where the caller
is. If an answer raises, the coroutine is canceled, its end is awaited, and what was raised goes on.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

Question = TypeVar("Question")
Reply = TypeVar("Reply")
Result = TypeVar("Result")


class _Sign(Enum):
    """What is said between the threads besides questions and answers."""

    DONE = "done"
    ABANDONED = "abandoned"


class AbandonedError(Exception):
    """The caller left while the coroutine waited for an answer; it never leaves this module."""


def run_aside(
    make: Callable[[Callable[[Question], Reply]], Coroutine[Any, Any, Result]], answer: Callable[[Question], Reply]
) -> Result:
    """Return what the coroutine returns, or raise what it raises; `make` gets the function that asks the caller."""
    aside = _Aside(answer)
    with ThreadPoolExecutor(max_workers=1) as executor:
        future = executor.submit(lambda: asyncio.run(aside.main(make(aside.ask))))
        future.add_done_callback(lambda _: aside.finish())
        aside.serve()
        return future.result()


class _Aside(Generic[Question, Reply]):
    """The two queues between the threads."""

    def __init__(self, answer: Callable[[Question], Reply]) -> None:
        self._answer = answer
        self._questions: SimpleQueue[tuple[Question] | _Sign] = SimpleQueue()
        self._replies: SimpleQueue[tuple[Reply] | _Sign] = SimpleQueue()
        self._cancel: Callable[[], object] = lambda: None

    async def main(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run the coroutine so that the caller can cancel it."""
        loop = asyncio.get_running_loop()
        task = asyncio.ensure_future(coroutine)
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        return await task

    def ask(self, question: Question) -> Reply:
        """Ask the caller and wait for the answer; called inside the loop, which waits as well."""
        self._questions.put((question,))
        reply = self._replies.get()
        if isinstance(reply, _Sign):
            raise AbandonedError
        return reply[0]

    def finish(self) -> None:
        """Tell the caller that there are no more questions."""
        self._questions.put(_Sign.DONE)

    def serve(self) -> None:
        """Answer until the coroutine has ended; cancel it when an answer raises."""
        answered = False
        try:
            while not isinstance(question := self._questions.get(), _Sign):
                self._replies.put((self._answer(question[0]),))
            answered = True
        finally:
            if not answered:
                self._replies.put(_Sign.ABANDONED)
                with contextlib.suppress(RuntimeError):  # The loop may have ended in between.
                    self._cancel()
