"""One town for all journeys of a session; a journey cleans up after itself by closing its tickets."""

from collections.abc import Iterator

import pytest

from ops.town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, nlu_url: str) -> Iterator[Town]:
    with Town(tmp_path_factory.mktemp("town"), nlu_url) as running:
        yield running
