"""Chat groups of this network: what a robot posts to /robots/<number> stands on that telephone's card.

The answer is that of any web hook; the body is what `apprise` sends to a json:// address.
"""

import re
from http import HTTPStatus

from flask import Blueprint, request

from simulator.network import Impossible, Network
from simulator.phones import ChatMessage

_DIGITS = re.compile(r"\d{3,15}")
_LONGEST = 4000


def robots(network: Network) -> Blueprint:
    """`number` without its plus sign: 8619900000011."""
    blueprint = Blueprint("robots", __name__)

    @blueprint.errorhandler(Impossible)
    def impossible(error: Impossible) -> tuple[dict[str, str], int]:
        return {"error": str(error)}, HTTPStatus.BAD_REQUEST

    @blueprint.post("/robots/<number>")
    def post(number: str) -> dict[str, str]:
        body = request.get_json()
        text = str(body.get("message", "")).strip() if isinstance(body, dict) else ""
        if not _DIGITS.fullmatch(number) or not 0 < len(text) <= _LONGEST:
            raise Impossible("post {message: …} to /robots/8619900000011")
        message = ChatMessage(f"+{number}", text)
        network.take_message(message)
        return {"sid": message.sid}

    return blueprint
