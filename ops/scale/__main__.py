"""`make bench SCALE=1`: writes docs/scale.md. Filling a million tickets takes minutes and is not measured."""

import argparse
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psutil
import structlog

import app
from kernel.settings import HOME
from ops.drills.postgres import Cluster, programs
from ops.fast_folder import fast_folder
from ops.scale import lists, pages, paint, widgets
from ops.scale.lists import Answered
from ops.scale.many_tickets import OPEN, fill_all
from ops.scale.pages import Weighed
from ops.scale.paint import Painted
from ops.scale.widgets import Live

SIZES = (100_000, 1_000_000)
#: Above the default of 256 threads: a stream holds one, and half of them are for chats.
WIDGETS, THREADS = 1_000, 2_048
GOAL_MS, GOAL_LIVE_MS, GOAL_KB = 100.0, 250.0, 150


def main() -> int:
    parser = argparse.ArgumentParser(prog="ops.scale", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--widgets", type=int, default=WIDGETS)
    parser.add_argument("--no-postgres", action="store_true", help="SQLite alone")
    parser.add_argument("--filled", type=Path, help="a folder with t<size>.db from an earlier run")
    chosen = parser.parse_args()
    os.nice(5)
    app.configure_logging = _quietly  # a line a request would be measured with it
    load = os.getloadavg()
    with fast_folder() as place, _postgres(wanted=not chosen.no_postgres) as postgres:
        folder, most = chosen.filled or place, max(chosen.sizes)
        urls = {f"SQLite, {n:,} tickets": (f"sqlite:///{folder / f't{n}.db'}", n) for n in chosen.sizes}
        if postgres:
            urls[f"PostgreSQL, {most:,} tickets"] = (postgres, most)
        fill_all(urls.values())
        asked = {name: lists.measure(url) for name, (url, _) in urls.items()}
        smallest = folder / f"t{min(chosen.sizes)}.db"
        weighed = pages.measure(f"sqlite:///{smallest}")
        painted = paint.measure(smallest)
        live = widgets.measure(place, chosen.widgets, THREADS)
    page = render(asked, weighed, painted, live, load=max(load[0], os.getloadavg()[0]))
    (HOME / "docs" / "scale.md").write_text(page, encoding="utf-8")
    print(page)
    return 0


def _quietly() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


@contextmanager
def _postgres(*, wanted: bool) -> Iterator[str]:
    """The address of an empty database; "" if there shall be none."""
    if not wanted:
        yield ""
        return
    folder = programs()
    if folder is None:
        raise RuntimeError(
            "PostgreSQL's programs are missing: make setup names the package; --no-postgres does without"
        )
    with Cluster(folder) as cluster:
        yield cluster.url


def render(
    asked: dict[str, list[Answered]], weighed: list[Weighed], painted: list[Painted], live: Live, *, load: float
) -> str:
    lines = [
        "# Scale",
        "",
        (
            f"`make bench SCALE=1`, {date.today().isoformat()}, {psutil.cpu_count()} cores, load {load:.0f} while it ran"  # noqa: DTZ011 - a date for people
            " (above the number of cores others were working on the machine, and every figure is worse than on a quiet one)."
        ),
        f"Rows were put in in bulk, {OPEN:,} of them open; only reading is measured.",
    ]
    for name, answers in asked.items():
        lines += [
            "",
            f"## The list and its search: {name}",
            "",
            (
                f"Goal: p99 at most {GOAL_MS:.0f} ms. `store` is the query, `page` the whole page with alarms and who is on duty;"
                " `work` is the p99 of the processor's time in this process, which is what a quiet machine would show"
                f"{'; the server has its own beside it' if name.startswith('PostgreSQL') else ''}."
            ),
            "",
            "| asked | found | store p50 | p99 | work | page p50 | p99 | work | |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        ]
        lines += [_row(answer) for answer in answers]
    lines += [
        "",
        "## Weight of pages",
        "",
        (
            f"Goal: at most {GOAL_KB} kB with everything that the first visit loads, gzip. `as sent` is without a proxy in front"
            " that compresses: the product itself compresses nothing."
        ),
        "",
        "| page | gzip | as sent | server's time |",
        "| --- | --- | --- | --- |",
        *(f"| `{w.path}` | {w.gzip_kb:.0f} kB | {w.raw_kb:.0f} kB | {w.milliseconds:.0f} ms |" for w in weighed),
        "",
        f"## First paint, {min(SIZES):,} tickets",
        "",
        "Chromium with a filled cache, from the navigation to the first words on the screen (`performance`, 15 visits).",
        "",
        "| page | first byte p50 | first paint p50 | slowest |",
        "| --- | --- | --- | --- |",
        *(f"| {p.page} | {p.first_byte:.0f} ms | {p.p50:.0f} ms | {p.slowest:.0f} ms |" for p in painted),
        "",
        "## Live chats at one web process",
        "",
        (
            f"Goal: p99 at most {GOAL_LIVE_MS:.0f} ms with {WIDGETS:,} widgets. `WEB_THREADS={THREADS}`: each stream holds a thread, and"
            " half of the threads are for chats; with the default of 256 the 129th widget polls."
        ),
        "",
        "| widgets | told to poll | message p50 | p99 | lost | memory each |",
        "| --- | --- | --- | --- | --- | --- |",
        f"| {live.widgets:,} | {live.refused} | {live.p50:.0f} ms | {live.p99:.0f} ms | {live.lost} | {live.kib:.0f} KiB |",
        "",
        f"From the commit of the line to its arrival on the widget's wire: {'met' if live.p99 <= GOAL_LIVE_MS else 'missed'}.",
    ]
    return "\n".join(lines) + "\n"


def _row(answer: Answered) -> str:
    """Judged by the work where the machine was shared."""
    in_store, in_page = answer.store[2], answer.page[2]
    verdict = "missed" if in_store > GOAL_MS else "page missed" if in_page > GOAL_MS else "met"
    figures = " | ".join(f"{ms:.0f} ms" for ms in (*answer.store, *answer.page))
    return f"| {answer.question} | {answer.found} | {figures} | {verdict} |"


if __name__ == "__main__":
    sys.exit(main())
