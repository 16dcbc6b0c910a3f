"""The column types both engines share: instants, words, enumerations."""

from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import DateTime, Dialect, Enum, Text
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC, in and out, to the microsecond. A naive datetime is refused (ValueError).

    PostgreSQL keeps it as timestamptz; SQLite has no instants, so the UTC wall time is stored, which sorts as text.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"naive datetime {value!r}: every instant inside the product is aware"
            raise ValueError(msg)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text as people and machines send it, hostile text included.

    PostgreSQL refuses NUL and both engines refuse lone surrogates; a caller's binary rubbish must not cost a turn, so
    both become U+FFFD here. Price: such a text is not stored byte for byte.
    """

    impl = Text()
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None or value.isprintable():
            return value
        return "".join("\ufffd" if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in value)


def words_of(enumeration: type[StrEnum]) -> Enum:
    """A StrEnum stored by value in VARCHAR(32): new members need no migration, at the price of no CHECK."""
    return Enum(enumeration, native_enum=False, length=32, values_callable=lambda e: [member.value for member in e])
