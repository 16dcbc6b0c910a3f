"""A small hotline behind the telephone: a scripted Hotline and Alarms over the fake store, with the real scripts."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from dialogue.conference import Conferences
from dialogue.conversation import Author, Channel, Conversation, Expect, Floor, Reply, Said, Then, Turn
from dialogue.recordings import CallRecordings, LeftMessage
from dialogue.script_book import ScriptBook
from fulfillment.company import Operator, OperatorRole, Staff
from fulfillment.desk import Desk
from fulfillment.pins import Pins
from fulfillment.ticket import Address, Attempt, Ticket, TicketState
from fulfillment.work_orders import WorkOrders
from ivr.blueprint import Residents, StaffLine, build_ivr
from ivr.line import PhoneLine
from kernel.errors import NotFound
from tests.dialogue.talk import STANDARD
from tests.fakes import A_WINTER_DAY, FakeStore, FixedClock
from tests.twilio_judges import JudgedClient

BASE_URL = "https://hotline.example.cn"
TOKEN = "test-token-0123456789abcdef"
CALL_SID = "CA" + "1" * 32
ATTEMPT = "a" * 32
TRY = "7" * 32
RESIDENT = "+8613812345678"

LINE = PhoneLine(base_url=BASE_URL, auth_token=TOKEN, number="+8640012345", duty_phone="+8613900000001")


class ScriptedHotline:
    """Answers by the words it hears; stores replies and messages as the real one promises."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store
        self.answers: dict[str, Reply] = {}  # words or digits -> reply (its said is stored as bot messages)
        self.greeting = Reply(said=(said("您好,华暖集团温心01号为您服务,请问有什么可以帮您?"),))
        self.turns: list[Turn] = []
        self.halves: list[tuple[Turn, int]] = []
        self.ended: list[str] = []
        self.messages: list[tuple[str, LeftMessage]] = []
        self.failure: Exception | None = None

    def open(self, channel: Channel, external_id: str, peer: str) -> tuple[Conversation, Reply]:
        with self.store.write() as tx:
            conversation = tx.add_conversation(
                Conversation("c0ffee", channel, external_id, peer, Floor.BOT, A_WINTER_DAY, A_WINTER_DAY)
            )
        return conversation, self._once(conversation.id, "open", None, self.greeting)

    def handle_turn(self, turn: Turn) -> Reply:
        if self.failure:
            raise self.failure
        self.turns.append(turn)
        reply = self.answers.get(turn.text or turn.digits, Reply(said=(said("没有听清楚,麻烦您再重复一遍,好吗?"),)))
        return self._once(turn.conversation_id, turn.key, turn.text or turn.digits, reply)

    def half_heard(self, turn: Turn, part: int) -> None:
        if self.failure:
            raise self.failure
        self.halves.append((turn, part))

    def message_left(self, conversation_id: str, key: str, left: LeftMessage) -> Reply:
        if self.failure:
            raise self.failure
        self.messages.append((key, left))
        return self._once(conversation_id, key, None, reply("您的留言已经收到。"))

    def hang_up(self, conversation_id: str) -> None:
        if self.failure:
            raise self.failure
        self.ended.append(conversation_id)

    def _once(self, conversation_id: str, key: str, words: str | None, reply: Reply) -> Reply:
        with self.store.write() as tx:
            conversation = tx.conversation(conversation_id)
            stored = tx.stored_reply(conversation_id, key)
            if stored is not None:
                return Reply.from_json(stored)
            if words:
                tx.add_message(conversation_id, author=Author.RESIDENT, text=words, at=A_WINTER_DAY)
            for one in reply.said:
                data = {"voice": one.voice, "interruptible": one.interruptible}
                tx.add_message(conversation_id, author=Author.BOT, text=one.chat, at=A_WINTER_DAY, data=data)
            if reply.then is Then.WAIT and conversation.floor is Floor.BOT:
                tx.move_floor(
                    conversation_id, to=Floor.QUEUE, operator_id=None, epoch=conversation.epoch, at=A_WINTER_DAY
                )
            reply = replace(
                reply,
                turn_number=tx.turn_count(conversation_id) + 1,
                last_seq=tx.conversation(conversation_id).last_seq,
            )
            tx.store_reply(conversation_id, key, reply.to_json())
            return reply


