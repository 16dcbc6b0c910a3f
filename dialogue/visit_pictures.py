"""Photographs and signatures of a visit: drawn anew before they come here, kept as files, named by their rows.

The file comes first, under a name that the same upload always gets; the row and the timeline are one transaction after
it. A crash in between leaves a file that the repeated upload overwrites.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from dialogue.pictures import Photograph, PictureFiles, where_it_lies
from dialogue.ports import DialogueStore
from fulfillment.company import Staff
from fulfillment.visit import PictureKind, VisitPicture
from fulfillment.visiting import Visits
from kernel.clock import Clock
from kernel.errors import NotFound


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature stands under. `by` may be ""; `seen`: the revision of the visit that the words were made of."""

    kind: PictureKind
    by: str = ""
    text: str = ""
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class VisitPictures:
    """Safe to share between threads. Who may see them, the pages check."""

    store: DialogueStore
    visits: Visits
    files: PictureFiles
    clock: Clock

    def keep(self, ticket_id: int, staff: Staff, key: str, drawn: Photograph, *, signed: Signed | None = None) -> None:
        """Once per key; a signature with what was signed. Raises Conflict, Outdated, BadInput as Visits.show."""
        picture_id = hashlib.sha256(f"visit:{ticket_id}:{staff.id}:{key}".encode()).hexdigest()[:32]
        paper = signed or Signed(PictureKind.PHOTOGRAPH)
        now = self.clock.now()
        drawn.put_into(self.files, picture_id)
        picture = VisitPicture(
            picture_id, 0, ticket_id, paper.kind, now, drawn.width, drawn.height, paper.by, paper.text
        )
        self.visits.show(ticket_id, staff, picture, seen=paper.seen)

    def file(self, ticket_id: int, picture_id: str, *, small: bool = False) -> Path:
        """Raises NotFound: no such picture of this ticket, or its time is over."""
        with self.store.read() as tx:
            picture = tx.visit_picture(picture_id)
        if picture.ticket_id != ticket_id:
            raise NotFound("there is nothing to be seen of this picture")
        return where_it_lies(self.files, picture.id, small=small)
