"""A cold Sunday morning at the sample company, for the console's tests and for looking at its pages (preview.py)."""

import tempfile
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from flask import Flask

from console import Audio, Health, Setup, build_console
from dialogue.canned_replies import CannedReplies, OwnReplies
from dialogue.conference import Conferences
from dialogue.conversation import Author, Channel, Conversation, Floor, Message
from dialogue.line import Callbacks
from dialogue.own_wording import OwnWording, load_blanks, load_quoted
from dialogue.passing_on import PassingOn
from dialogue.pictures import Pictures
from dialogue.recordings import Recordings
from dialogue.script_book import ScriptBook
from dialogue.visit_pictures import VisitPictures
from fulfillment.appointments import Appointments
from fulfillment.desk import Desk
from fulfillment.editions import Editions
from fulfillment.incidents import Incidents
from fulfillment.limits import OwnLimits
from fulfillment.pins import Pins
from fulfillment.rota import Rota
from fulfillment.standard import EDITABLE, Standard
from fulfillment.ticket import (
    Address,
    Attempt,
    AttemptOutcome,
    ClockState,
    Ticket,
    TicketClock,
    TicketState,
    TimelineEntry,
)
from fulfillment.visiting import Visits
from ivr.robots import robot_address
from ivr.spoken import speakable
from kernel.clock import Clock
from kernel.errors import AlreadyTaken, BadInput, StaleEpoch
from storage import SoundFolder
from tests.fakes import FakeStore, small_company

PASSWORD = "correct horse battery"
_HASH = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)> \"'`{{7*7}}"


HOME = Path(__file__).resolve().parents[2]
STANDARD = Standard(HOME / "data")
BOOK = ScriptBook(HOME / "scripts_zh", company="华暖", number="01")

SENTENCES = {
    "opened": "工单已建立",
    "forwarding_started": "开始紧急转接",
    "call_placed": "正在呼叫{name}",
    "call_no_answer": "{name}没有接单({status})",
    "text_sent": "已给{name}发短信",
    "accepted": "{name}已接单, 用时{seconds}秒",
    "contacted": "已与用户取得联系",
    "noted": "备注: {text}",
    "nudge_undone": "撤销一次催办(现为{count}次)",
    "merged_into": "已合并到工单{number}",
    "merged_here": "工单{number}合并到本单",
    "split_off": "从工单{number}拆分出来",
    "split_from": "工单{number}已拆分出去",
    "owned": "{name}首问负责",
    "nudged": "用户催办(第{count}次)",
    "assigned": "派给{name}",
    "milestone": "办理进度:{event}",
    "state_changed": "状态由{before}变为{after}",
    "ladder_exhausted": "第{round}轮值班人员全部无人接单, 值班台告警, 继续呼叫",
}


def timeline_text(entry: TimelineEntry) -> str:
    return SENTENCES[entry.key].format(**entry.params)


class FakeHandoff:
    """dialogue.handoff.Handoff without scripts."""

    def __init__(self, store: FakeStore, clock: Clock) -> None:
        self.store, self.clock = store, clock
        self.beats = 0

    def take_over(self, conversation_id: str, operator_id: int) -> Conversation:
        with self.store.write() as tx:
            found = tx.conversation(conversation_id, for_update=True)
            if found.floor is Floor.OPERATOR and found.operator_id != operator_id:
                raise AlreadyTaken(tx.operator(found.operator_id or 0).name)
            moved = tx.move_floor(
                conversation_id, to=Floor.OPERATOR, operator_id=operator_id, epoch=found.epoch, at=self.clock.now()
            )
            assert moved is not None
            return moved

    def _leave(self, conversation_id: str, operator_id: int, to: Floor) -> Conversation:
        with self.store.write() as tx:
            found = self._held(tx.conversation(conversation_id), operator_id)
            moved = tx.move_floor(conversation_id, to=to, operator_id=None, epoch=found.epoch, at=self.clock.now())
            assert moved is not None
            return moved

    def hand_back(self, conversation_id: str, operator_id: int) -> Conversation:
        return self._leave(conversation_id, operator_id, Floor.BOT)

    def end(self, conversation_id: str, operator_id: int) -> Conversation:
        return self._leave(conversation_id, operator_id, Floor.ENDED)

    def say(self, conversation_id: str, operator_id: int, text: str, client_id: str) -> Message:
        if not text.strip() or len(text) > 2000:
            raise BadInput("text")
        with self.store.write() as tx:
            self._held(tx.conversation(conversation_id), operator_id)
            data = {"operator": tx.operator(operator_id).name}
            return tx.add_message(
                conversation_id,
                author=Author.OPERATOR,
                text=text.strip(),
                at=self.clock.now(),
                data=data,
                client_id=client_id,
            )

    def heartbeat(self, conversation_id: str, operator_id: int) -> None:
        with self.store.write() as tx:
            tx.operator_seen(conversation_id, operator_id, self.clock.now())
        self.beats += 1

    @staticmethod
    def _held(found: Conversation, operator_id: int) -> Conversation:
        if found.floor is not Floor.OPERATOR or found.operator_id != operator_id:
            raise StaleEpoch("not the holder")
        return found


