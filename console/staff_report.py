"""A butler's report of a new case, behind his link and PIN: GET and POST /w/<token>/report."""

import re
from dataclasses import dataclass
from datetime import timedelta

from flask import request

from dialogue.phone_number import to_e164
from dialogue.staff_reports import Report, StaffReports
from fulfillment.company import Community, Staff
from fulfillment.open_ticket import Learned
from fulfillment.ports import FulfillmentTx
from fulfillment.standard import Standard
from fulfillment.ticket import Address, Ticket
from kernel.errors import BadInput

_KEY = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class ReportForm:
    """What the page offers: kinds with their titles, emergencies first; communities, his own first."""

    emergencies: tuple[tuple[str, str], ...]
    ordinary: tuple[tuple[str, str], ...]
    communities: tuple[Community, ...]
    told_minutes: tuple[int, ...]


def read_form(tx: FulfillmentTx, staff: Staff, standard: Standard) -> ReportForm:
    kinds = [standard.kinds[key] for key in standard.visit.reported_kinds]
    his = {staff.id}
    return ReportForm(
        emergencies=tuple((k.key, k.title) for k in kinds if k.emergency),
        ordinary=tuple((k.key, k.title) for k in kinds if not k.emergency),
        communities=tuple(sorted(tx.communities(), key=lambda c: (not his & {c.butler_id, c.deputy_id}, c.name))),
        told_minutes=standard.visit.told_minutes,
    )


def take_report(reports: StaffReports, staff: Staff) -> Ticket:
    """What the form says. Raises BadInput, NotFound."""
    form = request.form

    def word(name: str, most: int) -> str:
        text = form.get(name, "").strip()
        if len(text) > most:
            raise BadInput(f"{name} is too long")
        return text

    if not _KEY.fullmatch(form.get("key", "")):
        raise BadInput("a form of ours brings its key")
    phone = word("phone", 30)
    known = Learned(
        address=Address(
            community_id=form.get("community", type=int),
            building=word("building", 20),
            unit=word("unit", 20),
            room=word("room", 20),
            text=word("place", 200),
        ),
        contact_name=word("name", 40),
        contact_phone=to_e164(phone) if phone else "",
        details={"reported_by": staff.name},
        actor=staff.name,
    )
    if phone and not known.contact_phone:
        raise BadInput("no telephone number")
    told_ago = timedelta(minutes=form.get("told", 0, type=int))
    report = Report(form["key"], word("kind", 40), word("symptom", 2000), known, told_ago, "mine" in form)
    return reports.report(staff, report)
