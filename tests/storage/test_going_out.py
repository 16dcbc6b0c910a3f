"""Every store promises to send what is said in a conversation of the official account, in the transaction that says it."""

from datetime import timedelta

import pytest

from dialogue.conversation import Author, Channel
from dialogue.going_out import ANSWER_OPEN_FOR, KEPT_BACK, LEFT, WINDOW, can_be_written_to, unsent
from dialogue.ports import DialogueStore, DialogueTx
from fulfillment.outbox import Lane, TaskKind
from kernel.errors import NotFound
from tests.storage.samples import NOW, a_conversation

LEASE = timedelta(seconds=30)


def start(store: DialogueStore, channel: Channel) -> None:
    with store.write() as tx:
        tx.add_conversation(a_conversation("w1", channel=channel))


def say(store: DialogueStore, author: Author, text: str, **data: str) -> int:
    with store.write() as tx:
        return tx.add_message("w1", author=author, text=text, at=NOW, data=dict(data), client_id=text).seq


def promised(store: DialogueStore) -> list[int]:
    found = []
    while (task := store.claim(Lane.WORDS, NOW + timedelta(hours=1), LEASE, "w")) is not None:
        assert task.kind is TaskKind.SEND_LINE
        assert task.payload["conversation_id"] == "w1"
        found.append(int(task.payload["seq"]))
        with store.write() as tx:
            tx.task_done(task)
    return sorted(found)


def test_lines_for_the_resident_are_promised_once_and_nothing_else_is(store: DialogueStore) -> None:
    start(store, Channel.WECHAT)
    say(store, Author.RESIDENT, "漏水了")
    bot = say(store, Author.BOT, "请先关阀门")
    assert say(store, Author.BOT, "请先关阀门") == bot
    operator = say(store, Author.OPERATOR, "您好")
    say(store, Author.SYSTEM, "坐席备注")
    told = say(store, Author.SYSTEM, "通知", audience="resident")
    assert promised(store) == [bot, operator, told]


def test_a_person_is_sent_at_once_and_the_bot_after_the_answer(store: DialogueStore) -> None:
    start(store, Channel.WECHAT)
    say(store, Author.OPERATOR, "您好")
    assert store.next_due(Lane.WORDS) == NOW
    assert promised(store) == [1]
    say(store, Author.BOT, "请先关阀门")
    assert store.next_due(Lane.WORDS) == NOW + ANSWER_OPEN_FOR


@pytest.mark.parametrize("channel", [Channel.CHAT, Channel.PHONE])
def test_what_a_page_shows_or_a_voice_says_is_not_sent(store: DialogueStore, channel: Channel) -> None:
    start(store, channel)
    say(store, Author.BOT, "请先关阀门")
    say(store, Author.OPERATOR, "您好")
    assert promised(store) == []


def test_a_line_that_is_not_committed_is_not_promised(store: DialogueStore) -> None:
    start(store, Channel.WECHAT)
    with pytest.raises(NotFound), store.write() as tx:
        _say_and_fail(tx)
    assert promised(store) == []


def test_what_left_or_was_kept_back_is_settled(store: DialogueStore) -> None:
    start(store, Channel.WECHAT)
    first, second, third = (say(store, Author.BOT, text) for text in ("一", "二", "三"))
    with store.write() as tx:
        tx.set_message_data("w1", first, {LEFT: "answer"})
        tx.set_message_data("w1", second, {KEPT_BACK: "window"})
    with store.read() as tx:
        assert [m.seq for m in unsent(tx, tx.conversation("w1"))] == [third]


def test_nobody_is_written_to_48_hours_after_his_last_word(store: DialogueStore) -> None:
    start(store, Channel.WECHAT)
    say(store, Author.BOT, "您好")
    with store.read() as tx:
        assert not can_be_written_to(tx, tx.conversation("w1"), NOW), "he has never said anything"
    say(store, Author.RESIDENT, "不热")
    with store.read() as tx:
        assert can_be_written_to(tx, tx.conversation("w1"), NOW + WINDOW - timedelta(seconds=1))
        assert not can_be_written_to(tx, tx.conversation("w1"), NOW + WINDOW)


def test_silent_conversations_of_every_written_channel_are_found(store: DialogueStore) -> None:
    start(store, Channel.WECHAT)
    with store.read() as tx:
        assert "w1" in [c.id for c in tx.silent_chats(NOW + timedelta(days=1))]


def _say_and_fail(tx: DialogueTx) -> None:
    tx.add_message("w1", author=Author.BOT, text="请先关阀门", at=NOW)
    tx.conversation("nobody's")
