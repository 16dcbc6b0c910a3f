"""不是这个: the resident takes back what his words were taken for. In the chat only, and never about a danger."""

import pytest

from bot.understanding import Intent
from dialogue.conversation import Channel, Reply
from tests.dialogue.talk import Talk


@pytest.fixture
def talk() -> Talk:
    return Talk(Channel.CHAT, peer="")


def offers(reply: Reply) -> list[str]:
    return [option.choice for option in reply.quick_replies]


def understood(talk: Talk, text: str) -> dict[str, object]:
    with talk.store.read() as tx:
        return next(m.data["understanding"] for m in tx.messages(talk.id) if m.text == text)


def test_a_matter_is_dropped_noted_as_wrong_and_the_others_are_offered(talk: Talk) -> None:
    reply = talk.says("家里暖气有响声", Intent.COLD_ROOM, runner_up=Intent.TEMPERATURE_TEST)
    assert offers(reply)[-1] == "not_this"
    assert talk.store_state()["matter"] == "cold_room"
    talk.taps("not_this")
    assert talk.scripts == ["hearing.not_this"]
    assert offers(talk.reply) == [
        "intent:temperature_test", "intent:leak_inside", "intent:no_heat", "menu:fee", "intent:complaint", "human",
    ]  # fmt: skip
    assert talk.reply.quick_replies[0].label == "申请测温"
    assert (talk.store_state()["matter"], talk.store_state()["asked"]) == ("", "")
    assert understood(talk, "家里暖气有响声")["denied"] is True
    talk.taps("intent:temperature_test")
    assert talk.store_state()["matter"] == "temperature_test"
    assert "not_this" not in offers(talk.reply), "he has chosen it himself"
    assert not talk.tickets


def test_an_answer_is_taken_back_and_the_matter_that_is_open_stays_open(talk: Talk) -> None:
    talk.says("家里太冷了", Intent.COLD_ROOM)
    asked = talk.store_state()["asked"]
    reply = talk.says("交多少来着", Intent.BILL_PRICE)
    assert "not_this" in offers(reply)
    talk.taps("not_this")
    assert (talk.store_state()["matter"], talk.store_state()["asked"]) == ("cold_room", asked)
    assert talk.store_state()["answered"] == ()
    assert understood(talk, "交多少来着")["denied"] is True


def test_it_can_be_taken_back_only_at_once(talk: Talk) -> None:
    talk.says("家里太冷了", Intent.COLD_ROOM)
    talk.says("翠湖花园3号楼2单元501", Intent.INFORM, community=1, building="3", unit="2", room="501")
    assert "not_this" not in offers(talk.reply)
    talk.taps("not_this")
    assert "hearing.not_this" not in talk.scripts
    assert talk.store_state()["matter"] == "cold_room"


def test_a_leak_is_not_offered_to_be_taken_back_and_goes_out_at_once(talk: Talk) -> None:
    reply = talk.says("家里暖气漏水了", Intent.LEAK_INSIDE)
    assert "not_this" not in offers(reply)
    assert [t.emergency for t in talk.tickets] == [True]
    talk.taps("not_this")
    assert [t.emergency for t in talk.tickets] == [True]


def test_a_leak_that_is_told_instead_goes_out_at_once(talk: Talk) -> None:
    talk.says("家里暖气有水声", Intent.COLD_ROOM)
    talk.taps("not_this")
    talk.says("是漏水", Intent.LEAK_INSIDE)
    assert talk.scripts[0] == "safety.leak_inside"


def test_perhaps_a_leak_is_asked_about_and_nothing_else(talk: Talk) -> None:
    reply = talk.says("地上有点湿", Intent.COLD_ROOM, perhaps=True)
    assert talk.store_state()["asked"] == "leak"
    assert "not_this" not in offers(reply)


def test_nobody_on_the_telephone_is_offered_it() -> None:
    reply = Talk(Channel.PHONE).says("家里太冷了", Intent.COLD_ROOM)
    assert "not_this" not in offers(reply)
