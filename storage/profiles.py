"""The company's choices of profiles, as rows."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import insert, select, update

from fulfillment.profile import ProfileChoice
from kernel.errors import NotFound
from storage import schema
from storage.rows import Rows, values_of


class ProfileRows(Rows):
    """The profiles' part of `dialogue.ports.DialogueTx`."""

    def profile_choices(self) -> Sequence[ProfileChoice]:
        rows = self._all(select(schema.profile_choice).order_by(schema.profile_choice.c.id))
        return [ProfileChoice(**row) for row in rows]

    def profile_choice(self, choice_id: int, *, for_update: bool = False) -> ProfileChoice:
        statement = select(schema.profile_choice).where(schema.profile_choice.c.id == choice_id)
        row = self._first(self._locked(statement) if for_update else statement)
        if row is None:
            raise NotFound(f"no profile choice {choice_id}")
        return ProfileChoice(**row)

    def add_profile_choice(self, choice: ProfileChoice) -> ProfileChoice:
        row = self._write_returning(
            insert(schema.profile_choice).values(values_of(choice, "id")).returning(schema.profile_choice.c.id)
        )
        if row is None:
            raise AssertionError("INSERT … RETURNING always returns its row")
        return replace(choice, id=row["id"])

    def save_profile_choice(self, choice: ProfileChoice) -> None:
        columns = schema.profile_choice.c
        written = update(schema.profile_choice).where(columns.id == choice.id).values(values_of(choice, "id"))
        if not self._write(written):
            raise NotFound(f"no profile choice {choice.id}")
