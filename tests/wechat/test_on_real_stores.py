"""WeChat repeats a message up to three times, at once if it likes: on every store it is one turn, one alarm, one answer."""

import threading

from bot.understanding import Intent
from dialogue.conversation import Author
from dialogue.ports import DialogueStore
from tests.dialogue.talk import BOOK
from tests.wechat.official import SAFE, Follower, Official

LEAK = "家里暖气漏水了"


def test_the_same_message_four_times_at_once(store: DialogueStore) -> None:
    site = Official(SAFE, store)
    site.means(LEAK, Intent.LEAK_INSIDE)
    body = Follower(site).message({"MsgType": "text", "Content": LEAK})
    answers: list[str] = []
    begin = threading.Barrier(4)

    def deliver() -> None:
        follower = Follower(site)
        begin.wait()
        answers.append(follower.reads(follower.post(body)))

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 4
    assert len(set(answers)) == 1
    assert BOOK.say("safety.leak_inside").chat in answers[0]
    assert site.tickets() == ["leak_inside"]
    with store.read() as tx:
        [conversation] = [c for c in tx.recent_conversations() if c.channel == "wechat"]
        lines = tx.messages(conversation.id)
    assert [m.text for m in lines if m.author is Author.RESIDENT] == [LEAK]
    assert [m.data["left"] for m in lines if m.author is Author.BOT] == ["answer"] * (len(lines) - 1)
    site.work(after=60)
    assert site.api.sent == []
