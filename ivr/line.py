"""The telephone line as it is configured: addresses, numbers, voice. Built once by the composition root."""

from dataclasses import dataclass, field

from kernel.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class PhoneLine:
    """`duty_phone` is dialled when this product itself fails during a call; it is held here, in memory, because a locked
    database cannot be asked for it. Raises ConfigurationError: an emergency path without a number is no path.
    """

    base_url: str  # PUBLIC_BASE_URL without a trailing slash
    auth_token: str = field(repr=False)
    number: str  # the hotline's own, E.164
    duty_phone: str  # E.164
    voice: str = "Polly.Zhiyu-Neural"
    #: Alarms may have an account of their own. Its token signs their webhooks, and those of who rings its number back.
    emergency_account: str = ""
    emergency_token: str = field(default="", repr=False)
    #: Of operators' telephones and of the duty phone; how long those of a ladder ring says data/ladder.yml. The carrier may
    #: add 5 s of its own; voicemail picks up after about 30 s.
    ring_seconds: int = 25

    def __post_init__(self) -> None:
        if not self.duty_phone:
            msg = "DUTY_PHONE: without it a call during a fault ends in silence; give the on-duty chief's number"
            raise ConfigurationError(msg)
        if self.duty_phone == self.number:
            msg = "DUTY_PHONE is the hotline's own number, a fault would dial itself in a circle; give another number"
            raise ConfigurationError(msg)

    def url(self, path: str) -> str:
        """The absolute address of a path of this product, as the carrier must fetch (and signs) it."""
        return f"{self.base_url}{path}"

    def socket_url(self, path: str) -> str:
        """The same for a WebSocket."""
        return "ws" + self.url(path).removeprefix("http")
