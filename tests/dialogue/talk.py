"""A resident who talks with the real dialogue over fake rooms; what each utterance means is stated, not guessed."""

from pathlib import Path
from typing import Any

from bot.understanding import EMERGENCIES, Entity, EntityKind, Intent, Source, Understanding
from dialogue.conference import Conferences
from dialogue.conversation import Channel, Reply, Turn
from dialogue.handle_turn import Hotline
from dialogue.handoff import Handoff, HandoffDeliveries
from dialogue.kit import Kit
from dialogue.line import LineDeliveries
from dialogue.policy import Policy
from dialogue.script_book import ScriptBook
from dialogue.tables import load_knowledge
from fulfillment.standard import Standard
from fulfillment.ticket import Ticket
from tests.fakes import FakeCarrier, FakeStore, FakeUnderstander, FixedClock, small_company

HOME = Path(__file__).resolve().parents[2]
STANDARD = Standard(HOME / "data")
BOOK = ScriptBook(HOME / "scripts_zh", company="华暖", number="01")
KNOWLEDGE = load_knowledge(HOME / "data")


def means(
    text: str,
    intent: Intent,
    *,
    confidence: float = 0.95,
    perhaps: bool = False,
    model_only: bool = False,
    model: bool = True,
    runner_up: Intent | None = None,
    **entities: object,
) -> Understanding:
    found = tuple(
        Entity(EntityKind(kind), str(value), str(value), 0, 1)
        for kind, values in entities.items()
        for value in (values if isinstance(values, list) else [values])
    )
    return Understanding(
        text, intent, confidence, emergency=intent in EMERGENCIES and not perhaps, entities=found,
        source=Source.MODEL if model else Source.NOBODY, runner_up=runner_up, model_available=model, perhaps_emergency=perhaps or model_only, suspected_by_model_only=model_only,
    )  # fmt: skip


class Talk:
    """One conversation on one channel."""

    def __init__(
        self,
        channel: Channel = Channel.PHONE,
        peer: str = "+8613900000000",
        store: FakeStore | None = None,
        call: str = "CA1",
    ) -> None:
        self.store = store or small_company(FakeStore())
        self.clock = FixedClock()
        self.understander = FakeUnderstander()
        self.carrier = FakeCarrier(self.store)
        kit = Kit(
            store=self.store, understander=self.understander, policy=Policy(KNOWLEDGE.matters, STANDARD.kinds, STANDARD.directory, KNOWLEDGE.phrases),
            book=BOOK, standard=STANDARD, clock=self.clock, facts=KNOWLEDGE.facts, facts_of_profiles=KNOWLEDGE.facts_of_profiles, hotline_phone="+8641188880000",
        )  # fmt: skip
        self.hotline = Hotline(kit)
        self.handoff = Handoff(self.store, BOOK, self.clock)
        self.conferences = Conferences(self.store, BOOK, self.clock, hotline="+8641188880000", browser_lines=True)
        self.deliveries = HandoffDeliveries(self.store, self.carrier, BOOK, STANDARD, self.clock)
        self.line = LineDeliveries(self.store, BOOK, STANDARD, self.clock)
        conversation, self.reply = self.hotline.open(channel, call, peer)
        self.id = conversation.id
        self.turns = 0
        self.attended = True  # an operator sits at the console

    def turn(self, **heard: object) -> Reply:
        self.turns += 1
        self.clock.advance(seconds=5)
        self.attend()
        self.reply = self.hotline.handle_turn(Turn(self.id, f"turn-{self.turns}", **heard))  # type: ignore[arg-type]  # a test's shorthand
        return self.reply

    def attend(self) -> None:
        with self.store.write() as tx:
            if self.attended:
                tx.operator_present(1, self.clock.now())
            else:
                tx.operator_left(1)

    def says(self, text: str, intent: Intent, **more: object) -> Reply:
        self.understander.table[text] = means(text, intent, **more)  # type: ignore[arg-type]  # a test's shorthand
        return self.turn(text=text)

    def presses(self, digits: str) -> Reply:
        return self.turn(digits=digits)

    def taps(self, choice: str) -> Reply:
        label = next((q.label for q in self.reply.quick_replies if q.choice == choice), choice)
        return self.turn(choice=choice, text=label)

    @property
    def scripts(self) -> list[str]:
        """What was said, without "one moment, I note it down" (G6), which opens every case."""
        return [s.script for s in self.reply.said if s.script != "hearing.noting_down"]

    @property
    def voice(self) -> str:
        return " ".join(s.voice for s in self.reply.said)

    def store_state(self) -> dict[str, Any]:
        with self.store.read() as tx:
            return tx.conversation(self.id).state

    @property
    def tickets(self) -> list[Ticket]:
        with self.store.read() as tx:
            return list(tx.open_tickets(conversation_id=self.id))
