"""A resident agrees the time of a temperature test himself: offered, taken, lost to somebody faster, moved, called off (F11)."""

import re
from datetime import datetime, timedelta

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel
from fulfillment.appointment import Appointment
from fulfillment.appointments import Appointments, SlotTaken
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.outbox import TaskKind
from fulfillment.ticket import Address, ClockState, Ticket, TicketClock, TicketState
from kernel.clock import local
from tests.dialogue.talk import STANDARD, Talk

KNOWN = "+8613800000001"  # 阳光花园 3号楼2单元501
RULES = STANDARD.visit.appointments


class Caller(Talk):
    """The small company's day begins at 10:00 on 22 November."""

    def asks_for_a_test(self) -> None:
        self.says("想测一下温度", Intent.TEMPERATURE_TEST)
        self.says("是的", Intent.AFFIRM)

    @property
    def offered(self) -> list[str]:
        return [q.label for q in self.reply.quick_replies if q.choice.startswith("slot:")]

    @property
    def ticket(self) -> Ticket:
        [ticket] = self.tickets
        return ticket

    @property
    def appointment(self) -> Appointment | None:
        ticket = self.ticket
        with self.store.read() as tx:
            return tx.appointment_of(ticket.id)

    @property
    def clock_of_contact(self) -> TicketClock:
        ticket = self.ticket
        with self.store.read() as tx:
            [clock] = tx.clocks([ticket.id])[ticket.id]
        return clock

    @property
    def agreed(self) -> str:
        return f"{local(self.appointment.starts_at):%d %H:%M}" if self.appointment else ""

    def somebody_takes(self, at: datetime) -> None:
        """A neighbour of the same butler is faster."""
        with self.store.write() as tx:
            request = TicketRequest("temperature_test", "", None, Learned(address=Address(1, "9", "1", "901")))
            neighbour, _ = open_ticket(tx, request, standard=STANDARD, now=self.clock.now())
        Appointments(self.store, STANDARD, self.clock).book(neighbour.id, at, by="小李")

    def messages(self, kind: TaskKind) -> list[str]:
        return [str(r.task.payload["news"]) for r in self.store.tables.tasks.values() if r.task.kind is kind]


@pytest.fixture
def caller() -> Caller:
    caller = Caller(peer=KNOWN)
    caller.asks_for_a_test()
    return caller


def test_g9_and_three_times_with_day_and_hour(caller: Caller) -> None:
    assert caller.scripts == ["ask.visit_time", "ask.slot"]
    assert caller.offered == ["今天11:00", "今天14:00", "明天9:00"]
    assert caller.reply.said[-1].voice == "师傅有空的时间:今天11点请按1,今天14点请按2,明天9点请按3,别的时间请直接说。"


def test_every_button_can_be_sent_back_by_the_widget(caller: Caller) -> None:
    """webchat.api takes no other signs in a choice: `+00:00` was one, and the button did nothing."""
    choices = [q.choice for q in caller.reply.quick_replies]
    assert all(re.fullmatch(r"[\w.:-]{1,64}", choice) for choice in choices), choices


def test_by_key_the_test_is_registered_and_its_time_booked_in_one_commit(caller: Caller) -> None:
    caller.presses("3")
    assert caller.scripts == ["ticket.opened", "greeting.anything_else"]
    assert "我们会在明天9点上门" in caller.voice
    assert (caller.ticket.kind, caller.ticket.details["visit_time"], caller.agreed) == (
        "temperature_test", "11-23 09:00", "23 09:00",
    )  # fmt: skip
    assert (caller.clock_of_contact.clause, caller.clock_of_contact.state) == ("F11", ClockState.KEPT)
    assert caller.messages(TaskKind.VISIT_BY_TEXT) == ["agreed"], "its butler hears of it"


@pytest.mark.parametrize(
    ("said", "time", "agreed"),
    [
        ("第二个", "", "22 14:00"),
        ("明天上午", "明天上午", "23 09:00"),
        ("今天下午三点", "今天下午三点", "22 15:00"),
        ("你们定吧", "", "22 11:00"),
        ("后天下午四点", "后天下午四点", "24 16:00"),
    ],
)
def test_in_words(caller: Caller, said: str, time: str, agreed: str) -> None:
    caller.says(said, Intent.INFORM, **({"time": time} if time else {}))
    assert caller.agreed == agreed


def test_half_a_day_of_which_nothing_was_offered_is_offered_more_closely(caller: Caller) -> None:
    caller.says("后天下午", Intent.INFORM, time="后天下午")
    assert caller.scripts == ["ask.slot"]
    assert caller.offered == ["11月24日14:00", "11月24日15:00", "11月24日16:00"]
    caller.presses("1")
    assert caller.agreed == "24 14:00"


def test_a_time_when_nobody_comes_is_said_to_be_none(caller: Caller) -> None:
    caller.says("今天晚上九点", Intent.INFORM, time="今天晚上九点")
    assert caller.scripts == ["ask.slot_not_then", "ask.slot"]
    assert caller.tickets == []


def test_a_time_that_is_in_the_first_sentence_is_not_asked_for_again() -> None:
    caller = Caller(peer=KNOWN)
    caller.says("明天上午九点来测一下温度", Intent.TEMPERATURE_TEST, time="明天上午九点")
    caller.says("是的", Intent.AFFIRM)
    assert "ask.slot" in caller.scripts or caller.agreed == "23 09:00"


