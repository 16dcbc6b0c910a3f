"""The address of a work order, as it stands in a message to one person: signed, so that whoever holds it needs no login."""

from datetime import timedelta
from typing import Any

from itsdangerous import BadSignature, URLSafeSerializer

from kernel.clock import Clock
from kernel.errors import NotFound

PREFIX = "/w"
#: Longer than the longest repair of an emergency (F15, 24 h) and a night after it, so that the one who accepted reports
#: "repaired" on the same page; short enough that an old message on a lost telephone opens nobody's home. No setting:
#: there is nothing a company could gain by another number.
LIFE = timedelta(days=3)


class WorkOrderLinks:
    """One link an attempt: it names the person and the case. Any process with the same secret understands it."""

    def __init__(self, secret: str, base_url: str, clock: Clock) -> None:
        self._tokens = URLSafeSerializer(secret, salt="console.work_order")
        self._base_url = base_url
        self._clock = clock

    def url(self, attempt_id: str) -> str:
        """Absolute, for a message."""
        return f"{self._base_url}{PREFIX}/{self.token(attempt_id)}"

    def token(self, attempt_id: str) -> str:
        return str(self._tokens.dumps([attempt_id, int(self._clock.now().timestamp())]))

    def attempt_id(self, token: str) -> str:
        """Raises NotFound for a link that is forged, foreign or too old: who asks is not told which."""
        try:
            payload: Any = self._tokens.loads(token)
        except BadSignature as exc:
            raise NotFound("a link that we have not signed") from exc
        attempt_id, signed_at = payload
        if self._clock.now().timestamp() - signed_at > LIFE.total_seconds():
            raise NotFound("a link that has run out")
        return str(attempt_id)
