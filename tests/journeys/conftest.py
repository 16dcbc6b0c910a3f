"""One town for all journeys of a session; a journey cleans up after itself by closing its tickets."""

import shutil
from collections.abc import Iterator

import pytest

from ops.town import HOME, Town

#: F3: single homes are connected in summer. A journey must not depend on the day it is run: the town takes them all the year.
SUMMER_ONLY = 'accepted: ["05-01", "09-30"]'


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, nlu_url: str) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    data = shutil.copytree(HOME / "data", folder / "data")
    kinds = data / "ticket_kinds.yml"
    taken = kinds.read_text(encoding="utf-8")
    assert SUMMER_ONLY in taken
    kinds.write_text(taken.replace(SUMMER_ONLY, 'accepted: ["01-01", "12-31"]'), encoding="utf-8")
    with Town(folder, nlu_url, environment={"DATA_DIR": str(data)}) as running:
        yield running
