"""What the ports promise, said to every store alike."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from dialogue.conversation import Author, Channel, Floor
from dialogue.leg import Leg, LegMode, LegRole, LegState
from dialogue.ports import DialogueStore
from dialogue.private_note import PrivateNote
from fulfillment.announcement import Announcement, Scope
from fulfillment.company import Duty, Household, Operator, OperatorRole, Staff, StaffRole
from fulfillment.look import Look, LookedAt
from fulfillment.outbox import Lane, NewTask, Rank, Task, TaskKind
from fulfillment.ticket import Address, AttemptOutcome, ClockState, TicketState, TimelineEntry
from fulfillment.ticket_filter import Standing, TicketFilter
from kernel.clock import BEIJING
from kernel.errors import Conflict, HotlineError, NotFound
from tests.storage.samples import MINUTE, NOW, a_clock, a_conversation, a_task, a_ticket, an_attempt

LEASE = timedelta(minutes=5)


def claim(store: DialogueStore, *, at: datetime = NOW, owner: str = "w1", lane: Lane = Lane.EMERGENCY) -> Task | None:
    return store.claim(lane, at, LEASE, owner)


def claimed(store: DialogueStore, *, at: datetime = NOW, owner: str = "w1") -> Task:
    task = claim(store, at=at, owner=owner)
    assert task is not None
    return task


class Crashed(Exception):
    """The caller's own exception, in the middle of a transaction."""


def crash() -> pytest.RaisesExc[Crashed]:
    return pytest.raises(Crashed)


