"""What a butler reports of his visit, step by step (STANDARD section 3). Each method is one transaction and safe to repeat.

All raise NotFound for an unknown ticket, Conflict if the case is not his (any more), StoreBusy. The ticket's row is
locked before its visit is read, so that a form that is sent twice waits for itself and then finds its step done.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from fulfillment.case import Case
from fulfillment.clocks import ClockEvent
from fulfillment.company import Staff
from fulfillment.desk import take_step
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.repair_record import promise_copy
from fulfillment.staff_notices import hand_on
from fulfillment.standard import Standard
from fulfillment.telling_residents import ResidentWord, promise_word
from fulfillment.temperature_test import Measured, checked, conclude
from fulfillment.ticket import AttemptOutcome, Ticket, TicketState
from fulfillment.visit import Material, PictureKind, Responsibility, Visit, VisitPicture, VisitState
from fulfillment.visit_rules import Duty
from kernel.clock import Clock
from kernel.errors import BadInput, Conflict

LONGEST_TEXT = 500  # on a telephone, in somebody's kitchen
LONGEST_NAME = 40
MOST_PIECES = 99
MOST_MATERIALS = 30
MOST_FEN = 10_000_000
MOST_PICTURES = 24
#: Of the checklist: the agreement was signed on paper.
AGREEMENT = "agreement"


class NotAgreed(BadInput):
    """A part that costs something, without the resident's agreement to its price (Y2, K4)."""


class NotSigned(BadInput):
    """A part that costs something, before the agreement is signed, here or on paper (Y2)."""


class Outdated(Conflict):
    """What the resident signed is not what is on the record now."""


class NotYet(BadInput):
    """Something has to be done before: a call and a note (N11), a test's record (F11)."""


