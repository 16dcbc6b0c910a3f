"""Residents: they call or write, answer what the bot asks, wait for a person, and are rung back."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from dialogue.conversation import Channel, Floor, Reply, Then, Turn
from fulfillment.company import Household
from kernel.errors import NotFound
from ops.month.life import Life
from ops.month.plan import Contact, Where

#: Who has answered so often without an end hangs up.
_PATIENCE_TURNS = 16
_A_CHAT_IS_CLOSED = 2.2 * 3600  # seconds; data/queue.yml, and the sweep after it
_WAITS_ON_AVERAGE = 330.0  # seconds, on the telephone
_ANSWERS_OUR_CALL = 0.74
#: Who has said what it is about, and still wants to speak with somebody.
_WANTS_A_PERSON = 0.07
_HOW_IT_WAS = {"satisfied": 0.80, "fairly": 0.13, "dissatisfied": 0.07}
_QUESTIONS_OF_A_PLACE = frozenset(
    {"ask.address", "ask.which_home", "ask.which_community", "ask.place_street", "ask.address_urgent"}
)
_GOODBYES = frozenset({"greeting.goodbye_chat", "greeting.goodbye", "incident.warm", "incident.still_cold"})
_YES_NO_SCRIPTS = frozenset({"ask.is_this_home", "ask.read_back", "ask.read_back_again", "hearing.did_you_mean"})


@dataclass
class Talk:
    """One conversation, from the resident's side."""

    life: Life
    conversation_id: str
    channel: Channel
    call_sid: str
    home: Household | None
    matter: str
    chance: random.Random
    heard_of: Callable[[Sequence[int]], None]
    waits: "Callable[[Talk], None]"
    peer: str = ""
    turns: int = 0
    over: bool = False
    gives_up_at: float = 0.0
    wanted_a_person: bool = False

    def says(self, text: str, choice: str = "") -> None:
        """And goes on as the reply asks."""
        if self.over:
            return
        self.turns += 1
        key = f"turn-{self.turns}" if self.channel is Channel.PHONE else f"c{self.turns}"
        turn = Turn(self.conversation_id, key, text=text, choice=choice, confidence=self._confidence(choice))
        self.goes_on(self.life.rooms.hotline.handle_turn(turn))

    def goes_on(self, reply: Reply) -> None:
        self.heard_of(reply.ticket_ids)
        if reply.then is Then.HANG_UP:
            self.life.agenda.after(3, self.hangs_up)
        elif reply.then is Then.WAIT:
            self.waits(self)
        elif self.turns >= _PATIENCE_TURNS:
            self.life.agenda.after(5, self.hangs_up)
        else:
            self._answers(reply)

    def hangs_up(self) -> None:
        """A call is over; a chat is merely not written in any more, and the product closes it in time."""
        if self.over:
            return
        self.over = True
        if self.channel is Channel.PHONE:
            self.life.rooms.carrier.over.add(self.call_sid)
            self.life.rooms.conferences.caller_is_gone(self.conversation_id)
            self.life.rooms.hotline.hang_up(self.conversation_id)
        self.life.agenda.after(60 if self.channel is Channel.PHONE else _A_CHAT_IS_CLOSED, self._is_noted)

    def _is_noted(self) -> None:
        """What was known when somebody hung up, or fell silent, is a case as well."""
        with self.life.rooms.store.read() as tx:
            noted = [t.id for t in tx.open_tickets(conversation_id=self.conversation_id)]
        self.heard_of(noted)

    def _answers(self, reply: Reply) -> None:
        script = reply.said[-1].script if reply.said else ""
        words = self._words(script)
        if not words:
            self.life.agenda.after(4, self.hangs_up)
            return
        yes = next((q for q in reply.quick_replies if q.choice == "yes"), None)
        if self.channel is Channel.CHAT and yes is not None and words in self.life.words["agreed"]:
            self.life.agenda.after(self._time(words), lambda: self.says(yes.label, "yes"))
            return
        self.life.agenda.after(self._time(words), lambda: self.says(words))

    def _words(self, script: str) -> str:
        """What is answered to a question; "" for a goodbye, and for one that nobody here can answer."""
        if script in _QUESTIONS_OF_A_PLACE:
            return self._place(self.home)
        if script == "safety.is_it_a_leak" and self.matter.startswith("leak"):
            return self._one_of("agreed")
        if script == "greeting.anything_else" and not self.wanted_a_person and self.chance.random() < _WANTS_A_PERSON:
            self.wanted_a_person = True
            return self._one_of("person")
        return self._fact(script) or self._one_of_the_answers(script)

    def _fact(self, script: str) -> str:
        home = self.home
        phone = home.phone if home and home.phone else self.peer
        facts = {
            "ask.key_building": home.building if home else "",
            "ask.key_unit": home.unit if home else "",
            "ask.key_room": home.room if home else "",
            "ask.card": home.card_number if home else "",
            "ask.card_again": home.card_number if home else "",
            "ask.owner": home.name if home else "",
            "ask.owner_again": home.name if home else "",
            "ask.contact_phone": phone.removeprefix("+86"),
            "ask.contact_phone_again": phone.removeprefix("+86"),
            "ask.contact_name": str(self.life.words["name"]).format(family=home.name[0]) if home else "",
        }
        return facts.get(script, "")

    def _one_of_the_answers(self, script: str) -> str:
        answers = self.life.words["answers"].get(script)
        if answers is None and script not in _GOODBYES:
            self.life.unanswered[script] += 1
        return str(self.chance.choice(answers)) if answers else ""

    def _one_of(self, name: str) -> str:
        return str(self.chance.choice(self.life.words[name]))

    def _place(self, home: Household | None) -> str:
        if home is None or self.matter == "elsewhere":
            return str(self.chance.choice(self.life.words["unknown_home"]))
        with self.life.rooms.store.read() as tx:
            community = tx.community(home.community_id).name
        words = self.life.words["home"] if home.unit else self.life.words["tower"]
        return str(words).format(community=community, building=home.building, unit=home.unit, room=home.room)

    def _time(self, words: str) -> float:
        """Listening, thinking, speaking or typing."""
        return self.chance.uniform(5, 12) + len(words) * (0.3 if self.channel is Channel.PHONE else 0.7)

    def _confidence(self, choice: str) -> float | None:
        spoken = self.channel is Channel.PHONE and not choice
        return round(self.chance.uniform(0.72, 0.97), 2) if spoken else None