@dataclass
class Brief:
    attempt: Attempt
    ticket: Ticket
    staff: Staff
    community_name: str = "翠湖花园"
    still_open: bool = True
    accepted_by: str = ""
    to_tell: int = 1
    newest_id: str = ATTEMPT

    @property
    def is_his(self) -> bool:
        return self.accepted_by == self.staff.name


def a_brief() -> Brief:
    ticket = Ticket(
        id=7, number="1122-0007", kind="leak_inside", state=TicketState.NEW, emergency=True, opened_at=A_WINTER_DAY,
        conversation_id="c0ffee", household_id=None, address=Address(3, "12", "2", "1502"), contact_name="",
        contact_phone=RESIDENT, symptom="客厅暖气片一直往外喷水",
    )  # fmt: skip
    staff = Staff(id=4, number="12", name="王建国", phone="+8613900000012", station_id=1)
    attempt = Attempt(ATTEMPT, 7, 1, staff.id, "butler", staff.phone, "voice", A_WINTER_DAY)
    return Brief(attempt, ticket, staff)


@dataclass
class ScriptedAlarms:
    known: Brief = field(default_factory=a_brief)
    passed_on: list[str] = field(default_factory=list)
    events: list[tuple[str, str, int | None, str]] = field(default_factory=list)
    texts: list[tuple[str, str, str]] = field(default_factory=list)
    failure: Exception | None = None

    def brief(self, attempt_id: str) -> Brief:
        if self.failure:
            raise self.failure
        if attempt_id != ATTEMPT:
            raise NotFound(attempt_id)
        return self.known

    def next_in_call(self, attempt_id: str) -> Brief | None:
        brief = self.brief(attempt_id)
        return brief if brief.still_open and attempt_id not in self.passed_on else None

    def accept_all(self, attempt_id: str, newest_id: str) -> list[Brief]:
        assert newest_id == ATTEMPT
        return [self.accept(attempt_id)]

    def hang_up(self, attempt_id: str) -> Brief | None:
        return self.next_in_call(attempt_id)

    def accept(self, attempt_id: str) -> Brief:
        brief = self.brief(attempt_id)
        if brief.still_open:
            self.known = replace(brief, still_open=False, accepted_by=brief.staff.name)
        return self.known

    def pass_on(self, attempt_id: str) -> None:
        self.passed_on.append(attempt_id)

    def call_event(self, attempt_id: str, *, status: str, sequence: int | None, sid: str) -> None:
        self.brief(attempt_id)
        self.events.append((attempt_id, status, sequence, sid))

    def text_event(self, attempt_id: str, *, status: str, sid: str) -> None:
        self.texts.append((attempt_id, status, sid))


def said(text: str, *, interruptible: bool = True) -> Said:
    return Said(script="test.sentence", chat=text, voice=text, interruptible=interruptible)


def reply(*texts: str, then: Then = Then.LISTEN, expect: Expect = Expect.ANYTHING) -> Reply:
    return Reply(said=tuple(said(t) for t in texts), then=then, expect=expect)


@pytest.fixture(scope="session")
def book() -> ScriptBook:
    return ScriptBook(Path(__file__).parents[2] / "scripts_zh", company="华暖示例热力", number="01")


@pytest.fixture
def store() -> FakeStore:
    store = FakeStore()
    with store.write() as tx:
        tx.upsert_operator(Operator(0, "li", "李敏", OperatorRole.OPERATOR, "+8613900000099", ""))
        tx.upsert_operator(Operator(0, "wu", "吴一", OperatorRole.OPERATOR, "", ""))
    return store


@pytest.fixture
def hotline(store: FakeStore) -> ScriptedHotline:
    return ScriptedHotline(store)


@pytest.fixture
def alarms() -> ScriptedAlarms:
    return ScriptedAlarms()


@pytest.fixture
def conferences(store: FakeStore, book: ScriptBook) -> Conferences:
    return Conferences(store, book, FixedClock(), hotline=LINE.number, browser_lines=True)


