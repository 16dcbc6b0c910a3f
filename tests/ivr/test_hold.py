"""Waiting for and talking with a person on the phone: every line is spoken once, none is lost."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from dialogue.conversation import Author, Floor, Then
from tests.fakes import A_WINTER_DAY, FakeStore
from tests.ivr.conftest import BASE_URL, ScriptedHotline, reply
from tests.twilio_judges import JudgedClient, action_of, spoken

Says = Callable[[str], int]
Moves = Callable[[Floor], None]


@pytest.fixture
def waiting(carrier: JudgedClient, hotline: ScriptedHotline, in_call: str) -> str:
    """The caller asked for a person; returns where the call goes on."""
    hotline.answers["转人工"] = reply("您请稍等。", then=Then.WAIT)
    document = carrier.speak(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "转人工"})
    assert spoken(document) == ["您请稍等。"]
    assert document[-1].tag == "Gather", "the ways out may be chosen while they are told"
    return action_of(document)


def test_waiting_begins_after_the_last_line_spoken(waiting: str) -> None:
    assert waiting == f"{BASE_URL}/ivr/calls/c0ffee/hold/3/1"  # greeting, resident, bot


def test_silence_goes_round(carrier: JudgedClient, hotline: ScriptedHotline, waiting: str) -> None:
    document = carrier.speak(waiting)
    assert spoken(document) == []
    assert action_of(document) == f"{BASE_URL}/ivr/calls/c0ffee/hold/3/2"
    assert [t.text for t in hotline.turns] == ["转人工"], "listening in vain is no turn"


def test_who_waits_long_is_spoken_to_between_pieces_of_music(
    carrier: JudgedClient, hotline: ScriptedHotline, waiting: str
) -> None:
    hotline.answers[""] = reply("您前面还有2位。", then=Then.WAIT)
    heard: list[str] = []
    for step in range(1, 10):
        first = carrier.post(waiting)
        document = carrier.speak(waiting)
        assert carrier.post(waiting).data == first.data
        heard += spoken(document)
        [music] = document.iter("Play")
        assert music.getparent().tag == "Gather", "it may be talked into"
        assert music.text == f"{BASE_URL}/sounds/hold.wav"
        assert (step % 3 == 0) == bool(spoken(document)), "every 30 s, a piece is 10 s long"
        waiting = action_of(document)
    assert heard == ["您前面还有2位。"] * 3


def test_with_an_operator_there_is_no_music(carrier: JudgedClient, waiting: str, floor: Moves) -> None:
    floor(Floor.OPERATOR)
    assert list(carrier.speak(waiting).iter("Play")) == []


def test_a_queue_left_in_the_telling_of_it_goes_on_with_the_bot(
    carrier: JudgedClient, hotline: ScriptedHotline, waiting: str, floor: Moves
) -> None:
    hotline.answers[""] = reply("已经为您登记回电。", then=Then.LISTEN)
    for _ in range(2):
        waiting = action_of(carrier.speak(waiting))
    first = carrier.post(waiting)
    floor(Floor.BOT)
    assert carrier.post(waiting).data == first.data
    assert "/turns/" in action_of(carrier.speak(waiting))


def test_an_operators_words_are_spoken_once(
    carrier: JudgedClient, waiting: str, operator_says: Says, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    operator_says("您好,我是李敏。")
    operator_says("师傅 < 20 分钟到 & 会先打 13800001111。")
    document = carrier.speak(waiting)
    assert spoken(document) == ["您好,我是李敏。", "师傅 < 20 分钟到 & 会先打 1 3 8 , 0 0 0 0 , 1 1 1 1。"]
    document = carrier.speak(action_of(document))
    assert spoken(document) == []


def test_a_repeated_webhook_says_the_same_whatever_came_between(
    carrier: JudgedClient, waiting: str, operator_says: Says, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    operator_says("第一句")
    first = carrier.post(waiting)
    operator_says("第二句")
    floor(Floor.BOT)
    assert carrier.post(waiting).data == first.data
    document = carrier.speak(waiting)
    assert spoken(carrier.speak(action_of(document))) == ["第二句"]


def test_a_line_between_two_deliveries_of_an_empty_step_is_left_to_the_next_one(
    carrier: JudgedClient, waiting: str, operator_says: Says, floor: Moves
) -> None:
    """The carrier uses either answer: the second must neither differ nor take the line with it."""
    floor(Floor.OPERATOR)
    first = carrier.post(waiting)
    operator_says("师傅已经出发。")
    floor(Floor.BOT)
    assert carrier.post(waiting).data == first.data
    assert spoken(carrier.speak(action_of(carrier.speak(waiting)))) == ["师傅已经出发。"]


def test_a_delivery_that_comes_after_its_successor_takes_no_line(
    carrier: JudgedClient, waiting: str, operator_says: Says, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    following = action_of(carrier.speak(action_of(carrier.speak(waiting))))
    operator_says("我来接手。")
    carrier.post(waiting)
    assert spoken(carrier.speak(following)) == ["我来接手。"]


def test_two_interruptions_share_no_step(
    carrier: JudgedClient, in_call: str, operator_says: Says, floor: Moves
) -> None:
    """The second was for a line that the loop has spoken meanwhile: what its loop answered is not repeated."""
    floor(Floor.OPERATOR)
    first = operator_says("您好。")
    document = carrier.speak(f"/ivr/calls/{in_call}/hold/{first - 1}")
    second = operator_says("请稍等。")
    document = carrier.speak(action_of(document))
    assert spoken(document) == ["请稍等。"]
    carrier.speak(action_of(document))
    again = action_of(carrier.speak(f"/ivr/calls/{in_call}/hold/{second - 1}"))
    operator_says("找到了。")
    assert spoken(carrier.speak(again)) == ["找到了。"]


def test_two_deliveries_at_once_say_the_same(
    carrier: JudgedClient, waiting: str, operator_says: Says, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    operator_says("您好。")
    with ThreadPoolExecutor(4) as pool:
        answers = {answer.data for answer in pool.map(lambda _: carrier.post(waiting), range(8))}
    assert len(answers) == 1


def test_a_line_written_while_the_resident_spoke_is_not_lost(
    carrier: JudgedClient, hotline: ScriptedHotline, waiting: str, operator_says: Says, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    document = carrier.speak(waiting)
    operator_says("请问几楼?")
    hotline.answers["喂"] = reply(then=Then.WAIT)
    document = carrier.speak(action_of(document), {"SpeechResult": "喂"})
    assert spoken(document) == ["请问几楼?"]
    assert hotline.turns[-1].key == "hold-3-2"


def test_a_line_older_than_the_turn_that_led_into_the_loop_is_not_lost(
    carrier: JudgedClient, hotline: ScriptedHotline, in_call: str, operator_says: Says, floor: Moves
) -> None:
    """Taken over while the bot still listened: the operator wrote before the resident's turn arrived."""
    floor(Floor.OPERATOR)
    operator_says("我来接手。")
    hotline.answers["喂"] = reply(then=Then.WAIT)
    document = carrier.speak(f"/ivr/calls/{in_call}/turns/2", {"SpeechResult": "喂"})
    document = carrier.speak(action_of(document))
    assert spoken(document) == ["我来接手。"]
    again = carrier.speak(action_of(document))
    assert spoken(again) == []


