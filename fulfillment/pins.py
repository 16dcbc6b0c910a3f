"""Staff who call in from another telephone say who they are: number and PIN. Wrong tries are counted in the database.

Counted for the calling number as well as for the member of staff, so that neither many PINs from one telephone nor
one PIN after the other from many telephones leads anywhere. Price: somebody who knows a number can lock its owner out
of foreign telephones for a while; his own is known without a PIN.
"""

from datetime import datetime

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from fulfillment.company import Staff
from fulfillment.pin_tries import PinRules, PinTry, PinVerdict
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from kernel.clock import Clock
from kernel.errors import BadInput, NotFound

_HASHER = PasswordHasher()
#: Verified where there is no such person or no PIN, so that the time of the answer tells nobody apart.
_NOBODYS = _HASHER.hash("nobody's PIN")


class Pins:
    """Sets and checks PINs. Raises StoreBusy."""

    def __init__(self, store: FulfillmentStore, rules: PinRules, clock: Clock) -> None:
        self._store = store
        self._rules = rules
        self._clock = clock

    def set(self, number: str, pin: str) -> None:
        """Sets or replaces the PIN of the member of staff with this 温心 number. Raises NotFound, BadInput."""
        rules = self._rules
        digits = pin.isascii() and pin.isdigit() and rules.shortest <= len(pin) <= rules.longest
        if not digits or len(set(pin)) == 1 or pin in number:
            msg = f"a PIN has {rules.shortest} to {rules.longest} digits, not all the same"
            raise BadInput(msg)
        hashed = _HASHER.hash(pin)  # outside any transaction: it takes tens of milliseconds on purpose
        with self._store.write() as tx:
            staff = _by_number(tx, number)
            if staff is None:
                msg = f"no member of staff has number {number!r}"
                raise NotFound(msg)
            tx.set_staff_pin(staff.id, hashed)

    def give_first(self, pin: str) -> int:
        """Everybody who has none gets this one, for trying the product out; returns how many."""
        hashed = _HASHER.hash(pin)
        with self._store.write() as tx:
            without = [s.id for s in tx.all_staff() if s.active and s.id not in tx.staff_with_pin()]
            for staff_id in without:
                tx.set_staff_pin(staff_id, hashed)
        return len(without)

    def check(self, *, caller: str, number: str, pin: str, key: str) -> tuple[PinVerdict, Staff | None]:
        """Who this is, if the PIN is right; a repeated delivery (`key`) gets the first verdict and counts once.

        A key belongs to one entry: with another number than the first time it is wrong, whatever the first verdict was.
        """
        with self._store.read() as tx:
            staff, verdict = _by_number(tx, number), self._known(tx, key, number)
            verdict = verdict or self._locked(tx, caller, number)
            hashed = tx.staff_pin(staff.id) if staff else ""
        if verdict is None:
            verdict = PinVerdict.RIGHT if _fits(pin, hashed) else PinVerdict.WRONG
        with self._store.write() as tx:
            # again: several at the same instant must not have more tries than one after the other
            verdict = self._known(tx, key, number) or self._locked(tx, caller, number) or verdict
            tx.add_pin_try(PinTry(key, self._clock.now(), caller, number, verdict))
        return verdict, staff if verdict is PinVerdict.RIGHT else None

    def tried(self, call: str, *, caller: str, since: datetime) -> int:
        """How many entries a call has made since it began; their keys begin with the call's id."""
        with self._store.read() as tx:
            return sum(one.key.startswith(f"{call}-") for one in tx.pin_tries(since, caller=caller))

    def _known(self, tx: FulfillmentTx, key: str, number: str) -> PinVerdict | None:
        known = tx.pin_try(key)
        if known is None:
            return None
        return known.verdict if known.staff_number == number else PinVerdict.WRONG

    def _locked(self, tx: FulfillmentTx, caller: str, number: str) -> PinVerdict | None:
        now = self._clock.now()
        since = now - self._rules.memory
        counted = (tx.pin_tries(since, caller=caller), tx.pin_tries(since, staff_number=number))
        return PinVerdict.LOCKED if any(self._rules.is_locked(tries, now) for tries in counted) else None


def _by_number(tx: FulfillmentTx, number: str) -> Staff | None:
    return next((s for s in tx.all_staff() if s.active and s.number == number), None)


def _fits(pin: str, hashed: str) -> bool:
    try:
        return _HASHER.verify(hashed or _NOBODYS, pin) and bool(hashed)
    except (VerifyMismatchError, InvalidHashError):
        return False
