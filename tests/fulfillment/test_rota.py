"""Who is rung when somebody is away; what a supervisor may and may not do to the rota."""

from dataclasses import replace
from datetime import date, time, timedelta
from pathlib import Path

import pytest

from fulfillment.company import Absence, Duty, StaffRole
from fulfillment.dispatch import Company, is_on_duty, ladder
from fulfillment.rota import Rota, key_of, read_company
from fulfillment.rota_week import Holder, Post, day_of, posts
from fulfillment.staff_notices import on_duty
from fulfillment.standard import Standard
from kernel.clock import local
from kernel.errors import ChangeRefused, Conflict
from tests.fakes import (
    A_WINTER_DAY,
    BUTLER,
    DEPUTY,
    DUTY_CHIEF,
    EVERY_DAY,
    STATION_DUTY_BY_DAY,
    SUPERVISOR,
    FakeStore,
    FixedClock,
    small_company,
)

STANDARD = Standard(Path(__file__).resolve().parents[2] / "data")
NOW, DAY = A_WINTER_DAY, timedelta(days=1)
TODAY = local(NOW).date()


def away(staff_id: int, stand_in_id: int | None = None, days: float = 2) -> Absence:
    return Absence(0, staff_id, stand_in_id, NOW, NOW + timedelta(days=days), NOW, "")


@pytest.fixture
def store() -> FakeStore:
    return small_company(FakeStore())


@pytest.fixture
def rota(store: FakeStore) -> Rota:
    return Rota(store, STANDARD, FixedClock())


def company(store: FakeStore, *absences: Absence) -> Company:
    with store.read() as tx:
        return replace(read_company(tx, NOW), absences=absences)


def rung(store: FakeStore, *absences: Absence, hours: float = 0) -> list[int]:
    with store.read() as tx:
        place = tx.community(1)
    rungs = ladder(STANDARD.ladder, company(store, *absences), place, NOW + timedelta(hours=hours))
    return [one.staff.id for one in rungs]


def line(store: FakeStore, role: StaffRole) -> Duty:
    with store.read() as tx:
        return next(d for d in tx.duties() if d.role is role)


def test_who_stands_in_is_rung_in_the_place_of_the_absent(store: FakeStore) -> None:
    whole = rung(store)
    assert whole == [BUTLER, DEPUTY, STATION_DUTY_BY_DAY, DUTY_CHIEF, SUPERVISOR]
    assert rung(store, away(STATION_DUTY_BY_DAY, 4)) == [BUTLER, DEPUTY, 4, DUTY_CHIEF, SUPERVISOR]
    assert rung(store, away(BUTLER, DEPUTY)) == whole[1:], "each one once"
    assert rung(store, away(BUTLER)) == whole[1:]
    assert rung(store, away(BUTLER, 4), away(4, SUPERVISOR)) == [SUPERVISOR, *whole[1:4]], (
        "who stands in is away as well"
    )
    assert rung(store, away(BUTLER, DEPUTY), away(DEPUTY, BUTLER)) == whole[2:], "in a circle: neither"
    assert rung(store, away(BUTLER, 4), hours=49) == whole, "back again"
    assert rung(store, *(away(i) for i in range(1, 7))) == whole, "rather somebody ill than nobody"


def test_messages_of_clocks_reach_who_stands_in(store: FakeStore, rota: Rota) -> None:
    rota.note_absence(away(DUTY_CHIEF, DEPUTY), by="周主管")
    with store.read() as tx:
        assert [s.id for s in on_duty(tx, StaffRole.DUTY_CHIEF, NOW)] == [DEPUTY]
        assert [s.id for s in on_duty(tx, StaffRole.DUTY_CHIEF, NOW + 3 * DAY)] == [DUTY_CHIEF]


def test_a_night_belongs_to_the_day_on_which_it_starts() -> None:
    night = Duty(StaffRole.STATION_DUTY, 1, 1, EVERY_DAY, time(20), time(8), TODAY, TODAY)
    assert [is_on_duty(night, NOW + timedelta(hours=h)) for h in (-12, 0, 12, 20, 34)] == [
        False,
        False,
        True,
        True,
        False,
    ]


def test_a_day_is_read_without_holes(store: FakeStore) -> None:
    ill = away(STATION_DUTY_BY_DAY, days=1 / 12)  # 10:00 to 12:00
    shifts = day_of(company(store, ill), Post(StaffRole.STATION_DUTY, 1), TODAY)
    told = [(f"{local(s.since):%H}", f"{local(s.until):%H}", [h.staff_id for h in s.holders]) for s in shifts]
    assert told == [("00", "08", [4]), ("08", "10", [3]), ("10", "12", []), ("12", "20", [3]), ("20", "00", [4])]
    ill = away(STATION_DUTY_BY_DAY, DEPUTY, days=1 / 12)
    shifts = day_of(company(store, ill), Post(StaffRole.STATION_DUTY, 1), TODAY)
    assert shifts[2].holders == (Holder(DEPUTY, instead_of=STATION_DUTY_BY_DAY),)
    with store.read() as tx:
        assert Post(StaffRole.STATION_DUTY, 1) in posts(tx.stations(), [])


