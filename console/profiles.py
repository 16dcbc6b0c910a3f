"""Where documents disagree: which time limits the company has chosen, from when on, and by whom. Supervisors choose."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog
from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from fulfillment.clocks import ClockRule
from fulfillment.company import OperatorRole
from fulfillment.profile import ProfileChoice, in_force
from fulfillment.profiles import Profiles
from kernel.clock import local
from kernel.errors import BadInput

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Theme:
    """One disagreement. `kinds` are the titles of the tickets that it concerns."""

    key: str
    kinds: tuple[str, ...]
    offered: tuple[tuple[str, tuple[ClockRule, ...]], ...]  # choice, with the clocks that run under it
    default: str
    holds: str
    made: Sequence[ProfileChoice]  # the newest first


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/profiles, /profiles/<id>/withdraw."""
    service = Profiles(rooms.store, rooms.standard, rooms.clock)

    @blueprint.get("/profiles")
    @allow(OperatorRole.SUPERVISOR)
    def profiles() -> ResponseReturnValue:
        now = rooms.clock.now()
        return render_template(
            "console/profiles.html", themes=read_themes(rooms), now=now, today=local(now).date(), clauses=rooms.standard.clauses
        )  # fmt: skip

    @blueprint.post("/profiles")
    @allow(OperatorRole.SUPERVISOR)
    def choose_profile() -> ResponseReturnValue:
        theme, choice = request.form.get("theme", ""), request.form.get("choice", "")
        try:
            chosen = service.choose(theme, choice, _day(), by=me().name)
        except BadInput as exc:
            log.info("console.profile_refused", reason=str(exc))
            flash("profile_refused", "bad")
            return redirect(url_for("console.profiles"), 303)
        if chosen is not None:
            log.info(
                "audit.profile_chosen",
                operator=me().login,
                theme=theme,
                choice=choice,
                since=chosen.from_at.isoformat(),
            )
        flash("profile_chosen" if chosen else "profile_same", "good")
        return redirect(url_for("console.profiles"), 303)

    @blueprint.post("/profiles/<int:choice_id>/withdraw")
    @allow(OperatorRole.SUPERVISOR)
    def withdraw_profile(choice_id: int) -> ResponseReturnValue:
        service.withdraw(choice_id, by=me().name)
        log.info("audit.profile_withdrawn", operator=me().login, choice=choice_id)
        flash("profile_withdrawn", "good")
        return redirect(url_for("console.profiles"), 303)


def _day() -> date:
    """Raises BadInput."""
    try:
        return date.fromisoformat(request.form.get("on", ""))
    except ValueError as exc:
        raise BadInput(str(exc)) from exc


def read_themes(rooms: Rooms) -> list[Theme]:
    """Every disagreement of the tables, with what was ever chosen."""
    standard = rooms.standard
    with rooms.store.read() as tx:
        choices = tx.profile_choices()
    holds = {**standard.profiles, **in_force(choices, rooms.clock.now())}
    return [
        Theme(
            key=theme,
            kinds=_kinds(rooms, theme),
            offered=tuple((choice, _rules(rooms, f"{theme}.{choice}")) for choice in offered),
            default=standard.profiles[theme],
            holds=holds[theme] if holds[theme] in offered else standard.profiles[theme],
            made=[one for one in reversed(choices) if one.theme == theme],
        )
        for theme, offered in standard.choices.items()
    ]


def _rules(rooms: Rooms, profile: str) -> tuple[ClockRule, ...]:
    return tuple(rule for rule in rooms.standard.rules.values() if rule.profile == profile)


def _kinds(rooms: Rooms, theme: str) -> tuple[str, ...]:
    rules = rooms.standard.rules
    of_theme = {key for key, rule in rules.items() if rule.profile.partition(".")[0] == theme}
    return tuple(kind.title for kind in rooms.standard.kinds.values() if of_theme & set(kind.clocks))
