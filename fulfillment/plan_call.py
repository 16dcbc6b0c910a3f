"""A call to a resident is promised, in the transaction of its occasion."""

from dataclasses import replace
from datetime import datetime

from fulfillment.outbox import NewTask, TaskKind
from fulfillment.ports import FulfillmentTx
from fulfillment.resident_calls import Purpose, ResidentCall
from fulfillment.standard import Standard
from fulfillment.ticket import Ticket


def plan_call(  # noqa: PLR0913 - the three last ones belong to one purpose each, and one row holds them all
    tx: FulfillmentTx,
    ticket: Ticket,
    purpose: Purpose,
    *,
    standard: Standard,
    now: datetime,
    at_once: bool = False,
    operator_id: int | None = None,
    visit: str = "",
) -> ResidentCall:
    """Plans it, or what is planned already anew. `at_once`: a person wants it now; the hours (N7) are kept all the same."""
    plan = standard.outgoing
    after = now if at_once else now + plan.purpose(purpose).after
    next_at = plan.next_try_at(purpose, standard.calendar, not_before=after)
    call = tx.add_resident_call(ResidentCall(0, ticket.id, purpose, now, next_at))
    call = replace(
        call, next_at=next_at, operator_id=operator_id or call.operator_id, visit=visit or call.visit
    )  # fmt: skip
    tx.save_resident_call(call)
    tx.enqueue(call_task(call))
    tx.bring_forward(call_task(call).key, next_at)
    return call


def call_task(call: ResidentCall) -> NewTask:
    """The reminder of a call's next try; the row says when, so a reminder that comes too early is put off."""
    n = call.tries + 1
    payload = {"call_id": call.id, "n": n}
    key = f"resident-{call.id}-{n}"
    return NewTask(TaskKind.CALL_RESIDENT, key, call.next_at, payload, call.ticket_id)