def test_what_leaves_nobody_is_refused_with_the_gaps(store: FakeStore, rota: Rota) -> None:
    chief = line(store, StaffRole.SUPERVISOR)
    for change in (None, replace(chief, weekdays=frozenset({1, 2})), replace(chief, last=TODAY + 90 * DAY)):
        with pytest.raises(ChangeRefused) as refused:
            rota.change(key_of(chief), change, by="周主管")
        assert refused.value.reason == "gaps"
        assert refused.value.details["gaps"]
    with pytest.raises(ChangeRefused) as refused:
        rota.note_absence(away(SUPERVISOR, days=40), by="周主管")
    assert refused.value.reason == "gaps"
    assert rota.note_absence(away(SUPERVISOR, DUTY_CHIEF), by="周主管").noted_by == "周主管"
    with store.read() as tx:
        assert chief in tx.duties()
        assert not tx.editions()


def test_from_a_day_on_somebody_else(store: FakeStore, rota: Rota) -> None:
    old, change_on = line(store, StaffRole.SUPERVISOR), TODAY + 10 * DAY
    new = replace(old, staff_id=DEPUTY, first=change_on)
    rota.add(new, by="周主管")
    rota.add(new, by="周主管")
    rota.change(key_of(old), replace(old, last=change_on - DAY), by="周主管")
    with store.read() as tx:
        read = read_company(tx, NOW)
        editions = tx.editions("rota")
    assert [h.staff_id for h in day_of(read, Post(StaffRole.SUPERVISOR, None), change_on)[0].holders] == [DEPUTY]
    assert [h.staff_id for h in day_of(read, Post(StaffRole.SUPERVISOR, None), change_on - DAY)[0].holders] == [
        SUPERVISOR
    ]
    assert [e.made_by for e in editions] == ["", "周主管", "周主管"], "the imported rota is kept as the first"
    with pytest.raises(Conflict):
        rota.change(key_of(old), None, by="周主管")
    rota.restore(editions[0].id, by="周主管")
    assert line(store, StaffRole.SUPERVISOR) == old
    with store.read() as tx:
        assert len(tx.duties()) == 4
        assert len(tx.editions("rota")) == 4


def test_a_broken_rota_is_mended_line_by_line(store: FakeStore, rota: Rota) -> None:
    whole = line(store, StaffRole.SUPERVISOR)
    with store.write() as tx:
        tx.replace_duties([])
    assert rota.gaps(NOW, NOW + 7 * DAY)
    for days in ({1, 2, 3}, {4, 5, 6, 7}):
        rota.add(replace(whole, weekdays=frozenset(days)), by="周主管")
    rota.add(Duty(StaffRole.DUTY_CHIEF, DUTY_CHIEF, None, EVERY_DAY, time(0), time(0)), by="周主管")
    assert not rota.gaps(NOW, NOW + 7 * DAY)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"weekdays": frozenset()}, "no_weekday"),
        ({"staff_id": 99}, "nobody"),
        ({"role": StaffRole.STATION_DUTY}, "no_station"),
        ({"station_id": 7}, "no_station"),
        ({"first": date(2026, 12, 2), "last": date(2026, 12, 1)}, "dates"),
    ],
)
def test_a_line_that_cannot_be(store: FakeStore, rota: Rota, change: dict[str, object], reason: str) -> None:
    with pytest.raises(ChangeRefused) as refused:
        rota.add(replace(line(store, StaffRole.SUPERVISOR), **change), by="周主管")  # type: ignore[arg-type] # fields of a Duty
    assert refused.value.reason == reason


@pytest.mark.parametrize(
    ("absence", "reason"),
    [
        (away(BUTLER, BUTLER), "himself"),
        (away(BUTLER, 99), "nobody"),
        (away(BUTLER, days=-1), "absence_times"),
        (away(BUTLER, days=400), "absence_too_long"),
    ],
)
def test_an_absence_that_cannot_be(rota: Rota, absence: Absence, reason: str) -> None:
    with pytest.raises(ChangeRefused) as refused:
        rota.note_absence(absence, by="周主管")
    assert refused.value.reason == reason


def test_back_earlier(store: FakeStore, rota: Rota) -> None:
    noted = rota.note_absence(away(BUTLER, 4), by="周主管")
    for _ in range(2):
        rota.cancel_absence(noted.id)
    with store.read() as tx:
        assert not tx.absences(NOW)
