from collections.abc import Iterator

import pytest

from tests.nlu_server import nlu_server


@pytest.fixture(scope="session")
def nlu_url() -> Iterator[str]:
    """The real Rasa server's address."""
    with nlu_server() as url:
        yield url
