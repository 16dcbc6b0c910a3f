"""The start is refused while an emergency would not reach enough people today: found in daylight, not at night (STYLE §4.1).

A gap of another day starts, as an error in the log; `flask --app app doctor` and the console's rota name it until it is mended:
a worker that crashes today must not stay down for next Saturday. Price: a gap of today or tomorrow that was imported keeps a
worker from starting again until it is mended; the sentinel shouts meanwhile.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from fulfillment.dispatch import Gap, ladder_gaps
from fulfillment.ports import FulfillmentStore
from fulfillment.rota import read_company
from fulfillment.standard import Standard
from kernel.clock import Clock, local
from kernel.errors import ConfigurationError

#: The rota repeats every week.
_AHEAD = timedelta(days=7)
#: A gap that begins later leaves a working day to mend it.
_REFUSED_WITHIN = timedelta(hours=24)
_SHOWN = 5

log = structlog.get_logger()


def demand_complete_ladders(store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
    """Raises ConfigurationError naming the gaps of the next 24 hours (see `ladder_gaps`). A database without any community starts, with a
    warning: its company is still to be imported, and there is nobody whom a refusal would help.
    """
    with store.read() as tx:
        communities = tx.communities()
        company = read_company(tx, clock.now())
    if not communities:
        log.warning(
            "no_company", remedy="no emergency can reach anybody: import a company (flask --app app import-company)"
        )
        return
    now = clock.now()
    gaps = ladder_gaps(standard.ladder, company, communities, now, now + _AHEAD)
    soon = [gap for gap in gaps if gap.since < now + _REFUSED_WITHIN]
    if soon:
        raise ConfigurationError(
            f"the ladder is incomplete: {_listed(soon)}: complete staff and duties and import them"
        )
    if gaps:
        log.error("ladder_gap_ahead", gaps=_listed(gaps), remedy="complete the rota before then (console, or import)")


def _listed(gaps: Sequence[Gap]) -> str:
    more = f"; and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
    return "; ".join(_told(gap) for gap in gaps[:_SHOWN]) + more


def _told(gap: Gap) -> str:
    where = ", ".join(c.name for c in gap.communities[:_SHOWN]) or "a place nobody knows"
    who = f"nobody is {gap.nobody_is} and " if gap.nobody_is else ""
    when = f"{local(gap.since):%m-%d %H:%M} to {local(gap.until):%m-%d %H:%M}"
    return f"{when}, {where}: {who}{gap.people} can be rung"
