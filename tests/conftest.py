"""What tests of several rooms share."""

from collections.abc import Iterator

import pytest

from ops.nlu_process import nlu_server


@pytest.fixture(scope="session")
def nlu_url() -> Iterator[str]:
    """The real Rasa server with the trained model."""
    with nlu_server() as url:
        yield url
