"""One word to a resident: in his chat if it is open, else as a text; once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from dialogue.conversation import Author, Channel, Conversation, Floor
from dialogue.resident_words import ResidentWords
from dialogue.script_book import ScriptBook
from fulfillment.appointments import Appointments
from fulfillment.case import Case
from fulfillment.desk import Desk
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import Lane, TaskKind
from fulfillment.resident_texts import TextState
from fulfillment.standard import Standard
from fulfillment.telling_residents import ResidentWord, promise_word
from fulfillment.text_reports import TextReports
from kernel.errors import CarrierBusy, CarrierError, CarrierRefused, CarrierUnknown
from kernel.settings import HOME
from tests.fakes import BUTLER, FakeStore, FixedClock, small_company

STANDARD = Standard(HOME / "data")
BOOK = ScriptBook(HOME / "scripts_zh", company="华暖示例热力", number="01")


class Texts:
    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []
        self.failures: list[CarrierError] = []

    def word_text(self, *, to: str, body: str, text_id: int) -> str:  # noqa: ARG002 - the carrier's signature
        if self.failures:
            raise self.failures.pop(0)
        self.sent.append((to, body))
        return "SM1"


class Office:
    def __init__(
        self, floor: Floor = Floor.BOT, phone: str = "+8613800000009", channel: Channel = Channel.CHAT
    ) -> None:
        self.store, self.clock, self.texts = small_company(FakeStore()), FixedClock(), Texts()
        now = self.clock.now()
        with self.store.write() as tx:
            chat = Conversation("chat", channel, "visitor", "", floor, now, now)
            tx.add_conversation(chat)
            request = TicketRequest("temperature_test", "测温", "chat", Learned(contact_phone=phone))
            self.ticket, _ = open_ticket(tx, request, standard=STANDARD, now=now)
            case = Case(tx, self.ticket, standard=STANDARD, now=now)
            for _ in range(2):
                promise_word(
                    case, ResidentWord.LATE, key="late", minutes=20, name="王管家", phone="+8613900000001"
                )  # fmt: skip

    def deliver(self) -> None:
        words = ResidentWords(self.store, self.texts, BOOK, self.clock)
        while task := self.store.claim(Lane.TEXT, self.clock.now(), STANDARD.queue.sweep_every, "w"):
            if task.kind is TaskKind.TELL_RESIDENT:  # the butler hears of an appointment, too
                words.deliver(task)

    def story(self) -> list[str]:
        return [e.key for e in self.store.tables.timeline if e.ticket_id == self.ticket.id]


def test_in_an_open_chat_it_is_a_message_and_no_text() -> None:
    office = Office()
    office.deliver()
    [message] = office.store.tables.messages["chat"]
    assert message.author is Author.BOT
    assert "非常抱歉" in message.text
    assert "20分钟" in message.text
    assert "13900000001" in message.text
    assert office.texts.sent == []
    assert office.story().count("resident_told") == 1


def test_otherwise_it_is_a_text_to_his_number() -> None:
    office = Office(Floor.ENDED)
    office.deliver()
    [(to, body)] = office.texts.sent
    assert to == "+8613800000009"
    assert office.ticket.number in body
    assert office.story().count("resident_told") == 1
    assert office.store.tables.messages.get("chat", []) == []


@pytest.mark.parametrize(("hours", "texts"), [(47, 0), (49, 1)])
def test_in_wechat_it_is_a_message_while_wechat_takes_one(hours: int, texts: int) -> None:
    office = Office(channel=Channel.WECHAT)
    with office.store.write() as tx:
        tx.add_message("chat", author=Author.RESIDENT, text="测温", at=office.clock.now() - timedelta(hours=hours))
    office.deliver()
    assert len(office.texts.sent) == texts
    assert len(office.store.tables.messages["chat"]) == 2 - texts


def test_the_copy_of_a_test_has_every_room_and_who_measured() -> None:
    office = Office(Floor.ENDED)
    with office.store.write() as tx:
        case = Case(tx, tx.ticket(office.ticket.id), standard=STANDARD, now=office.clock.now())
        readings, person = [["客厅", 19.5], ["主卧", 16.0]], {"name": "王管家", "phone": "+8613900000001"}
        promise_word(case, ResidentWord.TEST_RECORD, key="copy", at="11-22 10:00", readings=readings, outside=-6.0,
                     instrument="CW-07", height=140, limit=18, below=True, **person)  # fmt: skip
    office.deliver()
    body = office.texts.sent[-1][1]
    for told in ("客厅19.5℃、主卧16.0℃", "室外-6.0℃", "CW-07", "王管家", "13900000001", "低于18℃,已为您登记报修"):
        assert told in body, told


def test_the_copy_of_a_repair_says_what_when_who_and_where_to_call() -> None:
    """K6, N14."""
    office = Office(Floor.ENDED)
    with office.store.write() as tx:
        case = Case(tx, tx.ticket(office.ticket.id), standard=STANDARD, now=office.clock.now())
        promise_word(
            case, ResidentWord.REPAIR_RECORD, key="copy", began="2026-11-22 10:00", ended="10:35", found="弯头漏水", done="换了弯头",
            materials=[["弯头", 2, ""], ["球阀", 1, "45.50"]], name="王管家", phone="+8613900000001", signed=True,
        )  # fmt: skip
    office.deliver()
    body = office.texts.sent[-1][1]
    for told in (
        "10:00到10:35",
        "弯头漏水",
        "换了弯头",
        "弯头×2、球阀×1(45.50元)",
        "王管家",
        "13900000001",
        "已签字",
        office.ticket.number,
    ):
        assert told in body, told


def test_a_reminder_is_told_in_time_and_only_of_what_is_still_booked() -> None:
    office = Office(Floor.ENDED)
    with office.store.write() as tx:
        tx.save_ticket(replace(tx.ticket(office.ticket.id), assignee_id=BUTLER))
    desk = Appointments(office.store, STANDARD, office.clock)
    first, second = list(STANDARD.visit.appointments.slots(office.clock.now()))[2:4]
    desk.book(office.ticket.id, first, by="小李")
    office.deliver()
    desk.book(office.ticket.id, second, by="小李")
    office.deliver()
    told = [body for _, body in office.texts.sent if "已为您约定" in body]
    assert ["15:00" in told[0], "16:00" in told[1]] == [True, True]
    office.clock.set(first - timedelta(minutes=30))
    office.deliver()
    assert not any("提醒" in body for _, body in office.texts.sent), "the first time was given back"
    office.clock.set(second - timedelta(minutes=60))
    office.deliver()
    [reminder] = [body for _, body in office.texts.sent if "提醒" in body]
    assert "11-22 16:00" in reminder


@pytest.mark.parametrize(
    ("reported", "state", "marked"),
    [
        (["queued", "sent", "delivered"], TextState.DELIVERED, False),
        (["sent", "undelivered", "undelivered"], TextState.UNDELIVERED, True),
        (["failed", "delivered"], TextState.UNDELIVERED, True),
        (["sent"], TextState.ASKED, False),
        (["who knows"], TextState.ASKED, False),
    ],
)
def test_what_did_not_arrive_is_seen_at_the_ticket(reported: list[str], state: TextState, *, marked: bool) -> None:
    office = Office(Floor.ENDED)
    office.deliver()
    reports = TextReports(office.store, office.clock)
    [text] = office.store.tables.of_calls.texts.values()
    for status in reported:
        reports.word_event(text.id, status=status)
    assert office.store.tables.of_calls.texts[text.id].state is state
    ticket = office.store.tables.tickets[office.ticket.id]
    assert ticket.details.get("undelivered", "") == ("late" if marked else "")
    assert office.story().count("resident_text_undelivered") == marked
    desk = Desk(office.store, STANDARD, office.clock)
    for _ in range(2):
        desk.informed(office.ticket.id, by="小李")
    assert "undelivered" not in office.store.tables.tickets[office.ticket.id].details
    assert office.story().count("resident_informed") == marked


def test_a_text_that_perhaps_was_sent_turns_out_to_have_been() -> None:
    office = Office(Floor.ENDED)
    office.texts.failures = [CarrierUnknown("timeout")]
    office.deliver()
    assert office.store.tables.tickets[office.ticket.id].details["undelivered"] == "late"
    [text] = office.store.tables.of_calls.texts.values()
    TextReports(office.store, office.clock).word_event(text.id, status="delivered")
    assert "undelivered" not in office.store.tables.tickets[office.ticket.id].details


def test_without_a_number_somebody_reads_that_he_does_not_know() -> None:
    office = Office(Floor.ENDED, phone="")
    office.deliver()
    assert office.story().count("resident_not_told") == 1
    assert office.store.tables.tickets[office.ticket.id].details["undelivered"] == "late"


@pytest.mark.parametrize(
    ("failure", "fact"), [(CarrierBusy("x", 3), "resident_told"), (CarrierRefused("x"), "resident_not_told")]
)
def test_a_busy_carrier_is_asked_again_and_a_refusal_is_told(failure: CarrierError, fact: str) -> None:
    office = Office(Floor.ENDED)
    office.texts.failures = [failure]
    office.deliver()
    office.clock.advance(seconds=5)
    office.deliver()
    assert office.story().count(fact) == 1
    assert len(office.texts.sent) == (fact == "resident_told")