class TestTransactions:
    def test_a_block_that_raises_leaves_nothing_behind(self, store: DialogueStore) -> None:
        with crash(), store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            tx.add_clock(a_clock(ticket.id))
            tx.enqueue(a_task())
            raise Crashed
        with store.read() as tx:
            assert tx.tickets() == []
        assert store.next_due(Lane.EMERGENCY) is None

    def test_the_number_of_a_rolled_back_ticket_is_given_again(self, store: DialogueStore) -> None:
        with crash(), store.write() as tx:
            tx.add_ticket(a_ticket())
            raise Crashed
        with store.write() as tx:
            assert tx.add_ticket(a_ticket()).number == "1122-0001"

    def test_a_transaction_sees_its_own_writes_and_others_do_not_yet(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            assert tx.ticket(ticket.id) == ticket
        with store.read() as tx:
            assert tx.ticket(ticket.id) == ticket

    def test_a_read_cannot_write_nor_lock(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
        with pytest.raises((HotlineError, AssertionError)), store.read() as tx:
            tx.add_ticket(a_ticket())
        with pytest.raises((HotlineError, AssertionError)), store.read() as tx:
            tx.ticket(ticket.id, for_update=True)
        with store.read() as tx:
            assert len(tx.tickets()) == 1

    def test_writes_are_not_nested(self, store: DialogueStore) -> None:
        with pytest.raises((RuntimeError, AssertionError)), store.write(), store.write():
            pass
        with store.write() as tx:  # and nothing stays locked
            tx.add_ticket(a_ticket())

    def test_missing_rows_are_named(self, store: DialogueStore) -> None:
        with store.read() as tx:
            for missing in (tx.ticket, tx.clock, tx.community, tx.station, tx.staff, tx.household, tx.operator):
                with pytest.raises(NotFound):
                    missing(4711)
            with pytest.raises(NotFound):
                tx.conversation("nobody")
            with pytest.raises(NotFound):
                tx.attempt("nothing")


class TestCompany:
    def test_what_is_stored_comes_back(self, store: DialogueStore) -> None:
        with store.read() as tx:
            sunny = tx.community(1)
            assert (sunny.code, sunny.aliases, sunny.deputy_id) == ("C1", ("阳光小区",), 2)
            assert tx.station(sunny.station_id).name == "东城站"
            assert [s.code for s in tx.stations()] == ["S1"]
            assert [c.name for c in tx.communities()] == ["阳光花园", "翠湖苑"]
            assert [s.number for s in tx.all_staff()] == ["01", "02", "03", "04", "05", "06"]
            assert [o.login for o in tx.operators()] == ["xiaoli", "zhuguan", "admin"]
            assert tx.operator(2).role is OperatorRole.SUPERVISOR
            assert tx.household(2).vulnerable is True

    def test_people_and_homes_are_found_by_what_is_known_of_them(self, store: DialogueStore) -> None:
        with store.read() as tx:
            assert tx.staff_by_phone("+8613900000002") == tx.staff(2)
            assert tx.staff_by_phone("+8613900000099") is None
            assert tx.staff_by_phone("") is None
            assert tx.household_by_card("100003") == tx.household(3)
            assert tx.households({3, 4711}) == {3: tx.household(3)}
            assert tx.households(set()) == {}
            assert tx.household_by_card("nope") is None
            assert list(tx.households_by_phone("+8613800000001")) == [tx.household(1)]
            assert list(tx.households_by_phone("")) == []
            assert tx.operator_by_login("admin") == tx.operator(3)
            assert tx.operator_by_login("ADMIN") is None

    def test_who_looked_at_what_is_read_newest_first(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for n, (who, subject) in enumerate((("op1", "ticket:1"), ("op2", "ticket:1"), ("op1", "ticket:2"))):
                tx.add_look(Look(0, NOW + n * MINUTE, who, LookedAt.TICKET, subject))
        with store.read() as tx:
            everything = tx.looks()
            assert [(k.who, k.subject) for k in everything] == [
                ("op1", "ticket:2"), ("op2", "ticket:1"), ("op1", "ticket:1"),
            ]  # fmt: skip
            assert everything[0].at == NOW + 2 * MINUTE
            assert everything[0].what is LookedAt.TICKET
            assert [k.subject for k in tx.looks(who="op1")] == ["ticket:2", "ticket:1"]
            assert [k.who for k in tx.looks(subject="ticket:1")] == ["op2", "op1"]
            assert list(tx.looks(before=everything[1].id)) == [everything[2]]
            assert list(tx.looks(limit=1)) == [everything[0]]
        with pytest.raises((HotlineError, AssertionError)), store.read() as tx:
            tx.add_look(Look(0, NOW, "op1", LookedAt.TICKET, "ticket:1"))

    def test_old_looks_are_forgotten_a_few_at_a_time(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for minutes in (0, 1, 2, 3):
                tx.add_look(Look(0, NOW + minutes * MINUTE, "op1", LookedAt.TICKET, f"ticket:{minutes}"))
        with store.write() as tx:
            assert tx.forget_looks(NOW, 2) == 0
            assert tx.forget_looks(NOW + 3 * MINUTE, 2) == 2, "the third the next time"
            assert [k.subject for k in tx.looks()] == ["ticket:3", "ticket:2"]
            assert tx.forget_looks(NOW + 3 * MINUTE, 2) == 1
            assert tx.forget_looks(NOW + 3 * MINUTE, 2) == 0
        with store.write() as tx:
            tx.add_look(Look(0, NOW + 4 * MINUTE, "op1", LookedAt.TICKET, "ticket:4"))
        with store.read() as tx:
            assert [k.subject for k in tx.looks()] == ["ticket:4", "ticket:3"]
        with pytest.raises((HotlineError, AssertionError)), store.read() as tx:
            tx.forget_looks(NOW, 1)

    def test_what_a_home_is_used_for_and_owes_is_kept(self, store: DialogueStore) -> None:
        with store.write() as tx:
            assert (tx.household(1).is_residential, tx.household(1).arrears_fen) == (True, 0)
            tx.upsert_household(replace(tx.household(1), usage="other", arrears_fen=186050))
        with store.read() as tx:
            assert (tx.household(1).is_residential, tx.household(1).arrears_fen) == (False, 186050)

    def test_homes_at_an_address_as_far_as_it_is_known(self, store: DialogueStore) -> None:
        with store.read() as tx:
            assert [h.id for h in tx.households_at(Address(1, "3"))] == [1, 2]
            assert [h.id for h in tx.households_at(Address(1, "3", "2", "502"))] == [2]
            assert [h.id for h in tx.households_at(Address(community_id=2))] == [3]
            assert list(tx.households_at(Address(building="3", text="不知道哪个小区"))) == []

    def test_homes_at_an_address_are_at_most_twenty(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for n in range(25):
                tx.upsert_household(Household(0, f"9{n}", 1, "9", "1", str(n), "", ""))
        with store.read() as tx:
            assert len(tx.households_at(Address(1, "9"))) == 20

    def test_an_import_twice_is_the_same_as_once(self, store: DialogueStore) -> None:
        with store.write() as tx:
            before = tx.household_by_card("100001")
            assert before is not None
            again = tx.upsert_household(replace(before, id=0, phone="+8613811112222", area_m2=88.5, paid=False))
            assert again == replace(before, phone="+8613811112222", area_m2=88.5, paid=False)
            new = tx.upsert_staff(Staff(0, "77", "新来的", "+8613900000077", None, active=False))
        with store.read() as tx:
            assert tx.household(before.id) == again
            assert tx.staff(new.id) == new
            assert [s.id for s in tx.all_staff()].count(new.id) == 1

    def test_every_kind_of_import_updates_by_the_company_s_own_key(self, store: DialogueStore) -> None:
        with store.write() as tx:
            assert tx.upsert_station(replace(tx.station(1), id=0, name="新名")).id == 1
            assert tx.upsert_community(replace(tx.community(2), id=0, aliases=("翠湖", "湖苑"))).id == 2
            assert tx.upsert_operator(Operator(0, "admin", "新", OperatorRole.ADMINISTRATOR, "", "h", False)).id == 3
        with store.read() as tx:
            assert tx.station(1).name == "新名"
            assert tx.community(2).aliases == ("翠湖", "湖苑")
            assert tx.operator(3).active is False

    def test_the_rota_is_replaced_as_a_whole(self, store: DialogueStore) -> None:
        line = Duty(StaffRole.DUTY_CHIEF, 5, None, frozenset({6, 7}), time(20, 30), time(8))
        with store.write() as tx:
            tx.replace_duties([line])
        with store.read() as tx:
            assert list(tx.duties()) == [line]


class TestTickets:
    def test_a_ticket_comes_back_as_it_was(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            new = a_ticket(
                conversation_id="c1",
                assignee_id=1,
                owner_id=1,
                acknowledged_at=NOW + MINUTE,
                acknowledged_by="王管家",
                nudges=2,
                alarm_exhausted_at=NOW,
                state=TicketState.ACKNOWLEDGED,
            )
            stored = tx.add_ticket(new)
        assert stored == replace(new, id=stored.id, number=stored.number)
        with store.read() as tx:
            assert tx.ticket(stored.id) == stored

    def test_numbers_run_per_day_of_the_residents_calendar(self, store: DialogueStore) -> None:
        late = datetime(2026, 11, 22, 15, 59, tzinfo=UTC)  # 23:59 in Beijing
        with store.write() as tx:
            numbers = [tx.add_ticket(a_ticket(opened_at=at)).number for at in (NOW, late, late + MINUTE)]
        assert numbers == ["1122-0001", "1122-0002", "1123-0001"]

    def test_saving_an_old_revision_is_refused(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            saved = tx.save_ticket(replace(ticket, nudges=1))
            assert saved.rev == ticket.rev + 1
        with pytest.raises(Conflict), store.write() as tx:
            tx.save_ticket(replace(ticket, nudges=5))
        with store.read() as tx:
            assert tx.ticket(ticket.id) == saved

    def test_saving_what_is_not_there(self, store: DialogueStore) -> None:
        with pytest.raises(NotFound), store.write() as tx:
            tx.save_ticket(a_ticket(id=4711, number="x"))

    def test_open_tickets_by_any_of_the_criteria(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            home = tx.add_ticket(a_ticket(contact_phone=""))
            talk = tx.add_ticket(a_ticket(household_id=None, conversation_id="c1", opened_at=NOW + MINUTE))
            tx.add_ticket(a_ticket(state=TicketState.CLOSED))
        with store.read() as tx:
            assert list(tx.open_tickets(household_id=1)) == [home]
            assert list(tx.open_tickets(household_id=1, conversation_id="c1")) == [talk, home]
            assert list(tx.open_tickets(contact_phone="+8613800000001")) == [talk]
            assert list(tx.open_tickets(household_id=None, contact_phone="")) == []
            assert list(tx.open_tickets()) == []

    def test_the_list_puts_danger_first_then_what_is_due_then_what_is_new(self, store: DialogueStore) -> None:
        def added(name: str, due: int | None = None, **changes: object) -> int:
            ticket = tx.add_ticket(a_ticket(**({"contact_name": name, "emergency": False} | changes)))
            if due is not None:
                tx.add_clock(a_clock(ticket.id, due_by=NOW + due * MINUTE))
                tx.add_clock(a_clock(ticket.id, rule="far", due_by=NOW + (due + 500) * MINUTE))
            return ticket.id

        with store.write() as tx:
            closed = TicketState.CLOSED
            added("closed, older", due=1, state=closed, opened_at=NOW)
            added("closed, newer", state=closed, opened_at=NOW + 9 * MINUTE)
            added("open, later", due=60)
            added("open, no clock", opened_at=NOW + 5 * MINUTE)
            added("open, sooner", due=30, opened_at=NOW - 5 * MINUTE)
            added("danger, accepted", due=50, emergency=True, state=TicketState.ACKNOWLEDGED)
            added("open, old", due=70, details={"vulnerable": "yes"})
            added("danger", due=90, emergency=True)
            stopped = added("open, clock stopped", due=10, opened_at=NOW - 9 * MINUTE)
            for clock in tx.clocks([stopped])[stopped]:
                tx.save_clock(replace(clock, state=ClockState.KEPT, stopped_at=NOW))
        in_order = ["danger", "danger, accepted", "open, old", "open, sooner", "open, later", "open, no clock"]
        in_order += ["open, clock stopped", "closed, newer", "closed, older"]
        with store.read() as tx:
            assert [t.contact_name for t in tx.tickets()] == in_order
            assert [t.contact_name for t in tx.tickets(only_open=True)] == in_order[:7]
            for offset in range(10):
                page = [t.contact_name for t in tx.tickets(limit=3, offset=offset)]
                assert page == in_order[offset : offset + 3], offset

    def test_the_list_is_searched_by_substring(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_ticket(a_ticket(contact_name="欧阳100%", kind="cold_room", symptom="不热"))
            tx.add_ticket(a_ticket(contact_phone="+8613712345678"))
        with store.read() as tx:
            found = {
                word: [t.id for t in tx.tickets(search=word)] for word in ("阳1", "%", "_", "12345", "漏水", "-0001")
            }
            assert found == {"阳1": [1], "%": [1], "_": [], "12345": [2], "漏水": [2], "-0001": [1]}
            assert [t.id for t in tx.tickets(kind="cold_room")] == [1]
            assert list(tx.tickets(kind="leak_inside", search="不热")) == []

    def test_the_last_messages_of_several_conversations(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for conversation_id, said in (("c1", 5), ("c2", 1), ("c3", 0), ("c4", 3)):
                tx.add_conversation(a_conversation(conversation_id))
                for n in range(said):
                    tx.add_message(conversation_id, author=Author.RESIDENT, text=f"{n + 1}", at=NOW, data={"n": n})
        with store.read() as tx:
            found = tx.last_messages(["c1", "c2", "c3"], 3)
            assert {c: [m.text for m in said] for c, said in found.items()} == {
                "c1": ["3", "4", "5"],
                "c2": ["1"],
                "c3": [],
            }
            assert list(found["c1"]) == list(tx.messages("c1", after=2))
            assert tx.last_messages([], 3) == {}

    def test_private_notes_are_kept_once_beside_the_log(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation("c1"))
            for text, client_id in (("第一条", "a"), ("第一条再发", "a"), ("第二条", "b")):
                tx.add_private_note(PrivateNote(0, "c1", 3, NOW, "小李", text, client_id))
        with store.read() as tx:
            notes = tx.private_notes("c1")
            assert [(n.text, n.after_seq, n.at, n.author) for n in notes] == [
                ("第一条", 3, NOW, "小李"),
                ("第二条", 3, NOW, "小李"),
            ]
            assert list(tx.messages("c1")) == []
            assert list(tx.private_notes("c2")) == []

    def test_a_merged_ticket_names_the_other(self, store: DialogueStore) -> None:
        with store.write() as tx:
            saved = tx.save_ticket(replace(tx.add_ticket(a_ticket()), merged_into_id=7))
        with store.read() as tx:
            assert tx.ticket(saved.id).merged_into_id == 7

    def test_every_filter_of_the_list_alone_and_together(self, store: DialogueStore) -> None:
        def added(name: str, **changes: object) -> int:
            return tx.add_ticket(a_ticket(**({"contact_name": name, "emergency": False} | changes))).id

        with store.write() as tx:
            late = added("late", owner_id=1, opened_at=NOW - 50 * MINUTE)
            tx.add_clock(a_clock(late, due_by=NOW - MINUTE))
            was_late = added("was late", address=Address(2, "1"))
            stopped = tx.add_clock(a_clock(was_late, due_by=NOW - MINUTE))
            tx.save_clock(replace(stopped, state=ClockState.BROKEN, stopped_at=NOW))
            added("danger", emergency=True, owner_id=2, address=Address(text="市场东门"))
            added("over", state=TicketState.RESOLVED, opened_at=NOW + 50 * MINUTE)
        asked: list[tuple[TicketFilter, set[str]]] = [
            (TicketFilter(), {"late", "was late", "danger"}),
            (TicketFilter(Standing.CLOSED), {"over"}),
            (TicketFilter(only_emergencies=True), {"danger"}),
            (TicketFilter(Standing.ALL, overdue_at=NOW), {"late"}),
            (TicketFilter(owner_id=1), {"late"}),
            (TicketFilter(community_id=2), {"was late"}),
            (TicketFilter(Standing.ALL, station_id=1), {"late", "was late", "over"}),
            (TicketFilter(Standing.ALL, station_id=9), set()),
            (TicketFilter(Standing.ALL, opened_from=NOW, opened_until=NOW + MINUTE), {"was late", "danger"}),
            (TicketFilter(search="东门 DANGER"), {"danger"}),
            (TicketFilter(Standing.CLOSED, search="东门"), set()),
        ]
        with store.read() as tx:
            for wanted, names in asked:
                assert {t.contact_name for t in tx.find_tickets(wanted)} == names, wanted
            closed = [t.contact_name for t in tx.find_tickets(TicketFilter(Standing.CLOSED), limit=1, offset=1)]
            assert closed == []

    @pytest.mark.parametrize("state", [TicketState.NEW, TicketState.CLOSED])
    def test_a_word_that_came_later_is_found_and_one_that_went_is_not(
        self, store: DialogueStore, state: TicketState
    ) -> None:
        """The open ones are looked through, the others found by an index."""
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket(symptom="卧室不热", contact_name="陈女士", state=state))
            tx.save_ticket(replace(ticket, symptom="客厅漏水"))
        with store.read() as tx:
            words = ("客厅", "漏", "水", "厅漏水", "-0", "卧室", "卧", "水客", "陈女士 客厅", "陈女士 卧")
            hits = {word for word in words if tx.tickets(search=word)}
        assert hits == {"客厅", "漏", "水", "厅漏水", "-0", "陈女士 客厅"}

    def test_what_was_found_is_read_page_by_page(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for n in range(12):
                state = TicketState.NEW if n % 3 == 0 else TicketState.CLOSED
                symptom, opened_at = ("客厅漏水" if n % 4 else "不热"), NOW + n * MINUTE
                tx.add_ticket(a_ticket(symptom=symptom, emergency=False, state=state, opened_at=opened_at))
        with store.read() as tx:
            for words, ids in (("漏水", [10, 7, 4, 12, 11, 8, 6, 3, 2]), ("漏水 客厅 -000", [7, 4, 8, 6, 3, 2])):
                wanted = TicketFilter(Standing.ALL, search=words)
                assert [t.id for t in tx.find_tickets(wanted)] == ids
                for offset in range(11):
                    page = [t.id for t in tx.find_tickets(wanted, limit=2, offset=offset)]
                    assert page == ids[offset : offset + 2], offset
            closed = tx.find_tickets(TicketFilter(Standing.CLOSED, search="漏水"), limit=2, offset=2)
            assert [t.id for t in closed] == [8, 6]

    def test_the_timeline_tells_in_order(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            entries = [TimelineEntry(ticket.id, NOW, "bot", f"k{n}", {"name": "王管家", "n": n}) for n in range(3)]
            for entry in entries:
                tx.add_to_timeline(entry)
        with store.read() as tx:
            assert list(tx.timeline(ticket.id)) == entries
            assert list(tx.timeline(4711)) == []

    def test_one_running_clock_per_ticket_and_rule(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            first = tx.add_clock(a_clock(ticket.id))
            assert tx.add_clock(a_clock(ticket.id, due_by=NOW + 99 * MINUTE)) == first
            tx.save_clock(replace(first, state=ClockState.VOID, stopped_at=NOW))
            second = tx.add_clock(a_clock(ticket.id, due_by=NOW + 5 * MINUTE, rev=2))
            assert second.id != first.id
        with store.read() as tx:
            assert tx.clock(second.id) == second
            assert [c.id for c in tx.clocks([ticket.id, 4711])[ticket.id]] == [second.id, first.id]
            assert list(tx.clocks([4711])[4711]) == []
            assert tx.clocks([]) == {}

    def test_a_clock_keeps_every_field(self, store: DialogueStore) -> None:
        with store.write() as tx:
            clock = tx.add_clock(a_clock(tx.add_ticket(a_ticket()).id))
            broken = replace(clock, state=ClockState.BROKEN, stopped_at=NOW, breached_at=NOW + MINUTE, rev=3)
            tx.save_clock(broken)
            with pytest.raises(NotFound):
                tx.save_clock(replace(clock, id=4711))
        with store.read() as tx:
            assert tx.clock(clock.id) == broken


class TestAttempts:
    def test_an_attempt_and_its_outcome(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            first, second = an_attempt(ticket.id), an_attempt(ticket.id, "a2", step=2, started_at=NOW + MINUTE)
            tx.add_attempt(second)
            tx.add_attempt(first)
            done = replace(first, outcome=AttemptOutcome.NO_ANSWER, provider_sid="CA1", finished_at=NOW + MINUTE)
            tx.save_attempt(done)
            with pytest.raises(NotFound):
                tx.save_attempt(an_attempt(ticket.id, "a9"))
        with store.read() as tx:
            assert tx.attempt("a1") == done
            assert list(tx.attempts(ticket.id)) == [done, second]

    def test_which_calls_to_a_number_are_somebodys(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            mine = {"phone": "+8613800000001", "provider_sid": "CA1"}
            tx.add_attempt(an_attempt(ticket.id, "a1", **mine))
            tx.add_attempt(an_attempt(ticket.id, "a2", **mine | {"provider_sid": ""}))
            tx.add_attempt(an_attempt(ticket.id, "a3", **mine | {"provider_sid": "SM1", "channel": "text"}))
            tx.add_attempt(an_attempt(ticket.id, "a4", **mine | {"phone": "+8613800000002", "provider_sid": "CA2"}))
            assert tx.known_sids("+8613800000001") == frozenset({"CA1"})


class TestOutbox:
    def test_a_task_is_taken_once_and_in_order(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(a_task("later", due_at=NOW + MINUTE))
            tx.enqueue(a_task("sooner"))
            tx.enqueue(NewTask(TaskKind.WARN_CLOCK, "other-lane", NOW - MINUTE))
        assert store.next_due(Lane.EMERGENCY) == NOW
        task = claimed(store)
        assert (task.key, task.kind, task.payload, task.tries) == (
            "sooner",
            TaskKind.FORWARD_EMERGENCY,
            {"ticket_id": 1, "step": 1},
            1,
        )
        assert claim(store) is None
        assert claimed(store, at=NOW + MINUTE).key == "later"
        ordinary = claim(store, lane=Lane.ORDINARY)
        assert ordinary is not None
        assert ordinary.key == "other-lane"
        assert store.next_due(Lane.EMERGENCY) == NOW + LEASE

    def test_an_alarm_of_which_nobody_knows_yet_goes_before_the_further_steps_of_others(
        self, store: DialogueStore
    ) -> None:
        with store.write() as tx:
            tx.enqueue(a_task("second-step", due_at=NOW - 2 * MINUTE, rank=Rank.FURTHER))
            tx.enqueue(a_task("first-later", due_at=NOW, rank=Rank.FIRST))
            tx.enqueue(a_task("first", due_at=NOW - MINUTE, rank=Rank.FIRST))
            tx.enqueue(a_task("not-due", due_at=NOW + MINUTE, rank=Rank.FIRST))
        assert [claimed(store).key for _ in range(3)] == ["first", "first-later", "second-step"]
        assert claim(store) is None

    def test_a_finished_key_stays_finished(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(a_task())
            tx.enqueue(a_task(due_at=NOW - MINUTE))  # the first is kept
        assert store.next_due(Lane.EMERGENCY) == NOW
        task = claimed(store)
        with store.write() as tx:
            assert tx.task_done(task) is True
            assert tx.task_done(task) is False
            tx.enqueue(a_task())
        assert claim(store, at=NOW + 9 * LEASE) is None

    def test_an_expired_lease_is_taken_over_and_the_loser_changes_nothing(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(a_task())
        slow = claimed(store, owner="slow")
        fast = claimed(store, at=NOW + LEASE, owner="fast")
        assert (fast.id, fast.tries) == (slow.id, 2)
        with store.write() as tx:
            assert tx.holds(fast)
            assert not tx.holds(slow)
            assert not tx.task_done(slow)
            assert not tx.task_again(slow, NOW, "late")
            assert not tx.task_dead(slow, "late")
            assert tx.task_done(fast)
            assert not tx.holds(fast)

    def test_again_and_dead(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(a_task())
        first = claimed(store)
        with store.write() as tx:
            assert tx.task_again(first, NOW + MINUTE, "busy line")
        assert claim(store) is None
        second = claimed(store, at=NOW + MINUTE)
        assert second.tries == 2
        with store.write() as tx:
            assert tx.task_dead(second, "refused")
        assert claim(store, at=NOW + 99 * MINUTE) is None
        assert store.next_due(Lane.EMERGENCY) is None

    def test_bring_forward_moves_only_what_waits(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(a_task(due_at=NOW + MINUTE))
            assert tx.bring_forward("forward-1", NOW.astimezone(BEIJING))  # an instant, whatever its zone
            assert tx.bring_forward("forward-1", NOW + 5 * MINUTE)  # never later
            assert not tx.bring_forward("unknown", NOW)
        task = claimed(store)
        with store.write() as tx:
            assert not tx.bring_forward("forward-1", NOW - MINUTE)
            assert tx.task_again(task, NOW + MINUTE, "")
            assert tx.bring_forward("forward-1", NOW)
        assert claimed(store).key == "forward-1"

    def test_cancelled_tasks_never_run(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            tx.enqueue(a_task("mine", ticket_id=ticket.id))
            tx.enqueue(a_task("held", ticket_id=ticket.id, due_at=NOW - MINUTE))
            tx.enqueue(a_task("kept", ticket_id=ticket.id, kind=TaskKind.WATCH_ATTEMPT, due_at=NOW + MINUTE))
        held = claimed(store)
        with store.write() as tx:
            assert tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY]) == 2
            assert tx.cancel_tasks(ticket.id, [TaskKind.FORWARD_EMERGENCY]) == 0
            assert not tx.holds(held)
            assert not tx.task_again(held, NOW, "")
        kept = claim(store, at=NOW + MINUTE, lane=Lane.WATCH)
        assert kept is not None
        assert kept.key == "kept"
        assert claim(store, at=NOW + MINUTE) is None

    def test_what_has_happened_is_not_done_again(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for key in ("being-done", "waiting", "other"):
                tx.enqueue(a_task(key))
        task = claimed(store)
        assert task.key == "being-done"
        with store.write() as tx:
            tx.drop_tasks(["being-done", "waiting", "unknown"])
            tx.drop_tasks([])
            assert not tx.holds(task)
        assert claimed(store).key == "other"
        assert claim(store, at=NOW + LEASE / 2) is None

    def test_a_restarted_process_gives_back_its_leases(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(a_task("one"))
            tx.enqueue(a_task("two"))
        claimed(store, owner="dead")
        claimed(store, owner="alive")
        assert store.release_leases("dead") == 1
        assert store.release_leases("dead") == 0
        assert claimed(store).key == "one"
        assert claim(store) is None

    def test_what_is_overdue_is_shown_given_up_or_not(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for n in range(3):
                tx.enqueue(a_task(f"t{n}", due_at=NOW + n * MINUTE))
        first = claimed(store)
        with store.write() as tx:
            tx.task_dead(first, "refused")
        with store.read() as tx:
            overdue = list(tx.overdue_tasks(NOW + 2 * MINUTE))
        assert overdue == [("forward_emergency", "t0", NOW, 1), ("forward_emergency", "t1", NOW + MINUTE, 0)]


class TestConversations:
    def test_a_call_that_is_announced_twice_is_one_conversation(self, store: DialogueStore) -> None:
        with store.write() as tx:
            first = tx.add_conversation(a_conversation("c1", external_id="CA1", household_id=1))
            assert tx.add_conversation(a_conversation("c2", external_id="CA1")) == first
            other = tx.add_conversation(a_conversation("c3", external_id="CA1", channel=Channel.CHAT))
            assert other.id == "c3"
        with store.read() as tx:
            assert tx.conversation("c1") == first == a_conversation("c1", external_id="CA1", household_id=1)
            assert tx.conversation_by_external_id(Channel.PHONE, "CA1") == first
            assert tx.conversation_by_external_id(Channel.PHONE, "CA9") is None

    def test_saving_leaves_the_fields_with_writers_of_their_own(self, store: DialogueStore) -> None:
        with store.write() as tx:
            old = tx.add_conversation(a_conversation())
            tx.add_message("c1", author=Author.RESIDENT, text="喂", at=NOW)
            tx.save_conversation(replace(old, state={"x": [1, None, "好"]}, last_at=NOW + MINUTE, household_id=1))
        with store.read() as tx:
            saved = tx.conversation("c1")
        assert saved == replace(old, state={"x": [1, None, "好"]}, last_at=NOW + MINUTE, household_id=1, last_seq=1)

    def test_saving_what_is_not_there(self, store: DialogueStore) -> None:
        with pytest.raises(NotFound), store.write() as tx:
            tx.save_conversation(a_conversation("nobody"))

    def test_the_floor_moves_by_epoch(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            queued = tx.move_floor("c1", to=Floor.QUEUE, operator_id=None, epoch=0, at=NOW + MINUTE)
            assert queued is not None
            assert (queued.floor, queued.epoch, queued.waiting_since) == (Floor.QUEUE, 1, NOW + MINUTE)
            taken = tx.move_floor("c1", to=Floor.OPERATOR, operator_id=1, epoch=1, at=NOW + 2 * MINUTE)
            assert taken is not None
            assert (taken.operator_id, taken.epoch, taken.waiting_since) == (1, 2, None)
            assert tx.move_floor("c1", to=Floor.OPERATOR, operator_id=2, epoch=1, at=NOW) is None
            assert tx.conversation("c1") == taken
            with pytest.raises(NotFound):
                tx.move_floor("nobody", to=Floor.BOT, operator_id=None, epoch=0, at=NOW)

    def test_only_the_holder_s_heartbeat_counts(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            tx.move_floor("c1", to=Floor.OPERATOR, operator_id=1, epoch=0, at=NOW)
            tx.operator_seen("c1", 1, NOW + MINUTE)
            tx.operator_seen("c1", 2, NOW + 2 * MINUTE)
            assert tx.conversation("c1").seen_by_operator_at == NOW + MINUTE

    def test_live_conversations_longest_waiting_first(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for n, name in enumerate(("bot-old", "bot-new", "held", "waits-short", "waits-long", "gone")):
                at = NOW + n * MINUTE
                tx.add_conversation(a_conversation(name, opened_at=at, last_at=at))
            for name, to, minute in (
                ("held", Floor.OPERATOR, 2),
                ("waits-short", Floor.QUEUE, 9),
                ("waits-long", Floor.QUEUE, 8),
                ("gone", Floor.ENDED, 5),
            ):
                holder = 1 if to is Floor.OPERATOR else None
                tx.move_floor(name, to=to, operator_id=holder, epoch=0, at=NOW + minute * MINUTE)
        with store.read() as tx:
            live = [c.id for c in tx.live_conversations()]
            recent = [c.id for c in tx.recent_conversations(limit=2)]
        assert live == ["waits-long", "waits-short", "held", "bot-new", "bot-old"]
        assert recent == ["gone", "waits-long"]

    def test_tops_of_live_conversations_move_with_the_log_and_the_floor(self, store: DialogueStore) -> None:
        with store.write() as tx:
            for name in ("quiet", "spoken", "held", "gone"):
                tx.add_conversation(a_conversation(name))
            tx.add_message("spoken", author=Author.BOT, text="您好", at=NOW)
            tx.move_floor("held", to=Floor.OPERATOR, operator_id=1, epoch=0, at=NOW)
            tx.move_floor("gone", to=Floor.ENDED, operator_id=None, epoch=0, at=NOW)
        with store.read() as tx:
            assert tx.live_tops() == {"quiet": (0, 0), "spoken": (1, 0), "held": (0, 1)}

    def test_the_log_is_gapless_and_read_from_anywhere(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            added = [tx.add_message("c1", author=Author.BOT, text=f"第{n}句", at=NOW, data={"n": n}) for n in range(5)]
        assert [m.seq for m in added] == [1, 2, 3, 4, 5]
        with store.read() as tx:
            assert list(tx.messages("c1")) == added
            assert list(tx.messages("c1", after=2, limit=2)) == added[2:4]
            assert tx.conversation("c1").last_seq == 5

    def test_a_rolled_back_message_leaves_no_gap(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
        with crash(), store.write() as tx:
            tx.add_message("c1", author=Author.BOT, text="never said", at=NOW)
            raise Crashed
        with store.write() as tx:
            assert tx.add_message("c1", author=Author.BOT, text="said", at=NOW).seq == 1

    def test_a_repeated_send_is_one_message(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            tx.add_conversation(a_conversation("c2"))
            first = tx.add_message("c1", author=Author.RESIDENT, text="一", at=NOW, client_id="x")
            again = tx.add_message("c1", author=Author.RESIDENT, text="二", at=NOW + MINUTE, client_id="x")
            assert again == first
            assert tx.add_message("c1", author=Author.RESIDENT, text="三", at=NOW, client_id="y").seq == 2
            assert tx.add_message("c2", author=Author.RESIDENT, text="四", at=NOW, client_id="x").seq == 1

    def test_understanding_is_filled_in_afterwards(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            message = tx.add_message("c1", author=Author.RESIDENT, text="漏水", at=NOW)
            tx.set_message_data("c1", 1, {"understanding": {"intent": "leak_inside"}})
            with pytest.raises(NotFound):
                tx.set_message_data("c1", 2, {})
            with pytest.raises(NotFound):
                tx.add_message("nobody", author=Author.BOT, text="", at=NOW)
        with store.read() as tx:
            assert list(tx.messages("c1")) == [replace(message, data={"understanding": {"intent": "leak_inside"}})]

    def test_the_first_reply_to_a_turn_stays(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            assert tx.stored_reply("c1", "turn-1") is None
            assert tx.store_reply("c1", "turn-1", {"said": ["您好"], "then": None}) is True
            assert tx.store_reply("c1", "turn-1", {"said": []}) is False
            assert tx.store_reply("c1", "turn-2", {}) is True
        with store.read() as tx:
            assert tx.stored_reply("c1", "turn-1") == {"said": ["您好"], "then": None}
            assert tx.turn_count("c1") == 2
            assert tx.turn_count("nobody") == 0

    def test_the_last_reply_is_the_one_of_the_latest_turn_whatever_its_key(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.add_conversation(a_conversation())
            assert tx.last_reply("c1") is None
            for n, key in enumerate(("turn-9", "turn-10", "hold-3-1"), start=9):
                tx.store_reply("c1", key, {"turn_number": n})
        with store.read() as tx:
            assert tx.last_reply("c1") == {"turn_number": 11}


class TestAnnouncements:
    def test_they_come_back_as_they_were_and_can_be_changed(self, store: DialogueStore) -> None:
        burst = Announcement(0, "东站抢修", NOW, "周主管", Scope(frozenset({2, 1}), 1), NOW + MINUTE, NOW + 2 * MINUTE)
        one_unit = Scope(frozenset({2}), buildings=frozenset({"3", "4甲"}), unit="2")
        with store.write() as tx:
            stored = tx.add_announcement(burst)
            tx.add_announcement(Announcement(0, "全公司", NOW, "周主管", one_unit))
        with store.read() as tx:
            assert tx.announcement(stored.id) == replace(burst, id=stored.id)
            assert [a.what for a in tx.announcements()] == ["东站抢修", "全公司"]
            assert tx.announcements()[1].scope == one_unit
        with store.write() as tx:
            tx.save_announcement(replace(stored, what="抢修结束", ended_at=NOW))
        with store.read() as tx:
            assert tx.announcement(stored.id) == replace(stored, what="抢修结束", ended_at=NOW)

    def test_unknown_ones_are_named(self, store: DialogueStore) -> None:
        with pytest.raises(NotFound, match="77"), store.read() as tx:
            tx.announcement(77)
        with pytest.raises(NotFound, match="77"), store.write() as tx:
            tx.save_announcement(Announcement(77, "东站抢修", NOW, "周主管"))


class TestTurns:
    """The carrier's budget: one row a lane, whoever works."""

    EVERY = timedelta(seconds=1)

    def take(self, store: DialogueStore, at: datetime, lane: Lane = Lane.VOICE) -> str:
        task = store.claim(lane, at, LEASE, "w1", self.EVERY)
        return task.key if task else ""

    def ring(self, store: DialogueStore, *ranks: Rank) -> None:
        with store.write() as tx:
            for n, rank in enumerate(ranks):
                tx.enqueue(NewTask(TaskKind.RING_PERSON, f"{rank.name}-{n}", NOW - (9 - n) * MINUTE, rank=rank))

    def test_one_task_a_turn_and_the_best_rank_first(self, store: DialogueStore) -> None:
        self.ring(store, Rank.ORDINARY, Rank.FURTHER, Rank.FIRST, Rank.FIRST)
        taken = [self.take(store, NOW + n * self.EVERY) for n in range(5)]
        assert taken == ["FIRST-2", "FIRST-3", "FURTHER-1", "ORDINARY-0", ""]

    def test_between_two_turns_nobody_gets_one_and_everybody_knows_when(self, store: DialogueStore) -> None:
        self.ring(store, Rank.FIRST, Rank.FIRST)
        assert self.take(store, NOW)
        assert self.take(store, NOW + self.EVERY * 0.9) == ""
        assert store.next_due(Lane.VOICE) == NOW + self.EVERY
        assert self.take(store, NOW + self.EVERY)

    def test_a_lane_without_work_loses_no_turn(self, store: DialogueStore) -> None:
        assert self.take(store, NOW) == ""
        self.ring(store, Rank.FIRST)
        assert self.take(store, NOW)

    def test_a_turn_that_was_not_needed_is_the_next_ones(self, store: DialogueStore) -> None:
        self.ring(store, Rank.FIRST, Rank.FIRST)
        assert self.take(store, NOW)
        with store.write() as tx:
            tx.give_turn_back(Lane.VOICE, NOW)
        assert self.take(store, NOW)

    def test_lanes_have_turns_of_their_own(self, store: DialogueStore) -> None:
        self.ring(store, Rank.FIRST)
        with store.write() as tx:
            tx.enqueue(NewTask(TaskKind.TEXT_PERSON, "text", NOW))
        assert self.take(store, NOW)
        assert self.take(store, NOW, Lane.TEXT) == "text"

    def test_a_rank_is_raised_and_never_lowered(self, store: DialogueStore) -> None:
        self.ring(store, Rank.FIRST, Rank.FURTHER, Rank.FURTHER)
        with store.write() as tx:
            tx.raise_rank("FIRST-0", Rank.FURTHER)
            tx.raise_rank("FURTHER-2", Rank.FIRST)
            tx.raise_rank("nobody", Rank.FIRST)
        taken = [self.take(store, NOW + n * self.EVERY) for n in range(3)]
        assert taken == ["FIRST-0", "FURTHER-2", "FURTHER-1"]


class TestSharedCalls:
    def test_which_emergencies_nobody_has_accepted(self, store: DialogueStore) -> None:
        with store.write() as tx:
            new, harmless = tx.add_ticket(a_ticket()), tx.add_ticket(a_ticket(emergency=False))
            taken = tx.add_ticket(a_ticket(state=TicketState.ACKNOWLEDGED))
            assert tx.unaccepted([new.id, harmless.id, taken.id, 4711]) == {new.id}
            assert tx.unaccepted([]) == frozenset()

    def test_what_one_call_carries(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            lead = an_attempt(ticket.id, "z1")
            rider = an_attempt(ticket.id, "a2", lead_id="z1", started_at=NOW + MINUTE)
            for attempt in (rider, lead, an_attempt(ticket.id, "other")):
                tx.add_attempt(attempt)
        with store.read() as tx:
            assert list(tx.carried_by(rider.call_id)) == [lead, rider]

    def test_what_is_under_way_towards_people(self, store: DialogueStore) -> None:
        with store.write() as tx:
            ticket = tx.add_ticket(a_ticket())
            tx.add_attempt(an_attempt(ticket.id, "a1", staff_id=1, channel="text"))
            tx.add_attempt(an_attempt(ticket.id, "a2", staff_id=2, started_at=NOW - MINUTE))
            tx.add_attempt(an_attempt(ticket.id, "a3", staff_id=1, finished_at=NOW))
            tx.add_attempt(an_attempt(ticket.id, "a4", staff_id=3))
            assert [a.id for a in tx.unfinished_attempts([1, 2])] == ["a2", "a1"]
            assert list(tx.unfinished_attempts([])) == []


class TestLegs:
    def test_a_leg_comes_back_as_it_was_stored(self, store: DialogueStore) -> None:
        leg = Leg(
            "leg1", "conv1", "room1", LegRole.CONSULTED, "+8613700000001", "王芳", NOW, operator_id=1,
            wanted=LegMode.HOLD, mode=LegMode.WHISPER, state=LegState.JOINED, call_sid="CA1", conference_sid="CF1",
            joined_at=NOW, outcome="", trouble="404", sequence=7, heard_seq=3, rev=2,
        )  # fmt: skip
        with store.write() as tx:
            tx.add_conversation(a_conversation("conv1"))
            tx.add_leg(leg)
            tx.add_leg(replace(leg, id="leg2", started_at=NOW + MINUTE))
            tx.save_leg(replace(leg, state=LegState.ENDED, ended_at=NOW, outcome="busy"))
        with store.read() as tx:
            assert [one.id for one in tx.legs("conv1")] == ["leg1", "leg2"]
            assert tx.leg("leg2") == replace(leg, id="leg2", started_at=NOW + MINUTE)
            assert tx.leg("leg1").outcome == "busy"
            assert [one.id for one in tx.live_legs_of_operator(1)] == ["leg2"]
            with pytest.raises(NotFound):
                tx.leg("nobody")

    def test_where_an_operator_is_reached(self, store: DialogueStore) -> None:
        with store.write() as tx:
            assert tx.answers_in_browser(1) is None
            tx.set_answers_in_browser(1, in_browser=True)
            tx.set_answers_in_browser(1, in_browser=False)
        with store.read() as tx:
            assert tx.answers_in_browser(1) is False


class TestClocksThatWerePutBack:
    """A machine's clock may have been an hour ahead for a moment; what it wrote must not keep anybody waiting for that hour."""

    def test_a_step_planned_an_hour_ahead_is_due(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(replace(a_task(), due_at=NOW + timedelta(hours=1)))
        assert claim(store) is not None

    def test_a_step_planned_minutes_ahead_waits(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(replace(a_task(), due_at=NOW + 7 * MINUTE))
        assert claim(store) is None

    def test_a_turn_taken_an_hour_ahead_is_free(self, store: DialogueStore) -> None:
        later, second = NOW + timedelta(hours=1), timedelta(seconds=1)
        with store.write() as tx:
            for key in ("one", "two", "three"):
                tx.enqueue(replace(a_task(), key=key, kind=TaskKind.RING_PERSON))
        assert store.claim(Lane.VOICE, later, LEASE, "w1", second) is not None
        assert store.claim(Lane.VOICE, NOW, LEASE, "w1", second) is not None, "not only after that hour"
        assert store.claim(Lane.VOICE, NOW, LEASE, "w1", second) is None, "but a turn is still a turn"

    def test_a_turn_taken_three_minutes_ahead_is_free_as_well(self, store: DialogueStore) -> None:
        second = timedelta(seconds=1)
        with store.write() as tx:
            for key in ("one", "two"):
                tx.enqueue(replace(a_task(), key=key, kind=TaskKind.RING_PERSON))
        assert store.claim(Lane.VOICE, NOW + 3 * MINUTE, LEASE, "w1", second) is not None
        assert store.claim(Lane.VOICE, NOW, LEASE, "w1", second) is not None

    def test_a_notice_of_the_night_waits_for_the_morning_in_the_lane_of_texts(self, store: DialogueStore) -> None:
        morning = NOW + timedelta(hours=8)
        with store.write() as tx:
            tx.enqueue(replace(a_task(), kind=TaskKind.NOTICE_BY_TEXT, due_at=morning, rank=Rank.ORDINARY))
        assert claim(store, lane=Lane.TEXT) is None

    def test_ordinary_work_may_be_planned_for_any_day(self, store: DialogueStore) -> None:
        with store.write() as tx:
            tx.enqueue(replace(a_task(), kind=TaskKind.BREACH_CLOCK, due_at=NOW + timedelta(days=5)))
        assert claim(store, lane=Lane.ORDINARY) is None
