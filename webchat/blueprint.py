"""The chat room as one Flask blueprint: `app.register_blueprint(build_webchat(…))`. Decides nothing, knows no database."""

import json
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request
from flask_limiter import Limiter

from webchat.api import ChatApi, refusals
from webchat.config import ChatConfig
from webchat.identity import Identity
from webchat.pages import ChatPages
from webchat.ports import ChatRooms
from webchat.stream import Seats

_HERE = Path(__file__).resolve().parent

#: Everything from our own origin, nothing inline. weui's icons are data: images; a photograph comes with
#: the resident's token, which an <img> cannot send, so it is fetched and shown as blob:.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors {}"
)


def build_webchat(rooms: ChatRooms, limiter: Limiter, config: ChatConfig) -> Blueprint:
    """The blueprint `webchat` below /chat. Tokens are no ambient authority but a cookie is the fallback, so POSTs must be
    JSON (no form of a foreign site can send that): exempt the blueprint from form-CSRF checks.
    """
    strings: dict[str, Any] = json.loads((_HERE / "strings.json").read_text(encoding="utf-8"))
    identity = Identity(
        config.secret, rooms.clock, token_life=config.token_life, stream_key_life=config.stream_key_life
    )
    blueprint = Blueprint(
        "webchat",
        __name__,
        url_prefix="/chat",
        template_folder="templates",
        static_folder="static",
        static_url_path="/static",
    )
    api = ChatApi(rooms, identity, Seats(config.limits.streams), config)
    api.register(blueprint, limiter)
    ChatPages(strings, config).register(blueprint)
    refusals(blueprint, strings["api"])

    @blueprint.after_request
    def guard(response: Response) -> Response:
        embeddable = request.endpoint == "webchat.page"
        response.headers["Content-Security-Policy"] = _POLICY.format(config.frame_ancestors if embeddable else "'none'")
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        if (request.endpoint or "").startswith("webchat.api_"):
            response.headers["Cache-Control"] = "no-store"
        elif request.path.startswith("/chat/static/vendor/"):
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"  # the version is in the name
        else:
            response.headers["Cache-Control"] = "no-cache"  # asks every time, 304 if unchanged
        return response

    return blueprint
