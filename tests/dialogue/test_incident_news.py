"""Residents hear of an incident, of another end, and of its end with a question: each once, in the chat or by text."""

from dataclasses import replace

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel
from fulfillment.incident import IncidentState, Recheck
from fulfillment.incident_news import ToldState
from fulfillment.outbox import TaskKind
from fulfillment.ticket import ClockState, Ticket, TicketState
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown, Conflict
from tests.dialogue.incident_town import HOUR, LEAD, IncidentTown


@pytest.fixture
def town() -> IncidentTown:
    return IncidentTown()


def repeated(town: IncidentTown) -> None:
    """As after a crash: every message about incidents is carried out once more."""
    for key, row in town.store.tables.tasks.items():
        if row.task.kind is TaskKind.TELL_INCIDENT:
            town.store.tables.tasks[key] = replace(row, state="pending", lease_until=None)
    town.run()


def test_in_the_chat_if_it_is_open_else_by_text_and_once(town: IncidentTown) -> None:
    talk, chatting = town.chat_report(101)
    others = [town.report(room) for room in (201, 301)]
    town.confirmed()
    repeated(town)
    assert town.said(talk) == ["incident.begun"]
    assert town.texts(chatting) == []
    for other in others:
        [text] = town.texts(other)
        assert "阳光花园主管道抢修" in text
        assert "今天14:00" in text
        assert other.number in text
    assert [t.channel for t in town.told(chatting)] == ["chat"]
    assert [(t.channel, t.state) for t in town.told(others[0])] == [("text", ToldState.SENT)]


def test_another_end_is_told_to_everybody_and_overtakes_what_was_not_sent(town: IncidentTown) -> None:
    talk, _chatting = town.chat_report(101)
    others = [town.report(room) for room in (201, 301)]
    incident = town.confirmed()
    first = town.incidents.change(
        incident.id, town.facts(expected_end=town.clock.now() + 6 * HOUR), by=LEAD, seen=incident.rev
    )
    last = town.incidents.change(
        first.id, town.facts(expected_end=town.clock.now() + 8 * HOUR), by=LEAD, seen=first.rev
    )
    town.incidents.change(last.id, town.facts(expected_end=last.expected_end, cause="焊口"), by=LEAD, seen=last.rev)
    town.run()
    repeated(town)
    assert town.said(talk) == ["incident.begun", "incident.changed"], "another cause is no news"
    assert "今天18:00" in town.texts(others[0])[-1]
    assert len(town.texts(others[0])) == 2
    assert [t.state for t in town.told(others[0])] == [ToldState.SENT, ToldState.NOT_NEEDED, ToldState.SENT]


def test_texts_wait_for_the_daytime_and_chats_do_not(town: IncidentTown) -> None:
    town.clock.advance(hours=14)  # 0:00
    talk, _ = town.chat_report(101)
    other = town.report(201)
    town.report(301)
    town.confirmed()
    assert town.said(talk) == ["incident.begun"]
    assert town.texts(other) == []
    town.clock.advance(hours=7)
    town.run()
    assert len(town.texts(other)) == 1


def test_who_cannot_be_reached_is_listed_for_a_person(town: IncidentTown) -> None:
    silent = town.report(101, phone="")
    refused, unknown, busy = (town.report(room) for room in (201, 301, 401))
    town.carrier.text_failures = [CarrierRefused("no"), CarrierUnknown("?"), CarrierBusy("429", 3.0)]
    town.confirmed()
    states = [town.told(t)[0].state for t in (silent, refused, unknown, busy)]
    assert states == [ToldState.NO_WAY, ToldState.FAILED, ToldState.UNCERTAIN, ToldState.PROMISED]
    town.clock.advance(seconds=4)
    town.run()
    assert town.told(busy)[0].state is ToldState.SENT
    assert len(town.texts(busy)) == 1


def test_a_text_that_a_dying_worker_had_begun_is_not_sent_twice(town: IncidentTown) -> None:
    other = town.report(101)
    for room in (201, 301):
        town.report(room)
    town.confirmed()
    [told] = town.told(other)
    with town.store.write() as tx:
        tx.save_told(replace(told, state=ToldState.PROMISED))
    repeated(town)
    assert town.told(other)[0].state is ToldState.UNCERTAIN
    assert len(town.texts(other)) == 1


