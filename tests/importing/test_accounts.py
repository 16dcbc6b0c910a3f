"""Passwords of imported accounts."""

import pytest
from argon2 import PasswordHasher

from fulfillment.accounts import give_first_passwords, set_password
from fulfillment.importing import Words, import_company
from kernel.errors import BadInput, NotFound
from tests.fakes import FakeStore
from tests.importing.conftest import SAMPLE


@pytest.fixture
def store(words: Words) -> FakeStore:
    store = FakeStore()
    import_company(store, SAMPLE / "operators.csv", words)
    return store


def _hash(store: FakeStore, login: str) -> str:
    with store.read() as tx:
        operator = tx.operator_by_login(login)
    assert operator is not None
    return operator.password_hash


def test_first_passwords_open_locked_accounts_only(store: FakeStore) -> None:
    set_password(store, "admin", "chosen by the admin")
    assert give_first_passwords(store, {"op1": "first-password", "admin": "first-password"}) == ("op1",)
    assert PasswordHasher().verify(_hash(store, "op1"), "first-password")
    assert PasswordHasher().verify(_hash(store, "admin"), "chosen by the admin")
    assert give_first_passwords(store, {"op1": "another-password"}) == ()
    assert _hash(store, "op2") == ""


def test_a_short_password_and_an_unknown_login_are_refused(store: FakeStore) -> None:
    with pytest.raises(BadInput):
        set_password(store, "op1", "short")
    with pytest.raises(NotFound):
        set_password(store, "nobody", "long enough it is")
