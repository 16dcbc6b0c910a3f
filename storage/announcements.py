"""Announcements of known incidents, as rows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import RowMapping, insert, select, update

from fulfillment.announcement import Announcement, Scope
from kernel.errors import NotFound
from storage import schema
from storage.company import CompanyRows
from storage.rows import values_of

#: The console lists these; older ones have nothing to tell any more.
MOST_ANNOUNCEMENTS = 50


class AnnouncementRows(CompanyRows):
    """The announcements' part of `dialogue.ports.DialogueTx`."""

    def announcements(self) -> Sequence[Announcement]:
        newest = select(schema.announcement).order_by(schema.announcement.c.id.desc()).limit(MOST_ANNOUNCEMENTS)
        return [_announcement(row) for row in reversed(self._all(newest))]

    def announcement(self, announcement_id: int) -> Announcement:
        return _announcement(self._by_id(schema.announcement, announcement_id))

    def add_announcement(self, announcement: Announcement) -> Announcement:
        row = self._write_returning(
            insert(schema.announcement).values(_values(announcement)).returning(schema.announcement.c.id)
        )
        if row is None:
            raise AssertionError("INSERT … RETURNING always returns its row")
        return replace(announcement, id=row["id"])

    def save_announcement(self, announcement: Announcement) -> None:
        columns = schema.announcement.c
        if not self._write(
            update(schema.announcement).where(columns.id == announcement.id).values(_values(announcement))
        ):
            raise NotFound(f"no announcement {announcement.id}")


def _values(announcement: Announcement) -> dict[str, Any]:
    scope = announcement.scope
    return values_of(announcement, "id", "scope") | {
        "community_ids": sorted(scope.community_ids),
        "station_id": scope.station_id,
        "buildings": sorted(scope.buildings),
        "unit": scope.unit,
    }


def _announcement(row: RowMapping) -> Announcement:
    scope = Scope(frozenset(row["community_ids"]), row["station_id"], frozenset(row["buildings"]), row["unit"])
    apart = ("community_ids", "station_id", "buildings", "unit")
    values = {name: row[name] for name in row if name not in apart}
    return Announcement(**values, scope=scope)
