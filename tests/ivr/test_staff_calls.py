"""A butler calls the hotline: his cases by key and word, a report for a resident, and # with number and PIN."""

from dataclasses import replace

import pytest
from flask import Flask

from bot.understanding import Intent
from dialogue.conversation import Author
from dialogue.our_calls import OurCalls
from dialogue.recordings import CallRecordings
from fulfillment.alarms import Alarms
from fulfillment.calling import ResidentCalls
from fulfillment.desk import Desk
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.pins import Pins
from fulfillment.text_reports import TextReports
from fulfillment.ticket import Address, Ticket, TicketState
from fulfillment.work_orders import WorkOrders
from ivr.blueprint import Residents, StaffLine, build_ivr
from tests.dialogue.talk import BOOK, STANDARD, Talk, means
from tests.ivr.conftest import BASE_URL, LINE, TOKEN
from tests.twilio_judges import JudgedClient, action_of, spoken

BUTLER, FOREIGN = "+8613900000001", "+8613777777777"  # 王管家 (01), and a telephone nobody knows
HOME, NEIGHBOUR = Address(1, "3", "2", "501"), Address(1, "3", "2", "502")


class Phone:
    """A telephone on the line with the hotline; every webhook is delivered twice and must get the same bytes."""

    def __init__(self, number: str = BUTLER) -> None:
        self.talk = Talk(peer="+8613700000000", call="CA-another")
        talk = self.talk
        self.desk = Desk(talk.store, STANDARD, talk.clock)
        self.pins = Pins(talk.store, STANDARD.outgoing.pin, talk.clock)
        ours = OurCalls(talk.hotline, talk.store, STANDARD, talk.clock)
        app = Flask("telephone_test")
        app.register_blueprint(
            build_ivr(
                hotline=talk.hotline,
                alarms=Alarms(talk.store, STANDARD, talk.clock),
                conferences=talk.conferences,
                staff_line=StaffLine(
                    WorkOrders(talk.store, self.desk, STANDARD, talk.clock),
                    self.pins,
                    self.is_danger,
                    locked_minutes=30,
                ),
                residents=Residents(
                    ours, ResidentCalls(talk.store, STANDARD, talk.clock), TextReports(talk.store, talk.clock)
                ),
                log=talk.store,
                book=BOOK,
                line=LINE,
                recordings=CallRecordings(talk.store, BOOK, talk.clock),
                queue=STANDARD.queue,
                clock=talk.clock,
            )
        )
        self.carrier = JudgedClient(app.test_client(), BASE_URL, TOKEN)
        self.number = number
        self.calls = 0

    def is_danger(self, words: str) -> bool:
        return self.talk.understander.understand(words).emergency

    def dials(self) -> str:
        self.calls += 1
        return self._fetch("/ivr/calls")

    def presses(self, digits: str) -> str:
        return self._fetch(self.next, Digits=digits)

    def says(self, text: str, intent: Intent = Intent.FALLBACK, *, perhaps: bool = False) -> str:
        self.talk.understander.table[text] = means(text, intent, perhaps=perhaps)
        return self._fetch(self.next, SpeechResult=text, Confidence="0.9")

    def stays_silent(self) -> str:
        return self._fetch(self.next)

    def _fetch(self, path: str, **form: str) -> str:
        form = {"CallSid": f"CA{self.calls:032d}", "From": self.number} | form
        self.talk.clock.advance(seconds=5)
        first = self.carrier.post(path, form)
        document = self.carrier.speak(path, form)
        assert self.carrier.post(path, form).data == first.data
        heard = " ".join(spoken(document))
        self.next = action_of(document) if document.find("Hangup") is None else ""
        if document.find("Redirect") is not None:
            return heard + self._fetch(self.next)
        return heard

    def opens(self, kind: str, address: Address = HOME, household: int = 1) -> Ticket:
        known = Learned(address, household, contact_phone="+8613812345678")
        with self.talk.store.write() as tx:
            return open_ticket(
                tx, TicketRequest(kind, f"{kind}的情况", None, known), standard=STANDARD, now=self.talk.clock.now()
            )[0]

    @property
    def residents_words(self) -> list[str]:
        """In all calls of this telephone, keys included."""
        rows = (m for messages in self.talk.store.tables.messages.values() for m in messages)
        return [m.text for m in rows if m.author is Author.RESIDENT]

    def state(self, ticket: Ticket) -> TicketState:
        return self.ticket(ticket).state

    def ticket(self, ticket: Ticket) -> Ticket:
        return self.talk.store.tables.tickets[ticket.id]


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
def foreign() -> Phone:
    phone = Phone(FOREIGN)
    phone.pins.set("01", "246813")
    return phone


