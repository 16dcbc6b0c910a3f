"""The official account is the same hotline: the same sentences and tickets, within five seconds or later, once."""

import threading
import time

import pytest

from bot.understanding import Intent
from dialogue.conversation import Author, Channel, Floor
from fulfillment.outbox import Lane
from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown, StoreBusy
from simulator.wechat_envelope import fields_of
from tests.dialogue.talk import BOOK, Talk
from tests.fakes import FakeStore
from tests.webchat.test_pictures import photograph
from tests.wechat.official import OPENID, SAFE, Follower, Official
from wechat import reception
from wechat.heard import read_message
from wechat.menu import menu

LEAK = "家里暖气漏水了"
COLD = "阳光花园3号楼2单元501,家里不热"


@pytest.fixture
def site() -> Official:
    site = Official()
    site.means(LEAK, Intent.LEAK_INSIDE)
    site.means("我要人工", Intent.ASK_HUMAN)
    site.means(COLD, Intent.COLD_ROOM, community=1, building="3", unit="2", room="501")
    return site


@pytest.fixture
def follower(site: Official) -> Follower:
    return Follower(site)


def tasks(site: Official, kind: str) -> list[str]:
    assert isinstance(site.store, FakeStore)
    return [t.task.key for t in site.store.tables.tasks.values() if t.task.kind == kind and t.state == "pending"]


# --- the same dialogue


def test_following_is_greeted_by_the_standard_and_needs_no_second_message(site: Official, follower: Follower) -> None:
    greeting = follower.event("subscribe")
    assert BOOK.say("greeting.incoming").chat in greeting
    assert "msgmenucontent=转人工&" in greeting
    assert site.work(after=10) >= 0
    assert site.api.sent == [], "it was said in the answer"
    assert [m.data.get("left") for m in site.log()] == ["answer"] * len(site.log())


def test_a_leak_is_an_alarm_in_the_same_turn_and_the_answer_says_what_to_do(site: Official, follower: Follower) -> None:
    answer = follower.says(LEAK)
    assert BOOK.say("safety.leak_inside").chat in answer
    assert "41188880000" in answer.replace("-", "").replace(" ", ""), "the number of the card, to be tapped"
    assert site.tickets() == ["leak_inside"]
    assert tasks(site, "forward_emergency")
    assert site.api.sent == []


def test_the_same_sentences_and_the_same_ticket_as_in_the_chat(site: Official, follower: Follower) -> None:
    answer = follower.says(COLD)
    talk = Talk(Channel.CHAT, "")
    talk.says(COLD, Intent.COLD_ROOM, community=1, building="3", unit="2", room="501")
    assert [s.chat for s in talk.reply.said] == [m.text for m in site.log() if m.author is Author.BOT][
        -len(talk.reply.said) :
    ]
    for said in talk.reply.said:
        assert said.chat in answer
    for quick in talk.reply.quick_replies:
        assert f"msgmenucontent={quick.label}&" in answer


def test_a_tapped_label_is_the_choice_and_not_a_guess(site: Official, follower: Follower) -> None:
    greeting = follower.event("subscribe")
    answer = follower.taps(greeting, "暖气漏水")
    assert BOOK.say("safety.leak_inside").chat in answer
    assert "暖气漏水" not in site.understander.heard


def test_the_menus_buttons_are_choices_too(follower: Follower) -> None:
    follower.event("subscribe")
    assert BOOK.say("safety.leak_inside").chat in follower.event("CLICK", "intent:leak_inside")
    assert "换个说法" in follower.event("CLICK", "of-another-menu"), "of an older menu, still on his telephone"
    assert follower.event("VIEW", "https://example.cn") == follower.event("unsubscribe") == ""
    whole = menu("https://hotline.example", BOOK)
    for button in whole["button"]:
        assert len(button["name"].encode()) <= 16
        assert 1 <= len(button["sub_button"]) <= 5
        assert all(len(entry["name"]) <= 7 for entry in button["sub_button"])
    assert "https://hotline.example/chat/" in str(whole)


