"""What tests of several rooms share."""

from collections.abc import Iterator

import pytest
import structlog

from ops.nlu_process import nlu_server


@pytest.fixture(scope="session")
def nlu_url() -> Iterator[str]:
    """The real Rasa server with the trained model."""
    with nlu_server() as url:
        yield url


@pytest.fixture(autouse=True)
def _logs_as_delivered() -> None:
    """Logging is global: a test that built the whole app must not change where the next one looks for its lines."""
    structlog.reset_defaults()
