"""Calls to residents and tries at PINs, said to every store alike."""

from dataclasses import replace

import pytest

from dialogue.ports import DialogueStore
from fulfillment.pin_tries import PinTry, PinVerdict
from fulfillment.resident_calls import CallResult, CallState, Purpose, ResidentCall, ResidentTry, TryOutcome
from fulfillment.resident_texts import ResidentText, TextState
from fulfillment.ticket import TicketState
from fulfillment.waiting import WaitState
from kernel.errors import HotlineError, NotFound
from tests.storage.samples import MINUTE, NOW, a_conversation, a_ticket, an_attempt

PHONE = "+8613800000001"


def a_call(ticket_id: int, purpose: Purpose = Purpose.SATISFACTION) -> ResidentCall:
    return ResidentCall(0, ticket_id, purpose, NOW, NOW + MINUTE)


def test_one_planned_call_per_ticket_and_purpose(store: DialogueStore) -> None:
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket()).id
        first = tx.add_resident_call(a_call(ticket))
        assert tx.add_resident_call(replace(a_call(ticket), visit="x")) == first
        visit = tx.add_resident_call(a_call(ticket, Purpose.APPOINTMENT))
        ended = replace(
            first, state=CallState.DONE, result=CallResult.FAIRLY, tries=2, reason="r", operator_id=1,
            visit="v", finished_at=NOW,
        )  # fmt: skip
        tx.save_resident_call(ended)
        again = tx.add_resident_call(a_call(ticket))
    with store.read() as tx:
        assert tx.resident_calls(ticket) == [ended, visit, again]
        assert tx.resident_call(first.id) == ended
        with pytest.raises(NotFound):
            tx.resident_call(999)


def test_a_try_is_made_once(store: DialogueStore) -> None:
    with store.write() as tx:
        call = tx.add_resident_call(a_call(tx.add_ticket(a_ticket()).id)).id
        second, first = ResidentTry("b" * 32, call, 2, PHONE, NOW), ResidentTry("a" * 32, call, 1, PHONE, NOW)
        tx.add_resident_try(second)
        tx.add_resident_try(first)
        ended = replace(second, outcome=TryOutcome.NOT_NOW, provider_sid="CA2", finished_at=NOW)
        tx.save_resident_try(ended)
    with store.read() as tx:
        assert tx.resident_tries(call) == [first, ended]
        assert tx.resident_try("b" * 32) == ended
        assert tx.resident_sids(PHONE) == {"CA2"}
        assert tx.resident_is_rung(PHONE, NOW)
        assert not tx.resident_is_rung("+8613800000002", NOW)
        assert not tx.resident_is_rung(PHONE, NOW + MINUTE), "a try without an end blocks nobody for ever"
        with pytest.raises(NotFound):
            tx.resident_try("c" * 32)
    with pytest.raises((HotlineError, AssertionError)), store.write() as tx:
        tx.add_resident_try(ResidentTry("d" * 32, call, 2, PHONE, NOW))


def test_pins_and_tries_at_them(store: DialogueStore) -> None:
    with store.write() as tx:
        tx.set_staff_pin(1, "old")
        tx.set_staff_pin(1, "new")
        tries = [
            PinTry("k1", NOW, PHONE, "01", PinVerdict.WRONG),
            PinTry("k2", NOW + MINUTE, PHONE, "02", PinVerdict.RIGHT),
            PinTry("k3", NOW + 2 * MINUTE, "", "01", PinVerdict.LOCKED),
        ]
        for one in tries:
            tx.add_pin_try(one)
        tx.add_pin_try(replace(tries[0], verdict=PinVerdict.RIGHT))
    with store.read() as tx:
        assert (tx.staff_pin(1), tx.staff_pin(2)) == ("new", "")
        assert tx.staff_with_pin() == {1}
        assert tx.pin_try("k1") == tries[0]
        assert tx.pin_try("k9") is None
        assert tx.pin_tries(NOW, caller=PHONE) == tries[:2]
        assert tx.pin_tries(NOW, staff_number="01") == [tries[0], tries[2]]
        assert tx.pin_tries(NOW + MINUTE, caller="") == [tries[2]]


def test_what_is_a_persons(store: DialogueStore) -> None:
    with store.write() as tx:

        def add(**more: object) -> int:
            return tx.add_ticket(replace(a_ticket(), **more)).id  # type: ignore[arg-type]  # fields of Ticket, by name

        accepted = TicketState.ACKNOWLEDGED
        order = add(assignee_id=1, state=accepted, opened_at=NOW)
        mine = add(assignee_id=1, opened_at=NOW + MINUTE)
        told = add(assignee_id=2, opened_at=NOW + 2 * MINUTE)
        tx.add_attempt(an_attempt(told, "a1"))
        taken = add(assignee_id=2, state=accepted)
        tx.add_attempt(an_attempt(taken, "a2"))
        add(assignee_id=1, state=TicketState.RESOLVED)
        add(assignee_id=2)
    with store.read() as tx:
        assert tx.tickets_of(1) == [mine, told, order]


def test_the_place_of_a_callback_that_was_taken(store: DialogueStore) -> None:
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket()).id
        assert tx.taken_callback(ticket) is None
        tx.add_conversation(a_conversation())
        wait = tx.keep_place("c1", ticket_id=ticket, phone=PHONE, at=NOW)
        assert tx.taken_callback(ticket) is None
        tx.end_wait(wait.id, state=WaitState.TAKEN, at=NOW, operator_id=1)
        assert tx.taken_callback(ticket) == wait.id


def test_a_text_to_a_resident_is_one_by_its_key(store: DialogueStore) -> None:
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket())
        first = tx.add_resident_text(ResidentText(0, ticket.id, "resident-late-1", "late", NOW))
        assert tx.add_resident_text(ResidentText(0, ticket.id, "resident-late-1", "late", NOW + MINUTE)) == first
        other = tx.add_resident_text(ResidentText(0, ticket.id, "resident-late-2", "late", NOW))
        assert other.id != first.id
        tx.save_resident_text(replace(first, state=TextState.UNDELIVERED))
    with store.read() as tx:
        assert tx.resident_text(first.id).state is TextState.UNDELIVERED
        assert tx.resident_text(other.id).state is TextState.ASKED
        with pytest.raises(NotFound):
            tx.resident_text(other.id + 1)