def test_a_resident_is_greeted_as_ever() -> None:
    assert "请问有什么可以帮您" in Phone(FOREIGN).dials()


def test_known_by_his_number_he_hears_how_much_there_is(phone: Phone) -> None:
    assert "王管家您好。您现在没有待办的工单。" in phone.dials()
    phone.opens("leak_inside")
    phone.opens("cold_room", NEIGHBOUR, 2)
    heard = phone.dials()
    assert "您有1个紧急报修等待接单。您有1张工单在办。" in heard
    assert "请问有什么可以帮您" not in heard


def test_one_by_one_from_accepting_to_repaired(phone: Phone) -> None:
    order, alarm = phone.opens("cold_room", NEIGHBOUR, 2), phone.opens("leak_inside")
    phone.dials()
    heard = phone.presses("1")
    assert "第1个,共2个,紧急户内漏水" in heard, "who waits for an acceptance comes first"
    assert "1 3 8 , 1 2 3 4 , 5 6 7 8" in heard
    heard = phone.presses("1")
    assert "已由您接单" in heard
    assert (phone.state(alarm), phone.ticket(alarm).acknowledged_by) == (TicketState.ACKNOWLEDGED, "王管家")
    assert "已经联系住户" in phone.presses("4")
    assert "已经到场" in phone.presses("5")
    heard = phone.presses("6")
    assert "已经修好" in heard
    assert "第2个,共2个" in heard
    assert phone.state(alarm) is TicketState.RESOLVED
    assert [e.key for e in phone.talk.store.tables.timeline if e.key == "contacted"] == ["contacted"]
    phone.says("我到现场了")
    assert phone.state(order) is TicketState.ON_SITE
    assert "没有其他工单了" in phone.says("下一个")


def test_by_word_as_by_key(phone: Phone) -> None:
    alarm = phone.opens("leak_inside")
    phone.dials()
    phone.says("处理工单")
    assert "已由您接单" in phone.says("接单")
    assert "已经修好" in phone.says("已经修好了")
    assert phone.state(alarm) is TicketState.RESOLVED


def test_passing_on_rings_the_next_one_once(phone: Phone) -> None:
    alarm = phone.opens("leak_inside")
    phone.dials()
    phone.presses("1")
    assert "马上转给下一位" in phone.presses("2")
    assert [e.key for e in phone.talk.store.tables.timeline if e.key == "passed_on"] == ["passed_on"]
    assert phone.state(alarm) is TicketState.NEW


def test_who_was_slower_hears_who_has_it(phone: Phone) -> None:
    alarm = phone.opens("leak_inside")
    phone.dials()
    phone.presses("1")
    phone.desk.acknowledge(alarm.id, by="李管家", staff_id=2)
    assert "已由李管家接单" in phone.presses("1")


def test_what_cannot_be_is_said(phone: Phone) -> None:
    order = phone.opens("cold_room")
    phone.dials()
    phone.presses("1")
    phone.desk.change_state(order.id, TicketState.CANCELLED, by="小李")
    assert "现在的状态是已取消" in phone.presses("5")


def test_again_wrong_key_and_back(phone: Phone) -> None:
    phone.opens("leak_inside")
    phone.dials()
    first = phone.presses("1")
    assert phone.presses("*") == first
    assert phone.presses("8").startswith("抱歉,没有听清楚。")
    assert "逐个处理请按1" in phone.presses("0")


def test_a_greeting_into_the_menu_is_no_report(phone: Phone) -> None:
    phone.opens("leak_inside")
    menu = phone.dials()
    assert phone.says("喂,你好!", Intent.GREET) != ""
    phone.dials()
    assert phone.says("你好。", Intent.GREET) == menu
    assert phone.presses("*") == menu, "heard again, and nothing was misheard"
    assert "第1个,共1个" in phone.presses("1")
    assert phone.says("喂", Intent.GREET).startswith("第1个")


def test_his_own_order_is_told_in_the_words_of_staff(phone: Phone) -> None:
    phone.opens("cold_room")
    phone.dials()
    assert "待接单" in phone.presses("1")
    assert "已接单" in phone.presses("1")


def test_silence_ends_in_the_residents_dialogue(phone: Phone) -> None:
    heard = [phone.dials()] + [phone.stays_silent() for _ in range(3)]
    assert "请问有什么可以帮您" in heard[-1]


