"""The company everybody tries the hotline with: whole, clean, and somebody on duty at every hour."""

from collections import Counter
from datetime import time
from pathlib import Path

import pytest
import yaml

from fulfillment.company import Duty, StaffRole
from fulfillment.importing import TableKind, Words, import_company
from ivr.robots import robot_address
from kernel.settings import HOME
from ops import generate_sample
from tests.fakes import FakeStore
from tests.importing.conftest import SAMPLE


@pytest.fixture
def sample(store: FakeStore, words: Words) -> FakeStore:
    import_company(store, SAMPLE, words, robot_address=robot_address)
    return store


def test_it_imports_without_a_single_problem(store: FakeStore, words: Words) -> None:
    report = import_company(store, SAMPLE, words, robot_address=robot_address)

    assert [str(p) for p in (*report.problems, *report.warnings)] == []
    assert report.imported[TableKind.COMMUNITIES] == 40
    assert report.imported[TableKind.HOUSEHOLDS] == 500
    assert report.imported[TableKind.STATIONS] == 5
    assert report.imported[TableKind.OPERATORS] == 4
    assert report.ignored == ["sample_names.yml"]


def test_importing_it_twice_changes_nothing(sample: FakeStore, words: Words) -> None:
    again = import_company(sample, SAMPLE, words, robot_address=robot_address)

    assert set(again.imported.values()) == {0}
    assert again.unchanged[TableKind.HOUSEHOLDS] == 500
    with sample.read() as tx:
        assert len(tx.communities()) == 40


def test_every_community_has_a_butler_and_a_deputy_who_is_somebody_else(sample: FakeStore) -> None:
    with sample.read() as tx:
        for community in tx.communities():
            assert tx.staff(community.butler_id).station_id == community.station_id
            assert community.deputy_id is not None
            assert community.deputy_id != community.butler_id


def on_duty(duties: list[Duty], role: StaffRole, station_id: int | None, weekday: int, hour: int) -> list[Duty]:
    """Written differently from the product's own gap search on purpose."""
    found = []
    for duty in duties:
        if duty.role is not role or duty.station_id != station_id:
            continue
        now, yesterday = time(hour, 30), (weekday - 2) % 7 + 1
        over_midnight = duty.until <= duty.start
        today = weekday in duty.weekdays and duty.start <= now and (over_midnight or now < duty.until)
        since_yesterday = yesterday in duty.weekdays and over_midnight and now < duty.until
        if today or since_yesterday:
            found.append(duty)
    return found


def test_every_post_is_held_by_exactly_one_person_at_each_of_the_168_hours(sample: FakeStore) -> None:
    with sample.read() as tx:
        duties = list(tx.duties())
        posts: list[tuple[StaffRole, int | None]] = [(StaffRole.STATION_DUTY, station.id) for station in tx.stations()]
    posts += [(StaffRole.DUTY_CHIEF, None), (StaffRole.SUPERVISOR, None)]

    odd = [
        (role, station, weekday, hour)
        for role, station in posts
        for weekday in range(1, 8)
        for hour in range(24)
        if len(on_duty(duties, role, station, weekday, hour)) != 1
    ]
    assert odd == []


def test_nobody_holds_two_posts_at_once(sample: FakeStore) -> None:
    with sample.read() as tx:
        roles = {(d.staff_id, d.role, d.station_id) for d in tx.duties()}
        butlers = {c.butler_id for c in tx.communities()} | {c.deputy_id for c in tx.communities()}
    holders = Counter(staff_id for staff_id, _, _ in roles)
    assert max(holders.values()) == 1
    assert butlers.isdisjoint(holders)


def test_the_home_of_the_scripts_example_exists(sample: FakeStore) -> None:
    with sample.read() as tx:
        names = {c.id: c.name for c in tx.communities()}
        home = tx.household_by_card("60010001")
    assert home is not None
    assert (names[home.community_id], home.building, home.unit, home.room) == ("翠湖花园", "3", "2", "501")


def test_community_names_and_aliases_are_unambiguous(sample: FakeStore) -> None:
    with sample.read() as tx:
        words = Counter(word for c in tx.communities() for word in (c.name, *c.aliases))
    assert [word for word, times in words.items() if times > 1] == []


def test_it_has_what_a_trial_needs(sample: FakeStore) -> None:
    with sample.read() as tx:
        homes = [
            home
            for serial in range(1, 14)
            for c in range(1, 41)
            if (home := tx.household_by_card(f"6{c:03}{serial:04}"))
        ]
    phones = Counter(home.phone for home in homes if home.phone)
    assert len(homes) == 500
    assert len({(h.community_id, h.building, h.unit, h.room) for h in homes}) == 500
    assert sum(1 for home in homes if not home.phone) > 5, "callers who are not recognised"
    assert sum(1 for times in phones.values() if times > 1) > 5, "one telephone, two homes"
    assert {home.installation for home in homes} == {"radiator", "floor_heating"}
    assert 10 < sum(home.vulnerable for home in homes) < 100
    assert 10 < sum(not home.paid for home in homes) < 100
    assert sum(1 for home in homes if not home.unit) > 10, "towers without units"


def test_all_numbers_are_of_the_sample_ranges() -> None:
    """Nobody's real telephone may ring because somebody tried the hotline."""
    for file in SAMPLE.glob("*.csv"):
        for line in file.read_text(encoding="utf-8-sig").splitlines()[1:]:
            for cell in line.split(","):
                if len(cell) == 11 and cell.isdigit():
                    assert cell.startswith(("19900000", "1991100", "19922000", "19933000", "19955000")), (
                        file.name,
                        line,
                    )


def test_the_households_come_from_the_generator(tmp_path: Path) -> None:
    generate_sample.main(tmp_path / "households.csv")
    assert (tmp_path / "households.csv").read_bytes() == (SAMPLE / "households.csv").read_bytes()


def test_the_directory_names_every_unit_once() -> None:
    rows = yaml.safe_load((HOME / "data" / "directory.yml").read_text(encoding="utf-8"))
    keys = [row["key"] for row in rows]
    assert len(keys) == len(set(keys))
    assert {"electricity", "water", "gas", "property", "government"} <= set(keys)
    numbers = {row["key"]: row["phone"] for row in rows}
    assert numbers["electricity"] == "95598"
    assert numbers["government"] == "12345"
    assert all(isinstance(phone, str) for phone in numbers.values())
    assert [key for key, phone in numbers.items() if not phone] == ["property"]
