"""The words that a resident signs on a butler's telephone: the agreement (Y2), and what was explained of a damage (N13, N14)."""

from dataclasses import dataclass

from dialogue.ports import DialogueStore
from dialogue.script_book import ScriptBook
from fulfillment.standard import Standard
from fulfillment.visit import PictureKind, Visit, VisitState
from kernel.errors import BadInput


@dataclass(frozen=True, slots=True)
class Papers:
    """Safe to share between threads."""

    store: DialogueStore
    standard: Standard
    book: ScriptBook

    def agreement(self) -> str:
        return self.book.say("visit.agreement", free_parts=self.standard.visit.free_parts).chat

    def damage(self, visit: Visit | None) -> str:
        """Empty unless whose the fault is was judged, and is something that the resident signs."""
        judged = visit.responsibility if visit else None
        ground = self.standard.visit.ground(judged.ground) if judged else None
        if visit is None or judged is None or ground is None or not ground.signed:
            return ""
        price = f"{judged.price_fen / 100:.2f}" if judged.price_fen else ""
        return self.book.say("visit.damage", found=visit.found, price=price).chat

    def words(self, kind: PictureKind, ticket_id: int) -> str:
        """What stands above a signature now. Raises BadInput: there is nothing to be signed."""
        if kind is PictureKind.AGREEMENT:
            return self.agreement()
        if kind is PictureKind.SIGNATURE:
            return self.book.say("work_order.before_signing").chat
        with self.store.read() as tx:
            visit = next((v for v in tx.visits(ticket_id) if v.state is VisitState.OPEN), None)
        text = self.damage(visit)
        if not text:
            raise BadInput("nothing was explained that is signed")
        return text
