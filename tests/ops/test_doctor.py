"""Every check of the doctor, well and ill; the program itself against a real network in one town."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from bot.rasa_client import Guess
from bot.understanding import Intent
from fulfillment.company import Duty, StaffRole
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.pins import Pins
from fulfillment.ticket import Address
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown, NluUnavailable
from kernel.settings import Settings
from ops import doctor
from ops.doctor import Level, Patient, examine
from ops.town import BIN, HOME
from storage import Store
from tests.fakes import SUPERVISOR, FixedClock, small_company
from tests.fulfillment.drill import standard

OWN_ACCOUNT = {"emergency_account_sid": "AC" + "1" * 32, "emergency_auth_token": "e" * 32}


class Carrier:
    def __init__(self, answer: datetime | Exception | None) -> None:
        self.answer = answer

    def present(self) -> datetime | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Model:
    def __init__(self, *, ready: bool = True, fault: Exception | None = None) -> None:
        self.ready, self.fault = ready, fault

    def is_ready(self) -> bool:
        return self.ready

    def parse(self, text: str) -> tuple[Guess, ...]:
        assert text
        if self.fault is not None:
            raise self.fault
        return (Guess(Intent.FALLBACK, 1.0),)


class Room(NamedTuple):
    """Bytes, as shutil.disk_usage tells them."""

    total: int
    used: int
    free: int


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(f"sqlite:///{tmp_path / 'hotline.db'}") as store:
        store.migrate()
        small_company(store)  # type: ignore[arg-type] # it needs no more than the port
        yield store


def settings(tmp_path: Path, **changes: str) -> Settings:
    known = {
        "secret_key": "k" * 32,
        "twilio_auth_token": "t" * 32,
        "database_url": f"sqlite:///{tmp_path / 'hotline.db'}",
        "company_name": "华暖",
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_from_number": "+15005550006",
        "duty_phone": "+85251234567",
        "duty_robot": "feishu://abc",
        "twilio_api_base_url": "https://api.twilio.com",
        "recordings_dir": str(tmp_path / "none" / "yet"),
    }
    return Settings(_env_file=None, **(known | changes))  # type: ignore[arg-type] # as from the environment


@pytest.fixture
def patient(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Patient:
    """In good health, on a real carrier: everybody has a robot."""
    monkeypatch.setattr(doctor, "model_fits", lambda: True)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(1, 1, 50 * 1024**3))
    with store.write() as tx:
        tx.upsert_station(replace(tx.station(1), robot="wecombot://group"))
        for staff in tx.all_staff():
            tx.upsert_staff(replace(staff, phone="+8525123000" + staff.number[-1], robot=""))
            tx.set_staff_pin(staff.id, "some hash")
    clock = FixedClock(store.present())
    return Patient(settings(tmp_path), store, standard().ladder, Carrier(clock.now()), Carrier(None), Model(), clock)


def ill(patient: Patient, check: str) -> str:
    """The findings of a check that are not well, with their marks."""
    found = [str(f) for f in examine(patient) if f.check == check and f.level is not Level.WELL]
    return "\n".join(found)


def test_a_healthy_house(patient: Patient) -> None:
    findings = list(examine(patient))
    assert [str(f) for f in findings if f.level is not Level.WELL] == []
    wanted = {
        "carrier",
        "clock",
        "numbers",
        "database",
        "people",
        "pins",
        "robots",
        "ladder",
        "rota",
        "worker",
        "model",
        "disk",
    }
    assert {f.check for f in findings} == wanted
    assert str(findings[0]) == "✓ carrier   Twilio accepts TWILIO_ACCOUNT_SID"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (CarrierRefused("401", 20003), "refuses TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"),
        (CarrierUnknown("ConnectTimeout"), "does not answer"),
    ],
)
def test_the_carrier(patient: Patient, answer: Exception, words: str) -> None:
    found = ill(replace(patient, carrier=Carrier(answer)), "carrier")
    assert found.startswith("✗")
    assert words in found
    assert "→" in found, "a remedy"


def test_the_account_of_emergencies(patient: Patient) -> None:
    own = patient.settings.model_copy(update={"emergency_account_sid": "AC" + "e" * 32})
    refused = replace(patient, settings=own, alarm_carrier=Carrier(CarrierRefused("401", 20003)))
    assert "refuses EMERGENCY_ACCOUNT_SID and EMERGENCY_AUTH_TOKEN" in ill(refused, "carrier")
    assert ill(replace(patient, settings=own), "carrier") == ""


class OfficialAccount:
    """wechat.api.WeChatApi."""

    def __init__(self, answer: Exception | None = None) -> None:
        self.answer = answer

    def sign_in(self) -> None:
        if self.answer is not None:
            raise self.answer


@pytest.mark.parametrize(
    ("answer", "aes_key", "words"),
    [
        (None, "a" * 43, ""),
        (None, "", "! wechat    messages come in plain text"),
        (CarrierRefused("errcode 40125: invalid appsecret", 40125), "", "✗ wechat    refuses WECHAT_APP_ID"),
        (CarrierBusy("no access token: ConnectTimeout"), "", "! wechat    does not answer"),
    ],
)
def test_the_official_account(patient: Patient, answer: Exception | None, aes_key: str, words: str) -> None:
    own = patient.settings.model_copy(update={"wechat_app_id": "wx" + "0" * 16, "wechat_aes_key": SecretStr(aes_key)})
    found = ill(replace(patient, settings=own, wechat=OfficialAccount(answer)), "wechat")
    assert found.startswith(words)
    assert bool(found) == bool(words)
    assert ill(patient, "wechat") == "", "none, and nobody misses it"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(15, ""), (25, ""), (26, "✗ ladder    each telephone rings for 26 s: voicemail"), (14, "nobody has answered")],
)
def test_how_long_telephones_ring(patient: Patient, seconds: int, words: str) -> None:
    found = ill(replace(patient, ladder=replace(patient.ladder, ring_seconds=seconds)), "ladder")
    assert words in found
    assert bool(words) == bool(found)


@pytest.mark.parametrize(("seconds", "mark"), [(2, ""), (-10, "!"), (3600, "✗")])
def test_the_clock_against_the_carriers(patient: Patient, seconds: int, mark: str) -> None:
    theirs = patient.clock.now() + timedelta(seconds=seconds)
    assert ill(replace(patient, carrier=Carrier(theirs)), "clock")[:1] == mark


def test_the_clock_against_the_databases(patient: Patient) -> None:
    ahead = FixedClock(patient.clock.now() + timedelta(hours=1))
    assert "away from the database's" in ill(replace(patient, clock=ahead, carrier=Carrier(None)), "clock")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"twilio_from_number": "+8641188880000"}, "✗ numbers   TWILIO_FROM_NUMBER +8641188880000: Twilio has no +86"),
        ({"duty_phone": "+8619900000051", "duty_robot": ""}, "✗ numbers   DUTY_PHONE is +86"),
        ({"duty_phone": "+8619900000051"}, "✗ numbers   DUTY_PHONE is +86"),  # the robot answers no caller
        ({"duty_phone": "+8619900000051", "duty_robot": ""}, "! numbers   the sentinel has no robot"),
        ({"duty_robot": ""}, "! numbers   the sentinel has no robot"),
        (OWN_ACCOUNT | {"emergency_from_number": "+852123"}, "✗ numbers   EMERGENCY_FROM_NUMBER +852123 is no"),
        (
            OWN_ACCOUNT | {"emergency_from_number": "+8641188880000"},
            "EMERGENCY_FROM_NUMBER +8641188880000: Twilio has no",
        ),
        ({"duty_phone": "+999999999999999"}, "is no telephone number"),
    ],
)
def test_numbers(patient: Patient, tmp_path: Path, changes: dict[str, str], words: str) -> None:
    assert words in ill(replace(patient, settings=settings(tmp_path, **changes)), "numbers")


def change(patient: Patient, staff_id: int, **changes: object) -> None:
    with patient.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(staff_id), **changes))


def test_people_whom_nothing_reaches(patient: Patient) -> None:
    change(patient, 1, phone="+8613900000001")
    change(patient, SUPERVISOR, phone="+8613900000006")  # of no station: no group either
    found = ill(patient, "people")
    assert "✗ people    +86 and no robot, so nothing reaches them: 06 钱主管" in found
    assert "! people    1 of 6 have +86 numbers" in found


def test_people_on_the_simulated_network_are_all_reached(patient: Patient, tmp_path: Path) -> None:
    change(patient, SUPERVISOR, phone="+8613900000006")
    simulated = settings(tmp_path, twilio_api_base_url="http://127.0.0.1:8100")
    assert ill(replace(patient, settings=simulated), "people") == ""


def test_people_without_a_number_and_nobody_at_all(patient: Patient) -> None:
    change(patient, 1, phone="+1")
    assert "no telephone number: 01 王管家" in ill(patient, "people")
    for staff_id in range(1, 7):
        change(patient, staff_id, active=False)
    assert ill(patient, "people").startswith("✗ people    nobody can be forwarded to")


def test_robots(patient: Patient) -> None:
    change(patient, 2, robot="wecom://typo")
    assert ill(patient, "robots").startswith("✗ robots    no robot's address: 李管家")


def test_people_who_cannot_report_their_visits(patient: Patient) -> None:
    with patient.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(2), id=0, number="09", name="新管家"))
        newest = next(s for s in tx.all_staff() if s.number == "09")
        tx.upsert_community(replace(tx.community(1), deputy_id=newest.id))
    assert "1 people have none (09 新管家)" in ill(patient, "pins")
    Pins(patient.store, standard().outgoing.pin, FixedClock()).give_first("246813")
    assert ill(patient, "pins") == ""


def test_a_gap_in_the_rota(patient: Patient) -> None:
    with patient.store.write() as tx:
        others = [d for d in tx.duties() if d.role is not StaffRole.SUPERVISOR]
        night = next(d for d in tx.duties() if d.role is StaffRole.SUPERVISOR)
        tx.replace_duties([*others, Duty(night.role, SUPERVISOR, None, frozenset({1, 2, 3}), night.start, night.until)])
    found = ill(patient, "rota")
    assert "nobody is supervisor" in found
    assert "阳光花园" in found


def test_nobody_works(patient: Patient) -> None:
    with patient.store.write() as tx:
        request = TicketRequest("leak_inside", "漏水", None, Learned(address=Address(community_id=1)))
        long_ago = patient.clock.now() - timedelta(minutes=5)
        open_ticket(tx, request, standard=standard(), now=long_ago)
    assert ill(patient, "worker").startswith("✗ worker    1 emergency tasks wait")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (Model(ready=False), "✗ model     the understanding server (NLU_URL) has no model"),
        (
            Model(fault=NluUnavailable("ValueError: 'x' is not a valid Intent")),
            "✗ model     its answers are of another release",
        ),
    ],
)
def test_the_model(patient: Patient, model: Model, words: str) -> None:
    assert words in ill(replace(patient, rasa=model), "model")


def test_an_old_model(patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "hotline.tar.gz"
    file.touch()
    monkeypatch.setattr(doctor, "MODEL", file)
    monkeypatch.setattr(doctor, "model_fits", lambda: False)
    assert ill(patient, "model").startswith("! model     the model in bot/models is older")


@pytest.mark.parametrize(("free", "mark"), [(1024**3, "!"), (1024**2, "✗")])
def test_the_disk(patient: Patient, monkeypatch: pytest.MonkeyPatch, free: int, mark: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(1, 1, free))
    assert ill(patient, "disk").startswith(f"{mark} disk")


def test_a_database_that_is_not_there_or_not_of_this_release(patient: Patient, tmp_path: Path) -> None:
    with Store("postgresql+psycopg://nobody@127.0.0.1:1/nowhere") as gone:
        found = [str(f) for f in examine(replace(patient, store=gone))]
    assert any(line.startswith("✗ database  cannot be reached") for line in found)
    assert any(line.startswith("✗ company") for line in found), "and the examination goes on"
    assert any("model" in line for line in found)
    with Store(f"sqlite:///{tmp_path / 'empty.db'}") as empty:
        Path(tmp_path / "empty.db").touch()
        assert "not of this release" in ill(replace(patient, store=empty), "database")


def test_a_member_of_staff_is_shown_by_number_and_name_only(patient: Patient) -> None:
    """The doctor's lines are pasted into mails: no telephone number of staff, no robot's secret."""
    change(patient, 1, phone="+8613900000001", robot="wecom://secret")
    change(patient, SUPERVISOR, phone="+8613900000006")
    lines = "\n".join(str(f) for f in examine(patient))
    assert "13900000001" not in lines
    assert "secret" not in lines


def test_the_program_ends_with_1_where_an_emergency_may_be_lost(tmp_path: Path) -> None:
    """Nothing runs: no carrier, no model, no database."""
    environment = os.environ | {
        "SECRET_KEY": "k" * 32,
        "COMPANY_NAME": "x",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": "t" * 32,
        "DUTY_PHONE": "+8619900000051",
        "TWILIO_API_BASE_URL": "http://127.0.0.1:1",
        "NLU_URL": "http://127.0.0.1:1",
        "DATABASE_URL": f"sqlite:///{tmp_path / 'none.db'}",
    }
    run = subprocess.run(
        [str(BIN / "flask"), "--app", "app", "doctor"],
        cwd=HOME,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stderr
    assert run.stdout.count("✗") >= 3, run.stdout
    assert "Traceback" not in run.stderr
