"""A company's files in the browser: checked first, row by row, then imported. Administrators only."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import structlog
from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from console.gate import allow, me
from console.ports import Rooms
from fulfillment.company import OperatorRole
from fulfillment.importing import ImportReport, TableKind, check_company, import_company
from kernel.errors import BadInput, ImportRejected

log = structlog.get_logger()

#: As much as an import reads of one file, and a little for the form around it.
LARGEST_BODY = 65 * 1024 * 1024
_LONGEST_NAME = 120
_MOST_SHOWN = 200


def add_routes(blueprint: Blueprint, rooms: Rooms) -> None:
    """/imports, /imports/check."""
    words = rooms.standard.words

    def check(files: list[Path]) -> ImportReport:
        return check_company(rooms.store, files, words, robot_address=rooms.setup.robot_address)

    def carry_out(files: list[Path]) -> ImportReport:
        report = import_company(rooms.store, files, words, robot_address=rooms.setup.robot_address)
        counts = {kind.value: count for kind, count in report.imported.items()}
        log.info("audit.company_imported", operator=me().login, problems=len(report.problems), **counts)
        return report

    def answer(act: Callable[[list[Path]], ImportReport], *, done: bool) -> ResponseReturnValue:
        rejected = ""
        report: ImportReport | None = None
        with tempfile.TemporaryDirectory(prefix="import-") as folder:
            try:
                report = act(_files(Path(folder)))
            except ImportRejected as exc:
                rejected = str(exc)
        fragment = bool(request.headers.get("HX-Request"))
        page = render_template(
            "console/parts/import_report.html" if fragment else "console/imports.html",
            report=report,
            rejected=rejected,
            done=done,
            titles=_titles(rooms),
            most_shown=_MOST_SHOWN,
        )
        return page, 200 if fragment or report else 400

    @blueprint.get("/imports")
    @allow(OperatorRole.ADMINISTRATOR)
    def imports() -> ResponseReturnValue:
        return render_template("console/imports.html", report=None, rejected="", titles=_titles(rooms))

    @blueprint.post("/imports/check")
    @allow(OperatorRole.ADMINISTRATOR, largest_body=LARGEST_BODY)
    def check_import() -> ResponseReturnValue:
        return answer(check, done=False)

    @blueprint.post("/imports")
    @allow(OperatorRole.ADMINISTRATOR, largest_body=LARGEST_BODY)
    def carry_out_import() -> ResponseReturnValue:
        return answer(carry_out, done=True)


def _titles(rooms: Rooms) -> dict[str, str]:
    return {kind.value: rooms.standard.words.raw["tables"][kind][0] for kind in TableKind}


def _files(folder: Path) -> list[Path]:
    """The uploaded files under their own names, which say what table they are. Raises BadInput."""
    found = []
    for upload in request.files.getlist("file"):
        name = Path((upload.filename or "").replace("\\", "/")).name[-_LONGEST_NAME:]
        if not name or name.startswith(".") or not name.isprintable():
            continue
        upload.save(folder / name)
        found.append(folder / name)
    if not found:
        raise BadInput("no file was chosen")
    return found