@dataclass
class Residents:
    """Everybody who turns to the company; `cards` are the heating cards of the town, by serial."""

    life: Life
    cards: Sequence[str]
    heard_of: Callable[[Sequence[int]], None]
    waits: Callable[[Talk], None]
    is_not_content: Callable[[int], None]
    chats: list[Talk] = field(default_factory=list)  # of the burst
    begun: int = 0

    def expect(self, contact: Contact) -> None:
        self.life.agenda.at(contact.at, lambda: self._turns_up(contact))

    def _turns_up(self, contact: Contact) -> None:
        self.begun += 1
        name = f"{contact.at.isoformat()} {contact.serial}"
        chance = self.life.chance(name)
        with self.life.rooms.store.read() as tx:
            home = tx.household_by_card(self.cards[contact.serial])
        if home is None:
            raise NotFound(f"card {self.cards[contact.serial]}")
        stranger = f"+86139{chance.randrange(10**8):08}"
        peer = home.phone if contact.where is Where.REGISTERED and home.phone else stranger
        sid = f"CA{chance.getrandbits(128):032x}"
        conversation, reply = self.life.rooms.hotline.open(
            contact.channel, sid, peer if contact.channel is Channel.PHONE else ""
        )
        talk = Talk(self.life, conversation.id, contact.channel, sid, home, contact.matter, chance, self.heard_of,
                    self.waits, peer)  # fmt: skip
        if contact.matter == "burst" and contact.channel is Channel.CHAT:
            self.chats.append(talk)
        if reply.then is Then.WAIT:
            talk.goes_on(reply)
        else:
            self.life.agenda.after(chance.uniform(6, 14), lambda: talk.says(contact.says))

    def rung(self, try_id: str, sid: str) -> None:
        """We ring a resident: he answers, says who he is and what he thinks, or does not answer."""
        chance = self.life.chance(f"rung {sid[-1]} {self.life.now.isoformat()}")
        calls, agenda = self.life.rooms.resident_calls, self.life.agenda
        if chance.random() > _ANSWERS_OUR_CALL:
            agenda.after(25, lambda: calls.call_event(try_id, status="no-answer", sid=sid))
            return
        agenda.after(chance.uniform(5, 18), lambda: self._picks_up(try_id, sid, chance))

    def _picks_up(self, try_id: str, sid: str, chance: random.Random) -> None:
        rooms = self.life.rooms
        rooms.resident_calls.call_event(try_id, status="in-progress", sid=sid)
        ticket_id = rooms.resident_calls.errand(try_id).ticket.id
        conversation, reply = rooms.our_calls.answered(try_id, sid)
        talk = OurTalk(self.life, conversation.id, Channel.PHONE, sid, None, "ours", chance, self.heard_of, self.waits,
                       conversation.peer, try_id=try_id, complains=partial(self.is_not_content, ticket_id))  # fmt: skip
        talk.goes_on(reply)


@dataclass
class OurTalk(Talk):
    """A call of ours."""

    try_id: str = ""
    complains: Callable[[], None] = lambda: None

    def hangs_up(self) -> None:
        if not self.over:
            self.over = True
            self.life.rooms.our_calls.hang_up(self.call_sid)
            self.life.rooms.resident_calls.call_event(self.try_id, status="completed", sid=self.call_sid)
            self.life.agenda.after(60, self._is_noted)

    def _words(self, script: str) -> str:
        if script == "outgoing.who" and self.chance.random() < 0.05:  # noqa: PLR2004 - a share
            return str(self.chance.choice(self.life.words["not_now"]))
        if script == "outgoing.survey":
            rate = self.chance.choices(list(_HOW_IT_WAS), list(_HOW_IT_WAS.values()))[0]
            if rate == "dissatisfied":
                self.life.agenda.after(60, self.complains)
            return str(self.chance.choice(self.life.words["rates"][rate]))
        return super()._words(script)


def is_waiting(talk: Talk) -> bool:
    with talk.life.rooms.store.read() as tx:
        return tx.conversation(talk.conversation_id).floor is Floor.QUEUE


def patience(talk: Talk) -> float:
    """Seconds that somebody waits for a person."""
    return 40 + talk.chance.expovariate(1 / _WAITS_ON_AVERAGE)
