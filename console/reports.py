"""The monthly report: on the screen, on paper, as a workbook for the authority (J2)."""

import structlog
from flask import Blueprint, Response, render_template, request
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from console.report import read_report
from console.workbook import XLSX, workbook_of
from fulfillment.company import OperatorRole
from fulfillment.report import Month
from kernel.clock import local

log = structlog.get_logger()


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/reports, /reports/<month>/print, /reports/<month>.xlsx."""
    blueprint.add_app_template_filter(percent, "console_percent")
    blueprint.add_app_template_filter(lambda text: " ".join(str(text).split()), "console_cell")

    @blueprint.get("/reports")
    @allow(OperatorRole.SUPERVISOR)
    def reports() -> ResponseReturnValue:
        asked = request.args.get("month", "")
        this = Month.of(local(rooms.clock.now()).date())
        report = read_report(rooms, Month.parse(asked) if asked else this)
        return render_template("console/reports.html", report=report, this_month=this)

    @blueprint.get("/reports/<month>/print")
    @allow(OperatorRole.SUPERVISOR)
    def report_to_print(month: str) -> ResponseReturnValue:
        return render_template("console/report_print.html", report=read_report(rooms, Month.parse(month)))

    @blueprint.get("/reports/<month>.xlsx")
    @allow(OperatorRole.SUPERVISOR)
    def report_workbook(month: str) -> ResponseReturnValue:
        report = read_report(rooms, Month.parse(month))
        log.info("audit.report_taken", operator=me().login, month=str(report.month))
        answer = Response(workbook_of(render_template("console/report.tsv", report=report)), mimetype=XLSX)
        answer.headers["Content-Disposition"] = f'attachment; filename="report-{report.month}.xlsx"'
        return answer


def percent(share: float | None) -> str:
    """`97.5%`; "" if there is nothing to take a share of."""
    return "" if share is None else f"{share * 100:.1f}%"
