"""Visits and their pictures, said to every store alike."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from dialogue.ports import DialogueStore
from fulfillment.appointment import Appointment
from fulfillment.appointments import Appointments, SlotTaken, free_slots
from fulfillment.standard import Standard
from fulfillment.ticket import TicketState
from fulfillment.visit import (
    Material,
    PictureKind,
    Reading,
    Responsibility,
    TemperatureRecord,
    Visit,
    VisitPicture,
    VisitState,
)
from fulfillment.visiting import Visits
from kernel.errors import Conflict, NotFound
from kernel.settings import HOME
from tests.fakes import BUTLER, DEPUTY, FixedClock
from tests.storage.samples import MINUTE, NOW, a_ticket


def a_visit(ticket_id: int) -> Visit:
    return Visit(0, ticket_id, BUTLER, NOW)


def test_a_visit_comes_back_as_it_was_stored(store: DialogueStore) -> None:
    with store.write() as tx:
        visit = tx.add_visit(a_visit(tx.add_ticket(a_ticket()).id))
        told = replace(
            visit,
            left_at=NOW,
            arrived_at=NOW + MINUTE,
            place="38.04,114.51",
            found="阀门锈死",
            checks=("tools", "tidy"),
            materials=(Material("k1", "弯头", 2), Material("k2", "阀门", 1, 4550)),
            done="换阀门",
            ended_at=NOW + 2 * MINUTE,
            state=VisitState.DONE,
            test=TemperatureRecord("CW-07", 140, -6.5, (Reading("客厅", 19.5), Reading("主卧", 16.0))),
            responsibility=Responsibility("inside_home", 4550, agreed=False),
        )
        saved = tx.save_visit(told)
    with store.read() as tx:
        assert tx.visits(visit.ticket_id) == [saved]
    assert saved == replace(told, rev=1)


def test_a_ticket_has_one_open_visit(store: DialogueStore) -> None:
    with store.write() as tx:
        first = tx.add_visit(a_visit(tx.add_ticket(a_ticket()).id))
        again = tx.add_visit(replace(a_visit(first.ticket_id), staff_id=DEPUTY))
        assert again == first
        tx.save_visit(replace(first, state=VisitState.NOBODY_HOME))
        second = tx.add_visit(a_visit(first.ticket_id))
        assert [v.id for v in tx.visits(first.ticket_id)] == [first.id, second.id]
        assert second.id != first.id


def test_an_old_revision_of_a_visit_is_refused(store: DialogueStore) -> None:
    with store.write() as tx:
        visit = tx.add_visit(a_visit(tx.add_ticket(a_ticket()).id))
        tx.save_visit(replace(visit, found="一"))
    with pytest.raises(Conflict), store.write() as tx:
        tx.save_visit(replace(visit, found="二"))
    with store.read() as tx:
        assert tx.visits(visit.ticket_id)[0].found == "一"


def test_pictures_are_stored_once_and_forgotten(store: DialogueStore) -> None:
    with store.write() as tx:
        visit = tx.add_visit(a_visit(tx.add_ticket(a_ticket()).id))
        photo = VisitPicture("b" * 32, visit.id, visit.ticket_id, PictureKind.PHOTOGRAPH, NOW, 800, 600)
        signed = VisitPicture("a" * 32, visit.id, visit.ticket_id, PictureKind.SIGNATURE, NOW + MINUTE, 9, 9, "陈静")
        assert tx.add_visit_picture(photo)
        assert tx.add_visit_picture(signed)
        assert not tx.add_visit_picture(photo)
    with store.write() as tx:
        assert tx.visit_pictures(visit.ticket_id) == [photo, signed]
        assert tx.visit_picture(signed.id) == signed
        assert tx.visit_photographs_before(NOW + 5 * MINUTE) == [photo], "a signature is kept"
        assert tx.visit_photographs_before(NOW) == []
        tx.forget_visit_picture(photo.id)
    with store.read() as tx, pytest.raises(NotFound):
        tx.visit_picture(photo.id)


def test_the_tickets_of_one_home_newest_first(store: DialogueStore) -> None:
    with store.write() as tx:
        old, new = (tx.add_ticket(a_ticket(opened_at=NOW + n * MINUTE)) for n in (0, 2))
        tx.add_ticket(a_ticket(household_id=2))
        tx.add_ticket(a_ticket(opened_at=NOW - MINUTE))
        tx.add_ticket(a_ticket(household_id=None))
    with store.read() as tx:
        assert [t.id for t in tx.tickets_at_home(1, NOW)] == [new.id, old.id]


def test_a_form_that_arrives_eight_times_at_once_is_one(store: DialogueStore) -> None:
    """A telephone with bad network sends again before it has heard; each engine's lock lets one of them be first."""
    standard, clock = Standard(HOME / "data"), FixedClock()
    with store.write() as tx:
        ticket = tx.add_ticket(a_ticket(state=TicketState.ACKNOWLEDGED, assignee_id=BUTLER))
        butler = tx.staff(BUTLER)
    visits = Visits(store, standard, clock)

    def send(_: int) -> None:
        visits.arrive(ticket.id, butler, "楼下")
        visits.use(ticket.id, butler, Material("k1", "弯头", 1), agreed=False)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(send, range(8)))
    with store.read() as tx:
        [visit] = tx.visits(ticket.id)
        story = [entry.key for entry in tx.timeline(ticket.id)]
    assert len(visit.materials) == 1
    assert (story.count("visit_arrived"), story.count("visit_material")) == (1, 1)


def test_a_slot_is_given_once_and_again_when_it_is_free(store: DialogueStore) -> None:
    with store.write() as tx:
        one, two = (tx.add_ticket(a_ticket()).id for _ in range(2))
        booked = tx.add_appointment(Appointment(0, one, BUTLER, NOW, "小李"))
        assert booked is not None
        assert tx.add_appointment(Appointment(0, two, BUTLER, NOW, "小李")) is None
        assert tx.add_appointment(Appointment(0, one, BUTLER, NOW + MINUTE, "小李")) is None, "one time a ticket"
        assert tx.add_appointment(Appointment(0, two, DEPUTY, NOW, "小李")) is not None
        assert list(tx.appointments(BUTLER, NOW)) == [booked]
        assert list(tx.appointments(BUTLER, NOW + MINUTE)) == []
        tx.free_appointment(one)
        assert tx.appointment_of(one) is None
        assert tx.add_appointment(Appointment(0, one, BUTLER, NOW, "小李")) is not None


def test_of_eight_who_want_one_slot_at_once_one_gets_it(store: DialogueStore) -> None:
    standard, clock = Standard(HOME / "data"), FixedClock()
    with store.write() as tx:
        a_test = a_ticket(kind="temperature_test", emergency=False, assignee_id=BUTLER)
        ids = [tx.add_ticket(a_test).id for _ in range(8)]
    desk = Appointments(store, standard, clock)
    slot = next(standard.visit.appointments.slots(clock.now()))

    def book(ticket_id: int) -> bool:
        try:
            desk.book(ticket_id, slot, by="小李")
        except SlotTaken:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(book, ids)) == 1
    with store.read() as tx:
        assert len(tx.appointments(BUTLER, clock.now())) == 1
        assert slot not in free_slots(tx, tx.ticket(ids[0]), standard.visit.appointments, clock.now())
