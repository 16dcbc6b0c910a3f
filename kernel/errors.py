"""The whole error tree. Foreign errors are translated at the door where they enter, keeping the cause.

HotlineError
├── ConfigurationError      the start is refused; the message names the setting and the remedy
├── BadInput                the caller's data cannot be used; `reason` is for the log
│   ├── ImportRejected      a company file cannot be read at all (single bad rows are listed, not raised)
│   ├── IncidentRefused     facts of an incident that cannot be (`.reason` is a key the console words)
│   └── ChangeRefused       a table or wording that the company may not have so (`.reason` as above, `.details`)
├── NotFound                no such ticket, conversation, attempt
├── Conflict                somebody else was first
│   ├── AlreadyTaken        a conversation belongs to another operator (`.holder`)
│   ├── StaleEpoch          an answer of an older owner of the floor: discarded
│   └── CallImpossible      not with this call as it is now (`.reason` is a key the console words)
├── NotAllowed              the role does not permit it
├── StoreBusy               the database stayed locked for longer than the caller's budget
├── NluUnavailable          the Rasa server did not answer in time, or the circuit is open
└── CarrierError            the telephone network
    ├── CarrierBusy         429: nothing happened, try again (`.retry_after_seconds`)
    ├── CarrierRefused      4xx: nothing happened and repeating will not help (`.code`)
    └── CarrierUnknown      time-out or 5xx: perhaps it happened; ask before repeating
"""


class HotlineError(Exception):
    """Root of everything this product raises on purpose."""


class ConfigurationError(HotlineError):
    """A setting or data file is missing or contradicts another; says its name and the remedy."""


class BadInput(HotlineError):
    """Data from outside cannot be used."""


class ImportRejected(BadInput):
    """A company file cannot be read as a table at all."""


class IncidentRefused(BadInput):
    """These facts of an incident cannot be."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChangeRefused(BadInput):
    """The company may not change a table or a wording so; `details` fill the sentence for `reason`."""

    def __init__(self, reason: str, **details: object) -> None:
        super().__init__(f"{reason} {details}" if details else reason)
        self.reason = reason
        self.details = details


class NotFound(HotlineError):
    """No such row."""


class Conflict(HotlineError):
    """Somebody else was first."""


class AlreadyTaken(Conflict):
    """The conversation belongs to somebody else."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"taken by {holder}")
        self.holder = holder


class StaleEpoch(Conflict):
    """The floor has moved on since the writer last looked."""


class CallImpossible(Conflict):
    """What was asked cannot be done with this call as it is now."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotAllowed(HotlineError):
    """The role does not permit this."""


class StoreBusy(HotlineError):
    """The database stayed locked for longer than the caller's budget."""


class NluUnavailable(HotlineError):
    """No answer from the understanding server."""


class CarrierError(HotlineError):
    """The telephone network did not do what was asked."""


class CarrierBusy(CarrierError):
    """Too many requests; nothing happened."""

    def __init__(self, message: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class CarrierRefused(CarrierError):
    """The carrier refuses this request; repeating it will not help."""

    def __init__(self, message: str, code: int | None = None) -> None:
        super().__init__(message)
        self.code = code


class CarrierUnknown(CarrierError):
    """Time-out or server error: perhaps it happened."""
