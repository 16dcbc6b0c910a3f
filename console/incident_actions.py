"""One incident, and what a supervisor does with it."""

from collections.abc import Callable

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.incident_forms import facts_from_form, form_context, number_from_form, refusal, saved_notice
from console.incident_page import read_incident_page
from console.looks import on_record
from console.ports import Rooms
from fulfillment.company import OperatorRole
from fulfillment.look import LookedAt
from fulfillment.ticket_filter import Standing, TicketFilter
from kernel.errors import BadInput, Conflict, IncidentRefused, NotFound

log = structlog.get_logger()

#: Actions whose form states facts: refused, it is shown once more as it was typed.
_WITH_FACTS = ("confirm", "change", "split", "resume")


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/incidents/<id>, the part of it that refreshes itself, and its actions."""
    actions = _Actions(rooms).by_name

    def page(incident_id: int, **more: object) -> str:
        shown = read_incident_page(rooms, incident_id)
        return render_template("console/incident.html", page=shown, **form_context(rooms), **more)

    @blueprint.get("/incidents/<int:incident_id>")
    @allow(OperatorRole.OPERATOR)
    def incident(incident_id: int) -> ResponseReturnValue:
        shown = page(incident_id, typed=None, action="")
        on_record(rooms, LookedAt.INCIDENT, f"incident:{incident_id}")
        return shown

    @blueprint.get("/incidents/<int:incident_id>/course")
    @allow(OperatorRole.OPERATOR)
    def incident_course(incident_id: int) -> ResponseReturnValue:
        shown = read_incident_page(rooms, incident_id)
        return render_template("console/parts/incident_course.html", page=shown, **form_context(rooms))

    @blueprint.post("/incidents/<int:incident_id>/recheck")
    @allow(OperatorRole.OPERATOR)
    def recheck(incident_id: int) -> ResponseReturnValue:
        """Whoever speaks with the home ticks what it said."""
        answer = request.form.get("answer", "")
        if answer not in ("warm", "cold"):
            raise BadInput("warm or cold?")
        rooms.incidents.recheck(incident_id, number_from_form("ticket"), warm=answer == "warm", by=me().name)
        flash("recheck_noted", "good")
        return redirect(url_for("console.incident", incident_id=incident_id), 303)

    @blueprint.post("/incidents/<int:incident_id>/<action>")
    @allow(OperatorRole.SUPERVISOR)
    def act_on_incident(incident_id: int, action: str) -> ResponseReturnValue:
        """What was refused is shown once more as it was typed, with the reason."""
        if action not in actions:
            raise NotFound(f"no action {action[:20]}")
        try:
            told = actions[action](incident_id, me().name)
        except (BadInput, Conflict, NotFound) as exc:
            log.info("console.incident_refused", incident=incident_id, reason=str(exc))
            key, code = refusal(exc)
            flash(key, "bad")
            return page(incident_id, typed=request.form if action in _WITH_FACTS else None, action=action), code
        log.info("audit.incident", operator=me().login, incident=incident_id, action=action)
        key, how = told if isinstance(told, tuple) else (told, "good")
        flash(key, how)
        return redirect(url_for("console.incident", incident_id=incident_id), 303)


class _Actions:
    """Each takes the incident and the name of who acts, and returns the key of what to tell (and how, if not "good")."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._service = rooms.incidents
        self._words = rooms.standard.words
        self.by_name: dict[str, Callable[[int, str], str | tuple[str, str]]] = {
            "confirm": self._confirm,
            "dismiss": self._dismiss,
            "change": self._change,
            "attach": self._attach,
            "detach": self._detach,
            "end": self._end,
            "resume": self._resume,
            "merge": self._merge,
            "split": self._split,
        }

    def _confirm(self, incident_id: int, by: str) -> str:
        self._service.confirm(incident_id, facts_from_form(self._words), by=by)
        return "incident_confirmed"

    def _dismiss(self, incident_id: int, by: str) -> str:
        self._service.dismiss(incident_id, request.form.get("reason", ""), by=by)
        return "incident_dismissed"

    def _change(self, incident_id: int, by: str) -> tuple[str, str]:
        stored = self._service.change(incident_id, facts_from_form(self._words), by=by, seen=number_from_form("seen"))
        return saved_notice(stored, self._rooms)

    def _end(self, incident_id: int, by: str) -> str:
        self._service.end(incident_id, by=by)
        return "incident_ended"

    def _resume(self, incident_id: int, by: str) -> str:
        self._service.resume(incident_id, facts_from_form(self._words), by=by)
        return "incident_resumed"

    def _merge(self, incident_id: int, by: str) -> str:
        """This one ends in the other one, which the form names."""
        self._service.merge(incident_id, number_from_form("into"), by=by)
        return "incident_merged"

    def _split(self, incident_id: int, by: str) -> str:
        chosen = [int(n) for n in request.form.getlist("ticket") if n.isdecimal()]
        self._service.split(incident_id, chosen, facts_from_form(self._words), by=by)
        return "incident_split_off"

    def _attach(self, incident_id: int, by: str) -> str:
        """By the number that people say aloud."""
        number = request.form.get("number", "").strip()
        with self._rooms.store.read() as tx:
            found = [t for t in tx.find_tickets(TicketFilter(Standing.ALL, search=number)) if t.number == number]
        if not found:
            raise IncidentRefused("incident_no_ticket")
        self._service.attach(incident_id, found[0].id, by=by)
        return "incident_attached"

    def _detach(self, incident_id: int, by: str) -> str:
        self._service.detach(incident_id, number_from_form("ticket"), by=by)
        return "incident_detached"
