"""A visit from the door of the station to the signature, each step reported as badly as a telephone in a cellar reports it: twice."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fulfillment.outbox import TaskKind
from fulfillment.ticket import ClockState, Ticket, TicketState
from fulfillment.visit import Material, PictureKind, Responsibility, Visit, VisitPicture, VisitState
from fulfillment.visiting import NotAgreed, NotSigned, NotYet, Outdated, Visits
from kernel.errors import BadInput, Conflict
from tests.fakes import BUTLER, DEPUTY
from tests.fulfillment.drill import GARDEN, Drill, standard

AT_THE_DOOR = [check.key for check in standard().visit.nobody_home]


class Day:
    """A butler, his deputy, and a cold room that the butler has accepted."""

    def __init__(self, kind: str = "cold_room") -> None:
        self.drill = Drill()
        self.visits = Visits(self.drill.store, standard(), self.drill.clock)
        with self.drill.store.read() as tx:
            self.butler, self.deputy = tx.staff(BUTLER), tx.staff(DEPUTY)
        self.id = self.drill.open(kind, household_id=1, address=GARDEN).id
        self.drill.run()
        self.drill.desk.acknowledge(self.id, by="王管家", staff_id=BUTLER)

    @property
    def ticket(self) -> Ticket:
        return self.drill.store.tables.tickets[self.id]

    @property
    def all_visits(self) -> Sequence[Visit]:
        with self.drill.store.read() as tx:
            return tx.visits(self.id)

    @property
    def visit(self) -> Visit:
        return self.all_visits[-1]

    def told(self, key: str) -> int:
        return self.drill.story(self.ticket).count(key)

    def states(self) -> dict[str, ClockState]:
        return {rule: clock.state for rule, clock in self.drill.clocks(self.ticket).items()}

    def tasks(self, kind: TaskKind) -> list[int]:
        rows = self.drill.store.tables.tasks.values()
        return [r.task.payload.get("staff_id", 0) for r in rows if r.task.kind is kind and r.state == "pending"]


@pytest.fixture
def day() -> Day:
    return Day()


def test_every_step_is_told_once_and_stops_its_clocks(day: Day) -> None:
    visits, clock = day.visits, day.drill.clock
    for _ in range(2):
        visits.leave(day.id, day.butler)
    clock.advance(minutes=20)
    for _ in range(2):
        visits.arrive(day.id, day.butler, "3号楼下")
    assert day.ticket.state is TicketState.ON_SITE
    assert day.states()["repair_contact"] is day.states()["repair_on_site"] is ClockState.KEPT
    for _ in range(2):
        visits.find(day.id, day.butler, "阀门锈死")
        visits.tick(day.id, day.butler, ["tools", "agreement", "tidy", "no such thing"])
        visits.use(day.id, day.butler, Material("k1", "弯头", 2, 900), agreed=False)
        visits.use(day.id, day.butler, Material("k2", "球阀", 1, 4550), agreed=True)
    clock.advance(minutes=30)
    for _ in range(2):
        visits.finish(day.id, day.butler, "换了阀门")
    assert day.ticket.state is TicketState.RESOLVED
    assert day.states()["repair_done"] is ClockState.KEPT
    visit = day.visit
    assert (visit.state, visit.place, visit.found, visit.done) == (VisitState.DONE, "3号楼下", "阀门锈死", "换了阀门")
    assert visit.checks == ("tools", "agreement", "tidy")
    assert [(m.name, m.price_fen) for m in visit.materials] == [("弯头", 0), ("球阀", 4550)], "Y2: a bend is free"
    assert visit.left_at < visit.arrived_at < visit.ended_at  # type: ignore[operator] # all three are told
    for fact in ("left", "arrived", "found", "checked", "done"):
        assert day.told(f"visit_{fact}") == 1, fact
    assert day.told("visit_material") == 2
    [done] = [e for e in day.drill.store.tables.timeline if e.key == "visit_done"]
    assert {"D3", "H2", "N15"} <= set(done.params["missing"]), "what was not ticked is on the record"


def test_a_dear_part_needs_the_agreement_first(day: Day) -> None:
    with pytest.raises(NotAgreed):
        day.visits.use(day.id, day.butler, Material("k", "球阀", 1, 4550), agreed=False)
    with pytest.raises(NotAgreed):
        day.visits.use(day.id, day.butler, Material("k", "球阀", 1, 0), agreed=False)
    for count, price in ((0, 1), (100, 1), (1, -1)):
        with pytest.raises(BadInput):
            day.visits.use(day.id, day.butler, Material("k", "球阀", count, price), agreed=True)
    assert day.told("visit_material") == 0


def signature(day: Day, kind: PictureKind, name: str = "a") -> VisitPicture:
    return VisitPicture(name * 32, 0, day.id, kind, day.drill.clock.now(), 8, 6, "陈静", "看到的内容")


def test_the_agreement_is_signed_before_a_dear_part(day: Day) -> None:
    """Y2: on the telephone or on paper; a small part waits for nothing."""
    valve = Material("k", "球阀", 1, 4550)
    day.visits.use(day.id, day.butler, Material("k0", "弯头", 1), agreed=False)
    with pytest.raises(NotSigned):
        day.visits.use(day.id, day.butler, valve, agreed=True)
    day.visits.show(day.id, day.butler, signature(day, PictureKind.SIGNATURE))
    with pytest.raises(NotSigned):
        day.visits.use(day.id, day.butler, valve, agreed=True)
    day.visits.show(day.id, day.butler, signature(day, PictureKind.AGREEMENT, "b"))
    day.visits.use(day.id, day.butler, valve, agreed=True)
    assert day.visit.materials[-1] == valve
    assert day.told("visit_agreement") == 1
    day.visits.finish(day.id, day.butler, "换了阀门")
    [done] = [e for e in day.drill.store.tables.timeline if e.key == "visit_done"]
    assert "Y2" not in done.params["missing"], "signed here, nothing to be ticked"


def test_a_damage_in_use_is_signed_or_the_record_says_that_it_is_not(day: Day) -> None:
    """N13, N14: and nobody signs words that have changed since he read them."""
    day.visits.judge(day.id, day.butler, Responsibility("worn", 4550))
    seen = day.visit.rev
    day.visits.find(day.id, day.butler, "阀门手柄断裂")
    with pytest.raises(Outdated):
        day.visits.show(day.id, day.butler, signature(day, PictureKind.DAMAGE), seen=seen)
    assert day.visits.show(day.id, day.butler, signature(day, PictureKind.DAMAGE), seen=day.visit.rev)
    assert not day.visits.show(day.id, day.butler, signature(day, PictureKind.DAMAGE), seen=seen), "sent twice"
    assert day.told("visit_damage") == 1
    other = Day()
    for one in (day, other):
        one.visits.judge(one.id, one.butler, Responsibility("worn", 4550))
        one.visits.finish(one.id, one.butler, "")
    missing = [
        next(e for e in one.drill.store.tables.timeline if e.key == "visit_done").params["missing"]
        for one in (day, other)
    ]
    assert ["N13" in m for m in missing] == [False, True]


def test_the_resident_gets_a_copy_of_the_record(day: Day) -> None:
    """K6, N14: content, start, end, who and his telephone."""
    day.visits.arrive(day.id, day.butler, "")
    day.drill.clock.advance(minutes=35)
    day.visits.use(day.id, day.butler, Material("k", "弯头", 2), agreed=False)
    day.visits.find(day.id, day.butler, "弯头漏水")
    for _ in range(2):
        day.visits.finish(day.id, day.butler, "换了弯头")
    [copy] = [r.task for r in day.drill.store.tables.tasks.values() if r.task.kind is TaskKind.TELL_RESIDENT]
    told = copy.payload["params"]
    assert copy.payload["word"] == "repair_record"
    assert (told["began"][-5:], told["ended"]) == ("10:00", "10:35")
    assert (told["found"], told["done"], told["materials"]) == ("弯头漏水", "换了弯头", [["弯头", 2, ""]])
    assert (told["name"], told["phone"], told["signed"]) == ("王管家", day.butler.phone, False)


def test_what_leaks_in_the_street_has_no_resident_to_copy_it_to() -> None:
    day = Day("leak_street")
    with day.drill.store.write() as tx:
        tx.save_ticket(replace(day.ticket, household_id=None, address=replace(day.ticket.address, room="")))
    day.visits.finish(day.id, day.butler, "修好")
    assert TaskKind.TELL_RESIDENT not in {r.task.kind for r in day.drill.store.tables.tasks.values()}


def test_nobody_home_needs_the_call_and_the_note_and_comes_again(day: Day) -> None:
    day.visits.arrive(day.id, day.butler, "")
    with pytest.raises(NotYet):
        day.visits.nobody_home(day.id, day.butler, ticks=AT_THE_DOOR[:-1], agreed="明天上午", seen=0)
    for _ in range(2):
        day.visits.nobody_home(day.id, day.butler, ticks=AT_THE_DOOR, agreed="明天上午", seen=0)
    assert day.ticket.state is TicketState.ACKNOWLEDGED
    assert day.ticket.details["visit_time"] == "明天上午"
    assert day.told("visit_nobody_home") == 1
    assert day.states()["repair_on_site"] is ClockState.KEPT, "he was there"
    assert day.states()["repair_done"] is ClockState.RUNNING
    day.visits.arrive(day.id, day.butler, "")
    day.visits.nobody_home(day.id, day.butler, ticks=AT_THE_DOOR, agreed="", seen=0)
    assert day.visit.state is VisitState.OPEN, "a late copy of the first form does not end the second visit"
    assert [v.state for v in day.all_visits] == [VisitState.NOBODY_HOME, VisitState.OPEN]


def test_a_closed_door_is_an_arrival_even_if_nobody_pressed_it(day: Day) -> None:
    day.visits.nobody_home(day.id, day.butler, ticks=AT_THE_DOOR, agreed="", seen=0)
    assert day.visit.arrived_at == day.visit.ended_at
    assert day.states()["repair_on_site"] is ClockState.KEPT
    assert day.ticket.state is TicketState.ACKNOWLEDGED


def test_who_cannot_come_gives_it_to_the_next_at_once(day: Day) -> None:
    day.visits.leave(day.id, day.butler)
    for _ in range(2):
        day.visits.cannot_come(day.id, day.butler, "vehicle", words="爆胎", seen=0)
    assert (day.ticket.state, day.ticket.acknowledged_by, day.ticket.assignee_id) == (TicketState.NEW, "", DEPUTY)
    assert day.told("visit_not_come") == day.told("handed_on") == 1
    assert day.tasks(TaskKind.NOTICE_BY_TEXT) == [DEPUTY]
    assert day.states()["repair_contact"] is ClockState.RUNNING
    with pytest.raises(Conflict):
        day.visits.finish(day.id, day.butler, "")
    day.drill.desk.acknowledge(day.id, by="李管家", staff_id=DEPUTY)
    day.visits.arrive(day.id, day.deputy, "")
    assert [v.state for v in day.all_visits] == [VisitState.NOT_COME, VisitState.OPEN]


def test_nobody_else_is_left_and_the_supervisor_hears_it(day: Day) -> None:
    seen = 0
    while day.ticket.assignee_id is not None and seen < 9:
        with day.drill.store.read() as tx:
            holder = tx.staff(day.ticket.assignee_id)
        day.drill.desk.acknowledge(day.id, by=holder.name, staff_id=holder.id)
        day.visits.cannot_come(day.id, holder, "unwell", words="", seen=seen)
        seen += 1
        if day.ticket.assignee_id == holder.id:
            break
    assert 2 < seen < 9
    assert day.ticket.state is TicketState.NEW
    assert day.tasks(TaskKind.NOTICE_BY_TEXT)[-1] == 6, "the supervisor"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_emergency_that_is_given_back_rings_on(times: int) -> None:
    """Accepting cancelled the next step of the ladder: its key is used up, and the ladder must not hang on it."""
    day = Day("leak_inside")
    for n in range(times):
        if n:
            day.drill.desk.acknowledge(day.id, by="王管家", staff_id=BUTLER)
        day.visits.cannot_come(day.id, day.butler, "other_emergency", words="", seen=n)
    before = len(day.drill.carrier.calls)
    day.drill.run()
    assert day.ticket.needs_acknowledgement
    assert len(day.drill.carrier.calls) == before + 1
    assert day.drill.carrier.calls[-1].to == day.deputy.phone
    assert day.states()["emergency_acknowledged"] is ClockState.RUNNING
    day.drill.run_for(minutes=2)
    assert len(day.drill.carrier.calls) > before + 1, "and the ladder climbs on"


def test_who_has_arrived_does_not_give_it_back(day: Day) -> None:
    day.visits.arrive(day.id, day.butler, "")
    with pytest.raises(Conflict):
        day.visits.cannot_come(day.id, day.butler, "unwell", words="", seen=0)


def test_nobody_reports_on_a_case_that_is_not_his(day: Day) -> None:
    for act in (
        lambda: day.visits.leave(day.id, day.deputy),
        lambda: day.visits.arrive(day.id, day.deputy, ""),
        lambda: day.visits.find(day.id, day.deputy, "x"),
        lambda: day.visits.finish(day.id, day.deputy, "x"),
        lambda: day.visits.cannot_come(day.id, day.deputy, "unwell", words="", seen=0),
    ):
        with pytest.raises(Conflict):
            act()
    assert day.all_visits == []


def test_what_was_photographed_and_signed_is_there_once(day: Day) -> None:
    now = day.drill.clock.now()
    for picture in (
        VisitPicture("a" * 32, 0, day.id, PictureKind.PHOTOGRAPH, now, 8, 6),
        VisitPicture("b" * 32, 0, day.id, PictureKind.SIGNATURE, now, 8, 6, "陈静"),
    ):
        assert day.visits.show(day.id, day.butler, picture)
        assert not day.visits.show(day.id, day.butler, picture)
    visit_id = day.visit.id
    with day.drill.store.read() as tx:
        assert [p.visit_id for p in tx.visit_pictures(day.id)] == [visit_id] * 2
    assert (day.told("visit_photograph"), day.told("visit_signature")) == (1, 1)


def test_whose_the_fault_is_is_told_with_its_price_and_never_costs_what_is_ours(day: Day) -> None:
    for _ in range(2):
        day.visits.judge(day.id, day.butler, Responsibility("inside_home", 4550, agreed=False))
    assert day.told("visit_judged") == 1
    assert day.visit.responsibility == Responsibility("inside_home", 4550, agreed=False)
    day.visits.judge(day.id, day.butler, Responsibility("unclear", 4550, agreed=False))
    assert day.visit.responsibility == Responsibility("unclear"), "K4: unclear is handled as ours"
    for wrong in (Responsibility("nobody"), Responsibility("inside_home", -1)):
        with pytest.raises(BadInput):
            day.visits.judge(day.id, day.butler, wrong)


@pytest.mark.parametrize("ground", ["changed", "arrears"])
def test_what_comes_first_is_settled_or_the_record_says_that_it_is_not(day: Day, ground: str) -> None:
    """Y3: put right, or paid, before the work; nobody is refused for want of a tick."""
    day.visits.arrive(day.id, day.butler, "")
    day.visits.tick(day.id, day.butler, [check.key for check in standard().visit.checklist])
    day.visits.judge(day.id, day.butler, Responsibility(ground))
    day.visits.finish(day.id, day.butler, "等恢复后调试")
    done = next(e for e in day.drill.store.tables.timeline if e.key == "visit_done")
    assert done.params["missing"] == ["Y3"]


def test_what_was_settled_is_on_record_and_only_of_what_comes_first(day: Day) -> None:
    day.visits.arrive(day.id, day.butler, "")
    day.visits.tick(day.id, day.butler, [check.key for check in standard().visit.checklist])
    day.visits.judge(day.id, day.butler, Responsibility("nobody_maintains", settled=True))
    assert day.visit.responsibility == Responsibility("nobody_maintains"), "there was nothing to settle"
    day.visits.judge(day.id, day.butler, Responsibility("changed", settled=True))
    assert day.visit.responsibility == Responsibility("changed", settled=True)
    told = [e for e in day.drill.store.tables.timeline if e.key == "visit_judged"]
    assert ["settled" in e.params for e in told] == [False, True]
    day.visits.finish(day.id, day.butler, "恢复好了")
    done = next(e for e in day.drill.store.tables.timeline if e.key == "visit_done")
    assert done.params["missing"] == []