def test_who_was_taken_out_or_is_served_hears_nothing_more(town: IncidentTown) -> None:
    out, served, stays = (town.report(room) for room in (101, 201, 301))
    incident = town.confirmed()
    town.incidents.detach(incident.id, out.id, by=LEAD)
    with town.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(served.id), state=TicketState.RESOLVED))
    town.incidents.end(incident.id, by=LEAD)
    town.run()
    assert [len(town.texts(t)) for t in (out, served, stays)] == [1, 1, 2]


def test_the_end_asks_every_home_and_only_an_answer_closes(town: IncidentTown) -> None:
    warm_talk, warm = town.chat_report(101)
    cold_talk, cold = town.chat_report(201)
    silent = town.report(301)
    incident = town.confirmed()
    for _ in range(2):
        ended = town.incidents.end(incident.id, by=LEAD)
    town.run()
    assert ended.state is IncidentState.ENDED
    assert town.said(warm_talk) == ["incident.begun", "incident.ended_question"]
    assert "请问您家暖气热了吗" in town.texts(silent)[-1]
    assert all(town.ticket(t).is_open for t in (warm, cold, silent)), "the end alone closes nothing"
    with town.store.read() as tx:
        buttons = tx.messages(warm_talk.id)[-1].data["quick_replies"]
    assert [b["label"] for b in buttons] == ["已经热了", "还是不热"]
    town.taps(warm_talk, buttons[0]["choice"])
    town.taps(cold_talk, f"recheck_cold:{cold.id}")
    town.taps(warm_talk, buttons[0]["choice"])
    assert warm_talk.scripts == ["incident.warm"], "tapped twice, answered politely"
    assert cold_talk.scripts == ["incident.still_cold"]
    assert cold.number in cold_talk.reply.said[0].chat
    assert town.ticket(warm).state is TicketState.CLOSED
    assert (town.ticket(cold).state, town.ticket(cold).nudges) == (TicketState.NEW, 1)
    assert town.ticket(silent).is_open, "no answer is no yes"
    rechecks = [a.recheck for t in (warm, cold, silent) if (a := town.attachment(t)) is not None]
    assert rechecks == [Recheck.WARM, Recheck.COLD, Recheck.ASKED]
    town.taps(cold_talk, f"recheck_warm:{cold.id}")
    assert town.ticket(cold).state is TicketState.CLOSED, "it was cold, and is warm now"


def test_what_is_typed_counts_like_a_button_while_the_question_is_open(town: IncidentTown) -> None:
    talk, ticket = town.chat_report(101)
    for room in (201, 301):
        town.report(room)
    incident = town.confirmed()
    town.writes(talk, "热了")
    assert town.ticket(ticket).is_open, "nobody has asked yet"
    town.incidents.end(incident.id, by=LEAD)
    town.run()
    town.writes(talk, "热了!")
    assert town.ticket(ticket).state is TicketState.CLOSED


def test_a_leak_that_is_written_instead_of_an_answer_is_a_leak(town: IncidentTown) -> None:
    talk, ticket = town.chat_report(101)
    for room in (201, 301):
        town.report(room)
    town.incidents.end(town.confirmed().id, by=LEAD)
    town.run()
    town.writes(talk, "漏水了", Intent.LEAK_INSIDE)
    assert any(t.emergency for t in talk.tickets)
    assert town.ticket(ticket).is_open


def test_nobody_answers_for_another_home(town: IncidentTown) -> None:
    talk, _ = town.chat_report(101)
    other = town.report(201)
    town.report(301)
    town.incidents.end(town.confirmed().id, by=LEAD)
    town.run()
    town.taps(talk, f"recheck_warm:{other.id}")
    assert town.ticket(other).is_open


