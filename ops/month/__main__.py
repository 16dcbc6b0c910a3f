"""`make demo-month`: builds var/demo-month.sqlite. `python -m ops.month show` opens the console on it, in its own time.

Nothing is written past the product: homes come by its import, every call, chat, visit, alarm and answer by the services
that the pages and webhooks use, and its own worker carries out what was promised, in the month's time (ops/month/agenda.py).
"""

import argparse
import logging
import sys
import time
from pathlib import Path

import structlog

from fulfillment.accounts import give_first_passwords
from kernel.settings import HOME, Settings
from ops.fast_folder import fast_folder
from ops.month.agenda import Agenda, MonthClock
from ops.month.month import Month, show_progress
from ops.month.plan import BURST_REPORTS, FIRST, LAST
from ops.month.rooms import MonthRooms
from ops.month.show import settings_of, show
from ops.month.town import TownFiles
from ops.nlu_process import nlu_server
from ops.town import PASSWORD
from storage import Store

DATABASE = HOME / "var" / "demo-month.sqlite"
SEED, CONTACTS = 20251201, 3_000


def main() -> int:
    parser = argparse.ArgumentParser(prog="ops.month", description=__doc__)
    parser.add_argument("what", nargs="?", choices=("build", "show"), default="build")
    parser.add_argument("--contacts", type=int, default=CONTACTS, help="everyday conversations in the month")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--database", type=Path, default=DATABASE)
    chosen = parser.parse_args()
    if chosen.what == "show":
        return show(chosen.database)
    with nlu_server() as nlu_url:
        build(chosen.database, nlu_url, seed=chosen.seed, contacts=chosen.contacts)
    return 0


def build(database: Path, nlu_url: str, *, seed: int, contacts: int) -> None:
    """Replaces an earlier month at the very end."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    database.parent.mkdir(exist_ok=True)
    with fast_folder() as folder:  # the finished month is copied out of it
        settings = settings_of(folder / "month.db", nlu_url)
        with Store(settings.database_url) as store:
            store.migrate()
            began = time.monotonic()
            print("100,000 households are imported", flush=True)
            files = TownFiles(folder / "company", seed)
            files.move_in(store)
            give_first_passwords(store, dict.fromkeys(("op1", "op2", "lead", "admin"), PASSWORD))
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
            _live(settings, store, files, contacts)
            store.backup(database)
    print(f"\n{database} ({database.stat().st_size >> 20} MB) in {time.monotonic() - began:.0f} s.")
    print("  make demo-month SHOW=1      opens the console on it, in its own time")


def _live(settings: Settings, store: Store, files: TownFiles, contacts: int) -> None:
    clock = MonthClock(FIRST)
    rooms = MonthRooms(settings, clock)
    rooms.__dict__["store"] = store  # one writer: rooms would open a second one
    month = Month(
        rooms, Agenda(clock, Path(settings.database_url.removeprefix("sqlite:///"))), files, contacts=contacts
    )
    print(
        f"{FIRST:%Y-%m-%d} to {LAST:%Y-%m-%d %H:%M}, {contacts:,} conversations and a burst main with {BURST_REPORTS}"
    )
    month.live(show_progress(contacts + BURST_REPORTS))
    if month.life.unanswered:
        print(f"questions that nobody could answer: {dict(month.life.unanswered)}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