def test_none_suits_is_left_to_the_butler_with_his_hour_running(caller: Caller) -> None:
    caller.says("都不行", Intent.DENY)
    assert caller.scripts == ["ask.slot_other"]
    caller.says("下周三以后吧", Intent.INFORM, time="下周三")
    assert caller.appointment is None
    assert caller.ticket.details["visit_time"] == "下周三"
    assert caller.clock_of_contact.state is ClockState.RUNNING


def test_a_slot_that_is_taken_meanwhile_is_said_and_the_next_are_offered(caller: Caller) -> None:
    caller.somebody_takes(next(iter(RULES.slots(caller.clock.now()))))
    caller.presses("1")
    assert caller.scripts == ["ask.slot_taken", "ask.slot"]
    assert caller.offered == ["今天14:00", "明天9:00", "明天14:00"]
    assert caller.tickets == []
    caller.presses("1")
    assert caller.agreed == "22 14:00"


def test_taken_while_it_was_read_back(caller: Caller) -> None:
    """In the chat there is a read-back between the choice and the ticket."""
    chat = Caller(Channel.CHAT, peer="", store=caller.store, call="visitor")
    chat.says("想测一下温度", Intent.TEMPERATURE_TEST, community=1, building=3, unit=1, room=201, phone="13700000000")
    chat.says("我姓刘", Intent.INFORM)
    assert chat.scripts[-1] == "ask.slot"
    chat.taps(chat.reply.quick_replies[1].choice)
    assert chat.scripts == ["ask.read_back"]
    assert "上门时间:今天14:00" in chat.reply.said[0].chat
    caller.presses("2")
    assert caller.agreed == "22 14:00"
    chat.taps("yes")
    assert chat.scripts == ["ask.slot_taken", "ask.slot"]
    chat.taps(chat.reply.quick_replies[1].choice)
    chat.taps("yes")
    assert chat.agreed == "22 15:00"


def test_a_race_within_one_turn_is_lost_like_any_other(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes look at once, one books: PostgreSQL's unique index decides, and the answer is worked out again."""
    slot = next(iter(RULES.slots(caller.clock.now())))
    answer, raced = caller.hotline._answer, []

    def somebody_was_faster(*args: object) -> object:
        if not raced:
            raced.append(True)
            caller.somebody_takes(slot)
            raise SlotTaken("22 11:00")
        return answer(*args)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(caller.hotline, "_answer", somebody_was_faster)
    caller.presses("1")
    assert caller.scripts == ["ask.slot_taken", "ask.slot"]


def test_another_time_afterwards(caller: Caller) -> None:
    caller.presses("1")
    caller.says("测温能换个时间吗", Intent.TEMPERATURE_TEST)
    assert caller.scripts == ["ticket.visit_so_far", "ask.slot"]
    assert "现在约的是今天11点" in caller.voice
    caller.says("明天上午九点", Intent.INFORM, time="明天上午九点")
    assert caller.scripts == ["ticket.visit_agreed", "greeting.anything_else"]
    assert caller.agreed == "23 09:00"
    assert caller.ticket.details["visit_time"] == "11-23 09:00"
    assert caller.messages(TaskKind.VISIT_BY_TEXT) == ["agreed", "agreed"]


def test_another_time_that_is_named_at_once(caller: Caller) -> None:
    caller.presses("1")
    caller.says("改到明天上午九点吧", Intent.INFORM, time="明天上午九点")
    assert caller.agreed == "23 09:00"


def test_in_another_call(caller: Caller) -> None:
    caller.presses("1")
    again = Caller(peer=KNOWN, store=caller.store, call="CA2")
    again.says("我约的测温想改个时间", Intent.TEMPERATURE_TEST)
    again.presses("2")
    assert caller.agreed == "23 09:00"


def test_who_asks_for_a_test_again_hears_when_it_is(caller: Caller) -> None:
    caller.presses("1")
    caller.says("我要测温", Intent.TEMPERATURE_TEST)
    assert caller.scripts == ["ticket.visit_known", "greeting.anything_else"]
    assert caller.ticket.nudges == 0


def test_called_off(caller: Caller) -> None:
    caller.presses("1")
    number = caller.ticket.number
    caller.says("不用来测了", Intent.TEMPERATURE_TEST)
    assert caller.scripts == ["ask.call_off_visit"]
    caller.says("对", Intent.AFFIRM)
    assert caller.scripts == ["ticket.called_off", "greeting.anything_else"]
    assert caller.tickets == []
    with caller.store.read() as tx:
        [ticket] = [t for t in caller.store.tables.tickets.values() if t.number == number]
        assert ticket.state is TicketState.CANCELLED
        assert tx.appointment_of(ticket.id) is None
    assert caller.messages(TaskKind.VISIT_BY_TEXT) == ["agreed", "called_off"]


def test_not_called_off_after_all(caller: Caller) -> None:
    caller.presses("1")
    caller.says("取消预约", Intent.TEMPERATURE_TEST)
    caller.says("不是", Intent.DENY)
    assert caller.agreed == "22 11:00"
    caller.clock.advance(seconds=timedelta(hours=3).total_seconds())
    caller.says("测温能换个时间吗", Intent.TEMPERATURE_TEST)
    assert caller.offered[0] == "今天14:00"


def test_what_is_wanted_of_no_visit_is_no_wish_for_one() -> None:
    caller = Caller(peer=KNOWN)
    caller.says("取消预约", Intent.FALLBACK)
    assert caller.tickets == []
    assert caller.scripts[0].startswith("hearing.")
