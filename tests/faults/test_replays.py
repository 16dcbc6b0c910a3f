"""A signature proves who sent a webhook, not when: whatever is delivered again, at once or much later, does nothing again.

Over every route below /ivr, against the real rooms on a real database; nothing else writes into it meanwhile.
"""

import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from app import create_app
from dialogue.conversation import Channel
from fulfillment.importing import import_company, load_words
from fulfillment.ticket import Attempt, AttemptOutcome
from kernel.settings import Settings
from storage import Store
from tests.house.test_house import _SAMPLE

HOME = Path(__file__).resolve().parents[2]
BASE, TOKEN = "https://hotline.example.cn", "0123456789abcdef"
ACCOUNT, FOREIGN_ACCOUNT = "AC" + "0" * 32, "AC" + "9" * 32
CALL = "CA" + "1" * 32
RESIDENT, BUTLER = "+8617700000001", "+8619900000011"
LEAK = "家里暖气管爆了,水喷得到处都是,翠湖花园三号楼二单元五零一"
ATTEMPT = "a" * 32


@dataclass
class House:
    """The whole web process, its database, and the carrier's end of the webhooks."""

    app: Flask
    client: FlaskClient
    file: Path
    store: Store

    def post(self, path: str, form: Mapping[str, str], *, token: str = TOKEN, signed_as: str = "") -> TestResponse:
        data = {"AccountSid": ACCOUNT, "ApiVersion": "2010-04-01", **form}
        signature = RequestValidator(token).compute_signature(signed_as or BASE + path, data)
        return self.client.post(path, data=data, headers={"X-Twilio-Signature": signature})

    def everything(self) -> list[str]:
        """Every row of every table."""
        with closing(sqlite3.connect(self.file)) as database:
            return sorted(database.iterdump())


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    file = tmp_path_factory.mktemp("house") / "hotline.db"
    nobody = "http://127.0.0.1:9"  # neither a model nor a carrier: danger words need none
    changed = {
        "database_url": f"sqlite:///{file}", "public_base_url": BASE, "twilio_auth_token": TOKEN,
        "twilio_account_sid": ACCOUNT, "nlu_url": nobody, "twilio_api_base_url": nobody,
    }  # fmt: skip
    settings = Settings(_env_file=None, **(_SAMPLE | changed))  # type: ignore[arg-type] # as the house tests do
    with Store(settings.database_url) as store:
        store.migrate()
        import_company(
            store, HOME / "data" / "company", load_words(HOME / "data" / "import_words.yml"), robot_address=str
        )
        app = create_app(settings)
        yield House(app, app.test_client(), file, store)


@pytest.fixture(scope="module")
def conversation(house: House) -> str:
    """A call in which a leak was told, and an alarm that rings."""
    opened = house.post("/ivr/calls", {"CallSid": CALL, "From": RESIDENT})
    turn = opened.text.split('action="' + BASE)[1].split('"')[0]
    told = house.post(turn, {"CallSid": CALL, "From": RESIDENT, "SpeechResult": LEAK, "Confidence": "0.9"})
    assert told.status_code == 200
    with house.store.write() as tx:
        found = tx.conversation_by_external_id(Channel.PHONE, CALL)
        assert found is not None
        (ticket,) = tx.open_tickets(conversation_id=found.id)
        butler = next(s for s in tx.all_staff() if s.phone == BUTLER)
        tx.add_attempt(
            Attempt(
                ATTEMPT, ticket.id, 1, butler.id, "butler", BUTLER, "voice", ticket.opened_at,
                outcome=AttemptOutcome.RINGING, provider_sid="CA" + "2" * 32,
            )
        )  # fmt: skip
    return found.id


@pytest.fixture(scope="module")
def paths(house: House, conversation: str) -> list[str]:
    """One for every route; words in them are as they would be in life, as far as this call has any."""
    with house.store.read() as tx:
        butler = next(s for s in tx.all_staff() if s.phone == BUTLER)
        (ticket,) = tx.open_tickets(conversation_id=conversation)
    values = {
        "conversation_id": conversation, "attempt_id": ATTEMPT, "newest_id": ATTEMPT, "phone": RESIDENT,
        "number": "11", "staff_id": butler.id, "ids": str(ticket.id), "leg_id": "7" * 32, "try_id": "8" * 32,
    }  # fmt: skip
    with house.app.test_request_context():
        rules = [r for r in house.app.url_map.iter_rules() if r.rule.startswith("/ivr")]
        built = [
            house.app.url_map.bind("").build(r.endpoint, {n: values.get(n, 1) for n in r.arguments}) for r in rules
        ]
    assert len(built) >= 15
    return built


#: What a webhook may carry; each route gets all of them. Keys that accept come before those that end.
FORMS: tuple[dict[str, str], ...] = (
    {"SpeechResult": "我家在三楼,水还在喷", "Confidence": "0.9"},
    {"Digits": "3"},
    {"Digits": "1"},
    {"CallStatus": "ringing", "SequenceNumber": "1", "MessageStatus": "sent"},
    {"CallStatus": "completed", "SequenceNumber": "3", "MessageStatus": "delivered", "DialCallStatus": "no-answer"},
    {"RecordingSid": "RE" + "3" * 32, "RecordingDuration": "4", "RecordingStatus": "completed"},
)


def with_call(form: Mapping[str, str]) -> dict[str, str]:
    return {"CallSid": CALL, "From": RESIDENT, "To": "+8641188880000", "CallStatus": "in-progress", **form}


def test_a_replay_at_once_is_answered_with_the_same_bytes_and_does_nothing(house: House, paths: list[str]) -> None:
    changed = set()
    for path in paths:
        for form in FORMS:
            before = house.everything()
            first = house.post(path, with_call(form))
            after = house.everything()
            changed |= {path} if after != before else set()
            for _ in range(2):
                again = house.post(path, with_call(form))
                assert (again.status_code, again.data) == (first.status_code, first.data), (path, form)
                assert house.everything() == after, (path, form)
    assert len(changed) >= 4, f"only {changed} did anything at all: these replays prove nothing"
    with house.store.read() as tx:
        assert tx.attempt(ATTEMPT).outcome is AttemptOutcome.ACCEPTED


def test_a_stale_replay_of_the_whole_call_changes_nothing(house: House, paths: list[str]) -> None:
    """Somebody has kept every request and sends all of them once more when the case is long accepted."""
    after = house.everything()
    for path in paths:
        for form in FORMS:
            assert house.post(path, with_call(form)).status_code in (200, 204, 404, 503), path
            assert house.everything() == after, (path, form)


def test_a_foreign_signature_opens_no_route(house: House, paths: list[str]) -> None:
    before = house.everything()
    for path in paths:
        form = with_call({"Digits": "1"})
        refused = {
            "another account's token": house.post(path, form, token=secrets.token_hex(16)),
            "another account, its own token": house.post(path, form | {"AccountSid": FOREIGN_ACCOUNT}, token="f" * 16),
            "signed for another path": house.post(path, form, signed_as=f"{BASE}/ivr/elsewhere"),
            "signed for another host": house.post(path, form, signed_as=f"https://evil.example.com{path}"),
            "signed for plain http": house.post(path, form, signed_as=f"http://hotline.example.cn{path}"),
        }
        assert {why: r.status_code for why, r in refused.items()} == dict.fromkeys(refused, 403), path
    assert house.everything() == before
