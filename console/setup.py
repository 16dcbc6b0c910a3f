"""What the pages share on which a company is set up: one change is kept, refused with its reason, or was overtaken."""

from collections.abc import Callable

import structlog
from flask import flash, redirect
from flask.typing import ResponseReturnValue

from console.gate import me
from kernel.errors import ChangeRefused, Conflict

log = structlog.get_logger()


def kept(
    act: Callable[[], object],
    what: str,
    *,
    back_to: str,
    shown_again: Callable[[ChangeRefused], str],
    same: str = "",
    **facts: object,
) -> ResponseReturnValue:
    """Carries out one change, noted in the audit log under `what`, which also names what the page says about it.

    What was refused is shown once more as it was typed. With `same`, an act that returns None has found nothing to change.
    """
    try:
        result = act()
    except ChangeRefused as exc:
        log.info("console.change_refused", what=what, reason=exc.reason)
        return shown_again(exc), 400
    except Conflict:
        flash("changed_meanwhile", "bad")
        return redirect(back_to, 303)
    if same and result is None:
        flash(same, "good")
        return redirect(back_to, 303)
    log.info("audit.company_changed", what=what, operator=me().login, **facts)
    flash(what, "good")
    return redirect(back_to, 303)
