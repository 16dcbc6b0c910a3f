"""An operator's browser is gone in the middle of a takeover: the resident is back in the queue, never with nobody."""

import time

import httpx
import pytest

from dialogue.conversation import Floor
from dialogue.floor import VANISHED_AFTER
from ops.town import Town
from tests.faults.conftest import csrf_token
from tests.faults.records import let_time_pass, read
from tests.journeys.chatting import Chat

pytestmark = pytest.mark.nlu


def test_a_closed_browser_gives_the_resident_back_to_the_queue(town: Town, console: httpx.Client) -> None:
    with Chat(town.web) as chat:
        chat.send("转人工")
        page = f"/console/conversations/{chat.conversation_id}"
        token = csrf_token(console.get(page).text)
        taken = console.post(f"{page}/take-over", data={"csrf_token": token})
        assert taken.status_code in (200, 204, 302, 303), taken.text
        assert floor(town, chat) is Floor.OPERATOR
        assert console.post(f"{page}/heartbeat", headers={"X-CSRFToken": token}).status_code == 204
        let_time_pass(town, chat.conversation_id, VANISHED_AFTER / 2)
        time.sleep(1.5)
        assert floor(town, chat) is Floor.OPERATOR, "half of the time is a slow page, not a closed one"
        let_time_pass(town, chat.conversation_id, VANISHED_AFTER)
        town.wait(lambda: floor(town, chat) is Floor.QUEUE, 10)
        chat.send("还在吗?")
        assert "请" in "\n".join(m["text"] for m in chat.messages if m["author"] == "bot")
        row = read(town, lambda tx: tx.conversation(chat.conversation_id))
        assert (row.operator_id, row.waiting_since is not None) == (None, True)
        chat.send("家里暖气管爆了,水喷得到处都是,翠湖花园三号楼二单元五零一")
        assert "阀门" in chat.said(), "danger does not wait for anybody"


def floor(town: Town, chat: Chat) -> Floor:
    return read(town, lambda tx: tx.conversation(chat.conversation_id)).floor
