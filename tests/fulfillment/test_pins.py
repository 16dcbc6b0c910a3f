"""PINs of staff: what is accepted, how many wrong ones lock whom, and for how long."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fulfillment.pin_tries import PinVerdict
from fulfillment.pins import Pins
from kernel.errors import BadInput, NotFound
from tests.fakes import FakeStore, FixedClock, small_company
from tests.fulfillment.drill import standard

RULES = standard().outgoing.pin
HIS, FOREIGN, OTHER = "246813", "+8613777777777", "+8613888888888"


class Door:
    """A telephone after the other, with a PIN."""

    def __init__(self) -> None:
        self.store, self.clock, self.entries = small_company(FakeStore()), FixedClock(), 0
        self.pins = Pins(self.store, RULES, self.clock)
        self.pins.set("01", HIS)
        self.pins.set("02", "135792")

    def enter(self, pin: str, *, number: str = "01", caller: str = FOREIGN) -> PinVerdict:
        self.entries += 1
        self.clock.advance(seconds=10)
        return self.pins.check(caller=caller, number=number, pin=pin, key=f"CA-{self.entries}")[0]

    def lock(self, **more: str) -> None:
        assert [self.enter("000001", **more) for _ in range(RULES.tries)] == [PinVerdict.WRONG] * RULES.tries


@pytest.fixture
def door() -> Door:
    return Door()


def test_it_is_stored_as_a_hash(door: Door) -> None:
    assert HIS not in str(door.store.tables.of_calls.pins)
    assert all(h.startswith("$argon2id$") for h in door.store.tables.of_calls.pins.values())


@pytest.mark.parametrize("pin", ["", "12345", "1234567890123", "12a456", "111111", "२४६८१३"])
def test_what_is_no_pin(door: Door, pin: str) -> None:
    with pytest.raises(BadInput):
        door.pins.set("01", pin)


def test_nobody_has_this_number(door: Door) -> None:
    with pytest.raises(NotFound):
        door.pins.set("99", HIS)
    assert door.enter(HIS, number="99") is PinVerdict.WRONG


def test_anothers_pin_is_wrong(door: Door) -> None:
    assert door.enter(HIS, number="02") is PinVerdict.WRONG
    assert door.enter(HIS) is PinVerdict.RIGHT


def test_the_telephone_is_locked_for_everybody(door: Door) -> None:
    door.lock(number="99")
    assert door.enter(HIS) is PinVerdict.LOCKED
    assert door.enter(HIS, caller=OTHER) is PinVerdict.RIGHT


def test_the_person_is_locked_on_every_telephone(door: Door) -> None:
    for n in range(RULES.tries):
        assert door.enter("000001", caller=f"+861377777{n:04d}") is PinVerdict.WRONG
    assert door.enter(HIS, caller=OTHER) is PinVerdict.LOCKED
    assert door.enter("135792", number="02", caller=OTHER) is PinVerdict.RIGHT


def test_it_opens_again_and_entries_meanwhile_do_not_prolong_it(door: Door) -> None:
    door.lock()
    began = door.clock.now()
    while door.clock.now() < began + RULES.locked_for - timedelta(minutes=1):
        assert door.enter(HIS) is PinVerdict.LOCKED
        door.clock.advance(minutes=5)
    door.clock.set(began + RULES.locked_for)
    assert door.enter(HIS) is PinVerdict.RIGHT


def test_a_right_one_forgets_the_wrong_ones_before(door: Door) -> None:
    for _ in range(3):
        for _ in range(RULES.tries - 1):
            assert door.enter("000001") is PinVerdict.WRONG
        assert door.enter(HIS) is PinVerdict.RIGHT


def test_slow_mistakes_lock_nobody(door: Door) -> None:
    for _ in range(RULES.tries + 2):
        assert door.enter("000001") is PinVerdict.WRONG
        door.clock.advance(minutes=5)
    assert door.enter(HIS) is PinVerdict.RIGHT


def test_the_same_entry_delivered_again_counts_once_and_gets_the_same(door: Door) -> None:
    for _ in range(RULES.tries * 2):
        assert door.pins.check(caller=FOREIGN, number="01", pin="000001", key="CA-x")[0] is PinVerdict.WRONG
    assert door.enter(HIS) is PinVerdict.RIGHT


def test_a_key_with_another_number_is_wrong_whatever_it_was_before(door: Door) -> None:
    assert door.pins.check(caller=FOREIGN, number="01", pin=HIS, key="CA-x")[0] is PinVerdict.RIGHT
    assert door.pins.check(caller=FOREIGN, number="02", pin="999999", key="CA-x") == (PinVerdict.WRONG, None)


def test_who_has_left_has_no_pin_any_more(door: Door) -> None:
    with door.store.write() as tx:
        tx.upsert_staff(replace(tx.staff(1), active=False))
    assert door.enter(HIS) is PinVerdict.WRONG


def test_a_first_pin_replaces_nobodys_own(door: Door) -> None:
    assert door.pins.give_first("864209") == 4
    assert door.pins.give_first("975310") == 0
    assert door.enter("864209", number="03") is PinVerdict.RIGHT
    assert door.enter(HIS) is PinVerdict.RIGHT