def test_the_same_words_twice_are_two_turns(
    carrier: JudgedClient, hotline: ScriptedHotline, waiting: str, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    hotline.answers["喂"] = reply(then=Then.WAIT)
    document = carrier.speak(waiting, {"SpeechResult": "喂"})
    carrier.speak(action_of(document), {"SpeechResult": "喂"})
    assert len({t.key for t in hotline.turns[-2:]}) == 2
    carrier.speak(action_of(document), {"SpeechResult": "喂"})
    assert hotline.turns[-1].key == hotline.turns[-2].key, "a repeated delivery is the same turn"


def test_a_key_leaves_the_queue_for_the_bot(carrier: JudgedClient, hotline: ScriptedHotline, waiting: str) -> None:
    hotline.answers["1"] = reply("好的,已经为您登记回电。", "请问,您还有其他问题需要我帮助吗?")
    document = carrier.speak(waiting, {"Digits": "1"})
    assert spoken(document) == ["好的,已经为您登记回电。", "请问,您还有其他问题需要我帮助吗?"]
    assert action_of(document) == f"{BASE_URL}/ivr/calls/c0ffee/turns/4"


def test_an_emergency_in_the_queue_keeps_its_instruction_uninterrupted(
    carrier: JudgedClient, store: FakeStore, waiting: str
) -> None:
    with store.write() as tx:
        tx.add_message(
            "c0ffee", author=Author.BOT, text="关阀门", at=A_WINTER_DAY,
            data={"voice": "马上关掉阀门。", "interruptible": False},
        )  # fmt: skip
    document = carrier.speak(waiting)
    assert [child.tag for child in document] == ["Say", "Gather"]
    assert spoken(document) == ["马上关掉阀门。"]


def test_handed_back_the_bot_speaks_and_listens_again(
    carrier: JudgedClient, store: FakeStore, waiting: str, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    document = carrier.speak(waiting)
    floor(Floor.BOT)
    with store.write() as tx:
        tx.add_message(
            "c0ffee", author=Author.BOT, text="还有其他问题吗?", at=A_WINTER_DAY, data={"script": "handoff.back"}
        )
    document = carrier.speak(action_of(document))
    assert spoken(document) == ["还有其他问题吗?"]
    document = carrier.speak(action_of(document))
    assert spoken(document) == []
    assert action_of(document) == f"{BASE_URL}/ivr/calls/c0ffee/turns/3"


def test_what_is_said_after_handing_back_is_a_turn_of_the_bot(
    carrier: JudgedClient, hotline: ScriptedHotline, waiting: str, floor: Moves
) -> None:
    floor(Floor.BOT)
    hotline.answers["暖气不热"] = reply("请问您是哪个小区?")
    document = carrier.speak(waiting, {"SpeechResult": "暖气不热"})
    assert spoken(document) == ["请问您是哪个小区?"]
    assert "/turns/" in action_of(document)


def test_the_operators_end_is_spoken_and_hangs_up(
    carrier: JudgedClient, store: FakeStore, waiting: str, floor: Moves
) -> None:
    floor(Floor.ENDED)
    with store.write() as tx:
        tx.add_message("c0ffee", author=Author.BOT, text="再见。", at=A_WINTER_DAY, data={"script": "handoff.ended"})
    first = carrier.post(waiting)
    document = carrier.speak(waiting)
    assert [child.tag for child in document] == ["Say", "Hangup"]
    assert carrier.post(waiting).data == first.data


def test_ended_without_a_word_we_say_goodbye(carrier: JudgedClient, waiting: str, floor: Moves) -> None:
    floor(Floor.ENDED)
    document = carrier.speak(waiting)
    assert [child.tag for child in document] == ["Say", "Hangup"]
    assert "再见" in spoken(document)[0]


def test_a_live_call_is_brought_into_the_loop_by_interrupting_it(
    carrier: JudgedClient, store: FakeStore, in_call: str, operator_says: Says, floor: Moves
) -> None:
    """Taken over while the bot listens: the worker fetches hold/<seq-1>, a path no loop ever uses."""
    floor(Floor.OPERATOR)
    with store.write() as tx:
        taken = tx.add_message(in_call, author=Author.BOT, text="李敏为您服务。", at=A_WINTER_DAY).seq
    operator_says("您好。")
    document = carrier.speak(f"/ivr/calls/{in_call}/hold/{taken - 1}")
    assert spoken(document) == ["李敏为您服务。", "您好。"]
    assert action_of(document) == f"{BASE_URL}/ivr/calls/c0ffee/hold/{taken + 1}/{50_000 * taken + 1}"


def test_a_torrent_of_lines_is_spread_and_complete(
    carrier: JudgedClient, waiting: str, operator_says: Says, floor: Moves
) -> None:
    floor(Floor.OPERATOR)
    lines = [f"第{n}段" + "话" * 1400 for n in range(12)]
    for line in lines:
        operator_says(line)
    heard: list[str] = []
    for _ in range(5):
        document = carrier.speak(waiting)
        heard += spoken(document)
        waiting = action_of(document)
    assert heard == lines


def test_after_an_interruption_of_the_loop_nothing_is_said_again(
    carrier: JudgedClient, waiting: str, operator_says: Says, floor: Moves
) -> None:
    """The interrupted loop has marked lines with its steps; the new one must not take them for its own."""
    waiting = action_of(carrier.speak(waiting))  # step 2
    floor(Floor.OPERATOR)
    said = operator_says("您好。")
    assert spoken(carrier.speak(waiting)) == ["您好。"]
    waiting = f"/ivr/calls/c0ffee/hold/{said - 1}"
    for _ in range(5):
        document = carrier.speak(waiting)
        assert spoken(document) == []
        waiting = action_of(document)
