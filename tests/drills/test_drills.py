"""Every drill can fail, and the page says how."""

from pathlib import Path

import yaml

from fulfillment.standard import Standard
from ops.drills.breakages import DRILLS, FULL
from ops.drills.sabotage import SABOTAGE
from ops.drills.stage import scaled_data
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
    assert scaled.rungs == Standard(HOME / "data").ladder.rungs
