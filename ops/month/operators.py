"""The operators' room: who is there, who takes which call, chats that are given to them, and how long all of it takes."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from dialogue.conference import Participant
from dialogue.conversation import Channel, Floor
from dialogue.leg import Leg, LegMode
from fulfillment.company import Operator
from kernel.clock import local
from kernel.errors import AlreadyTaken, StaleEpoch
from ops.month.life import Life
from ops.month.plan import SICK_DAYS
from ops.month.residents import Talk, is_waiting, patience

#: A console page tells that it is open; it does so often enough that a look within the minute finds it.
_SHOWN_EVERY = timedelta(seconds=40)
_NIGHT = (21, 8)
_AT_NIGHT, _ILL = 2, 2
_RATES = 0.55
_STARS = (1, 2, 3, 4, 5), (3, 3, 8, 26, 60)
_TELEPHONE_NOT_ANSWERED = 0.05


@dataclass
class OperatorsRoom:
    life: Life
    operators: Sequence[Operator]
    line: deque[Talk] = field(default_factory=deque)
    busy: set[int] = field(default_factory=set)
    shown_at: dict[int, object] = field(default_factory=dict)
    callers: dict[str, Talk] = field(default_factory=dict)  # by conversation

    def on_shift(self) -> list[Operator]:
        late, early = _NIGHT
        if not early <= self.life.hour < late:
            return list(self.operators[-_AT_NIGHT:])
        ill = _ILL if local(self.life.now).date() in SICK_DAYS else 0
        return list(self.operators[ill:-_AT_NIGHT])

    def show(self) -> None:
        """Their pages are open. Called before whatever depends on it."""
        now = self.life.now
        if self.shown_at.get(0) is not None and now - self.shown_at[0] < _SHOWN_EVERY:  # type: ignore[operator]
            return
        self.shown_at[0] = now
        with self.life.rooms.store.write() as tx:
            for operator in self.on_shift():
                tx.operator_present(operator.id, now)

    def waits_for_one(self, talk: Talk) -> None:
        """A resident waits from now on; asked again while he does, nothing changes."""
        if talk.conversation_id in self.callers:
            return
        self.callers[talk.conversation_id] = talk
        if talk.channel is Channel.CHAT:
            self._look_at_chat(talk, patience(talk))
            return
        self.line.append(talk)
        self.life.agenda.after(patience(talk), lambda: self._gives_up(talk))
        self.life.agenda.after(talk.chance.uniform(4, 11), self._serve)

    def _gives_up(self, talk: Talk) -> None:
        if talk in self.line:
            self.line.remove(talk)
            talk.hangs_up()

    # --- the telephone

    def _serve(self) -> None:
        self.show()
        while self.line:
            free = [o for o in self.on_shift() if o.id not in self.busy]
            if not free:
                return
            talk = self.line.popleft()
            if not talk.over and is_waiting(talk):
                self._take(talk, free[0])

    def _take(self, talk: Talk, operator: Operator) -> None:
        rooms = self.life.rooms
        try:
            rooms.handoff.take_over(talk.conversation_id, operator.id)
        except AlreadyTaken:
            return
        self.busy.add(operator.id)
        rooms.conferences.connect(talk.conversation_id, operator.id)
        self._keeps_page_open(talk, operator)
        self.life.agenda.after(talk.chance.uniform(75, 260), lambda: self._ends_call(talk, operator))

    def _keeps_page_open(self, talk: Talk, operator: Operator) -> None:
        if operator.id in self.busy and not talk.over:
            self.life.rooms.handoff.heartbeat(talk.conversation_id, operator.id)
            self.life.agenda.after(60, lambda: self._keeps_page_open(talk, operator))

    def rung(self, leg: Leg, call_sid: str, conference_sid: str) -> None:
        """His telephone rings; the caller comes into the conference once he has answered and pressed his key."""
        chance, talks = self.life.chance(f"leg {self.life.now.isoformat()}"), self.life.rooms.conferences
        if chance.random() < _TELEPHONE_NOT_ANSWERED:
            self.life.agenda.after(25, lambda: talks.told_of_call(leg.id, status="no-answer", call_sid=call_sid))
            return
        joined = Participant("join", call_sid, conference_sid, 1, leg.wanted)
        self.life.agenda.after(chance.uniform(3, 15.5), lambda: talks.told_of_participant(leg.id, joined))

    def caller_fetched(self, path: str) -> None:
        """The caller's telephone is sent into the conference: `…/conference/<leg>`; any other path is only something to hear."""
        head, _, leg_id = path.rpartition("/")
        if head.endswith("/conference"):
            joined = Participant("join", "", "CF" + leg_id, 1, LegMode.TALK)
            self.life.agenda.after(1, lambda: self.life.rooms.conferences.told_of_participant(leg_id, joined))

    def _ends_call(self, talk: Talk, operator: Operator) -> None:
        rooms = self.life.rooms
        if not talk.over:
            try:
                rooms.handoff.say(
                    talk.conversation_id, operator.id, talk.chance.choice(self.life.words["notes"]), "note"
                )
                rooms.handoff.end(talk.conversation_id, operator.id)
            except StaleEpoch:
                pass  # the caller has hung up, or he has vanished for the product: the conversation is not his any more
            talk.hangs_up()
        self.busy.discard(operator.id)
        self.life.agenda.after(talk.chance.uniform(5, 30), self._serve)

    # --- chats, which the product gives to whoever is free

    def _look_at_chat(self, talk: Talk, left: float) -> None:
        self.show()
        with self.life.rooms.store.read() as tx:
            conversation = tx.conversation(talk.conversation_id)
        if conversation.floor is Floor.OPERATOR and conversation.operator_id is not None:
            self.life.rooms.handoff.heartbeat(talk.conversation_id, conversation.operator_id)
            script = talk.chance.choice(self.life.words["talks"])
            self._chat(talk, conversation.operator_id, script, 0)
        elif conversation.floor is Floor.QUEUE and left > 0:
            self.life.agenda.after(15, lambda: self._look_at_chat(talk, left - 15))

    def _chat(self, talk: Talk, operator_id: int, script: dict[str, list[str]], line: int) -> None:
        rooms, after = self.life.rooms, self.life.agenda.after
        try:
            if line < len(script["operator"]):
                rooms.handoff.say(talk.conversation_id, operator_id, script["operator"][line], f"line-{line}")
                if line < len(script["resident"]):
                    after(talk.chance.uniform(8, 22), lambda: talk.says(script["resident"][line]))
                after(talk.chance.uniform(28, 48), lambda: self._chat(talk, operator_id, script, line + 1))
                return
            rooms.handoff.end(talk.conversation_id, operator_id)
        except StaleEpoch:
            return  # the floor has gone to somebody else, or back to the queue
        talk.over = True
        if talk.chance.random() < _RATES:
            stars, words = talk.chance.choices(*_STARS)[0], talk.chance.choice(self.life.words["rating_words"])
            after(40, lambda: rooms.ratings.rate(talk.conversation_id, stars, words))
