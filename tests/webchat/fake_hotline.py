"""A hotline that follows a script: what the chat's own tests and the preview talk to.

It keeps the promises of dialogue.handle_turn.Hotline that the chat relies on: one turn per key, the utterance stored
under "turn:<key>", one message per sentence, quick replies on the last one.
"""

import time
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from dialogue.conversation import Author, Channel, Conversation, Floor, Reply, Said, Turn
from kernel.clock import Clock
from tests.fakes import FakeStore, FakeTx

PHONE = "0311-5550-0100"


@dataclass(frozen=True)
class Answer:
    texts: tuple[str, ...]
    cards: tuple[dict[str, Any] | None, ...] = ()
    replies: tuple[tuple[str, str], ...] = ()
    floor: Floor | None = None


MENU = (
    ("intent:leak_inside", "漏水"),
    ("intent:no_heat", "家里不热"),
    ("intent:temperature_test", "申请测温"),
    ("menu:fee", "缴费和业务"),
    ("intent:complaint", "投诉建议"),
    ("human", "转人工"),
)

SAFETY = (
    "请先别着急,先保证人的安全:\n1. 能够到的话,马上关掉漏水暖气片前的阀门,或入户总阀门\n"
    "2. 热水很烫,请离开热水,老人孩子先到别的房间\n3. 水碰到插座、电器,马上拉下电闸\n4. 搬开贵重物品,提醒楼下邻居"
)


def script(clock: Clock) -> dict[str, Answer]:
    """By choice or by a word in the text."""
    now = clock.now()
    ticket = {
        "kind": "ticket",
        "number": "1122-0007",
        "title": "户内漏水",
        "state": "等待接单",
        "clocks": [
            {"title": "管家联系您", "clause": "F16", "due_by": (now + timedelta(minutes=15)).isoformat()},
            {"title": "到达现场", "clause": "F16", "due_by": (now + timedelta(minutes=40)).isoformat()},
        ],
    }
    return {
        "漏水": Answer(
            (SAFETY, "为了马上派人,请告诉我是哪个小区、几号楼、几单元、几零几?"),
            ({"kind": "safety", "phone": PHONE}, None),
        ),
        "翠湖": Answer(
            ("已经按紧急情况派单,正在电话通知负责的供暖管家。", "请问是暖气片还是阀门在漏?"),
            (ticket, None),
            (("part:radiator", "暖气片"), ("part:valve", "阀门"), ("part:pipe", "管道"), ("part:unknown", "看不清")),
        ),
        "暖气片": Answer(("好的,记下了:暖气片漏水。请保持电话畅通,也可以直接拨打 13812345678 找供暖管家。",)),
        "人工": Answer(
            ("您请稍等,正在为您转接人工。不想等的话,可以点“给我回电话”。",),
            (),
            (("callback", "给我回电话"), ("back", "不等了")),
            Floor.QUEUE,
        ),
        "不热": Answer(
            ("请问是整个家都不热,还是某个房间不热?",), (), (("room:all", "全部不热"), ("room:one", "个别房间"))
        ),
        "再见": Answer(("本次服务已结束,感谢您的信任,再见。",), (), (), Floor.ENDED),
    }


@dataclass
class FakeHotline:
    store: FakeStore
    clock: Clock
    thinks: float = 0.0  # seconds before it answers
    turns: list[Turn] = field(default_factory=list)

    def open(self, channel: Channel, external_id: str, peer: str) -> tuple[Conversation, Reply]:
        now = self.clock.now()
        with self.store.write() as tx:
            conversation = tx.add_conversation(
                Conversation(uuid.uuid4().hex, channel, external_id, peer, Floor.BOT, opened_at=now, last_at=now)
            )
            if tx.stored_reply(conversation.id, "open") is None:
                greeting = Answer(("您好,华暖示例热力集团温心01号为您服务,请问有什么可以帮您?",), (), MENU)
                self._answer(tx, conversation.id, "open", greeting)
            return tx.conversation(conversation.id), Reply(())

    def handle_turn(self, turn: Turn) -> Reply:
        self.turns.append(turn)
        with self.store.write() as tx:
            if tx.stored_reply(turn.conversation_id, turn.key) is not None:
                return Reply(())
            tx.add_message(
                turn.conversation_id,
                author=Author.RESIDENT,
                text=turn.text,
                at=self.clock.now(),
                data={"understanding": {"intent": "secret"}},
                client_id=f"turn:{turn.key}",
            )
        time.sleep(self.thinks)
        with self.store.write() as tx:
            if tx.stored_reply(turn.conversation_id, turn.key) is None:
                conversation = tx.conversation(turn.conversation_id)
                silent = conversation.floor in (Floor.OPERATOR, Floor.QUEUE)
                known = next((a for word, a in script(self.clock).items() if word in turn.text), None)
                answer = known or Answer((f"收到:{turn.text}",), (), MENU[:3])
                self._answer(tx, turn.conversation_id, turn.key, Answer(()) if silent else answer)
        return Reply(())

    def hang_up(self, conversation_id: str) -> None:
        with self.store.write() as tx:
            move(tx, conversation_id, Floor.ENDED, at=self.clock)

    def _answer(self, tx: FakeTx, conversation_id: str, key: str, answer: Answer) -> None:
        for i, text in enumerate(answer.texts):
            said = Said("test.script", text, text, card=answer.cards[i] if answer.cards else None)
            data: dict[str, Any] = {"voice": text, "script": said.script, "interruptible": True}
            if said.card:
                data["card"] = said.card
            if answer.replies and i == len(answer.texts) - 1:
                data["quick_replies"] = [{"choice": c, "label": label} for c, label in answer.replies]
            tx.add_message(conversation_id, author=Author.BOT, text=text, at=self.clock.now(), data=data)
        tx.store_reply(conversation_id, key, {"said": list(answer.texts)})
        if answer.floor is not None:
            move(tx, conversation_id, answer.floor, at=self.clock)


def move(tx: FakeTx, conversation_id: str, to: Floor, *, at: Clock, operator_id: int | None = None) -> None:
    epoch = tx.conversation(conversation_id).epoch
    assert tx.move_floor(conversation_id, to=to, operator_id=operator_id, epoch=epoch, at=at.now())
