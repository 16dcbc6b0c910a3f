"""The understanding server is down, slow or mad: danger still reaches a human at once, everybody else a menu, nobody silence."""

import time

import pytest

from ops.town import Town
from tests.faults.calling import Call
from tests.faults.faulty_nlu import Fault, FaultyNlu
from tests.faults.records import attempts, conversation_of, ticket_of, tickets_of
from tests.journeys.chatting import Chat

pytestmark = pytest.mark.nlu
#: NLU_TIMEOUT_SECONDS is 2; the rest is for two transactions on a busy machine.
TURN_WITHIN_SECONDS = 4.0
#: Without the server: two transactions on a busy machine.
AT_ONCE_SECONDS = 1.0
#: The breaker rests for ten seconds.
BACK_WITHIN_SECONDS = 15.0
MENU = "漏水请按1"
LEAK = "家里暖气管爆了,水喷得到处都是"
COLD = "屋里只有十五度,暖气不热"


@pytest.fixture
def outage(town: Town, nlu: FaultyNlu) -> None:
    """Three turns in a row have failed: the breaker is open."""
    nlu.fail(Fault.REFUSED)
    for _ in range(3):
        Call(town).say(COLD)


def come_back(town: Town, nlu: FaultyNlu) -> None:
    """Understood again; the breaker needs its rest first."""
    nlu.fail(Fault.NONE)
    town.wait(
        lambda: "翠湖" not in Call(town).say("怎么缴费") and MENU not in Call(town).say("怎么缴费"), BACK_WITHIN_SECONDS
    )


def test_a_hanging_server_costs_three_turns_two_seconds_each_and_then_nothing(town: Town, nlu: FaultyNlu) -> None:
    call = Call(town)
    nlu.fail(Fault.HANG)
    danger = Call(town)
    assert "阀门" in danger.say(LEAK)
    assert danger.seconds < AT_ONCE_SECONDS, "danger words ask nobody"
    for _ in range(2):
        assert MENU in call.say(COLD)
        assert call.seconds < TURN_WITHIN_SECONDS
    assert call.again() == call.body
    with Chat(town.web) as chat:
        began = time.monotonic()
        chat.send(COLD)
        assert time.monotonic() - began < TURN_WITHIN_SECONDS
        assert len([q for m in chat.new for q in m.get("quick_replies") or ()]) >= 5, chat.new
        asked = nlu.asked
        assert asked >= 3
        for _ in range(3):
            assert MENU in call.say(COLD)
            assert call.seconds < AT_ONCE_SECONDS
        began = time.monotonic()
        chat.send(LEAK)
        assert "阀门" in chat.said()
        assert time.monotonic() - began < AT_ONCE_SECONDS
        assert nlu.asked == asked, "while the breaker rests nobody is asked"
    danger.say("翠湖花园三号楼二单元五零一")
    ticket = ticket_of(town, conversation_of(town, danger.sid).id)
    town.wait(lambda: attempts(town, ticket.id), 10)
    come_back(town, nlu)


@pytest.mark.parametrize("fault", [Fault.ERROR, Fault.GARBAGE, Fault.FOREIGN, Fault.REFUSED])
def test_a_broken_server_costs_a_menu(town: Town, nlu: FaultyNlu, fault: Fault) -> None:
    call = Call(town)
    nlu.fail(fault)
    assert MENU in call.say(COLD)
    assert call.seconds < AT_ONCE_SECONDS
    assert call.again() == call.body
    with Chat(town.web) as chat:
        chat.send(COLD)
        assert len([q for m in chat.new for q in m.get("quick_replies") or ()]) >= 5, chat.new
    nlu.fail(Fault.NONE)
    assert MENU not in call.say(COLD), "one failure does not open the breaker"


@pytest.mark.usefixtures("outage")
def test_the_keypad_leads_to_every_end_without_any_understanding(town: Town, nlu: FaultyNlu) -> None:
    cold = Call(town)
    cold.say(COLD)
    for key in ("2", "", "1", "1"):
        cold.press(key) if key else cold.say("翠湖花园四号楼二单元三零二")
    for _ in range(5):
        if tickets_of(town, conversation_of(town, cold.sid).id):
            break
        cold.press("1") if cold.words.endswith("吗?") else cold.say("明天下午三点")
    assert ticket_of(town, conversation_of(town, cold.sid).id).kind in ("cold_room", "no_heat"), cold.words
    leak = Call(town)
    leak.say("你好")
    assert "阀门" in leak.press("1")
    leak.say("翠湖花园三号楼二单元五零一")
    assert ticket_of(town, conversation_of(town, leak.sid).id).emergency
    person = Call(town)
    person.say("你好")
    assert "人工" in person.press("0")
    come_back(town, nlu)


def test_a_dripping_server_is_a_hanging_one(town: Town, nlu: FaultyNlu) -> None:
    """Every single byte comes in time, the answer never does."""
    call = Call(town)
    nlu.fail(Fault.DRIP)
    call.say(COLD)
    assert call.seconds < TURN_WITHIN_SECONDS
