"""The sounds we play: our own, made by ops/hold_music.py, served as files. The carrier fetches them unsigned, and may keep them."""

from datetime import timedelta
from pathlib import Path

from flask import Blueprint, Response

PREFIX = "/sounds"
HOLD_MUSIC = f"{PREFIX}/hold.wav"
#: How long the piece of music is; the loop of whoever waits turns once in this time (a test holds it to the file).
HOLD_MUSIC_LASTS = timedelta(seconds=10)
_KEPT_SECONDS = 24 * 60 * 60


def build_sounds() -> Blueprint:
    """GET /sounds/<file>: nothing but what lies in ivr/static."""
    blueprint = Blueprint(
        "sounds", __name__, static_folder=str(Path(__file__).parent / "static"), static_url_path=PREFIX
    )

    @blueprint.after_request
    def may_be_kept(response: Response) -> Response:
        response.headers["Cache-Control"] = f"public, max-age={_KEPT_SECONDS}"
        return response

    return blueprint
