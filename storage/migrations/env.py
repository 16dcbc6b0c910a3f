"""Alembic's entry. `storage.migrate` hands in its connection; a developer drafts a new revision by a command.

alembic -c storage/alembic.ini -x url=sqlite:///var/hotline.db revision --autogenerate -m "why"

Then read every line of the draft: renamed columns, moved data and changed conditions of partial indexes are not seen by
it. A revision only adds; it names plain types, so that it does not change when ours do.
"""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy import Connection, Enum

from storage import engines, schema
from storage.columns import UtcDateTime, Words
from storage.ticket_search import is_in_schema


def _plain_type(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, Words):
        return "sa.Text()"
    return f"sa.String(length={item.length})" if kind == "type" and isinstance(item, Enum) else False


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=schema.metadata,
        include_name=is_in_schema,
        render_as_batch=True,
        render_item=_plain_type,
        # SQLite can roll back DDL, now that the driver does not commit before it.
        transactional_ddl=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()


_given = context.config.attributes.get("connection")
if _given is not None:
    _run(_given)
else:
    _engine = engines.for_migration(engines.parse(context.get_x_argument(as_dictionary=True)["url"]))
    with _engine.begin() as _connection:
        _run(_connection)
    _engine.dispose()