def test_a_recognised_voice_message_is_words_and_a_place_is_its_name(site: Official, follower: Follower) -> None:
    assert BOOK.say("safety.leak_inside").chat in follower.sends(
        {"MsgType": "voice", "MediaId": "m1", "Format": "amr", "Recognition": LEAK}
    )
    follower.sends({"MsgType": "location", "Location_X": "38.9", "Location_Y": "121.6", "Label": "阳光花园3号楼"})
    assert "阳光花园3号楼" in site.understander.heard


@pytest.mark.parametrize(
    "message",
    [
        {"MsgType": "voice", "MediaId": "m1", "Format": "amr"},
        {"MsgType": "video", "MediaId": "m1"},
        {"MsgType": "link", "Url": "https://example.cn"},
        {"MsgType": "location", "Location_X": "1", "Location_Y": "2"},
        {"MsgType": "text", "Content": " \u202e "},
        {"MsgType": "something_new"},
    ],
)
def test_what_nobody_reads_is_said_to_be_so(site: Official, follower: Follower, message: dict[str, str]) -> None:
    assert "漏水" in follower.sends(message)
    assert [m.text for m in site.log() if m.author is Author.RESIDENT] in (["[语音]"], ["[其他消息]"])
    said = len(site.log())
    site.work(after=30)
    assert len(site.log()) == said, "the worker finds it answered"


# --- pictures


def test_a_picture_is_fetched_drawn_anew_and_kept_with_the_chat(site: Official, follower: Follower) -> None:
    site.api.pictures["media-1"] = photograph(2400, 1200, exif=True)
    answer = follower.sends({"MsgType": "image", "MediaId": "media-1", "PicUrl": "http://elsewhere.example/x.jpg"})
    assert "照片收到了" in answer
    line = next(m for m in site.log() if m.author is Author.RESIDENT)
    assert (line.data["width"], line.data["height"]) == (800, 1600)
    site.work(after=30)
    assert site.api.fetched == ["media-1"], "the worker finds it done"
    assert len([m for m in site.log() if m.author is Author.RESIDENT]) == 1


def test_what_is_no_picture_is_said_to_be_none(site: Official, follower: Follower) -> None:
    site.api.pictures["media-1"] = b"<svg/>"
    assert "没能打开" in follower.sends({"MsgType": "image", "MediaId": "media-1"})
    site.api.failures = [CarrierRefused("errcode 40007: invalid media_id", code=40007)]
    assert "没能打开" in follower.sends({"MsgType": "image", "MediaId": "media-2"})


def test_a_picture_that_cannot_be_fetched_now_is_fetched_later(site: Official, follower: Follower) -> None:
    site.api.pictures["media-1"] = photograph()
    site.api.failures = [CarrierBusy("errcode -1")]
    follower.event("subscribe")
    assert follower.sends({"MsgType": "image", "MediaId": "media-1"}) == ""
    site.work(after=9)
    site.work(after=6)
    assert any("照片收到了" in text for _, text in site.api.sent)


# --- once


