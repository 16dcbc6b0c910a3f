"""The official account as an application of its own, with the real dialogue over any store, and WeChat in front of it.

WeChat's side of signature and encryption is the simulated one, which is without the library that the product uses.
"""

import itertools
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.test import TestResponse

from bot.understanding import Intent, Understanding
from dialogue.conversation import Channel, Conversation, Message
from dialogue.handle_turn import Hotline
from dialogue.handoff import Handoff
from dialogue.kit import Kit
from dialogue.pictures import Pictures
from dialogue.policy import Policy
from dialogue.ports import DialogueStore
from fulfillment.outbox import Lane, Task, TaskKind
from fulfillment.worker import LEASE
from kernel.errors import CarrierBusy, CarrierError
from simulator.wechat_envelope import Sealing, xml_of
from storage import SoundFolder
from tests.dialogue.talk import BOOK, KNOWLEDGE, STANDARD, means
from tests.fakes import FakeStore, FakeUnderstander, FixedClock, small_company
from webchat.photographs import DarkRoom
from wechat.account import Account
from wechat.blueprint import build_wechat
from wechat.envelope import Envelope
from wechat.ports import AccountRooms
from wechat.reception import Reception
from wechat.sending import Sending

AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
PLAIN = Account("wx0123456789abcdef", "secret", "our-token")
SAFE = Account(PLAIN.app_id, PLAIN.secret, PLAIN.token, AES_KEY)
OURS, OPENID = "gh_0123456789ab", "oAbCdEf-0123456789_resident0"
HOTLINE_PHONE = "+8641188880000"


@dataclass
class FakeApi:
    """wechat.ports.Api: keeps what was sent; `failures` are used up one per call, None meaning success."""

    sent: list[tuple[str, str]] = field(default_factory=list)
    failures: list[CarrierError | None] = field(default_factory=list)
    pictures: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    fetching: Callable[[], None] = lambda: None

    def send_text(self, openid: str, text: str) -> None:
        self._fail()
        self.sent.append((openid, text))

    def fetch_picture(self, media_id: str) -> bytes:
        self.fetching()
        self._fail()
        self.fetched.append(media_id)
        return self.pictures[media_id]

    def _fail(self) -> None:
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure


class SlowUnderstander(FakeUnderstander):
    """Thinks for so many seconds about everything but danger words, as the real one does with a slow model."""

    thinks = 0.0

    def understand(self, text: str) -> Understanding:
        heard = super().understand(text)
        if not heard.emergency:
            time.sleep(self.thinks)
        return heard