@pytest.fixture
def staff_line(store: FakeStore) -> StaffLine:
    """With the real rooms below: nobody of the staff has the numbers that call in these tests."""
    orders = WorkOrders(store, Desk(store, STANDARD, FixedClock()), STANDARD, FixedClock())
    pins = Pins(store, STANDARD.outgoing.pin, FixedClock())
    return StaffLine(orders, pins, lambda _: False, locked_minutes=30)


@dataclass
class ScriptedResidents:
    """dialogue.our_calls.OurCalls and fulfillment.calling.ResidentCalls, as the telephone sees them."""

    hotline: ScriptedHotline
    events: list[tuple[str, str, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    failure: Exception | None = None

    def answered(self, try_id: str, call_sid: str) -> tuple[Conversation, Reply]:
        if self.failure:
            raise self.failure
        if try_id != TRY:
            raise NotFound(try_id)
        return self.hotline.open(Channel.PHONE, call_sid, RESIDENT)

    def report(self, call_sid: str, staff: Staff) -> tuple[Conversation, Reply]:
        conversation, _ = self.hotline.open(Channel.PHONE, call_sid, "")
        return conversation, reply(f"{staff.name},请说")

    def hang_up(self, call_sid: str) -> None:
        self.ended.append(call_sid)

    def told_event(self, told_id: int, *, status: str, sid: str) -> None:
        self.events.append((f"told {told_id}", status, sid))

    def word_event(self, text_id: int, *, status: str) -> None:
        self.events.append((f"word {text_id}", status, ""))

    def call_event(self, try_id: str, *, status: str, sid: str) -> None:
        if self.failure:
            raise self.failure
        self.events.append((try_id, status, sid))


@pytest.fixture
def scripted_residents(hotline: ScriptedHotline) -> ScriptedResidents:
    return ScriptedResidents(hotline)


@pytest.fixture
def residents(scripted_residents: ScriptedResidents) -> Residents:
    return Residents(scripted_residents, scripted_residents, scripted_residents)


@pytest.fixture
def app(  # noqa: PLR0917 - pytest gives each fixture by name
    hotline: ScriptedHotline,
    alarms: ScriptedAlarms,
    conferences: Conferences,
    staff_line: StaffLine,
    residents: Residents,
    store: FakeStore,
    book: ScriptBook,
) -> Flask:
    app = Flask("telephone_test")
    places = ("翠湖花园", "锦绣华庭")
    app.register_blueprint(
        build_ivr(
            hotline=hotline,
            alarms=alarms,
            conferences=conferences,
            staff_line=staff_line,
            residents=residents,
            log=store,
            book=book,
            line=LINE,
            recordings=CallRecordings(store, book, FixedClock()),
            queue=STANDARD.queue,
            clock=FixedClock(),
            place_names=places,
        )
    )
    return app


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Anybody on the Internet."""
    return app.test_client()


@pytest.fixture
def carrier(stranger: FlaskClient) -> JudgedClient:
    """Signs as the carrier does; every answer is judged."""
    return JudgedClient(stranger, BASE_URL, TOKEN)


@pytest.fixture
def in_call(carrier: JudgedClient) -> str:
    """A call that was greeted; returns its conversation's id."""
    carrier.speak("/ivr/calls", {"CallSid": CALL_SID, "From": RESIDENT})
    return "c0ffee"


@pytest.fixture
def operator_says(store: FakeStore) -> Callable[[str], int]:
    """Appends an operator's line; returns its seq."""

    def say(text: str) -> int:
        with store.write() as tx:
            return tx.add_message(
                "c0ffee", author=Author.OPERATOR, text=text, at=A_WINTER_DAY, data={"operator": "李敏"}
            ).seq

    return say


@pytest.fixture
def floor(store: FakeStore) -> Callable[[Floor], None]:
    """Moves the floor."""

    def move(to: Floor) -> None:
        with store.write() as tx:
            epoch = tx.conversation("c0ffee").epoch
            operator_id = 1 if to is Floor.OPERATOR else None
            assert tx.move_floor("c0ffee", to=to, operator_id=operator_id, epoch=epoch, at=A_WINTER_DAY)

    return move
