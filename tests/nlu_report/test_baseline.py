from pathlib import Path

from ops.nlu_report.baseline import fallen, write
from ops.nlu_report.measure import Figure, share


def figure(right: int, n: int) -> Figure:
    return share([True] * right + [False] * (n - right))


def test_a_fall_within_the_noise_passes_and_one_beyond_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write({"first": "abc"}, {"first": {"emergency_alarmed": figure(98, 100)}}, path)
    assert fallen("first", "abc", {"emergency_alarmed": figure(100, 100)}, path) == []
    assert fallen("first", "abc", {"emergency_alarmed": figure(97, 100)}, path) == []
    told = fallen("first", "abc", {"emergency_alarmed": figure(95, 100)}, path)
    assert len(told) == 1
    assert "emergency_alarmed is 0.9500, was 0.9800" in told[0]


def test_another_set_is_no_comparison(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write({"first": "abc"}, {"first": {"macro_f1": figure(9, 10)}}, path)
    assert "make nlu-report" in fallen("first", "changed", {"macro_f1": figure(9, 10)}, path)[0]
    assert "make nlu-report" in fallen("second", "abc", {"macro_f1": figure(9, 10)}, path)[0]


def test_a_figure_that_is_gone_has_fallen(tmp_path: Path) -> None:
    path = tmp_path / "baseline.json"
    write({"first": "abc"}, {"first": {"macro_f1": figure(9, 10)}}, path)
    assert len(fallen("first", "abc", {"macro_f1": share([])}, path)) == 1
