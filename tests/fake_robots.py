"""A stand-in for chat robots: fulfillment.robot_messages.Robots."""

from dataclasses import dataclass, field

from tests.fakes import FakeStore


@dataclass
class FakeRobots:
    """Records messages as (address, body); `failures` are used up one per message, None meaning success.

    Given the store, it refuses (AssertionError) to be called inside a transaction.
    """

    store: FakeStore | None = None
    sent: list[tuple[str, str]] = field(default_factory=list)
    failures: list[Exception | None] = field(default_factory=list)

    def send(self, *, address: str, body: str) -> None:
        assert self.store is None or not self.store.in_transaction, "a robot is asked inside a transaction"
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        self.sent.append((address, body))
