"""Every drill can fail, and the page says how."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fulfillment.standard import Standard
from ops.drills import page
from ops.drills.breakages import DRILLS, FULL
from ops.drills.ledger import Tally
from ops.drills.sabotage import SABOTAGE
from ops.drills.stage import Outcome, scaled_data
from ops.town import HOME


def test_every_drill_has_a_sabotage_and_every_sabotage_a_drill() -> None:
    assert {name for d in DRILLS.values() for name in d.sabotage} == set(SABOTAGE)


def test_the_full_run_is_what_was_promised() -> None:
    assert FULL.kills == 200
    assert all(0 < d.bound_seconds <= 800 for d in DRILLS.values())


def test_scaled_tables_are_tables_the_product_accepts(tmp_path: Path) -> None:
    scaled = Standard(scaled_data(tmp_path, 15)).ladder
    plan = yaml.safe_load((HOME / "data" / "ladder.yml").read_text(encoding="utf-8"))
    assert scaled.last_rung_within_seconds == round(plan["last_rung_within_seconds"] / 15)
    assert scaled.ring_seconds == 2, "of 22 s: a ring that somebody may answer, 30 of the network's seconds"
    assert scaled.rungs == Standard(HOME / "data").ladder.rungs


def test_a_drill_that_is_run_again_alone_replaces_its_row_and_says_when(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "FIGURES", tmp_path / "drills.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "drills.md")
    page.write_report([ran("calm"), ran("voicemail", misses=["2 lost"])], quick=False, seed=1, seconds=9)
    assert "| voicemail | 3 |" in page.PAGE.read_text("utf-8")
    assert "**Targets missed in 1 drills.**" in page.PAGE.read_text("utf-8")
    page.write_again([ran("voicemail")])
    text = page.PAGE.read_text("utf-8")
    assert "All targets met." in text
    assert "Run again alone since: voicemail (20" in text
    assert text.count("| not tried |") == sum(len(d.sabotage) for d in DRILLS.values())


def test_a_proof_is_on_the_page_until_it_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "FIGURES", tmp_path / "drills.json")
    monkeypatch.setattr(page, "PAGE", tmp_path / "drills.md")
    page.write_report([ran("calm"), ran("voicemail")], quick=False, seed=1, seconds=9)
    page.write_proofs(
        [
            replace(ran("calm"), sabotage="slow_hands", noticed=True),
            replace(ran("voicemail"), sabotage="first_rung_only"),
        ]
    )
    page.write_report([ran("calm"), ran("voicemail")], quick=False, seed=1, seconds=9)
    rows = {line.split(" | ")[0]: line for line in page.PAGE.read_text("utf-8").splitlines() if "| `" in line}
    assert "| `slow_hands` | 20" in rows["| calm"]
    assert "| **no** (20" in rows["| voicemail"]


def ran(name: str, misses: Sequence[str] = ()) -> Outcome:
    return Outcome(name, "", Tally(emergencies=3), DRILLS[name].limits, 1.0, misses=list(misses))
