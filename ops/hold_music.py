"""Makes ivr/static/hold.wav, the music whoever waits for a person hears: ten seconds that begin where they end.

    python ops/hold_music.py

A slow pentatonic figure of decaying tones over a soft fifth; our own, under the licence of this repository. Telephones carry
300-3400 Hz at 8 kHz, so nothing above is made. The same bytes every time.
"""

import array
import math
import wave
from pathlib import Path

RATE = 8000
SECONDS = 10.0
BEAT = 0.625  # sixteen beats
_TARGET = Path(__file__).resolve().parent.parent / "ivr" / "static" / "hold.wav"
_D4 = 293.66
#: Semitones above D4, one a beat; None rests. D major pentatonic.
_MELODY = (0, 4, 7, 9, 12, 9, 7, 4, 2, 7, 9, 14, 12, 9, 7, None)
_BASS = (0, 9 - 12, 2, 7 - 12)  # one in four beats
_PARTIALS = ((1, 1.0), (2, 0.35), (3, 0.12))


def main() -> None:
    samples = [0.0] * int(RATE * SECONDS)
    for beat, step in enumerate(_MELODY):
        if step is not None:
            _strike(samples, beat * BEAT, _D4 * 2 ** (step / 12), loudness=0.5, decay=1.1)
    for bar, step in enumerate(_BASS):
        for fifth in (0, 7):
            _strike(samples, bar * 4 * BEAT, _D4 * 2 ** ((step + fifth) / 12), loudness=0.22, decay=2.4)
    loudest = max(map(abs, samples))
    # 8 bits are enough for a telephone and keep the file small.
    frames = array.array("B", (128 + round(100 * s / loudest) for s in samples))
    _TARGET.parent.mkdir(exist_ok=True)
    with wave.open(str(_TARGET), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(RATE)
        file.writeframes(frames.tobytes())


def _strike(samples: list[float], at: float, hertz: float, *, loudness: float, decay: float) -> None:
    """A tone that fades; what is left of it at the end sounds on at the beginning, so that the piece can be repeated."""
    start = int(at * RATE)
    for n in range(int(decay * 3 * RATE)):
        t = n / RATE
        fade = min(1.0, t / 0.02) * math.exp(-t / decay * 2.2)
        tone = sum(weight * math.sin(2 * math.pi * hertz * k * t) for k, weight in _PARTIALS)
        samples[(start + n) % len(samples)] += loudness * fade * tone


if __name__ == "__main__":
    main()