def test_the_same_message_four_times_at_once_is_one_turn(site: Official, follower: Follower) -> None:
    body = follower.message({"MsgType": "text", "Content": LEAK})
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda: answers.append(follower.reads(Follower(site).post(body)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert len(set(answers)) == 1
    assert BOOK.say("safety.leak_inside").chat in answers[0]
    assert site.tickets() == ["leak_inside"]
    assert len([m for m in site.log() if m.author is Author.RESIDENT]) == 1
    site.work(after=30)
    assert site.api.sent == []


def test_a_repeat_after_the_end_of_the_first_gets_the_same_answer(site: Official, follower: Follower) -> None:
    body = follower.message({"MsgType": "text", "Content": LEAK})
    first = follower.reads(follower.post(body))
    follower.says(COLD)
    site.clock.advance(seconds=10)
    assert follower.reads(follower.post(body)) == first
    at = int(site.clock.now().timestamp())
    assert follower.event("CLICK", "intent:complaint", made_at=at) == follower.event(
        "CLICK", "intent:complaint", made_at=at
    )


def test_slow_understanding_is_answered_later_by_a_message_once(
    site: Official, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reception, "ANSWERED_WITHIN", 0.15)
    follower.event("subscribe")
    site.understander.thinks = 0.5
    body = follower.message({"MsgType": "text", "Content": COLD})
    assert follower.reads(follower.post(body)) == ""
    assert [m.text for m in site.log() if m.author is Author.RESIDENT] == [COLD], "stored before anything is answered"
    deadline = time.monotonic() + 10
    while site.log()[-1].author is Author.RESIDENT or not site.work():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    site.work(after=60)
    assert follower.reads(follower.post(body)) == "", "a repeat gets what the first got"
    site.work(after=60)
    said = [m.text for m in site.log() if m.author is Author.BOT and m.data["left"] == "message"]
    sent = "\n".join(text for _, text in site.api.sent)
    assert said
    assert all(sent.count(text) == 1 for text in said)


def test_a_second_delivery_takes_nothing_along_that_the_first_left_to_be_sent(
    site: Official, follower: Follower
) -> None:
    """WeChat has been told to wait for a message, and shows no other answer."""
    follower.event("subscribe")
    conversation = site.conversation()
    heard = read_message(fields_of(follower.message({"MsgType": "text", "Content": LEAK}).encode()))
    with site.store.write() as tx:
        tx.keep_answer(f"wechat:{OPENID}:{heard.key}", "", site.clock.now())
        tx.add_message(conversation.id, author=Author.BOT, text="一句话", at=site.clock.now())
    assert site.reception._close(conversation.id, heard) == ""
    site.work(after=6)
    assert [text for _, text in site.api.sent] == ["一句话"]


def test_an_emergency_waits_for_no_model(site: Official, follower: Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "ANSWERED_WITHIN", 2)
    site.understander.thinks = 30
    began = time.monotonic()
    assert BOOK.say("safety.leak_inside").chat in follower.says(LEAK)
    assert time.monotonic() - began < 2


def test_a_process_that_dies_after_hearing_leaves_the_answer_to_the_worker(
    site: Official, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.event("subscribe")
    monkeypatch.setattr(reception.Reception, "_answer_beside", lambda _self, _id, _heard, answered: answered.set())
    assert follower.says(LEAK) == ""
    assert site.tickets() == []
    assert [m.text for m in site.log() if m.author is Author.RESIDENT] == [LEAK]
    monkeypatch.undo()
    site.work(after=9)
    assert site.tickets() == ["leak_inside"]
    assert BOOK.say("safety.leak_inside").chat in site.api.sent[0][1]
    site.work(after=60)
    assert len(site.api.sent) == 1


def test_what_cannot_be_noted_is_not_answered_so_that_wechat_sends_it_again(site: Official, follower: Follower) -> None:
    assert isinstance(site.store, FakeStore)
    follower.event("subscribe")
    body = follower.message({"MsgType": "text", "Content": LEAK})
    site.store.write_failures = [StoreBusy("locked")]
    assert follower.post(body).status_code == 503
    assert BOOK.say("safety.leak_inside").chat in follower.reads(follower.post(body))


def test_a_flood_of_one_resident_is_noted_and_answered_by_the_worker(site: Official, follower: Follower) -> None:
    for _ in range(20):
        follower.says(COLD)
    assert follower.says(LEAK) == ""
    site.work()
    assert "leak_inside" in site.tickets()
    assert BOOK.say("safety.leak_inside").chat in "".join(Follower(site, "another-resident").says(LEAK))


# --- with a person


def test_an_operators_words_go_out_as_messages_in_their_order(site: Official, follower: Follower) -> None:
    follower.says("我要人工")
    conversation = site.conversation()
    assert conversation.floor is Floor.QUEUE
    site.handoff.take_over(conversation.id, 1)
    site.handoff.say(conversation.id, 1, "您好,我来帮您看一下。", "op-1")
    site.handoff.say(conversation.id, 1, "请问是哪个小区?", "op-2")
    site.work()
    texts = [text for openid, text in site.api.sent if openid == OPENID]
    assert "小李" in texts[0]
    assert texts[1:] == ["您好,我来帮您看一下。\n\n请问是哪个小区?"]
    site.work(after=60)
    assert len(site.api.sent) == 2
    heard = len(site.understander.heard)
    assert follower.says("阳光花园") == "", "the bot is silent"
    assert len(site.understander.heard) == heard + 1
    assert [m.text for m in site.log()][-1] == "阳光花园"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (CarrierRefused("errcode 45015: response out of time limit", code=45015), "window"),
        (CarrierRefused("errcode 45047: out of response count limit", code=45047), "too_many"),
        (CarrierRefused("errcode 43004: require subscribe", code=43004), "unfollowed"),
        (CarrierRefused("errcode 40003: invalid openid", code=40003), "refused"),
        (CarrierUnknown("ReadTimeout"), "uncertain"),
    ],
)
def test_why_a_line_did_not_leave_stands_with_it_and_it_is_not_sent_again(
    site: Official, follower: Follower, failure: CarrierRefused, reason: str
) -> None:
    follower.says("我要人工")
    conversation = site.conversation()
    site.handoff.take_over(conversation.id, 1)
    site.work(after=10)
    before = len(site.api.sent)
    site.api.failures = [failure]
    site.handoff.say(conversation.id, 1, "您好", "op-1")
    site.work(after=1)
    assert site.log()[-1].data["kept_back"] == reason
    site.work(after=100)
    assert len(site.api.sent) == before


def test_a_busy_api_is_asked_again_and_the_order_is_kept(site: Official, follower: Follower) -> None:
    follower.says("我要人工")
    conversation = site.conversation()
    site.handoff.take_over(conversation.id, 1)
    site.work(after=10)
    before = len(site.api.sent)
    site.api.failures = [CarrierBusy("errcode -1"), CarrierBusy("errcode -1")]
    site.handoff.say(conversation.id, 1, "第一句", "op-1")
    site.handoff.say(conversation.id, 1, "第二句", "op-2")
    site.work(after=1)
    assert len(site.api.sent) == before
    site.work(after=40)
    assert [t for _, t in site.api.sent[before:]] == ["第一句\n\n第二句"]


def test_what_a_dead_worker_had_begun_is_uncertain_and_not_sent_twice(site: Official, follower: Follower) -> None:
    follower.says("我要人工")
    conversation = site.conversation()
    site.handoff.take_over(conversation.id, 1)
    site.work(after=10)
    site.handoff.say(conversation.id, 1, "您好", "op-1")
    task = site.store.claim(Lane.WORDS, site.clock.now(), reception.timedelta(seconds=30), "dead")
    assert task is not None
    assert site.sending._take(task) is not None, "it dies here"
    before = len(site.api.sent)
    site.work(after=40)
    assert "leaving" in site.log()[-1].data, "perhaps it is only slow"
    site.work(after=60)
    assert site.log()[-1].data["kept_back"] == "uncertain"
    assert len(site.api.sent) == before


def test_a_long_answer_is_cut_between_characters(site: Official, follower: Follower) -> None:
    follower.says("我要人工")
    conversation = site.conversation()
    site.handoff.take_over(conversation.id, 1)
    site.work(after=10)
    before, long = len(site.api.sent), "暖" * 2000
    site.handoff.say(conversation.id, 1, long, "op-1")
    site.work(after=1)
    sent = [text for _, text in site.api.sent[before:]]
    assert "".join(sent) == long
    assert all(len(text.encode()) <= 2048 for text in sent)
    assert len(sent) == 3


# --- coming back


def test_soon_after_the_end_it_goes_on_and_later_begins_anew(site: Official, follower: Follower) -> None:
    follower.says(LEAK)
    site.hotline.hang_up(site.conversation().id)
    site.clock.advance(hours=1)
    follower.says(LEAK)
    assert site.conversation().floor is Floor.BOT, "taken up again"
    for number in range(2, 8):
        site.hotline.hang_up(site.conversation(number - 1).id)
        site.clock.advance(hours=49)
        assert BOOK.say("greeting.incoming").chat in follower.says(COLD)
        assert site.conversation(number).floor is Floor.BOT


def test_whoever_follows_again_is_greeted_again_but_not_in_the_middle_of_a_talk(
    site: Official, follower: Follower
) -> None:
    follower.says(COLD)
    assert follower.event("unsubscribe") == follower.event("subscribe") == ""
    site.hotline.hang_up(site.conversation().id)
    site.clock.advance(minutes=1)
    assert BOOK.say("greeting.incoming").chat in follower.event("subscribe")


def test_it_works_encrypted_alike() -> None:
    site = Official(SAFE)
    site.means(LEAK, Intent.LEAK_INSIDE)
    assert BOOK.say("safety.leak_inside").chat in Follower(site).says(LEAK)
