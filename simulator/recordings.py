"""Recordings: who said what while one was made. The sound is a tune, a tone for each character, as long as the speech."""

import io
import math
import wave
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import uuid4

from simulator.pace import SECONDS_PER_CHARACTER

_RATE = 8000
_LOWEST_HZ, _STEPS = 220, 24
_LOUDNESS = 60  # of 127


@dataclass
class Recording:
    """`status` as at Twilio: in-progress, completed, absent. `source`: RecordVerb or StartCallRecordingAPI."""

    call_sid: str
    source: str = "RecordVerb"
    words: str = ""
    seconds: int = 0
    status: str = "in-progress"
    sid: str = field(default_factory=lambda: "RE" + uuid4().hex)
    created: datetime = field(default_factory=lambda: datetime.now(UTC))
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))
    #: Where its end is told: address, method.
    callback: tuple[str, str] = ("", "POST")

    def finish(self, words: str, longest: float = math.inf) -> None:
        """What was said is what was recorded, as far as there was room for it."""
        self.words = words if math.isinf(longest) else words[: int(longest / SECONDS_PER_CHARACTER)]
        self.seconds = math.ceil(len(self.words) * SECONDS_PER_CHARACTER)
        self.status = "completed" if self.words else "absent"
        self.updated = datetime.now(UTC)


def sound(recording: Recording) -> bytes:
    """A WAV file: 8 kHz, mono."""
    samples = bytearray()
    per_tone = int(_RATE * SECONDS_PER_CHARACTER)
    for character in recording.words:
        hertz = _LOWEST_HZ * 2 ** (ord(character) % _STEPS / 12)
        for n in range(per_tone):
            fade = min(1.0, n / 80, (per_tone - n) / 400)
            samples.append(128 + int(_LOUDNESS * fade * math.sin(2 * math.pi * hertz * n / _RATE)))
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(_RATE)
        file.writeframes(bytes(samples))
    return out.getvalue()
