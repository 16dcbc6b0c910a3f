"""A butler reports a case that a resident told him of: an ordinary one within the hour (G7g), an emergency at once (G7e).

From his page here; by telephone in the resident's dialogue (dialogue.our_calls), which notes it in the same way.

The ticket, its clocks, an emergency's first ring and the mark that the form was taken are one commit. Raises NotFound,
BadInput, StoreBusy.
"""

from dataclasses import dataclass
from datetime import timedelta

from dialogue.ports import DialogueStore, DialogueTx
from fulfillment.case import Case
from fulfillment.clocks import stopped
from fulfillment.company import Staff
from fulfillment.open_ticket import Learned, TicketRequest, open_ticket
from fulfillment.standard import Standard
from fulfillment.ticket import Ticket
from kernel.clock import Clock
from kernel.errors import BadInput, Conflict

LONGEST_SYMPTOM = 500
#: Of data/clocks.yml: the hour runs from when the resident told him, before there is a ticket.
_RULE = "butler_reported"


@dataclass(frozen=True, slots=True)
class Report:
    """`told_ago`: how long before now the resident told him. `takes_it`: he sees to it himself."""

    key: str  # of the form: sent twice it is one
    kind: str
    symptom: str
    known: Learned
    told_ago: timedelta
    takes_it: bool


def note_reported(case: Case, *, by: str, told_ago: timedelta | None, is_new: bool) -> None:
    """Who brought it is on record, and of an ordinary case whether within the hour; an emergency's clock is the ten minutes.

    `told_ago` None: he has not said when he was told. No clock is made up for that.
    """
    minutes = None if told_ago is None else round(told_ago.total_seconds() / 60)
    case.tell("reported", actor=by, name=by, minutes=minutes)
    if told_ago is None or not is_new or case.ticket.emergency:
        return
    rule = case.standard.rule(_RULE)
    clock = case.tx.add_clock(rule.begin(case.ticket.id, case.now - told_ago, case.standard.calendar))
    case.tx.save_clock(stopped(clock, case.now))


@dataclass(frozen=True, slots=True)
class StaffReports:
    """Safe to share between threads."""

    store: DialogueStore
    standard: Standard
    clock: Clock

    def report(self, staff: Staff, report: Report) -> Ticket:
        """The new ticket, or the open one of the same matter, nudged; the same form again: the first answer."""
        rules = self.standard.visit
        if report.kind not in rules.reported_kinds:
            raise BadInput(f"kind {report.kind[:20]} is not reported so")
        emergency = self.standard.kind(report.kind).emergency
        if len(report.symptom) > LONGEST_SYMPTOM or not (report.symptom or emergency):
            raise BadInput("what is it about?")  # an emergency waits for no word
        if not (emergency or report.known.address.is_findable):
            raise BadInput("where is it?")
        if not timedelta(0) <= report.told_ago <= timedelta(minutes=max(rules.told_minutes)):
            raise BadInput("when was he told?")
        kept_as = f"staff-report-{staff.id}-{report.key}"
        try:
            with self.store.write() as tx:
                return self._first(tx, staff, report, kept_as)
        except Conflict:  # the same form at the same instant was faster
            with self.store.read() as tx:
                return tx.ticket(int(tx.kept_answer(kept_as) or 0))

    def _first(self, tx: DialogueTx, staff: Staff, report: Report, kept_as: str) -> Ticket:
        known = tx.kept_answer(kept_as)
        if known is not None:
            return tx.ticket(int(known))
        now = self.clock.now()
        request = TicketRequest(report.kind, report.symptom, known=report.known)
        ticket, new = open_ticket(tx, request, standard=self.standard, now=now)
        if tx.keep_answer(kept_as, str(ticket.id), now) != str(ticket.id):
            raise Conflict("the same form was faster")
        case = Case(tx, ticket, standard=self.standard, now=now)
        note_reported(case, by=staff.name, told_ago=report.told_ago, is_new=new)
        if report.takes_it:
            case.acknowledge(by=staff.name, staff_id=staff.id)
        return case.ticket
