"""A main bursts: the journey of an evening, with a fake clock (B4, F14, G7e, B7).

Reports come in from the whole station's area; every leak is forwarded by itself; a supervisor confirms; callers hear of it
before they ask; the end moves, is told, comes; each home says whether it is warm, and only then its ticket closes.
"""

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel
from fulfillment.incident import Extent, Incident, IncidentState, Level, Recheck
from fulfillment.incident_news import ToldState
from fulfillment.ticket import Ticket, TicketState
from tests.dialogue.incident_town import HOUR, LEAD, IncidentTown
from tests.dialogue.talk import Talk

KNOWN = "+8613800000001"  # of a home in 阳光花园
COLD, BURST = 40, 6


@pytest.fixture
def town() -> IncidentTown:
    return IncidentTown()


def evening(town: IncidentTown) -> tuple[list[Ticket], list[Ticket], list[tuple[Talk, Ticket]]]:
    """Within half an hour: leaks, cold homes in both communities, and chats that stay open."""
    leaks, cold, chats = [], [], []
    for n in range(COLD):
        town.clock.advance(seconds=45)
        if n % (COLD // BURST) == 0 and len(leaks) < BURST:
            leaks.append(town.report(900 + n, "leak_street", phone=f"+861390000{n:04d}", building=str(n)))
        cold.append(town.report(100 + n, community=1 + n % 2))
        if n in (3, 5, 7):
            chats.append(town.chat_report(500 + n))
        town.run()
    return leaks, cold, chats


def suggestions(town: IncidentTown) -> list[Incident]:
    return [i for i in town.all_incidents() if i.state is IncidentState.SUGGESTED]


def test_a_burst_main_from_the_first_report_to_the_last_warm_home(town: IncidentTown) -> None:
    leaks, cold, chats = evening(town)

    # many reports, two suggestions: what leaks and what is cold; each leak rings its butler by itself
    found = {i.category: i for i in suggestions(town)}
    assert {c: i.extent.level for c, i in found.items()} == {"leak": Level.COMMUNITY, "no_heat": Level.STATION}
    rung = {town.store.tables.attempts[c.attempt_id].ticket_id for c in town.carrier.calls}
    joined = {a.ticket_id for a in town.store.tables.attempts.values()}
    assert {t.id for t in leaks} <= rung | joined, "nobody waited for a suggestion or for each other"

    # a supervisor confirms one cause; the other suggestion goes into it
    facts = town.facts(title="东城站主管道爆裂抢修", extent=Extent(station_id=1))
    main = town.incidents.confirm(found["leak"].id, facts, by=LEAD)
    town.incidents.merge(found["no_heat"].id, main.id, by=LEAD)
    town.run()
    everybody = [*leaks, *cold, *(t for _, t in chats)]
    assert all((a := town.attachment(t)) is not None and a.incident_id == main.id for t in everybody)
    assert suggestions(town) == []
    assert all(len(town.texts(t)) == 1 for t in (*leaks, *cold))
    assert all(town.said(talk) == ["incident.begun"] for talk, _ in chats)

    # attached, the leaks that nobody has accepted are still alarms
    assert all(town.ticket(t).needs_acknowledgement for t in leaks)
    assert all(town.ticket(t).state is TicketState.NEW for t in everybody)

    # it takes longer
    main = town.incidents.change(
        main.id, town.facts(title=main.title, extent=main.extent, begins_at=main.begins_at, expected_end=town.clock.now() + 8 * HOUR),
        by=LEAD, seen=town.store.tables.of_incidents.incidents[main.id].rev,
    )  # fmt: skip
    town.run()
    assert all("调整为" in town.texts(t)[-1] for t in cold)

    # it is over
    town.clock.advance(hours=7)
    town.incidents.end(main.id, by=LEAD)
    town.run()
    assert all(town.ticket(t).is_open for t in everybody)
    asked = [t for t in everybody if (a := town.attachment(t)) is not None and a.recheck is Recheck.ASKED]
    assert len(asked) == COLD + len(chats), "every home but the leaks, which end by people on site"
    (warm_talk, warm), (cold_talk, still_cold), (_, silent) = chats
    town.taps(warm_talk, f"recheck_warm:{warm.id}")
    town.taps(cold_talk, f"recheck_cold:{still_cold.id}")
    for ticket in cold[:-1]:
        town.incidents.recheck(main.id, ticket.id, warm=True, by="小李")
    is_open = {t.id for t in everybody if town.ticket(t).is_open}
    assert is_open == {t.id for t in (*leaks, still_cold, silent, cold[-1])}
    states = {t.state for t in town.store.tables.of_incidents.told.values()}
    assert states <= {ToldState.SENT, ToldState.NOT_NEEDED}


def test_who_calls_during_the_incident_hears_of_it_first(town: IncidentTown) -> None:
    for room in (101, 201, 301):
        town.report(room)
    town.confirmed()
    call = town.talk(Channel.PHONE, KNOWN)
    assert call.scripts[0] == "announcement.until", "before the greeting"
    assert "greeting.incoming" in call.scripts
    assert "阳光花园主管道抢修" in call.voice
    assert "今天14点" in call.voice
    chat = town.talk(Channel.CHAT)
    assert "announcement.until" not in chat.scripts, "a chat that has told no community hears what concerns everybody"


def test_a_leak_that_is_told_during_the_announcement_is_alarmed_at_once(town: IncidentTown) -> None:
    for room in (101, 201, 301):
        town.report(room)
    incident = town.confirmed()
    before = len(town.carrier.calls)
    call = town.talk(Channel.PHONE, KNOWN)
    call.says("别播了,家里暖气管爆了", Intent.LEAK_INSIDE)
    [leak] = [t for t in call.tickets if t.emergency]
    assert call.scripts[0] == "safety.leak_inside", "what to do comes first"
    town.clock.set(call.clock.now())
    town.run()
    assert len(town.carrier.calls) == before + 1, "the butler's telephone rings"
    assert town.ticket(leak).needs_acknowledgement
    # a burst main does not take a leak inside a home for its own: another category
    assert town.attachment(leak) is None
    main = town.incidents.declare("leak", town.facts(title="主管道爆裂"), by=LEAD)
    town.run()
    belongs = town.attachment(leak)
    assert belongs is not None
    assert belongs.incident_id == main.id != incident.id
    assert town.ticket(leak).needs_acknowledgement, "attached, and still an alarm"
    town.incidents.end(main.id, by=LEAD)
    town.run()
    assert town.ticket(leak).needs_acknowledgement, "ended, and still an alarm"