@dataclass
class Day:
    """What sample_day made: names for the ids the tests need."""

    leak: int
    cold: int
    waiting: str
    held: str
    bot: str
    phone: str
    complaint: int


def sample_day(store: FakeStore, now: datetime) -> Day:  # noqa: PLR0915 - a day is a list of what happened
    """Five conversations and six tickets in every state, around `now`."""
    small_company(store)
    _more_operators(store)
    with store.write() as tx:

        def ago(**units: float) -> datetime:
            return now - timedelta(**units)

        def talk(name: str, channel: Channel, peer: str, household: int | None, minutes: float) -> str:
            return tx.add_conversation(
                Conversation(
                    id=uuid.uuid5(uuid.NAMESPACE_OID, name).hex,
                    channel=channel,
                    external_id=name,
                    peer=peer,
                    floor=Floor.BOT,
                    opened_at=ago(minutes=minutes),
                    last_at=ago(minutes=minutes / 3),
                    household_id=household,
                )
            ).id

        def say(cid: str, author: Author, text: str, minutes: float, **data: Any) -> None:
            tx.add_message(cid, author=author, text=text, at=ago(minutes=minutes), data=data)

        def heard(intent: str, confidence: float, emergency: bool = False, **entities: str) -> dict[str, Any]:
            return {
                "intent": intent,
                "confidence": confidence,
                "emergency": emergency,
                "source": "danger_words" if emergency else "model",
                "entities": [{"kind": k, "value": v, "text": v} for k, v in entities.items()],
            }

        phone = talk("CA-leak", Channel.PHONE, "+8613800000001", 1, 3)
        say(phone, Author.BOT, "您好,华暖示例热力集团温心01号为您服务,请问有什么可以帮您?", 3)
        say(
            phone,
            Author.RESIDENT,
            "我家暖气片漏水了,客厅地上全是热水,快来人啊",
            2.8,
            understanding=heard("leak_inside", 1.0, True, part="暖气片", place_at_home="客厅"),
            speech_confidence=0.91,
        )
        say(
            phone,
            Author.BOT,
            "请先关闭暖气片前的阀门,或者入户总阀;远离热水,小心烫伤;水流到插座附近请先断电。",
            2.7,
        )
        say(phone, Author.BOT, "已经按紧急情况派单,正在电话通知负责的供暖管家。您是阳光花园3号楼2单元501的陈女士吗?", 2.6,
            quick_replies=[{"choice": "yes", "label": "是的"}, {"choice": "no", "label": "不是"}])  # fmt: skip
        say(phone, Author.RESIDENT, "对,是我,水还在流", 2.2, understanding=heard("affirm", 0.97))
        say(phone, Author.SYSTEM, "住户请求转人工", 2.0)
        waiting = talk("chat-cold", Channel.CHAT, "", 3, 14)
        say(waiting, Author.BOT, "您好,华暖示例热力集团温心01号为您服务,请问有什么可以帮您?", 14)
        say(waiting, Author.RESIDENT, "家里才14度,孩子都感冒了", 13.5,
            understanding=heard("cold_room", 0.93, temperature="14度"))  # fmt: skip
        say(waiting, Author.BOT, "您家是地暖还是暖气片?整个屋子都不热,还是个别房间?", 13.4,
            quick_replies=[{"choice": "a", "label": "一直没热"}, {"choice": "b", "label": "热但温度低"}])  # fmt: skip
        say(waiting, Author.RESIDENT, "地暖,所有房间都不热。我要找人工!", 6,
            understanding=heard("ask_human", 0.88, part="地暖"))  # fmt: skip
        say(waiting, Author.BOT, "好的,正在为您转接人工,请稍等。", 5.9)
        held = talk("chat-held", Channel.CHAT, "", 2, 22)
        say(held, Author.RESIDENT, "上次报的测温什么时候来", 20, understanding=heard("ticket_status", 0.9))
        say(held, Author.OPERATOR, "孙奶奶您好,管家今天下午两点到您家。", 12, operator="周主管")
        bot = talk("CA-bill", Channel.PHONE, "+8613511112222", None, 1)
        say(bot, Author.RESIDENT, "今年取暖费一平米多少钱", 0.4, understanding=heard("bill_price", 0.95))
        say(bot, Author.BOT, "居民供热按面积计费,收费标准以当地政府公布为准。请问,您还有其他问题需要我帮助吗?", 0.3)
        quiet = talk("chat-new", Channel.CHAT, "", None, 0.5)
        say(quiet, Author.RESIDENT, HOSTILE, 0.2, understanding=heard("nlu_fallback", 0.2))
        tx.move_floor(phone, to=Floor.QUEUE, operator_id=None, epoch=0, at=ago(minutes=2))
        tx.move_floor(waiting, to=Floor.QUEUE, operator_id=None, epoch=0, at=ago(minutes=5.8))
        tx.move_floor(held, to=Floor.OPERATOR, operator_id=2, epoch=0, at=ago(minutes=12.5))

        def ticket(kind: str, state: TicketState, minutes: float, household: int, symptom: str, **more: Any) -> Ticket:
            home = tx.household(household)
            stored = tx.add_ticket(
                Ticket(
                    id=0,
                    number="",
                    kind=kind,
                    state=state,
                    emergency=kind.startswith("leak"),
                    opened_at=ago(minutes=minutes),
                    household_id=household,
                    conversation_id=more.pop("conversation_id", None),
                    address=Address(home.community_id, home.building, home.unit, home.room),
                    contact_name=home.name,
                    contact_phone=home.phone,
                    symptom=symptom,
                    **more,
                )
            )
            tx.add_to_timeline(TimelineEntry(stored.id, stored.opened_at, "bot", "opened"))
            return stored

        def clock(stored: Ticket, rule: str, clause: str, within: float, **more: Any) -> None:
            due_by = stored.opened_at + timedelta(minutes=within)
            tx.add_clock(TicketClock(0, stored.id, rule, clause, stored.opened_at, due_by, **more))

        leak = ticket("leak_inside", TicketState.NEW, 2.7, 1, "我家暖气片漏水了,客厅地上全是热水,快来人啊",
                      conversation_id=phone, details={"part": "radiator", "place_at_home": "客厅"})  # fmt: skip
        clock(leak, "emergency_acknowledged", "G7e", 10)
        clock(leak, "leak_contact", "F16", 15)
        clock(leak, "leak_on_site", "F16", 40)
        for step, (staff, outcome, minutes, channel) in enumerate(
            (
                (1, AttemptOutcome.NO_ANSWER, 2.6, "voice"),
                (1, AttemptOutcome.DELIVERED, 2.55, "text"),
                (2, AttemptOutcome.NO_ANSWER, 1.6, "voice"),
                (3, AttemptOutcome.RINGING, 0.4, "voice"),
            )
        ):
            person = tx.staff(staff)
            role = ("butler", "deputy", "station_duty")[staff - 1]
            ended = None if outcome is AttemptOutcome.RINGING else ago(minutes=minutes - 0.5)
            tx.add_attempt(
                Attempt(
                    f"{step:032x}", leak.id, step, staff, role, person.phone, channel, ago(minutes=minutes), outcome,
                    "CA1", ended,
                )
            )  # fmt: skip
            key = "text_sent" if channel == "text" else "call_placed"
            tx.add_to_timeline(TimelineEntry(leak.id, ago(minutes=minutes), "worker", key, {"name": person.name}))
        cold = ticket("cold_room", TicketState.NEW, 26, 3, "家里才14度,孩子都感冒了", conversation_id=waiting, nudges=2,
                      details={"temperature": "14", "installation": "floor_heating"}, assignee_id=2)  # fmt: skip
        clock(cold, "repair_contact", "B6", 30)
        clock(cold, "repair_on_site", "B6", 120)
        clock(cold, "repair_done", "B6", 1440)
        late = ticket("cold_room", TicketState.ACKNOWLEDGED, 150, 2, "卧室不热", assignee_id=1,
                      acknowledged_by="王管家", acknowledged_at=ago(minutes=140))  # fmt: skip
        clock(late, "repair_on_site", "B6", 120)
        clock(late, "repair_done", "B6", 1440)
        test = ticket("temperature_test", TicketState.ON_SITE, 200, 2, "申请测温", conversation_id=held, assignee_id=1)
        clock(test, "repair_contact", "F11", 260)
        angry = ticket("complaint", TicketState.ACKNOWLEDGED, 600, 1, "师傅态度不好", assignee_id=5)
        clock(angry, "complaint_answered", "Z8", 60 * 24)
        done = ticket("leak_inside", TicketState.RESOLVED, 1500, 3, "阀门滴水", acknowledged_by="李管家",
                      acknowledged_at=ago(minutes=1498))  # fmt: skip
        clock(done, "leak_on_site", "F16", 40, state=ClockState.KEPT, stopped_at=ago(minutes=1470))
    return Day(leak.id, cold.id, waiting, held, bot, phone, angry.id)


