"""Telephones in conferences, as rows."""

from collections.abc import Sequence

from sqlalchemy import insert, select, update

from dialogue.leg import Leg
from kernel.errors import NotFound
from storage import schema
from storage.rows import Rows, values_of


class ConferenceRows(Rows):
    """The conference part of `dialogue.ports.DialogueTx`."""

    def add_leg(self, leg: Leg) -> None:
        self._write(insert(schema.conference_leg).values(values_of(leg)))

    def leg(self, leg_id: str) -> Leg:
        row = self._first(select(schema.conference_leg).where(schema.conference_leg.c.id == leg_id))
        if row is None:
            raise NotFound(f"no leg {leg_id}")
        return Leg(**row)

    def save_leg(self, leg: Leg) -> None:
        self._write(
            update(schema.conference_leg).where(schema.conference_leg.c.id == leg.id).values(values_of(leg, "id"))
        )

    def legs(self, conversation_id: str) -> Sequence[Leg]:
        columns = schema.conference_leg.c
        of_it = select(schema.conference_leg).where(columns.conversation_id == conversation_id)
        return [Leg(**row) for row in self._all(of_it.order_by(columns.started_at, columns.id))]

    def live_legs_of_operator(self, operator_id: int) -> Sequence[Leg]:
        columns = schema.conference_leg.c
        live = select(schema.conference_leg).where(columns.operator_id == operator_id, schema.IS_LIVE_LEG)
        return [Leg(**row) for row in self._all(live.order_by(columns.started_at, columns.id))]

    def answers_in_browser(self, operator_id: int) -> bool | None:
        row = self._first(select(schema.operator_line).where(schema.operator_line.c.operator_id == operator_id))
        return None if row is None else bool(row["in_browser"])

    def set_answers_in_browser(self, operator_id: int, *, in_browser: bool) -> None:
        statement = self._insert(schema.operator_line).values(operator_id=operator_id, in_browser=in_browser)
        self._write(statement.on_conflict_do_update(index_elements=["operator_id"], set_={"in_browser": in_browser}))
