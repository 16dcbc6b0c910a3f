"""How long things take on this network, in real seconds."""

from dataclasses import dataclass

# Mandarin speech synthesis at its normal rate: about five characters a second.
SECONDS_PER_CHARACTER = 0.2
# With speed 0 nobody waits for speech, but people still need a moment.
_SPEED_OF_PEOPLE_AT_ZERO = 20.0


@dataclass(frozen=True)
class Pace:
    """`speed` divides durations; `patience` is the least real time left to somebody who has to react."""

    speed: float = 1.0
    patience: float = 1.0

    def machine(self, seconds: float) -> float:
        """A duration in which nobody has to do anything: speech, pauses, delivery of texts."""
        return seconds / self.speed if self.speed else 0.0

    def speech(self, text: str) -> float:
        """How long these words are spoken."""
        return self.machine(len(text) * SECONDS_PER_CHARACTER)

    def person(self, seconds: float) -> float:
        """A time-out in which a person may act: ringing, listening."""
        return max(seconds / (self.speed or _SPEED_OF_PEOPLE_AT_ZERO), min(seconds, self.patience))
