"""`make drills`: breaks the product on purpose while emergencies run, counts, writes docs/drills.md and docs/drills.json.

Exit code 1 when a target was missed. `--prove` runs every drill with the sabotage that it must notice: then exit code 1
means that one of them stayed green.
"""

import argparse
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from ops.drills.breakages import DRILLS, FULL, PROOF, QUICK, Drill, Missing, Size
from ops.drills.ledger import Tally
from ops.drills.page import write_again, write_proofs, write_report
from ops.drills.sabotage import NOTICED_AS
from ops.drills.stage import Outcome, Stage, Wish
from ops.nlu_process import nlu_server

#: No drill begins after this: what the page says about the run as a whole.
BOUND_SECONDS = {FULL: 1800, QUICK: 180}


class OutOfTime(Exception):
    """A drill took longer than its own bound."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m ops.drills", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a look in three minutes instead of the promise")
    parser.add_argument(
        "--only", nargs="+", choices=sorted(DRILLS), help="these drills; their rows of the report are replaced"
    )
    parser.add_argument("--prove", action="store_true", help="with each drill's sabotage: all of them must turn red")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--keep", type=Path, help="leave logs and databases in this folder")
    chosen = parser.parse_args()
    size = PROOF if chosen.prove else QUICK if chosen.quick else FULL
    drills = [DRILLS[name] for name in chosen.only or DRILLS]
    if chosen.quick and not chosen.only:
        drills = [d for d in drills if d.in_quick]
    signal.signal(signal.SIGALRM, _too_long)
    began = time.monotonic()
    with ExitStack() as stack:
        folder = chosen.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drills-")))
        nlu_url = stack.enter_context(nlu_server())
        outcomes = _prove(drills, size, folder, nlu_url, chosen.seed) if chosen.prove else _run(
            drills, size, folder, nlu_url, chosen.seed
        )  # fmt: skip
    seconds = time.monotonic() - began
    print(f"{len(outcomes)} drills in {seconds:.0f} s", flush=True)
    if chosen.prove:
        write_proofs(outcomes)
        return int(not all(outcome.noticed for outcome in outcomes))
    if not chosen.only:
        write_report(outcomes, quick=chosen.quick, seed=chosen.seed, seconds=seconds)
    elif not chosen.quick:
        write_again(outcomes)
    return int(any(o.misses for o in outcomes))


def _run(drills: list[Drill], size: Size, folder: Path, nlu_url: str, seed: int) -> list[Outcome]:
    outcomes: list[Outcome] = []
    until = time.monotonic() + BOUND_SECONDS[size]
    shared = [d for d in drills if d.own_town is None]
    if shared:
        place = folder / "shared"
        place.mkdir(parents=True)
        with Stage(place, nlu_url, Wish(), seed) as stage:
            outcomes += [_one(d, stage, size) if _in_time(until) else _not_run(d, size) for d in shared]
    for drill in (d for d in drills if d.own_town is not None):
        in_time = _in_time(until)
        outcomes.append(_alone(drill, size, folder / drill.name, nlu_url, seed) if in_time else _not_run(drill, size))
    return sorted(outcomes, key=lambda o: list(DRILLS).index(o.name))


def _in_time(until: float) -> bool:
    return time.monotonic() < until


def _not_run(drill: Drill, size: Size) -> Outcome:
    """In the full run that is a miss: nothing was shown. A quick look shows what it can."""
    reason = f"not run: the whole run's bound of {BOUND_SECONDS[size]} s was over"
    print(f"--- {drill.name}: {reason}", flush=True)
    missed = [reason] if size == FULL else []
    return Outcome(drill.name, drill.what, Tally(), drill.limits, 0.0, misses=missed, skipped=reason)


def _prove(drills: list[Drill], size: Size, folder: Path, nlu_url: str, seed: int) -> list[Outcome]:
    outcomes = []
    for drill in drills:
        for sabotage in drill.sabotage:
            outcome = _alone(drill, size, folder / f"red-{drill.name}-{sabotage}", nlu_url, seed, sabotage)
            outcome.sabotage = sabotage
            outcome.noticed = bool(outcome.skipped) or any(NOTICED_AS[sabotage] in miss for miss in outcome.misses)
            print(f"    {sabotage}: {'noticed' if outcome.noticed else 'NOT NOTICED'}", flush=True)
            outcomes.append(outcome)
    return outcomes


def _alone(drill: Drill, size: Size, folder: Path, nlu_url: str, seed: int, sabotage: str = "") -> Outcome:
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        try:
            wish = stack.enter_context(drill.own_town(folder)) if drill.own_town else Wish()
        except Missing as missing:
            print(f"{drill.name}: skipped: {missing}", flush=True)
            return Outcome(drill.name, drill.what, Tally(), drill.limits, 0.0, skipped=str(missing))
        wish.sabotage = sabotage
        try:
            stage = stack.enter_context(Stage(folder, nlu_url, wish, seed))
        except Exception as exc:  # noqa: BLE001 - a town that does not open is red, the other drills still run
            print(f"RED {drill.name}: its town does not open", flush=True)
            return Outcome(drill.name, drill.what, Tally(), drill.limits, 0.0, misses=[f"no town: {str(exc)[:500]}"])
        return _one(drill, stage, size)


def _one(drill: Drill, stage: Stage, size: Size) -> Outcome:
    """One drill within its bound; whatever breaks it is a miss, with its reason."""
    stage.begin()
    began = time.monotonic()
    broken: list[str] = []
    signal.setitimer(signal.ITIMER_REAL, drill.bound_seconds)
    try:
        drill.run(stage, size)
    except Exception as exc:  # noqa: BLE001 - the drill is red, the others still run
        broken.append(f"{type(exc).__name__}: {str(exc)[:500]}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    counted = stage.count(drill.limits)
    outcome = Outcome(
        drill.name,
        drill.what,
        counted,
        drill.limits,
        seconds=time.monotonic() - began,
        misses=[*broken, *counted.misses(drill.limits), *stage.complaints],
        notes=list(stage.notes),
    )
    _print(outcome)
    return outcome


def _print(outcome: Outcome) -> None:
    t = outcome.tally
    verdict = "RED" if outcome.misses else "ok "
    print(
        f"{verdict} {outcome.name}: {t.emergencies} emergencies, {t.calls} calls, lost {len(t.lost)}, double {len(t.double)},"
        f" late {len(t.late)}, after {len(t.after)}, unfinished {len(t.unfinished)}, first ring p50 {t.median}"
        f" p99 {t.quantile(0.99)} s ({outcome.seconds:.0f} s)",
        flush=True,
    )
    for line in (*outcome.misses, *t.lost, *t.double, *t.late, *t.after, *t.unfinished):
        print(f"      {line}", flush=True)


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise OutOfTime("the drill's own bound")


if __name__ == "__main__":
    sys.exit(main())
