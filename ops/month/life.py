"""What all people of the month share: the rooms, the agenda, one source of chance each, and their sentences."""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from kernel.clock import local
from ops.month.agenda import Agenda, MonthClock
from ops.month.rooms import MonthRooms

SENTENCES = Path(__file__).with_name("sentences_zh.yml")


@dataclass
class Life:
    rooms: MonthRooms
    agenda: Agenda
    seed: int
    words: dict[str, Any] = field(default_factory=lambda: yaml.safe_load(SENTENCES.read_text(encoding="utf-8")))
    #: Questions of the bot to which nobody here knows an answer: a hole in sentences_zh.yml.
    unanswered: Counter[str] = field(default_factory=Counter)

    @property
    def clock(self) -> MonthClock:
        return self.agenda.clock

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @property
    def hour(self) -> int:
        return local(self.now).hour

    def chance(self, whose: str) -> random.Random:
        """The same for the same person in every month of this seed."""
        return random.Random(f"{self.seed} {whose}")