def test_a_butler_is_a_resident_as_well(phone: Phone) -> None:
    phone.dials()
    assert "请问有什么可以帮您" in phone.presses("3")


def test_he_reports_for_a_resident(phone: Phone) -> None:
    phone.dials()
    assert "住户家里的情况" in phone.presses("2")
    assert "马上关掉漏水暖气片前面的阀门" in phone.says("有户人家暖气爆了", Intent.LEAK_INSIDE)
    [ticket] = phone.talk.store.tables.tickets.values()
    assert (ticket.emergency, ticket.details["reported_by"], ticket.contact_phone) == (True, "王管家", "")


def test_a_leak_called_into_the_menu_is_not_lost(phone: Phone) -> None:
    phone.dials()
    assert "马上关掉漏水暖气片前面的阀门" in phone.says("快点三号楼暖气爆了", Intent.LEAK_INSIDE)
    [ticket] = phone.talk.store.tables.tickets.values()
    assert ticket.kind == "leak_inside"


@pytest.mark.parametrize("words", ["修好又爆了", "我家暖气爆了", "刚接单那家漏得更大了"])
def test_a_danger_with_a_commands_word_in_it_is_a_danger(phone: Phone, words: str) -> None:
    alarm = phone.opens("leak_inside", NEIGHBOUR, 2)
    phone.dials()
    phone.presses("1")
    phone.presses("1")
    assert "马上关掉漏水暖气片前面的阀门" in phone.says(words, Intent.LEAK_INSIDE)
    assert phone.state(alarm) is TicketState.ACKNOWLEDGED
    assert len(phone.talk.store.tables.tickets) == 2


def test_a_sentence_with_a_commands_word_in_it_is_no_command(phone: Phone) -> None:
    order = phone.opens("cold_room")
    phone.dials()
    phone.presses("1")
    phone.says("三号楼那家修好以后暖气片还是一点都不热", Intent.NO_HEAT)
    assert phone.state(order) is TicketState.NEW


def test_hung_up_in_the_middle_of_a_report_it_is_a_ticket(phone: Phone) -> None:
    phone.dials()
    phone.presses("2")
    phone.says("有户人家一直不热", Intent.NO_HEAT)
    phone.carrier.post("/ivr/status", {"CallSid": f"CA{phone.calls:032d}", "CallStatus": "completed"})
    [ticket] = phone.talk.store.tables.tickets.values()
    assert (ticket.kind, ticket.details["reported_by"]) == ("no_heat", "王管家")


def test_who_has_left_is_a_resident(phone: Phone) -> None:
    with phone.talk.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(1), active=False))
    assert "请问有什么可以帮您" in phone.dials()


# --- from another telephone ------------------------------------------------------------------------------------------


def test_number_and_pin(foreign: Phone) -> None:
    foreign.opens("leak_inside")
    foreign.dials()
    assert "请输入您的温心号" in foreign.presses("#")
    assert "请输入您的密码" in foreign.presses("01")
    assert "王管家您好。您有1个紧急报修等待接单。" in foreign.presses("246813")
    foreign.presses("1")
    foreign.presses("1")
    [ticket] = foreign.talk.store.tables.tickets.values()
    assert ticket.acknowledged_by == "王管家"


def test_a_wrong_pin_is_asked_again_and_counts_once(foreign: Phone) -> None:
    foreign.dials()
    foreign.presses("#")
    foreign.presses("01")
    assert "温心号或者密码不对" in foreign.presses("000000")
    assert len(foreign.talk.store.tables.of_calls.pin_tries) == 1, "three deliveries of one entry"
    foreign.presses("01")
    assert "王管家您好" in foreign.presses("246813")


@pytest.mark.parametrize("number", ["99", "02"])
def test_unknown_number_or_no_pin_sounds_like_a_wrong_pin(foreign: Phone, number: str) -> None:
    foreign.dials()
    foreign.presses("#")
    foreign.presses(number)
    assert "温心号或者密码不对" in foreign.presses("246813")


def test_too_many_wrong_ones_lock_politely_and_the_hotline_stays_open(foreign: Phone) -> None:
    heard = ""
    for _ in range(2):  # three entries a call, five in all
        foreign.dials()
        foreign.presses("#")
        for _ in range(3):
            foreign.presses("01")
            heard = foreign.presses("111111")
            if not heard.startswith("抱歉,温心号"):
                break
    assert "请30分钟以后再试" in heard
    assert "请问有什么可以帮您" in heard, "nobody is locked out of the hotline"
    foreign.dials()
    foreign.presses("#")
    foreign.presses("01")
    assert "请30分钟以后再试" in foreign.presses("246813"), "the right one is not looked at either"
    foreign.talk.clock.advance(minutes=31)
    foreign.dials()
    foreign.presses("#")
    foreign.presses("01")
    assert "王管家您好" in foreign.presses("246813")


