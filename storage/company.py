"""Who lives where and who looks after whom, as rows."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Table, delete, insert, select

from fulfillment.company import Community, Duty, Household, Operator, Staff, Station
from fulfillment.ticket import Address
from kernel.errors import NotFound
from storage import schema
from storage.rows import Rows, values_of

MOST_HOMES = 20


class CompanyRows(Rows):
    """The company part of `dialogue.ports.DialogueTx`."""

    def community(self, community_id: int) -> Community:
        return _community(self._by_id(schema.community, community_id))

    def communities(self) -> Sequence[Community]:
        return [_community(row) for row in self._all(select(schema.community).order_by(schema.community.c.id))]

    def station(self, station_id: int) -> Station:
        return Station(**self._by_id(schema.station, station_id))

    def stations(self) -> Sequence[Station]:
        return [Station(**row) for row in self._all(select(schema.station).order_by(schema.station.c.id))]

    def staff(self, staff_id: int, *, for_update: bool = False) -> Staff:
        return Staff(**self._by_id(schema.staff, staff_id, for_update=for_update))

    def all_staff(self) -> Sequence[Staff]:
        return [Staff(**row) for row in self._all(select(schema.staff).order_by(schema.staff.c.id))]

    def staff_by_phone(self, phone: str) -> Staff | None:
        """Of several with one number: the one who still works here."""
        if not phone:
            return None
        columns = schema.staff.c
        row = self._first(
            select(schema.staff).where(columns.phone == phone).order_by(columns.active.desc(), columns.id).limit(1)
        )
        return Staff(**row) if row else None

    def duties(self) -> Sequence[Duty]:
        return [_duty(row) for row in self._all(select(schema.duty).order_by(schema.duty.c.id))]

    def household(self, household_id: int, *, for_update: bool = False) -> Household:
        return Household(**self._by_id(schema.household, household_id, for_update=for_update))

    def households(self, household_ids: Collection[int]) -> Mapping[int, Household]:
        found = select(schema.household).where(schema.household.c.id.in_(household_ids))
        return {row["id"]: Household(**row) for row in self._all(found)} if household_ids else {}

    def households_by_phone(self, phone: str) -> Sequence[Household]:
        return self._households(schema.household.c.phone == phone) if phone else []

    def household_by_card(self, card_number: str) -> Household | None:
        return next(iter(self._households(schema.household.c.card_number == card_number)), None)

    def households_at(self, address: Address) -> Sequence[Household]:
        if address.community_id is None:
            return []
        columns = schema.household.c
        known = [
            columns[part] == getattr(address, part) for part in ("building", "unit", "room") if getattr(address, part)
        ]
        return self._households(columns.community_id == address.community_id, *known)

    def operator(self, operator_id: int) -> Operator:
        return Operator(**self._by_id(schema.operator, operator_id))

    def operator_by_login(self, login: str) -> Operator | None:
        row = self._first(select(schema.operator).where(schema.operator.c.login == login))
        return Operator(**row) if row else None

    def operators(self) -> Sequence[Operator]:
        return [Operator(**row) for row in self._all(select(schema.operator).order_by(schema.operator.c.id))]

    def upsert_station(self, station: Station) -> Station:
        return replace(station, id=self._upsert(schema.station, "code", values_of(station, "id")))

    def upsert_community(self, community: Community) -> Community:
        values = values_of(community, "id") | {"aliases": list(community.aliases)}
        return replace(community, id=self._upsert(schema.community, "code", values))

    def upsert_staff(self, staff: Staff) -> Staff:
        return replace(staff, id=self._upsert(schema.staff, "number", values_of(staff, "id")))

    def upsert_household(self, household: Household) -> Household:
        return replace(household, id=self._upsert(schema.household, "card_number", values_of(household, "id")))

    def upsert_operator(self, operator: Operator) -> Operator:
        return replace(operator, id=self._upsert(schema.operator, "login", values_of(operator, "id")))

    def replace_duties(self, duties: Sequence[Duty]) -> None:
        self._write(delete(schema.duty))
        for line in duties:
            self._write(insert(schema.duty).values(values_of(line) | {"weekdays": sorted(line.weekdays)}))

    def _by_id(self, table: Table, row_id: int | str, *, for_update: bool = False) -> RowMapping:
        statement = select(table).where(table.c.id == row_id)
        row = self._first(self._locked(statement) if for_update else statement)
        if row is None:
            raise NotFound(f"no {table.name} {row_id}")
        return row

    def _households(self, *conditions: ColumnElement[bool]) -> Sequence[Household]:
        statement = select(schema.household).where(*conditions).order_by(schema.household.c.id).limit(MOST_HOMES)
        return [Household(**row) for row in self._all(statement)]

    def _upsert(self, table: Table, key: str, values: dict[str, Any]) -> int:
        statement = self._insert(table).values(values)
        changed = {name: statement.excluded[name] for name in values if name != key}
        row = self._write_returning(
            statement.on_conflict_do_update(index_elements=[key], set_=changed).returning(table.c.id)
        )
        if row is None:
            raise AssertionError("INSERT … ON CONFLICT DO UPDATE always returns its row")
        return int(row["id"])


def _community(row: RowMapping) -> Community:
    return Community(**{**row, "aliases": tuple(row["aliases"])})


def _duty(row: RowMapping) -> Duty:
    values = {name: row[name] for name in row if name != "id"}
    return Duty(**(values | {"weekdays": frozenset(row["weekdays"])}))