def _more_operators(store: FakeStore) -> None:
    with store.write() as tx:
        for operator in tx.operators():
            tx.upsert_operator(replace(operator, password_hash=_HASH))


def build_app(store: FakeStore, clock: Clock, **more: Any) -> Flask:
    """A Flask app with nothing but the console. The handoff is `app.extensions["handoff"]`."""
    app = Flask("console-under-test")
    app.secret_key = "x" * 32
    app.config["TESTING"] = True
    handoff = FakeHandoff(store, clock)
    app.extensions["handoff"] = handoff
    conferences = Conferences(store, BOOK, clock, hotline="+8641188880000", browser_lines=True)
    leaks: list[tuple[str, int]] = []
    app.extensions["leaks"] = leaks
    audio = Audio(
        conferences, lambda c, o: leaks.append((c, o)), lambda kind: BOOK.say(f"safety.{kind}").chat, browser_lines=True
    )
    folder = SoundFolder(Path(tempfile.mkdtemp(prefix="recordings-")))
    app.extensions["sounds"] = folder
    app.extensions["pictures"] = photographs = Path(tempfile.mkdtemp(prefix="pictures-"))
    quoted = load_quoted(HOME / "data")
    rota, own = Rota(store, STANDARD, clock), OwnWording(BOOK, quoted, STANDARD.never_said)
    # Not refreshed: what a test saves does not reach the tables that all tests share.
    canned, replies = CannedReplies(BOOK, STANDARD.clauses), OwnReplies(STANDARD.never_said)
    keepers = {
        **dict.fromkeys(EDITABLE, STANDARD),
        "limits": OwnLimits(STANDARD.rules),
        "script": BOOK,
        "canned": canned,
    }
    demands = {"ladder": rota.demand_fits, "script": own, "canned": replies}
    app.extensions["editions"] = editions = Editions(store, clock, keepers, demands)
    settings = {
        "carrier_is_real": True,
        "pins": Pins(store, STANDARD.outgoing.pin, clock),
        "audio": audio,
        "health": lambda: Health(database=True, nlu=True),
        "callbacks": Callbacks(store, STANDARD, clock),
        "recordings": Recordings(store, folder, clock),
        "pictures": Pictures(store, SoundFolder(photographs, ".jpg"), BOOK, clock),
        "appointments": Appointments(store, STANDARD, clock),
        "visit_pictures": VisitPictures(store, Visits(store, STANDARD, clock), SoundFolder(photographs, ".jpg"), clock),
        "book": BOOK,
        "passing_on": PassingOn(store, BOOK, STANDARD.queue, clock),
        "incidents": Incidents(store, STANDARD, clock),
        "setup": Setup(editions, load_blanks(HOME / "data"), quoted, speakable, robot_address, canned),
    } | more
    app.register_blueprint(
        build_console(
            store, handoff, Desk(store, STANDARD, clock), STANDARD, clock, timeline_text=timeline_text, **settings
        )
    )
    return app