def test_in_the_residents_dialogue_nothing_else_changes(foreign: Phone) -> None:
    foreign.dials()
    assert "马上关掉漏水暖气片前面的阀门" in foreign.says("家里暖气漏水", Intent.LEAK_INSIDE)


def test_reporting_from_another_telephone(foreign: Phone) -> None:
    foreign.dials()
    foreign.presses("#")
    foreign.presses("01")
    foreign.presses("246813")
    foreign.presses("2")
    foreign.says("有户人家暖气爆了", Intent.LEAK_INSIDE)
    [ticket] = foreign.talk.store.tables.tickets.values()
    assert (ticket.details["reported_by"], ticket.contact_phone) == ("王管家", "")


def test_a_second_sign_in_of_the_call_is_nobody_without_his_own_pin(foreign: Phone) -> None:
    """Every webhook comes three times here: what is replayed is the entry, never somebody else's right one."""
    foreign.opens("leak_inside")
    foreign.dials()
    foreign.presses("#")
    foreign.presses("01")
    assert "王管家您好" in foreign.presses("246813")
    foreign.presses("3")
    foreign.presses("#")
    foreign.presses("02")
    assert "温心号或者密码不对" in foreign.presses("999999")
    foreign.presses("01")
    assert "温心号或者密码不对" in foreign.presses("111111"), "nor the same person with another PIN"
    assert [t.verdict for t in foreign.talk.store.tables.of_calls.pin_tries.values()] == ["right", "wrong", "wrong"]


def test_after_three_wrong_entries_the_right_one_counts_in_the_same_call(foreign: Phone) -> None:
    foreign.dials()
    foreign.presses("#")
    for _ in range(3):
        foreign.presses("01")
        foreign.presses("111111")
    foreign.presses("#")
    foreign.presses("01")
    assert "王管家您好" in foreign.presses("246813")


def test_the_lock_holds_within_one_call_and_against_its_right_pin(foreign: Phone) -> None:
    foreign.dials()
    foreign.presses("#")
    for _ in range(3):
        foreign.presses("01")
        foreign.presses("111111")
    foreign.presses("#")
    for _ in range(2):
        foreign.presses("01")
        foreign.presses("222222")
    foreign.presses("01")
    assert "请30分钟以后再试" in foreign.presses("246813")
    foreign.presses("#")
    foreign.presses("01")
    assert "请30分钟以后再试" in foreign.presses("246813")


def test_a_resident_who_pressed_hash_goes_on_where_he_was(foreign: Phone) -> None:
    foreign.dials()
    asked = foreign.says("家里暖气一直不热", Intent.NO_HEAT)
    at = foreign.next
    foreign.presses("#")
    assert foreign.stays_silent() == asked, "one silence is enough"
    assert foreign.next == at
    foreign.says("就是不热")
    assert "就是不热" in foreign.residents_words


def test_what_is_said_into_the_question_for_a_staff_number_is_the_turn(foreign: Phone) -> None:
    foreign.dials()
    foreign.presses("#")
    assert "马上关掉漏水暖气片前面的阀门" in foreign.says("家里暖气漏水", Intent.LEAK_INSIDE)
    assert foreign.residents_words == ["家里暖气漏水"]


def test_silence_at_the_pin_goes_back_and_is_no_try(foreign: Phone) -> None:
    greeting = foreign.dials()
    foreign.presses("#")
    foreign.presses("12")
    assert foreign.stays_silent() == greeting
    assert not foreign.talk.store.tables.of_calls.pin_tries


def test_in_an_emergency_nobody_is_asked_for_a_staff_number(foreign: Phone) -> None:
    foreign.dials()
    foreign.says("家里暖气漏水", Intent.LEAK_INSIDE)
    assert "温心号" not in foreign.presses("#")
    assert "温心号" not in foreign.presses("#")


def test_nor_while_he_is_asked_whether_it_is_one(foreign: Phone) -> None:
    foreign.dials()
    assert "漏水" in foreign.says("有点水汽", Intent.LEAK_INSIDE, perhaps=True)
    assert "温心号" not in foreign.presses("#")
