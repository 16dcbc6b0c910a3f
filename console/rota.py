"""The rota: who is there when this week, who is away and who stands in, where nobody is. Supervisors change it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from console.setup import kept
from fulfillment.company import Absence, Duty, OperatorRole, StaffRole
from fulfillment.dispatch import Gap, ladder_gaps
from fulfillment.rota import PART, Rota, key_of, read_company
from fulfillment.rota_week import Post, Shift, day_of, posts
from kernel.clock import BEIJING, local
from kernel.errors import BadInput, ChangeRefused

_WEEK = timedelta(days=7)
_EDITIONS_SHOWN = 10
#: The roles that are held by the hour. A butler's and his deputy's own hours are lines too.
_ROLES = tuple(StaffRole)


@dataclass(frozen=True, slots=True)
class WeekRow:
    """One post through seven days."""

    post: Post
    days: tuple[Sequence[Shift], ...]


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/rota, /rota/lines, /rota/lines/<key>, /rota/lines/<key>/end, /rota/editions/<id>, /rota/absences[/<id>/cancel]."""
    service = Rota(rooms.store, rooms.standard, rooms.clock)

    def done(act: Callable[[], object], what: str, form: str) -> ResponseReturnValue:
        week = url_for("console.rota", week=request.args.get("week") or None)
        return kept(act, what, back_to=week, shown_again=lambda refused: _page(rooms, refused, form), on=form)

    @blueprint.get("/rota")
    @allow(OperatorRole.SUPERVISOR)
    def rota() -> ResponseReturnValue:
        return _page(rooms)

    @blueprint.post("/rota/lines")
    @allow(OperatorRole.SUPERVISOR)
    def add_duty() -> ResponseReturnValue:
        return done(lambda: service.add(_duty(), by=me().name), "rota_saved", "new")

    @blueprint.post("/rota/lines/<key>")
    @allow(OperatorRole.SUPERVISOR)
    def change_duty(key: str) -> ResponseReturnValue:
        return done(lambda: service.change(key, _duty(), by=me().name), "rota_saved", key)

    @blueprint.post("/rota/lines/<key>/end")
    @allow(OperatorRole.SUPERVISOR)
    def remove_duty(key: str) -> ResponseReturnValue:
        return done(lambda: service.change(key, None, by=me().name), "rota_line_removed", key)

    @blueprint.post("/rota/editions/<int:edition_id>")
    @allow(OperatorRole.SUPERVISOR)
    def restore_rota(edition_id: int) -> ResponseReturnValue:
        return done(lambda: service.restore(edition_id, by=me().name), "rota_restored", "editions")

    @blueprint.post("/rota/absences")
    @allow(OperatorRole.SUPERVISOR)
    def note_absence() -> ResponseReturnValue:
        return done(lambda: service.note_absence(_absence(), by=me().name), "absence_noted", "absence")

    @blueprint.post("/rota/absences/<int:absence_id>/cancel")
    @allow(OperatorRole.SUPERVISOR)
    def cancel_absence(absence_id: int) -> ResponseReturnValue:
        return done(lambda: service.cancel_absence(absence_id), "absence_cancelled", "")


def _page(rooms: Rooms, refused: ChangeRefused | None = None, form: str = "") -> str:
    now = rooms.clock.now()
    monday = _monday(request.args.get("week", ""), local(now).date())
    since = datetime.combine(monday, time(), BEIJING).astimezone(UTC)
    with rooms.store.read() as tx:
        company = read_company(tx, min(now, since))
        communities, stations = tx.communities(), tx.stations()
        editions = list(reversed(tx.editions(PART)))[:_EDITIONS_SHOWN]
    gaps_from = max(now, since)
    gaps: Sequence[Gap] = ()
    if gaps_from < since + _WEEK:
        gaps = ladder_gaps(rooms.standard.ladder, company, communities, gaps_from, since + _WEEK)
    days = [monday + timedelta(days=n) for n in range(7)]
    return render_template(
        "console/rota.html",
        days=days,
        one_week=_WEEK,
        today=local(now).date(),
        rows=[
            WeekRow(post, tuple(day_of(company, post, day) for day in days)) for post in posts(stations, company.duties)
        ],
        gaps=gaps,
        lines=sorted(((key_of(d), d) for d in company.duties), key=lambda one: _order(one[1])),
        absences=[a for a in company.absences if a.until_at > now],
        staff=company.staff,
        working=[s for s in company.staff.values() if s.active],
        stations={s.id: s for s in stations},
        roles=_ROLES,
        editions=editions,
        now=now,
        here=lambda instant: f"{local(instant):%Y-%m-%dT%H:%M}",
        refused=refused,
        typed=request.form if refused else None,
        typed_for=form,
    )


def _monday(asked: str, today: date) -> date:
    try:
        day = date.fromisoformat(asked)
    except ValueError:
        day = today
    return day - timedelta(days=day.weekday())


def _order(duty: Duty) -> tuple[object, ...]:
    return (list(StaffRole).index(duty.role), duty.station_id or 0, sorted(duty.weekdays), duty.start, duty.staff_id)


def _duty() -> Duty:
    """Raises BadInput, ChangeRefused."""
    form = request.form
    try:
        return Duty(
            role=StaffRole(form.get("role", "")),
            staff_id=int(form.get("staff", "") or 0),
            station_id=int(form["station"]) if form.get("station") else None,
            weekdays=frozenset(int(day) for day in form.getlist("weekday")),
            start=time.fromisoformat(form.get("start", "")),
            until=time.fromisoformat(form.get("until", "")),
            first=date.fromisoformat(form["first"]) if form.get("first") else None,
            last=date.fromisoformat(form["last"]) if form.get("last") else None,
        )
    except ValueError as exc:
        raise BadInput(str(exc)) from exc


def _absence() -> Absence:
    """Raises BadInput."""
    form = request.form
    try:
        since, until = (
            datetime.fromisoformat(form.get(name, "")).replace(tzinfo=BEIJING).astimezone(UTC)
            for name in ("from_at", "until_at")
        )
        return Absence(
            id=0,
            staff_id=int(form.get("staff", "") or 0),
            stand_in_id=int(form["stand_in"]) if form.get("stand_in") else None,
            from_at=since,
            until_at=until,
            noted_at=since,
            noted_by="",
        )
    except ValueError as exc:
        raise BadInput(str(exc)) from exc
