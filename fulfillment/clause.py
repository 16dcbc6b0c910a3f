"""A row of the service standard: what it asks, what keeps it here, what proves that. data/clauses.yml holds them all."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause of STANDARD.md; see the comments in data/clauses.yml. `text` and `not_yet` are Chinese, for pages."""

    key: str
    text: str
    kept_by: tuple[str, ...] = ()
    proof: tuple[str, ...] = ()
    not_yet: str = ""

    @property
    def is_kept(self) -> bool:
        """As a whole; a clause with `kept_by` and `not_yet` is kept in part."""
        return bool(self.kept_by) and not self.not_yet
