"""docs/drills.md and docs/drills.json: what the last run found, and how to make each drill turn red."""

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kernel.clock import local
from ops.drills.breakages import DRILLS
from ops.drills.ledger import IN_FLIGHT
from ops.drills.stage import SCALE, Outcome

HOME = Path(__file__).resolve().parents[2]
PAGE = HOME / "docs" / "drills.md"
FIGURES = HOME / "docs" / "drills.json"

_METHOD = (
    "Real processes (gunicorn, the worker, the simulated telephone network, Rasa), residents who call and write, staff who"
    " answer or do not; something is broken while emergencies run. What is counted comes from the telephone network's own"
    " record and from the database, not from what the product says about itself."
)
_TIME = (
    f"Time is scaled by {SCALE:g}: ten minutes of the standard are {600 / SCALE:g} s (a data folder whose ladder.yml has every"
    " duration divided, a second at least, and a network that rings and speaks as much faster). Not scaled: the 2 s and 10 s of"
    " the first ring, and the product's own limits towards the carrier (10 s a request)."
)
_NOT_SHOWN = (
    "The carrier is simulated on the same machine: no network partition, no real voicemail. The clock that jumps is the worker's"
    " (its `Clock`, in its own process), not the kernel's; the web process keeps the right time. Most restarts of the worker in"
    " `worker-killed` are forks of a process that has imported everything (a cold start is Python's two to three seconds); every"
    " twentieth is a cold one."
)


def write_report(outcomes: Sequence[Outcome], *, quick: bool, seed: int, seconds: float) -> None:
    run = {
        "at": local(datetime.now(UTC)).isoformat(timespec="minutes"),
        "quick": quick,
        "seed": seed,
        "seconds": round(seconds),
        "cores": os.cpu_count(),
        "scale": SCALE,
    }
    figures: dict[str, Any] = {"run": run, "drills": [_figures(o) for o in outcomes]}
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(_page(run, outcomes), encoding="utf-8")


def _figures(outcome: Outcome) -> dict[str, Any]:
    t = outcome.tally
    return {
        "drill": outcome.name,
        "green": not outcome.misses and not outcome.skipped,
        "skipped": outcome.skipped,
        "emergencies": t.emergencies,
        "by_duty_phone_only": t.duty_phone_only,
        "calls": t.calls,
        "lost": len(t.lost),
        "double": len(t.double),
        "late": len(t.late),
        "after_acknowledgement": len(t.after),
        "unfinished": len(t.unfinished),
        "first_ring_p50": _rounded(t.median),
        "first_ring_p99": _rounded(t.quantile(0.99)),
        "seconds": round(outcome.seconds),
        "misses": outcome.misses,
        "notes": outcome.notes,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _page(run: dict[str, Any], outcomes: Sequence[Outcome]) -> str:
    red = [o for o in outcomes if o.misses]
    skipped = [o for o in outcomes if o.skipped]
    verdict = "All targets met." if not red else f"**Targets missed in {len(red)} drills.**"
    lines = [
        "# Drills",
        "",
        f"`make drills{' QUICK=1' if run['quick'] else ''}`, {run['at']}, {run['cores']} cores, seed {run['seed']}, {run['seconds']} s. {verdict}",
        "",
        _METHOD,
        "",
        _TIME,
        "",
        "| drill | emergencies | calls | lost | double | late | after ack. | ladder > 10 min | first ring p50 | p99 | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *[_row(o) for o in outcomes],
        "",
        "- **lost**: nobody was rung or texted. A resident who reached only the duty phone (fault instructions) is not lost.",
        "- **double**: two calls for one attempt, two people in one step, or two alarmed tickets for one leak.",
        "- **late**: first ring later than 10 s after the turn's commit or, if that is later, the worker's last kill before it (30 s for the full disk). Calm: 2 s at p99.",
        f"- **after ack.**: a call placed after the case was accepted; {IN_FLIGHT.total_seconds():g} s are allowed to a request that was under way.",
        "- **ladder > 10 min**: nobody accepted, and not all rungs had been rung by (scaled) minute 10, the last one by minute 8.",
        "",
    ]
    for outcome in outcomes:
        found = [*outcome.misses, *outcome.notes]
        if outcome.skipped:
            found.append(f"skipped: {outcome.skipped}")
        only_duty = outcome.tally.duty_phone_only
        if only_duty:
            found.append(f"{only_duty} residents were put through to the duty phone by the fault instructions")
        if found:
            lines += [f"**{outcome.name}** ({outcome.what}): {'; '.join(found)}.", ""]
    if skipped:
        lines += [f"Skipped on this machine: {', '.join(o.name for o in skipped)}.", ""]
    lines += [
        "## Each of them can fail",
        "",
        "`make drills PROVE=1` takes one safeguard out of the product (`ops/drills/sabotage.py`) and demands that the drill turns red:",
        "",
        "| drill | what is broken | safeguard taken out |",
        "| --- | --- | --- |",
        *[f"| {d.name} | {d.what} | {', '.join(f'`{s}`' for s in d.sabotage)} |" for d in DRILLS.values()],
        "",
        "## What the drills do not show",
        "",
        _NOT_SHOWN,
        "",
    ]
    return "\n".join(lines)


def _row(outcome: Outcome) -> str:
    t = outcome.tally
    if outcome.skipped:
        return f"| {outcome.name} | skipped |" + " |" * 9
    cells = [t.emergencies, t.calls, len(t.lost), len(t.double), len(t.late), len(t.after), len(t.unfinished)]
    times = [f"{v:.2f} s" if v is not None else "-" for v in (t.median, t.quantile(0.99))]
    return f"| {outcome.name} | {' | '.join(map(str, cells))} | {' | '.join(times)} | {'**red**' if outcome.misses else 'green'} |"
