"""A company's own editions of tables and wordings come into force without a restart, in every process, at the next step.

`refresh` stands before every web request and every task of a worker. It costs one count; a bad or unreadable edition
costs nothing but itself: the last one that can be used goes on, loudly (an emergency is never without a ladder).
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Protocol

import structlog

from fulfillment.edition import Edition, begun, content_at
from fulfillment.outbox import NewTask, TaskKind
from fulfillment.ports import FulfillmentStore
from kernel.clock import BEIJING, Clock, local
from kernel.errors import ChangeRefused, ConfigurationError, Conflict, HotlineError, NotFound

log = structlog.get_logger()

_NEVER = datetime.max.replace(tzinfo=UTC)


class Keeper(Protocol):
    """Holds what is in force: Standard for tables, dialogue's ScriptBook for wordings."""

    def read_edition(self, part: str, content: Any) -> Any:
        """What an edition would come to. Raises ConfigurationError."""
        ...

    def adopt(self, part: str, content: Any) -> None:
        """Puts it in the place of what holds; None: as shipped. Raises ConfigurationError, and nothing has changed."""
        ...


@dataclass(frozen=True, slots=True)
class Unusable:
    """An edition that should hold, and does not."""

    edition: Edition
    reason: str


class Editions:
    """One per process, shared by its threads.

    Args:
        keepers: by the first word of a part (`ladder`, `script`).
        demands: further conditions of a part, on what its keeper reads; they raise ChangeRefused.
    """

    def __init__(
        self,
        store: FulfillmentStore,
        clock: Clock,
        keepers: Mapping[str, Keeper],
        demands: Mapping[str, Callable[[Any], None]] | None = None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._keepers = keepers
        self._demands = demands or {}
        self._lock = threading.Lock()
        self._read, self._until = 0, _NEVER
        self._adopted: dict[str, int] = {}
        #: By part; what pages show in red.
        self.unusable: dict[str, Unusable] = {}

    # --- in force ------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """What has been saved, or has begun, since the last time comes into force. Never raises for an edition or a database
        that cannot be read: then everything goes on as it was.
        """
        now = self._clock.now()
        try:
            with self._store.read() as tx:
                if tx.count_editions() == self._read and now < self._until:
                    return
                editions = tx.editions()
        except HotlineError as exc:  # whoever needs the database is told by it himself
            log.warning("editions_not_read", error=str(exc))
            return
        with self._lock:
            if len(editions) < self._read:  # another thread has read more
                return
            for part in dict.fromkeys(one.part for one in editions):
                if part.partition(".")[0] in self._keepers:
                    self._bring_into_force(part, begun(editions, part, now))
            self._until = min((one.from_at for one in editions if one.from_at > now), default=_NEVER)
            self._read = len(editions)

    def _bring_into_force(self, part: str, candidates: Sequence[Edition]) -> None:
        keeper = self._keepers[part.partition(".")[0]]
        self.unusable.pop(part, None)
        for edition in candidates:
            if edition.id == self._adopted.get(part):
                return
            try:
                keeper.adopt(part, edition.content)
            except (ConfigurationError, LookupError, TypeError, ValueError, AttributeError) as exc:
                # an edition is data: whatever is wrong with it must not cost a call
                log.error("edition_unusable", part=part, edition=edition.id, reason=str(exc))  # noqa: TRY400 - the reason is the message; a traceback through a parser says no more
                self.unusable.setdefault(part, Unusable(edition, str(exc)))
                continue
            self._adopted[part] = edition.id
            log.info("edition_in_force", part=part, edition=edition.id)
            return

    # --- what a supervisor does ----------------------------------------------------------------------------------

    def of(self, part: str) -> Sequence[Edition]:
        """All of a part, the newest first."""
        with self._store.read() as tx:
            return list(reversed(tx.editions(part)))

    def content(self, part: str) -> Any:
        """What the one that holds now says; None: as shipped."""
        return content_at(self.of(part), part, self._clock.now())

    def save(self, part: str, content: Any, *, by: str, on: date | None = None) -> Edition | None:
        """A new edition, from now or from the beginning of a local day on; content None: as shipped. None: it says what
        holds then anyway.

        Raises ChangeRefused: `unreadable` (`.details["why"]`, the reader's words), `day_over`, or what the demands say.
        """
        now = self._clock.now()
        if on is not None and on < local(now).date():
            raise ChangeRefused("day_over")
        from_at = now if on is None else max(now, datetime.combine(on, time(), BEIJING).astimezone(UTC))
        return self._add(part, content, from_at, by)

    def restore(self, edition_id: int, *, by: str) -> Edition | None:
        """What an older one said holds again, from now on. Raises NotFound; ChangeRefused as `save`."""
        edition = self._one(edition_id)
        return self._add(edition.part, edition.content, self._clock.now(), by)

    def withdraw(self, edition_id: int, *, by: str) -> Edition | None:
        """What holds before it goes on. Raises NotFound; Conflict if it holds already: restore another one then."""
        edition, now = self._one(edition_id), self._clock.now()
        if edition.from_at <= now:
            raise Conflict(f"edition {edition_id} holds since {edition.from_at.isoformat()}")
        earlier = [one for one in self.of(edition.part) if (one.from_at, one.id) < (edition.from_at, edition.id)]
        return self._add(edition.part, content_at(earlier, edition.part, edition.from_at), edition.from_at, by)

    def _one(self, edition_id: int) -> Edition:
        with self._store.read() as tx:
            found = next((one for one in tx.editions() if one.id == edition_id), None)
        if found is None or found.part.partition(".")[0] not in self._keepers:
            raise NotFound(f"no edition {edition_id}")
        return found

    def _add(self, part: str, content: Any, from_at: datetime, by: str) -> Edition | None:
        self._demand_usable(part, content)
        with self._store.write() as tx:
            if content_at(tx.editions(part), part, from_at) == content:
                return None
            stored = tx.add_edition(Edition(0, part, content, from_at, self._clock.now(), by))
            if part == "calendar":  # running clocks follow it, when it holds
                tx.enqueue(NewTask(TaskKind.REPLAN_CLOCKS, f"replan-edition-{stored.id}", from_at, {"after": 0}))
            return stored

    def _demand_usable(self, part: str, content: Any) -> None:
        first = part.partition(".")[0]
        try:
            read = self._keepers[first].read_edition(part, content)
        except ConfigurationError as exc:
            raise ChangeRefused("unreadable", why=str(exc)) from exc
        if first in self._demands:
            self._demands[first](read)
