"""The second lock of a work order: whoever follows the link reports on the visit only after the person's own PIN.

The PIN is asked once a shift. What the browser keeps is signed, names the person and the PIN as it was: another
person's link, or a new PIN, asks again. Accepting and passing on need none: an emergency waits for no form.
"""

from datetime import timedelta
from hashlib import blake2b
from typing import Any, Protocol

from flask import request
from itsdangerous import BadSignature, URLSafeSerializer
from werkzeug.wrappers import Response

from fulfillment.company import Staff
from fulfillment.pin_tries import PinVerdict
from fulfillment.ports import FulfillmentTx
from kernel.clock import Clock

SHIFT = timedelta(hours=12)
_COOKIE = "work_order_pin"


class ChecksPins(Protocol):
    """fulfillment.pins.Pins."""

    def check(self, *, caller: str, number: str, pin: str, key: str) -> tuple[PinVerdict, Staff | None]: ...


class PinDoor:
    """Asks for the PIN and remembers that it was right."""

    def __init__(self, pins: ChecksPins, secret: str, clock: Clock, *, secure: bool) -> None:
        self._pins = pins
        self._signer = URLSafeSerializer(secret, salt="console.work_order_pin")
        self._clock = clock
        self._secure = secure

    def has_pin(self, tx: FulfillmentTx, staff: Staff) -> bool:
        return bool(tx.staff_pin(staff.id))

    def is_open(self, tx: FulfillmentTx, staff: Staff) -> bool:
        """Whether this browser has given this person's present PIN within a shift."""
        hashed = tx.staff_pin(staff.id)
        try:
            known: Any = self._signer.loads(request.cookies.get(_COOKIE, ""))
        except BadSignature:
            return False
        staff_id, mark, given_at = known
        fresh = self._clock.now().timestamp() - given_at <= SHIFT.total_seconds()
        return bool(hashed) and fresh and (staff_id, mark) == (staff.id, _mark(hashed))

    def enter(self, staff: Staff, attempt_id: str, pin: str, key: str) -> PinVerdict:
        """Tries are counted for the link as for the person; `key` is the form's own: sent twice it counts once."""
        number = staff.number if staff.active else ""
        caller = f"web-{attempt_id}"
        verdict, _ = self._pins.check(caller=caller, number=number, pin=pin, key=f"{caller}-{key}")
        return verdict

    def remember(self, tx: FulfillmentTx, staff: Staff, response: Response) -> None:
        known = [staff.id, _mark(tx.staff_pin(staff.id)), int(self._clock.now().timestamp())]
        response.set_cookie(
            _COOKIE,
            str(self._signer.dumps(known)),
            max_age=SHIFT,
            path="/w",
            secure=self._secure,
            httponly=True,
            samesite="Lax",  # the link is opened from a message
        )


def _mark(hashed: str) -> str:
    return blake2b(hashed.encode(), digest_size=8).hexdigest()
