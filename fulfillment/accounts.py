"""Passwords of console accounts. None is ever in a company file: an imported account is locked (hash "") until one is set."""

from collections.abc import Mapping
from dataclasses import replace

from argon2 import PasswordHasher

from fulfillment.ports import FulfillmentStore
from kernel.errors import BadInput, NotFound

SHORTEST = 10
_HASHER = PasswordHasher()


def set_password(store: FulfillmentStore, login: str, password: str) -> None:
    """Sets or replaces a password. Raises NotFound for an unknown login, BadInput for a password under SHORTEST characters."""
    hashed = _hashed(password)
    with store.write() as tx:
        operator = tx.operator_by_login(login)
        if operator is None:
            msg = f"no operator {login!r}: import the operators table first"
            raise NotFound(msg)
        tx.upsert_operator(replace(operator, password_hash=hashed))


def give_first_passwords(store: FulfillmentStore, passwords: Mapping[str, str]) -> tuple[str, ...]:
    """Unlocks the accounts among `passwords` (login → password) that have none yet; returns their logins. Others stay as they are."""
    with store.read() as tx:
        locked = {operator.login for operator in tx.operators() if not operator.password_hash}
    hashes = {login: _hashed(password) for login, password in passwords.items() if login in locked}
    given = []
    if hashes:
        with store.write() as tx:
            for login, hashed in hashes.items():
                operator = tx.operator_by_login(login)
                if operator and not operator.password_hash:
                    tx.upsert_operator(replace(operator, password_hash=hashed))
                    given.append(login)
    return tuple(given)


def _hashed(password: str) -> str:
    # Outside any transaction: argon2 takes tens of milliseconds on purpose.
    if len(password) < SHORTEST:
        msg = f"a password has at least {SHORTEST} characters"
        raise BadInput(msg)
    return _HASHER.hash(password)
