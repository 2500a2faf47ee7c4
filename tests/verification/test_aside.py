# SPDX-License-Identifier: Apache-2.0
"""A coroutine aside: its questions are answered in the caller's thread, outside of any event loop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from safeconduct.verification.aside import run_aside

Ask = Callable[[int], int]


def answer(question: int) -> int:
    """Answer where Django would allow it: in the main thread, with no running loop."""
    assert threading.current_thread() is threading.main_thread()
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()
    return question + 1


def test_questions_are_answered_in_the_caller_s_thread() -> None:
    async def work(ask: Ask) -> list[int]:
        assert threading.current_thread() is not threading.main_thread()
        return [ask(number) for number in range(5)]

    assert run_aside(work, answer) == [1, 2, 3, 4, 5]


def test_a_coroutine_without_questions_just_ends() -> None:
    async def work(_ask: Ask) -> str:
        await asyncio.sleep(0)
        return "done"

    assert run_aside(work, answer) == "done"


def test_what_the_coroutine_raises_goes_on() -> None:
    async def work(ask: Ask) -> None:
        ask(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_aside(work, answer)


def leaving(_question: int) -> int:
    raise LookupError


@pytest.mark.parametrize("kind", ["asked", "asleep"])
def test_an_answer_that_raises_ends_the_coroutine_and_goes_on(kind: str) -> None:
    ended: list[str] = []

    async def other(ask: Ask) -> None:
        await asyncio.to_thread(ask, 1)

    async def work(ask: Ask) -> None:
        try:
            if kind == "asked":
                ask(1)
            else:
                await asyncio.gather(asyncio.sleep(600), other(ask), return_exceptions=True)
        finally:
            ended.append(kind)

    with pytest.raises(LookupError):
        run_aside(work, leaving)

    assert ended == [kind]


def test_a_coroutine_that_cannot_be_made_is_an_error() -> None:
    def make(_ask: Ask) -> Coroutine[Any, Any, None]:
        raise LookupError

    with pytest.raises(LookupError):
        run_aside(make, answer)


def test_it_may_be_called_inside_a_running_loop() -> None:
    async def work(ask: Ask) -> int:
        return ask(1)

    async def caller() -> int:
        return run_aside(work, lambda question: question * 10)

    assert asyncio.run(caller()) == 10