class Official:
    """The account over a store, its worker, and the console's handoff."""

    def __init__(self, account: Account = PLAIN, store: DialogueStore | None = None) -> None:
        self.account = account
        self.store: DialogueStore = store or small_company(FakeStore())
        self.clock, self.api, self.understander = FixedClock(), FakeApi(), SlowUnderstander()
        kit = Kit(
            store=self.store, understander=self.understander, policy=Policy(KNOWLEDGE.matters, STANDARD.kinds, STANDARD.directory, KNOWLEDGE.phrases),
            book=BOOK, standard=STANDARD, clock=self.clock, facts=KNOWLEDGE.facts, facts_of_profiles=KNOWLEDGE.facts_of_profiles, hotline_phone=HOTLINE_PHONE,
        )  # fmt: skip
        self.hotline = Hotline(kit)
        self.handoff = Handoff(self.store, BOOK, self.clock)
        pictures = Pictures(self.store, SoundFolder(Path(tempfile.mkdtemp()), ".jpg"), BOOK, self.clock)
        self.reception = Reception(
            AccountRooms(self.hotline, self.store, pictures, DarkRoom(), self.api, BOOK, self.clock)
        )
        self.sending = Sending(self.store, self.api, BOOK, self.clock)
        self.app = Flask("tests.wechat")
        limiter = Limiter(get_remote_address, app=self.app, storage_uri="memory://")
        self.app.register_blueprint(build_wechat(self.reception, Envelope(account, self.clock), limiter))

    def means(self, text: str, intent: Intent, **more: Any) -> None:
        self.understander.table[text] = means(text, intent, **more)

    def work(self, *, after: float = 0.0) -> int:
        """The worker carries out what is due in the lane; how many tasks. A failed one is tried again a second later."""
        self.clock.advance(seconds=after)
        done = 0
        while (task := self.store.claim(Lane.WORDS, self.clock.now(), LEASE, "w")) is not None:
            done += 1
            try:
                self._deliver(task)
            except CarrierBusy as exc:
                with self.store.write() as tx:
                    tx.task_again(task, self.clock.now() + LEASE, str(exc))
                continue
            with self.store.write() as tx:
                tx.task_done(task)
        return done

    def _deliver(self, task: Task) -> None:
        {TaskKind.SEND_LINE: self.sending.send, TaskKind.ANSWER_MESSAGE: self.reception.answer_later}[task.kind](task)

    def conversation(self, round_number: int = 1, openid: str = OPENID) -> Conversation:
        with self.store.read() as tx:
            found = tx.conversation_by_external_id(Channel.WECHAT, f"{openid}-{round_number}")
        assert found is not None
        return found

    def log(self, round_number: int = 1) -> list[Message]:
        conversation = self.conversation(round_number)
        with self.store.read() as tx:
            return list(tx.messages(conversation.id))

    def tickets(self) -> list[str]:
        with self.store.read() as tx:
            return [t.kind for t in tx.tickets(only_open=True)]


_numbers = itertools.count(23456789012345678)


@dataclass
class Follower:
    """A resident in his WeChat, and WeChat's server between him and us."""

    site: Official
    openid: str = OPENID
    encrypted: bool | None = None  # None: as was agreed

    def __post_init__(self) -> None:
        self.client: FlaskClient = self.site.app.test_client()
        agreed, account = bool(self.site.account.aes_key), self.site.account
        safe = agreed if self.encrypted is None else self.encrypted
        self.sealing = Sealing(account.app_id, account.token, AES_KEY if safe else "")

    def says(self, text: str, **more: str) -> str:
        return self.sends({"MsgType": "text", "Content": text, **more})

    def taps(self, answer: str, label: str) -> str:
        assert f"msgmenucontent={label}&msgmenuid=" in answer, answer
        return self.sends({"MsgType": "text", "Content": label, "bizmsgmenuid": "1"})

    def event(self, event: str, key: str = "", made_at: int | None = None) -> str:
        return self.sends({"MsgType": "event", "Event": event, "EventKey": key}, made_at=made_at)

    def sends(self, fields: Mapping[str, str], made_at: int | None = None) -> str:
        """What his WeChat shows for it at once; "" for nothing."""
        answer = self.post(self.message(fields, made_at))
        assert answer.status_code == 200, answer.status
        return self.reads(answer)

    def message(self, fields: Mapping[str, str], made_at: int | None = None) -> str:
        number = {} if fields["MsgType"] == "event" else {"MsgId": str(next(_numbers))}
        now = str(made_at or int(self.site.clock.now().timestamp()))
        told = {"ToUserName": OURS, "FromUserName": self.openid, "CreateTime": now, **number, **fields}
        return xml_of(told)

    def post(self, plain: str, **changed: str) -> TestResponse:
        query, body = self.sealing.request(plain, int(self.site.clock.now().timestamp()))
        return self.client.post("/wechat", data=body.encode(), query_string=query | changed, content_type="text/xml")

    def reads(self, answer: TestResponse) -> str:
        if answer.text == "success":
            return ""
        told = self.sealing.answer(answer.data)
        assert (told["ToUserName"], told["FromUserName"], told["MsgType"]) == (self.openid, OURS, "text")
        assert 0 < len(told["Content"].encode()) <= 2048
        return told["Content"]


def signed(at: float, token: str = PLAIN.token) -> dict[str, str]:
    return Sealing(PLAIN.app_id, token).request("", int(at))[0]
