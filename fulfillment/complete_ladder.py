"""The start is refused while an emergency somewhere would not reach enough people: found in daylight, not at night (STYLE §4.1).

Price: a rota that was imported with a gap keeps a worker from starting again until it is mended; the sentinel shouts
meanwhile, and `flask --app app doctor` names the gaps before.
"""

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
_SHOWN = 5

log = structlog.get_logger()


def demand_complete_ladders(store: FulfillmentStore, standard: Standard, clock: Clock) -> None:
    """Raises ConfigurationError naming the gaps (see `ladder_gaps`). A database without any community starts, with a
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
    gaps = ladder_gaps(standard.ladder, company, communities, clock.now(), clock.now() + _AHEAD)
    if gaps:
        told = "; ".join(_told(gap) for gap in gaps[:_SHOWN])
        more = f"; and {len(gaps) - _SHOWN} more" if len(gaps) > _SHOWN else ""
        raise ConfigurationError(f"the ladder is incomplete: {told}{more}: complete staff and duties and import them")


def _told(gap: Gap) -> str:
    where = ", ".join(c.name for c in gap.communities[:_SHOWN]) or "a place nobody knows"
    who = f"nobody is {gap.nobody_is} and " if gap.nobody_is else ""
    when = f"{local(gap.since):%m-%d %H:%M} to {local(gap.until):%m-%d %H:%M}"
    return f"{when}, {where}: {who}{gap.people} can be rung"
