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
    """Of a whole run. What was proved before stays on the page, with its date."""
    run = {
        "at": _now(),
        "quick": quick,
        "seed": seed,
        "seconds": round(seconds),
        "cores": os.cpu_count(),
        "scale": SCALE,
    }
    _write({"run": run, "drills": [_figures(o) for o in outcomes], "proofs": _written().get("proofs", {})})


def write_again(outcomes: Sequence[Outcome]) -> None:
    """Of some drills that were run again alone: their rows are replaced, each with its own date."""
    written = _written()
    again = {o.name: _figures(o) | {"at": _now()} for o in outcomes}
    _write(written | {"drills": [again.get(row["drill"], row) for row in written["drills"]]})


def write_proofs(outcomes: Sequence[Outcome]) -> None:
    """Of sabotaged drills: whether they turned red for their sabotage."""
    written = _written()
    proofs = written.setdefault("proofs", {})
    for outcome in outcomes:
        if not outcome.skipped:
            proofs.setdefault(outcome.name, {})[outcome.sabotage] = {"noticed": outcome.noticed, "at": _now()}
    _write(written)


def _now() -> str:
    return local(datetime.now(UTC)).isoformat(timespec="minutes")


def _written() -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    return figures


def _write(figures: dict[str, Any]) -> None:
    FIGURES.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(_page(figures), encoding="utf-8")


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


def _page(figures: dict[str, Any]) -> str:
    run, rows, proofs = figures["run"], figures["drills"], figures.get("proofs", {})
    red = [row for row in rows if row["misses"]]
    skipped = [row["drill"] for row in rows if row["skipped"]]
    again = [f"{row['drill']} ({row['at']})" for row in rows if row.get("at")]
    verdict = "All targets met." if not red else f"**Targets missed in {len(red)} drills.**"
    lines = [
        "# Drills",
        "",
        f"`make drills{' QUICK=1' if run['quick'] else ''}`, {run['at']}, {run['cores']} cores, seed {run['seed']}, {run['seconds']} s. {verdict}",
        *([f"Run again alone since: {', '.join(again)}."] if again else []),
        "",
        _METHOD,
        "",
        _TIME,
        "",
        "| drill | emergencies | calls | lost | double | late | after ack. | ladder > 10 min | first ring p50 | p99 | |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        *[_row(row) for row in rows],
        "",
        "- **lost**: nobody was rung or texted. A resident who reached only the duty phone (fault instructions) is not lost.",
        "- **double**: two calls for one attempt, two people in one step, or two alarmed tickets for one leak.",
        "- **late**: first ring later than 10 s after the turn's commit, the time in which a killed worker was not yet back left out (30 s for the full disk). Calm: 2 s at p99.",
        f"- **after ack.**: a call placed after the case was accepted; {IN_FLIGHT.total_seconds():g} s are allowed to a request that was under way.",
        "- **ladder > 10 min**: nobody accepted, and not all rungs had been rung by (scaled) minute 10, the last one by minute 8.",
        "",
    ]
    for row in rows:
        found = [*row["misses"], *row["notes"]]
        if row["skipped"]:
            found.append(f"skipped: {row['skipped']}")
        if row["by_duty_phone_only"]:
            found.append(
                f"{row['by_duty_phone_only']} residents were put through to the duty phone by the fault instructions"
            )
        if found:
            lines += [f"**{row['drill']}** ({DRILLS[row['drill']].what}): {'; '.join(found)}.", ""]
    if skipped:
        lines += [f"Skipped on this machine: {', '.join(skipped)}.", ""]
    lines += [
        "## Each of them can fail",
        "",
        "`make drills PROVE=1` takes one safeguard out of the product (`ops/drills/sabotage.py`) and demands that the drill turns red:",
        "",
        "| drill | what is broken | safeguard taken out | the drill turned red for it |",
        "| --- | --- | --- | --- |",
        *[
            f"| {d.name} | {d.what} | `{s}` | {_proved(proofs, d.name, s)} |"
            for d in DRILLS.values()
            for s in d.sabotage
        ],
        "",
        "## What the drills do not show",
        "",
        _NOT_SHOWN,
        "",
    ]
    return "\n".join(lines)


def _row(row: dict[str, Any]) -> str:
    if row["skipped"]:
        return f"| {row['drill']} | skipped |" + " |" * 9
    counted = ("emergencies", "calls", "lost", "double", "late", "after_acknowledgement", "unfinished")
    cells = [str(row[name]) for name in counted]
    rings = [row["first_ring_p50"], row["first_ring_p99"]]
    cells += ["-" if seconds is None else f"{seconds:.2f} s" for seconds in rings]
    return f"| {row['drill']} | {' | '.join(cells)} | {'**red**' if row['misses'] else 'green'} |"


def _proved(proofs: dict[str, Any], drill: str, sabotage: str) -> str:
    proof = proofs.get(drill, {}).get(sabotage)
    if proof is None:
        return "not tried"
    return str(proof["at"]) if proof["noticed"] else f"**no** ({proof['at']})"
