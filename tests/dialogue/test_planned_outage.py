"""A planned outage: announced and texted ahead, with the times of B4 and K3; put off, called off, begun."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fulfillment.incident import Extent, Incident, IncidentState, Kept, notices_due
from fulfillment.incident_course import IncidentFacts
from fulfillment.incident_news import ToldState
from fulfillment.outbox import Lane
from kernel.errors import CarrierBusy, CarrierRefused, IncidentRefused
from tests.dialogue.incident_town import HOUR, LEAD, IncidentTown
from tests.dialogue.talk import STANDARD
from tests.fakes import SUPERVISOR

DAY = timedelta(days=1)


@pytest.fixture
def town() -> IncidentTown:
    return IncidentTown()


def plan(town: IncidentTown, ahead: timedelta, lasts: timedelta = 30 * HOUR, **changes: Any) -> IncidentFacts:
    begins = town.clock.now() + ahead
    known: dict[str, Any] = {
        "title": "换热站检修停暖", "begins_at": begins, "expected_end": begins + lasts, "tell_homes": True,
    }  # fmt: skip
    return town.facts(**(known | changes))


def stands(town: IncidentTown, incident: Incident) -> dict[str, Kept]:
    return {d.rule.clause: d.state for d in notices_due(incident, STANDARD.incidents.notices, town.clock.now())}


def until(town: IncidentTown, **units: float) -> None:
    """Everything that is due on the way is carried out at its time."""
    end = town.clock.now() + timedelta(**units)
    while True:
        town.run()
        due = min((d for lane in Lane if (d := town.store.next_due(lane)) is not None), default=None)
        if due is None or due > end:
            break
        town.clock.set(max(due, town.clock.now()))
    town.clock.set(end)


def history(town: IncidentTown) -> list[str]:
    return [e.key for e in town.store.tables.of_incidents.log]


def test_every_home_is_texted_once_and_callers_hear_it(town: IncidentTown) -> None:
    incident = town.incidents.declare("no_heat", plan(town, 3 * DAY), by=LEAD)
    until(town, minutes=1)
    assert incident.planned
    assert sorted(t.to for t in town.carrier.texts) == ["+8613800000001", "+8613800000002"], "the homes of the extent"
    assert "11月25日10:00开始,预计11月26日16:00恢复" in town.carrier.texts[0].body
    assert stands(town, incident) == {"B4": Kept.KEPT, "K3": Kept.KEPT}
    assert "notice_warning" not in history(town)


def test_told_too_late_is_broken_and_stays_so(town: IncidentTown) -> None:
    incident = town.incidents.declare("no_heat", plan(town, DAY), by=LEAD)
    assert stands(town, incident) == {"B4": Kept.KEPT, "K3": Kept.BROKEN}
    short = town.incidents.declare("no_heat", plan(town, DAY, 5 * HOUR), by=LEAD)
    assert stands(town, short) == {"B4": Kept.KEPT}, "under a day nobody is owed two days"


def test_homes_that_nobody_texts_bring_a_warning_and_then_a_breach(town: IncidentTown) -> None:
    incident = town.incidents.declare("no_heat", plan(town, 3 * DAY, tell_homes=False), by=LEAD)
    assert stands(town, incident)["K3"] is Kept.RUNNING
    until(town, hours=20)
    assert history(town)[-2:] == ["notice_warning", "supervisor_told"], "17 of 24 hours are over"
    until(town, hours=5)
    assert history(town)[-2:] == ["notice_broken", "supervisor_told"]
    assert history(town).count("notice_broken") == 1


def test_put_off_every_home_hears_the_new_time(town: IncidentTown) -> None:
    incident = town.incidents.declare("no_heat", plan(town, 3 * DAY), by=LEAD)
    until(town, minutes=1)
    town.incidents.change(incident.id, plan(town, 4 * DAY, tell_homes=False), by=LEAD, seen=incident.rev)
    until(town, minutes=1)
    bodies = [t.body for t in town.carrier.texts]
    assert ["11月25日" in b for b in bodies] == [True, True, False, False]
    assert all("11月26日10:01开始" in b for b in bodies[2:])


def test_a_wider_extent_texts_only_the_new_homes(town: IncidentTown) -> None:
    facts = plan(town, 3 * DAY)
    incident = town.incidents.declare("no_heat", facts, by=LEAD)
    until(town, minutes=1)
    begins, end = facts.begins_at, facts.expected_end
    wider = town.facts(title=facts.title, begins_at=begins, expected_end=end, extent=Extent(station_id=1))
    town.incidents.change(incident.id, wider, by=LEAD, seen=incident.rev)
    until(town, minutes=1)
    assert [t.to[-1] for t in town.carrier.texts] == ["1", "2", "3"]


def test_called_off_before_it_began(town: IncidentTown) -> None:
    incident = town.incidents.declare("no_heat", plan(town, 3 * DAY), by=LEAD)
    until(town, minutes=1)
    for _ in range(2):
        ended = town.incidents.end(incident.id, by=LEAD)
    until(town, minutes=1)
    assert ended.state is IncidentState.ENDED
    assert ["已取消" in t.body for t in town.carrier.texts] == [False, False, True, True]
    assert history(town)[-1] == "called_off"


def test_reports_of_the_night_join_once_it_has_begun(town: IncidentTown) -> None:
    incident = town.incidents.declare("no_heat", plan(town, 3 * HOUR, 5 * HOUR), by=LEAD)
    before = town.report(101)
    until(town, hours=4)
    after = town.report(201)
    town.run()
    assert town.attachment(before) is None
    belongs = town.attachment(after)
    assert belongs is not None
    assert belongs.incident_id == incident.id


def test_a_plan_that_was_made_at_night_is_texted_in_the_morning(town: IncidentTown) -> None:
    town.clock.advance(hours=14)  # 0:00
    town.incidents.declare("no_heat", plan(town, 3 * DAY), by=LEAD)
    until(town, hours=6)
    assert town.carrier.texts == []
    until(town, hours=2)
    assert len(town.carrier.texts) == 2
    assert {t.state for t in town.store.tables.of_incidents.told.values()} == {ToldState.SENT}


def test_a_plan_without_an_end_or_with_one_before_its_beginning_is_refused(town: IncidentTown) -> None:
    begins = town.clock.now() + DAY
    for wrong, reason in (
        ({"expected_end": None}, "incident_no_end"),
        ({"expected_end": begins - HOUR}, "incident_end"),
    ):
        with pytest.raises(IncidentRefused) as refused:
            town.incidents.declare("no_heat", plan(town, DAY, **wrong), by=LEAD)
        assert refused.value.reason == reason


def test_a_suggestion_that_nobody_looks_at_is_warned_of_and_breaks_b4(town: IncidentTown) -> None:
    with town.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(SUPERVISOR), robot="wecom://boss"))
    for room in (101, 201, 301):
        town.report(room)
    suggestion = town.suggestion()
    until(town, hours=2, minutes=30)
    assert history(town) == ["suggested", "notice_warning", "supervisor_told", "supervisor_told"]
    [text] = town.carrier.texts
    assert text.to == "+8613900000006"
    assert "请尽快确认并告知用户" in text.body
    assert "阳光花园供暖异常" in text.body
    assert [address for address, _ in town.robots.sent] == ["wecom://boss"]
    until(town, minutes=31)
    assert "未按时告知用户" in town.carrier.texts[-1].body
    assert history(town).count("notice_broken") == 1
    assert stands(town, suggestion) == {"B4": Kept.BROKEN}


def test_a_warning_that_fails_is_on_record_and_one_that_is_overtaken_is_not_sent(town: IncidentTown) -> None:
    for room in (101, 201, 301):
        town.report(room)
    suggestion = town.suggestion()
    town.carrier.text_failures = [CarrierBusy("429", 3.0), CarrierRefused("no")]
    until(town, hours=2, minutes=30)
    assert history(town)[-1] == "supervisor_not_told"
    town.incidents.confirm(suggestion.id, town.facts(), by=LEAD)
    until(town, hours=1)
    assert "未按时告知" not in "".join(t.body for t in town.carrier.texts)
