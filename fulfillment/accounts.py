"""Passwords of console accounts. None is ever in a company file: an imported account is locked (hash "") until one is set."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from argon2 import PasswordHasher

from fulfillment.company import Operator, OperatorRole
from fulfillment.importing.rows import e164
from fulfillment.ports import FulfillmentStore
from kernel.errors import BadInput, ChangeRefused, NotFound

SHORTEST = 10
_LONGEST_NAME = 40
_LOGIN = re.compile(r"[0-9a-z._-]{2,32}")
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


@dataclass(frozen=True, slots=True)
class Accounts:
    """What an administrator does with console accounts. Every method is the same twice as once.

    Raises ChangeRefused: `bad_login`, `no_name`, `bad_phone`, `login_taken`, `last_administrator` (nobody could change
    anything any more), `short_password`; NotFound.
    """

    store: FulfillmentStore

    def add(self, operator: Operator) -> None:
        """A new account, locked until it has a password."""
        new = _checked(replace(operator, id=0, login=operator.login.strip().lower(), password_hash=""))
        if not _LOGIN.fullmatch(new.login):
            raise ChangeRefused("bad_login")
        with self.store.write() as tx:
            if tx.operator_by_login(new.login) is not None:
                raise ChangeRefused("login_taken")
            tx.upsert_operator(new)

    def change(self, operator: Operator) -> None:
        """Name, role, telephone, whether it is in use; login and password stay."""
        wanted = _checked(operator)
        with self.store.write() as tx:
            known = tx.operator(operator.id)
            others = [o for o in tx.operators() if o.id != known.id and _administers(o)]
            after = replace(wanted, login=known.login, password_hash=known.password_hash)
            if _administers(known) and not _administers(after) and not others:
                raise ChangeRefused("last_administrator")
            tx.upsert_operator(after)

    def set_password(self, operator_id: int, password: str) -> None:
        """Ends every session that was opened with the old one."""
        with self.store.read() as tx:
            login = tx.operator(operator_id).login
        try:
            set_password(self.store, login, password)
        except BadInput as exc:
            raise ChangeRefused("short_password", least=SHORTEST) from exc


def _administers(operator: Operator) -> bool:
    return operator.active and bool(operator.password_hash) and operator.role is OperatorRole.ADMINISTRATOR


def _checked(operator: Operator) -> Operator:
    name, phone = operator.name.strip(), operator.phone.strip()
    if not 0 < len(name) <= _LONGEST_NAME:
        raise ChangeRefused("no_name")
    number = e164(phone) if phone else ""
    if phone and not number:
        raise ChangeRefused("bad_phone")
    return replace(operator, name=name, phone=number)


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
