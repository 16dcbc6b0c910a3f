"""The official account's webhook as a Flask blueprint: `GET /wechat` is WeChat's handshake, `POST /wechat` a message.

Decides nothing, knows no database. Errors tell the other side no more than their status; the reason is in the log.
"""

import structlog
from flask import Blueprint, Response, request
from flask_limiter import Limiter
from limits import parse
from werkzeug.exceptions import RequestEntityTooLarge

from kernel.errors import BadInput, NotAllowed, StoreBusy
from wechat.envelope import Envelope
from wechat.reception import Reception

_LONGEST_BODY = 64 * 1024
#: WeChat takes it for an answer and sends nothing.
_NOTHING = "success"
#: Beyond it a resident's messages are noted, and the worker answers them one after the other.
_AT_ONCE_PER_RESIDENT = parse("20 per minute")

log = structlog.get_logger()


def build_wechat(reception: Reception, envelope: Envelope, limiter: Limiter) -> Blueprint:
    """Exempt from form-CSRF checks: every request carries WeChat's signature."""
    blueprint = Blueprint("wechat", __name__)

    @blueprint.get("/wechat")
    def shake_hands() -> Response:
        envelope.check(request.args)
        return Response(request.args.get("echostr", "")[:64], mimetype="text/plain")

    @blueprint.post("/wechat")
    def hear() -> Response:
        request.max_content_length = _LONGEST_BODY
        heard = envelope.open(request.args, request.get_data(cache=False))
        at_once = limiter.limiter.hit(_AT_ONCE_PER_RESIDENT, "wechat", heard.openid)
        text = reception.receive(heard, at_once=at_once)
        if not text:
            return Response(_NOTHING, mimetype="text/plain")
        return Response(envelope.seal(heard, text), mimetype="application/xml")

    statuses = {NotAllowed: 403, BadInput: 400, RequestEntityTooLarge: 413, StoreBusy: 503}

    def refuse(error: Exception) -> Response:
        status = next(status for kind, status in statuses.items() if isinstance(error, kind))
        log.warning("wechat.not_taken", status=status, reason=str(error))
        return Response("", status, mimetype="text/plain")

    for kind in statuses:
        blueprint.register_error_handler(kind, refuse)

    @blueprint.after_request
    def guard(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint
