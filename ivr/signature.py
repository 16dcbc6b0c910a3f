"""Only the carrier may speak to /ivr: every request is refused unless it is signed with the account's token.

The signature proves who sent it, not when: there is no replay protection in it. Replays are harmless because every
webhook is idempotent by its path.
"""

from urllib.parse import quote, urlsplit

import structlog
from flask import abort, request
from twilio.request_validator import RequestValidator

from ivr.line import PhoneLine

PREFIX = "/ivr"
#: The one path that is no webhook: its upgrade is a GET, signed over its ws(s) address.
SOCKETS = f"{PREFIX}/relay/"
#: Calls to staff about emergencies, the only ones that a second account makes.
ALARMS = f"{PREFIX}/alarms"
#: Where a call goes that comes in at that account's number: a butler returns an alarm that he has missed.
RETURNED = tuple(f"{PREFIX}/{room}" for room in ("calls", "staff", "fallback", "status"))
FORM = "application/x-www-form-urlencoded"
#: Above it stands what no carrier sends: 20,000 Chinese characters are 180 kB in a form, and a monologue must be answered,
#: not refused. The form is parsed before it can be verified, so a stranger may cost us this much memory.
LARGEST_BODY = 256 * 1024
_log = structlog.get_logger()


class SignatureGuard:
    """Refuses with 403 whatever is below /ivr and not signed, unknown paths and foreign blueprints included."""

    def __init__(self, line: PhoneLine) -> None:
        self._line = line
        self._validator = RequestValidator(line.auth_token)
        self._of_emergencies = RequestValidator(line.emergency_token) if line.emergency_token else None

    def refuse_unsigned(self) -> None:
        """For `before_app_request`, which runs before routing errors are raised: no route can be forgotten."""
        if request.path != PREFIX and not request.path.startswith(PREFIX + "/"):
            return
        reason = self._reason_to_refuse()
        if reason:
            _log.warning("webhook refused", reason=reason, method=request.method, path=request.path)
            abort(403)

    def _reason_to_refuse(self) -> str:
        # Each of these would be a TypeError inside RequestValidator, or a request the carrier never sends.
        signature = request.headers.get("X-Twilio-Signature")
        if request.path.startswith(SOCKETS) and request.headers.get("Upgrade", "").lower() == "websocket":
            known = signature and self._validator.validate(self._line.socket_url(raw_target()), {}, signature)
            return "" if known and request.method == "GET" else "wrong signature"
        if request.method != "POST":
            return "method"
        if not signature:
            return "no signature"
        if request.mimetype != FORM:
            return "not a form"
        request.max_content_length = LARGEST_BODY
        known = any(v.validate(self._line.url(raw_target()), request.form, signature) for v in self._validators())
        return "" if known else "wrong signature"

    def _validators(self) -> list[RequestValidator]:
        """The second account's token opens nothing but alarms and, in its own name, calls that come in at its number."""
        of_all = [self._validator]  # alarms, too, that were placed before the second account was configured
        if self._of_emergencies is None:
            return of_all
        returned = _is_in(RETURNED) and request.form.get("AccountSid") == self._line.emergency_account
        return [*of_all, self._of_emergencies] if returned or _is_in((ALARMS,)) else of_all


def _is_in(rooms: tuple[str, ...]) -> bool:
    return any(request.path == room or request.path.startswith(f"{room}/") for room in rooms)


def raw_target() -> str:
    """Path and query exactly as they came over the wire.

    Flask decodes `request.url`; a Chinese path or query would then not be what the carrier signed. Scheme and host are
    not taken from the request either: behind a TLS proxy they are the proxy's.
    """
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    if isinstance(raw, str) and raw:
        parts = urlsplit(raw) if not raw.startswith("/") else None  # an absolute request line names the host, too
        return raw if parts is None else parts.path + (f"?{parts.query}" if parts.query else "")
    path = quote(request.environ.get("SCRIPT_NAME", "") + request.environ.get("PATH_INFO", ""), encoding="latin-1")
    query = request.environ.get("QUERY_STRING", "")
    return f"{path}?{query}" if query else path
