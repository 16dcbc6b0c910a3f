"""Who hears which notice, and what a supervisor does with them (B4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from fulfillment.announcement import LONGEST_WHAT, Announcement
from fulfillment.ports import FulfillmentStore, FulfillmentTx
from fulfillment.ticket import Address
from kernel.clock import Clock
from kernel.errors import BadInput


def told_to(tx: FulfillmentTx, homes: Sequence[Address], at: datetime) -> Sequence[Announcement]:
    """What somebody of these homes is to hear now, oldest first; of no known community: what concerns everybody."""
    told = [a for a in tx.announcements() if a.is_told(at)]
    if not told:
        return ()
    known = [(home, tx.community(home.community_id).station_id) for home in homes if home.community_id is not None]
    return [a for a in told if a.scope.is_everybody or any(a.scope.concerns(*home) for home in known)]


def published(tx: FulfillmentTx, announcement: Announcement) -> Announcement:
    """Stores one whose id is 0, or replaces words, scope and times of a known one; whether it was ended stays as it is.

    Raises BadInput (nothing said, too long, over before it begins), NotFound.
    """
    checked = _checked(tx, announcement)
    if not announcement.id:
        return tx.add_announcement(checked)
    changed = replace(checked, ended_at=tx.announcement(announcement.id).ended_at)
    tx.save_announcement(changed)
    return changed


@dataclass(frozen=True, slots=True)
class Announcements:
    """What a supervisor does with them. Every method is the same twice as once, but `add`."""

    store: FulfillmentStore
    clock: Clock

    def add(self, announcement: Announcement) -> Announcement:
        """Stores one whose id is 0. Raises BadInput (nothing said, too long, over before it begins), NotFound."""
        with self.store.write() as tx:
            return published(tx, replace(announcement, id=0))

    def change(self, announcement: Announcement) -> Announcement:
        """Replaces the words, scope and times of a known one. Raises BadInput, NotFound."""
        with self.store.write() as tx:
            tx.announcement(announcement.id)
            return published(tx, announcement)

    def end(self, announcement_id: int) -> None:
        """Nobody hears it any more. Raises NotFound."""
        with self.store.write() as tx:
            known = tx.announcement(announcement_id)
            if known.ended_at is None:
                tx.save_announcement(replace(known, ended_at=self.clock.now()))

    def resume(self, announcement_id: int) -> None:
        """Takes back that it was ended. Raises NotFound."""
        with self.store.write() as tx:
            tx.save_announcement(replace(tx.announcement(announcement_id), ended_at=None))


def _checked(tx: FulfillmentTx, announcement: Announcement) -> Announcement:
    what = announcement.what.strip().rstrip("。!")
    if not 0 < len(what) <= LONGEST_WHAT:
        raise BadInput(f"an announcement has 1 to {LONGEST_WHAT} characters, this one {len(what)}")
    for end in (announcement.until, announcement.expected_end):
        if end is not None and end <= announcement.from_at:
            raise BadInput("an announcement cannot be over before it begins")
    scope = announcement.scope
    if (scope.buildings and len(scope.community_ids) != 1) or (scope.unit and len(scope.buildings) != 1):
        raise BadInput("buildings are those of one community, a unit is that of one building")
    for community_id in scope.community_ids:
        tx.community(community_id)
    if announcement.scope.station_id is not None:
        tx.station(announcement.scope.station_id)
    return replace(announcement, what=what)
