"""The figures that CI holds the model to: docs/nlu/baseline.json, written by the report."""

import json
from collections.abc import Mapping
from pathlib import Path

from ops.nlu_report.measure import Figure
from ops.nlu_report.sentences import HOME

FILE = HOME / "docs" / "nlu" / "baseline.json"


def write(digests: Mapping[str, str], figures: Mapping[str, Mapping[str, Figure]], path: Path = FILE) -> None:
    """`noise` is one standard error over the sentences of the set."""
    sets = {
        name: {
            "sentences": digests[name],
            "figures": {
                key: {"value": round(f.value, 4), "noise": round(f.noise, 4), "n": f.n}
                for key, f in of_set.items()
                if f.n
            },
        }
        for name, of_set in figures.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(sets, indent=2) + "\n", encoding="utf-8")


def fallen(name: str, digest: str, measured: Mapping[str, Figure], path: Path = FILE) -> list[str]:
    """What fell by more than its noise, in words; empty if nothing did. Raises FileNotFoundError without a baseline."""
    kept = json.loads(path.read_text(encoding="utf-8")).get(name)
    if kept is None or kept["sentences"] != digest:
        return [
            f"the {name} set is not the one the baseline was measured on: run `make nlu-report` and look at the page"
        ]
    return [
        f"{name}: {key} is {measured[key].value:.4f}, was {was['value']:.4f} with noise {was['noise']:.4f}"
        for key, was in kept["figures"].items()
        if not measured[key].value >= was["value"] - was["noise"]
    ]