class Visits:
    """Used by the work-order page."""

    def __init__(self, store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
        self._store = store
        self._standard = standard
        self._clock = clock

    def demand(self, ticket_id: int, staff: Staff) -> None:
        """Raises Conflict unless the case is his."""
        with self._store.read() as tx:
            _demand_his(tx.ticket(ticket_id), staff)

    def leave(self, ticket_id: int, staff: Staff) -> None:
        """He is on the way."""
        with self._case(ticket_id, staff) as case:
            visit = _open_visit(case, staff)
            if visit.left_at is None and visit.arrived_at is None:
                case.tx.save_visit(replace(visit, left_at=case.now))
                case.tell("visit_left", actor=staff.name)

    def arrive(self, ticket_id: int, staff: Staff, place: str) -> None:
        """He is there: stops the clocks of being contacted and of being on site. `place` may be ""."""
        with self._case(ticket_id, staff) as case:
            visit = _open_visit(case, staff)
            if visit.arrived_at is not None:
                return
            case.tx.save_visit(replace(visit, arrived_at=case.now, place=_text(place, least=0)))
            if case.ticket.state is not TicketState.ON_SITE:
                take_step(case, TicketState.ON_SITE, by=staff.name)
            case.tell("visit_arrived", actor=staff.name, place=place)

    def find(self, ticket_id: int, staff: Staff, text: str) -> None:
        """What he found; the last word stands. Raises BadInput if it is empty or endless."""
        with self._case(ticket_id, staff) as case:
            visit, found = _open_visit(case, staff), _text(text)
            if visit.found != found:
                case.tx.save_visit(replace(visit, found=found))
                case.tell("visit_found", actor=staff.name, text=found)

    def tick(self, ticket_id: int, staff: Staff, keys: Collection[str]) -> None:
        """The checklist as it stands now; keys that no table knows are not kept."""
        with self._case(ticket_id, staff) as case:
            visit = _open_visit(case, staff)
            all_keys = [check.key for check in self._standard.visit.checklist]
            ticked = tuple(key for key in all_keys if key in keys)
            if visit.checks != ticked:
                case.tx.save_visit(replace(visit, checks=ticked))
                case.tell("visit_checked", actor=staff.name, done=len(ticked), all=len(all_keys))

    def use(self, ticket_id: int, staff: Staff, material: Material, *, agreed: bool) -> None:
        """Small parts are free (Y2), whatever price was typed. Raises NotAgreed, NotSigned, BadInput."""
        free = material.name in self._standard.visit.free_parts
        part = replace(
            material, name=_text(material.name, most=LONGEST_NAME), price_fen=0 if free else material.price_fen
        )
        if not 1 <= part.count <= MOST_PIECES or not 0 <= part.price_fen <= MOST_FEN:
            raise BadInput(f"{part.count} pieces at {part.price_fen} fen")
        if not free and not agreed:
            raise NotAgreed(part.name)
        with self._case(ticket_id, staff) as case:
            visit = _open_visit(case, staff)
            if not free and not _agreement_signed(case.tx, visit):
                raise NotSigned(part.name)
            if any(m.key == part.key for m in visit.materials):
                return
            if len(visit.materials) >= MOST_MATERIALS:
                raise BadInput("more materials than any visit needs")
            case.tx.save_visit(replace(visit, materials=(*visit.materials, part)))
            price = f"{part.price_fen / 100:.2f}"
            case.tell("visit_material", actor=staff.name, name=part.name, count=part.count, price="" if free else price)

    def judge(self, ticket_id: int, staff: Staff, judged: Responsibility) -> None:
        """Whose the fault is; the last word stands. Raises BadInput for a ground that no table knows."""
        ground = self._standard.visit.ground(judged.ground)
        if ground is None or not 0 <= judged.price_fen <= MOST_FEN:
            raise BadInput(f"ground {judged.ground[:20]} at {judged.price_fen} fen")
        said = replace(judged, settled=judged.settled and ground.first)
        said = said if ground.duty is Duty.OWN else Responsibility(ground.key)  # ours costs nobody anything
        with self._case(ticket_id, staff) as case:
            visit = _open_visit(case, staff)
            if visit.responsibility == said:
                return
            case.tx.save_visit(replace(visit, responsibility=said))
            facts = {"title": ground.title, "clause": ground.clause, "own": ground.duty is Duty.OWN}
            price = f"{said.price_fen / 100:.2f}" if said.price_fen else ""
            first = {"settled": said.settled} if ground.first else {}
            case.tell("visit_judged", actor=staff.name, **facts, price=price, agreed=said.agreed, **first)

    def measure(self, ticket_id: int, staff: Staff, measured: Measured) -> None:
        """The record of a temperature test; the last one stands. Raises BadInput."""
        record = checked(measured, self._standard.visit.temperature_test)
        with self._case(ticket_id, staff) as case:
            visit = _open_visit(case, staff)
            if visit.test != record:
                case.tx.save_visit(replace(visit, test=record))
                case.tell("test_measured", actor=staff.name, coldest=f"{record.coldest:g}", rooms=len(record.readings))

    def be_late(self, ticket_id: int, staff: Staff, minutes: int) -> None:
        """The resident is told, with an apology, when he comes instead (D2); the same word again within that time is one."""
        if minutes not in self._standard.visit.late_minutes:
            raise BadInput(f"{minutes} minutes")
        with self._case(ticket_id, staff) as case:
            if _open_visit(case, staff).arrived_at is not None:
                raise Conflict("he has arrived")
            told = [e for e in case.tx.timeline(ticket_id) if e.key == "visit_late" and e.params["minutes"] == minutes]
            if told and case.now - told[-1].at < timedelta(minutes=minutes):
                return
            key = f"late-{ticket_id}-{len(told)}-{minutes}"
            promise_word(case, ResidentWord.LATE, key=key, minutes=minutes, name=staff.name, phone=staff.phone)
            case.tell("visit_late", actor=staff.name, minutes=minutes)

    def nobody_home(self, ticket_id: int, staff: Staff, *, ticks: Collection[str], agreed: str, seen: int) -> None:
        """The visit ends at a closed door; the case stays his, with the new time. `seen`: how many ended visits his page
        knew. Raises NotYet unless everything that N11 asks for was done.
        """
        with self._case(ticket_id, staff) as case:
            if _ended(case.tx, ticket_id) != seen:
                return
            if any(check.key not in ticks for check in self._standard.visit.nobody_home):
                raise NotYet("nobody home")
            agreed = _text(agreed, least=0)
            if case.ticket.state is not TicketState.ON_SITE:  # whoever has waited at the door was there
                case.tx.save_visit(replace(_open_visit(case, staff), arrived_at=case.now))
                case.happened(ClockEvent.ARRIVED)
            self._end(case, staff, VisitState.NOBODY_HOME, reason=agreed)
            details = {**case.ticket.details, "visit_time": agreed} if agreed else case.ticket.details
            case.save(state=TicketState.ACKNOWLEDGED, details=details)
            case.tell("visit_nobody_home", actor=staff.name, agreed=agreed)

    def cannot_come(self, ticket_id: int, staff: Staff, reason: str, *, words: str, seen: int) -> None:
        """The case goes to the next person at once, an emergency's ladder goes on (B2, G7e). `reason`: a key of visit.yml."""
        title = self._standard.visit.reason(reason)
        if not title:
            raise BadInput(f"no reason {reason[:20]}")
        with self._store.write() as tx:
            ticket = tx.ticket(ticket_id, for_update=True)
            if _ended(tx, ticket_id) != seen:
                return  # the same form again: the case may be somebody else's by now
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            _demand_his(case.ticket, staff)
            if ticket.state is TicketState.ON_SITE:
                raise Conflict("he has arrived")
            why = " ".join(part for part in (title, _text(words, least=0)) if part)
            self._end(case, staff, VisitState.NOT_COME, reason=why)
            case.tell("visit_not_come", actor=staff.name, reason=why)
            case.give_back()
            for attempt in tx.attempts(ticket_id):
                if attempt.staff_id == staff.id and attempt.outcome is AttemptOutcome.ACCEPTED:
                    tx.save_attempt(replace(attempt, outcome=AttemptOutcome.PASSED_ON))
            if not case.ticket.emergency:
                hand_on(case)

    def finish(self, ticket_id: int, staff: Staff, text: str) -> None:
        """It is done, and what was done (`text` may be ""). Asks for no tick: an open one is on the record.

        A temperature test needs its record: raises NotYet.
        """
        with self._store.read() as tx:
            his = [v for v in tx.visits(ticket_id) if v.state is VisitState.DONE and v.staff_id == staff.id]
            if his and tx.ticket(ticket_id).state is TicketState.RESOLVED:
                return
        with self._case(ticket_id, staff) as case:
            done, checklist = _text(text, least=0), self._standard.visit.checklist
            visit = self._end(case, staff, VisitState.DONE, done=done)
            take_step(case, TicketState.RESOLVED, by=staff.name)
            if case.ticket.kind in self._standard.visit.temperature_test.kinds:
                if visit.test is None:
                    raise NotYet("nothing was measured")
                conclude(case, visit.test, staff)
            signed = {p.kind for p in case.tx.visit_pictures(ticket_id)}
            missing = [
                c.clause
                for c in checklist
                if c.key not in visit.checks and not (c.key == AGREEMENT and PictureKind.AGREEMENT in signed)
            ]
            ground = self._standard.visit.ground(visit.responsibility.ground) if visit.responsibility else None
            if ground is not None and ground.signed and PictureKind.DAMAGE not in signed:
                missing.append(ground.clause)
            if ground is not None and ground.first and not (visit.responsibility and visit.responsibility.settled):
                missing.append(ground.clause)
            if visit.test is None:
                promise_copy(case, visit, staff, signed=PictureKind.SIGNATURE in signed)
            case.tell("visit_done", actor=staff.name, text=done, missing=list(dict.fromkeys(missing)))

    def show(self, ticket_id: int, staff: Staff, picture: VisitPicture, *, seen: int | None = None) -> bool:
        """A photograph or a signature that lies in its file already; its `visit_id` is filled in here. False: it is known.

        `seen`: the revision of the visit whose words were signed; raises Outdated if they have changed since.
        """
        with self._case(ticket_id, staff) as case:
            visit = _open_visit(case, staff)
            of_ticket = case.tx.visit_pictures(ticket_id)
            if len(of_ticket) >= MOST_PICTURES and all(p.id != picture.id for p in of_ticket):
                raise BadInput("more pictures than any visit needs")
            known = any(p.id == picture.id for p in of_ticket)
            if seen not in (None, visit.rev) and not known:
                raise Outdated(f"the visit has changed since revision {seen}")
            new = case.tx.add_visit_picture(replace(picture, visit_id=visit.id, made_at=case.now))
            if new:
                facts = {} if picture.kind is PictureKind.PHOTOGRAPH else {"name": picture.name}
                case.tell(f"visit_{picture.kind}", actor=staff.name, **facts)
            return new

    def _end(self, case: Case, staff: Staff, state: VisitState, *, reason: str = "", done: str = "") -> Visit:
        visit = _open_visit(case, staff)
        return case.tx.save_visit(replace(visit, state=state, ended_at=case.now, reason=reason, done=done))

    @contextmanager
    def _case(self, ticket_id: int, staff: Staff) -> Iterator[Case]:
        with self._store.write() as tx:
            ticket = tx.ticket(ticket_id, for_update=True)
            case = Case(tx, ticket, standard=self._standard, now=self._clock.now())
            _demand_his(case.ticket, staff)
            yield case


def _demand_his(ticket: Ticket, staff: Staff) -> None:
    if not ticket.is_open or ticket.state is TicketState.NEW or ticket.assignee_id != staff.id:
        raise Conflict(f"ticket {ticket.number} is not {staff.number}'s")


def _open_visit(case: Case, staff: Staff) -> Visit:
    """The one under way; one that a colleague began who has given the case away is gone on with, in the new name."""
    visit = case.tx.add_visit(Visit(0, case.ticket.id, staff.id, case.now))
    return visit if visit.staff_id == staff.id else case.tx.save_visit(replace(visit, staff_id=staff.id))


def _agreement_signed(tx: FulfillmentTx, visit: Visit) -> bool:
    """Under the words on the telephone, on this visit or an earlier one of the case; or on paper, which is ticked."""
    on_screen = any(p.kind is PictureKind.AGREEMENT for p in tx.visit_pictures(visit.ticket_id))
    return on_screen or AGREEMENT in visit.checks


def _ended(tx: FulfillmentTx, ticket_id: int) -> int:
    return sum(visit.state is not VisitState.OPEN for visit in tx.visits(ticket_id))


def _text(text: str, *, least: int = 1, most: int = LONGEST_TEXT) -> str:
    text = text.strip()
    if not least <= len(text) <= most:
        raise BadInput(f"a text has {least} to {most} characters, not {len(text)}")
    return text
