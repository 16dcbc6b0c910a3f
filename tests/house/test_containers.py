"""The container files are for users; no engine runs in the tests, so a linter and their own consistency stand in."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kernel.settings import Settings

HOME = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["Dockerfile", "bot/Dockerfile"])
def test_hadolint_finds_nothing(name: str) -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    run = subprocess.run([hadolint, HOME / name], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_compose_names_exists() -> None:
    compose = yaml.safe_load((HOME / "compose.yaml").read_text(encoding="utf-8"))
    for name, service in compose["services"].items():
        build = service.get("build")
        assert build or service.get("image"), name
        if isinstance(build, dict):
            assert (HOME / build["dockerfile"]).is_file()
        for key in service.get("environment", {}):
            known = {field.upper() for field in Settings.model_fields} | {
                "POSTGRES_DB",
                "POSTGRES_USER",
                "POSTGRES_PASSWORD",
            }
            assert key in known, f"{name}: {key} is no setting"
        for other in service.get("depends_on", {}):
            assert other in compose["services"]


def test_containers_copy_only_what_is_there() -> None:
    for name in ("Dockerfile", "bot/Dockerfile"):
        for line in (HOME / name).read_text(encoding="utf-8").splitlines():
            if line.startswith("COPY"):
                *sources, _target = [word for word in line.split()[1:] if not word.startswith("--")]
                assert all((HOME / source).exists() for source in sources), line
