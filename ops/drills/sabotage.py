"""What a drill must notice: the product with one of its safeguards taken out, in the processes of a drill only.

Each name is a patch applied before the process starts to work. A patch whose target is gone raises, so that a renamed
method cannot turn a sabotage into a harmless one.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fulfillment.outbox import Task

SABOTAGE: dict[str, Callable[[], None]] = {}
#: What the drill must say about it; a drill that is red for another reason has not noticed it.
NOTICED_AS: dict[str, str] = {}


def apply(name: str) -> None:
    """Raises KeyError for an unknown name; "" is no sabotage."""
    if name:
        SABOTAGE[name]()


def jump_with(file: Path) -> None:
    """From now on the machine's clock is off by as many seconds as the file says."""
    from kernel.clock import SystemClock  # noqa: PLC0415 - patched before anybody else imports it

    true = SystemClock.now

    def now(self: SystemClock) -> datetime:
        return true(self) + timedelta(seconds=float(file.read_text("ascii") or 0))

    _replace(SystemClock, "now", now)


def _noticed_as(words: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def add(function: Callable[[], None]) -> Callable[[], None]:
        SABOTAGE[function.__name__], NOTICED_AS[function.__name__] = function, words
        return function

    return add


def _replace(owner: Any, name: str, new: Any) -> None:
    if not hasattr(owner, name):
        raise AttributeError(f"{owner}.{name} is gone: this sabotage needs a new target")
    setattr(owner, name, new)


@_noticed_as("called after acknowledgement")
def no_reread() -> None:
    """Nobody looks again whether the case was accepted, and accepting cancels nothing."""
    from fulfillment.case import Case  # noqa: PLC0415
    from fulfillment.ticket import Ticket  # noqa: PLC0415
    from storage.tickets import TicketRows  # noqa: PLC0415

    _replace(TicketRows, "unaccepted", lambda _tx, ticket_ids: frozenset(ticket_ids))
    _replace(Ticket, "needs_acknowledgement", property(lambda ticket: ticket.emergency))
    _replace(Case, "stop_ladder", lambda _case: None)


@_noticed_as("lost")
def no_alarm() -> None:
    """Every fourth ticket is written without the promise to forward it."""
    from fulfillment.case import Case  # noqa: PLC0415

    forward = Case.forward

    def forgetful(case: Case, step: int, due_at: datetime) -> None:
        if case.ticket.id % 4:
            forward(case, step, due_at)

    _replace(Case, "forward", forgetful)


@_noticed_as("ladders unfinished")
def first_rung_only() -> None:
    """Whoever does not answer is the last one who was rung."""
    from fulfillment.case import Case  # noqa: PLC0415

    forward = Case.forward

    def lazy(case: Case, step: int, due_at: datetime) -> None:
        if step == 1:
            forward(case, step, due_at)

    _replace(Case, "forward", lazy)


@_noticed_as("ladders unfinished")
def callbacks_only() -> None:
    """The next step waits for the carrier's callback for ever instead of for its own time, and nobody asks what became of a call."""
    from fulfillment.case import Case  # noqa: PLC0415
    from fulfillment.telling import Telling  # noqa: PLC0415

    forward = Case.forward

    def patient(case: Case, step: int, due_at: datetime) -> None:
        forward(
            case, step, due_at if step == 1 else due_at + timedelta(minutes=5)
        )  # longer, and it is taken for a wrong clock's

    def never_looks(telling: Telling, task: "Task") -> None:
        with telling._store.write() as tx:  # noqa: SLF001 - sabotage
            tx.task_done(task)

    _replace(Case, "forward", patient)
    _replace(Telling, "watch", never_looks)


@_noticed_as("double")
def no_look_up() -> None:
    """An unfinished attempt is dialled again without asking the carrier."""
    from fulfillment.telling import Telling  # noqa: PLC0415

    _replace(Telling, "_find_call", lambda *_: "")


@_noticed_as("late")
def slow_hands() -> None:
    """Twelve seconds pass before anybody is dialled."""
    from fulfillment.telling import Telling  # noqa: PLC0415

    carry_out = Telling._carry_out  # noqa: SLF001 - sabotage

    def slowly(*arguments: Any) -> Any:
        time.sleep(12)
        return carry_out(*arguments)

    _replace(Telling, "_carry_out", slowly)


@_noticed_as("answered differently")
def no_replay() -> None:
    """A webhook that was delivered before is answered anew."""
    from storage.conversations import ConversationRows  # noqa: PLC0415

    _replace(ConversationRows, "stored_reply", lambda *_: None)
