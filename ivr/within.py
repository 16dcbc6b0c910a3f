"""A limit for asking somebody outside, in all."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from typing import TypeVar

__all__ = ["TooLate", "within"]

T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T], *, name: str) -> T:
    """In a thread of its own, because no library's own limit covers a slow name server and an answer that drips. Raises
    TooLate, and whatever `ask` raises. A daemon: nobody who wants to stop waits for it.
    """
    answer: Future[T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as exc:  # noqa: BLE001 - handed to who asked
            answer.set_exception(exc)

    threading.Thread(target=run, name=name, daemon=True).start()
    return answer.result(seconds)
