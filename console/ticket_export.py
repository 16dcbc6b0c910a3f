"""The list of tickets as a file: the same rows in the same order as the screen shows for this address, and no more."""

from urllib.parse import urlencode

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console import board
from console.gate import allow, me
from console.looks import on_record
from console.ports import Rooms
from console.ticket_list import Asked
from console.workbook import XLSX, csv_of, workbook_of
from fulfillment.company import OperatorRole
from fulfillment.look import LookedAt
from kernel.clock import local

#: More would hold a thread, and its memory, for longer than a page may take.
MOST = 5_000


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/tickets.csv and /tickets.xlsx."""

    @blueprint.get("/tickets.<any(csv, xlsx):form>")
    @allow(OperatorRole.SUPERVISOR)
    def ticket_export(form: str) -> ResponseReturnValue:
        """Numbers are masked as on the screen; who took what out is on record (N17)."""
        asked = Asked.of(request.args)
        now = rooms.clock.now()
        rows, more = board.read_ticket_list(rooms, asked.wanted(me().id, now), page=1, size=MOST)
        if more:
            flash("too_many_to_export", "bad")
            query = urlencode(asked.words)
            return redirect(f"{url_for('console.tickets')}?{query}", 303)
        words = sorted(set(asked.words) - {"search"})
        on_record(rooms, LookedAt.EXPORT, f"tickets:{len(rows)}", form=form, asked=words, searched=bool(asked.search))
        text = render_template("console/tickets.tsv", rows=rows)
        answer = (
            Response(csv_of(text), mimetype="text/csv")
            if form == "csv"
            else Response(workbook_of(text, only_words=True), mimetype=XLSX)
        )
        name = f"tickets-{local(now):%Y%m%d-%H%M}.{form}"
        answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        answer.headers["Cache-Control"] = "no-store"
        return answer
