from collections.abc import Iterator

import pytest
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from simulator.config import Config, PhoneEntry
from tests.simulator.desk import (
    ACCOUNT,
    BUTLER,
    HOTLINE,
    RESIDENT,
    SECOND_BUTLER,
    TOKEN,
    Desk,
    Product,
    running_desk,
    running_product,
)


@pytest.fixture
def product() -> Iterator[Product]:
    with running_product() as product:
        yield product


@pytest.fixture
def config(product: Product) -> Config:
    """Nothing is waited for but people, and those not long."""
    return Config(
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        hotline_numbers=(HOTLINE,),
        voice_url=f"{product.base}/voice",
        status_url=f"{product.base}/status",
        speed=0,
        patience=0.6,
        calls_per_second=0,
        phones=(
            PhoneEntry(RESIDENT, "居民甲", "resident"),
            PhoneEntry(BUTLER, "管家甲", "butler"),
            PhoneEntry(SECOND_BUTLER, "管家乙", "butler"),
        ),
    )


@pytest.fixture
def desk(config: Config) -> Iterator[Desk]:
    with running_desk(config) as desk:
        yield desk


@pytest.fixture
def twilio(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The unmodified client, at another base address."""
    monkeypatch.delenv("TWILIO_EDGE", raising=False)
    monkeypatch.delenv("TWILIO_REGION", raising=False)
    http = TwilioHttpClient(timeout=10)
    client = Client(ACCOUNT, TOKEN, http_client=http)
    client.api.base_url = desk.base
    yield client
    http.session.close()