def test_a_person_ticks_what_a_home_says_on_the_telephone(town: IncidentTown) -> None:
    first, second, third = (town.report(room) for room in (101, 201, 301))
    incident = town.confirmed()
    with pytest.raises(Conflict):
        town.incidents.recheck(incident.id, first.id, warm=True, by="小李")
    town.incidents.end(incident.id, by=LEAD)
    for _ in range(2):
        town.incidents.recheck(incident.id, first.id, warm=True, by="小李")
        town.incidents.recheck(incident.id, second.id, warm=False, by="小李")
    assert town.ticket(first).state is TicketState.CLOSED
    assert (town.ticket(second).is_open, town.ticket(second).nudges) == (True, 1)
    assert town.ticket(third).is_open
    told = [e.actor for e in town.store.tables.of_incidents.log if e.key.startswith("recheck")]
    assert told == ["小李", "小李"], "each once"


def test_an_emergency_is_not_over_with_its_incident(town: IncidentTown) -> None:
    for room in (101, 201, 301):
        town.report(room)
    leak = town.report(401, "leak_inside")
    incident = town.incidents.declare("leak", town.facts(), by=LEAD)
    town.incidents.end(incident.id, by=LEAD)
    town.run()
    assert town.ticket(leak).needs_acknowledgement
    belongs = town.attachment(leak)
    assert belongs is not None
    assert belongs.recheck is Recheck.NOT_ASKED
    assert "热了吗" not in "".join(town.texts(leak))
    with pytest.raises(Conflict):
        town.incidents.recheck(incident.id, leak.id, warm=True, by="小李")


def test_a_call_is_never_written_into(town: IncidentTown) -> None:
    talk = town.talk(Channel.PHONE, "+8613900000000")
    ticket = town.report(101, conversation_id=talk.id)
    for room in (201, 301):
        town.report(room)
    town.confirmed()
    assert town.said(talk) == []
    assert len(town.texts(ticket)) == 1


def test_who_was_texted_answers_by_calling(town: IncidentTown) -> None:
    first, second = town.report(101, phone="+8613900000101"), town.report(201, phone="+8613900000201")
    town.report(301)
    town.incidents.end(town.confirmed().id, by=LEAD)
    town.run()
    assert "说“热了”或“还不热”" in town.texts(first)[-1]
    warm = town.talk(Channel.PHONE, "+8613900000101")
    town.writes(warm, "暖气热了。")
    assert warm.scripts == ["incident.warm"]
    assert town.ticket(first).state is TicketState.CLOSED
    cold = town.talk(Channel.PHONE, "+8613900000201")
    town.writes(cold, "还不热")
    assert cold.scripts == ["incident.still_cold"]
    assert town.ticket(second).is_open
    stranger = town.talk(Channel.PHONE, "+8613900000999")
    town.writes(stranger, "热了")
    assert "incident.warm" not in stranger.scripts


@pytest.mark.parametrize("by_text", [False, True])
def test_who_was_told_of_the_incident_was_told_the_reason(town: IncidentTown, *, by_text: bool) -> None:
    """F18: otherwise every home of a burst main breaks the three hours, and becomes a complaint."""
    mine = town.report(101, kind="outage") if by_text else town.chat_report(101, kind="outage")[1]
    for room in (201, 301):
        town.report(room, kind="outage")
    assert clock_of(town, mine, "outage_reason") is ClockState.RUNNING
    town.confirmed()
    repeated(town)
    assert clock_of(town, mine, "outage_reason") is ClockState.KEPT
    assert clock_of(town, mine, "outage_on_site") is ClockState.VOID, "the cause is known: docs/adr/0017"


def test_who_could_not_be_told_was_not_told_the_reason(town: IncidentTown) -> None:
    silent = town.report(101, kind="outage", phone="")
    refused = town.report(201, kind="outage")
    town.report(301, kind="outage")
    town.carrier.text_failures = [CarrierRefused("no")]
    town.confirmed()
    assert {clock_of(town, t, "outage_reason") for t in (silent, refused)} == {ClockState.RUNNING}


def clock_of(town: IncidentTown, ticket: Ticket, rule: str) -> ClockState:
    with town.store.read() as tx:
        return next(c.state for c in tx.clocks([ticket.id])[ticket.id] if c.rule == rule)
