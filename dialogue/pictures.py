"""Photographs that residents send: kept with the conversation and its open cases, shown to operators, gone in time (N17).

The file comes first, under a name that the same upload always gets; the row and the message are one transaction after
it. A crash in between leaves a file that the repeated upload overwrites.
"""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from dialogue.chat import Picture
from dialogue.conversation import Author, Conversation, Floor
from dialogue.ports import DialogueStore, DialogueTx
from dialogue.script_book import ScriptBook
from fulfillment.ticket import TimelineEntry
from kernel.clock import Clock
from kernel.errors import NotFound

_LOOK_BACK = 10  # messages; the open question's buttons are among them


class PictureFiles(Protocol):
    """Where the files lie: storage.SoundFolder, with another ending."""

    def put(self, recording_id: str, sound: bytes) -> None: ...
    def path(self, recording_id: str) -> Path: ...
    def remove(self, recording_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Photograph:
    """A picture that was drawn anew: nothing in it but what is to be seen. `small` is its preview; b"": it is small itself."""

    jpeg: bytes
    width: int
    height: int
    small: bytes = b""

    def put_into(self, files: PictureFiles, picture_id: str) -> None:
        """Both sizes; again is the same."""
        files.put(picture_id, self.jpeg)
        if self.small:
            files.put(_preview_of(picture_id), self.small)


def _preview_of(picture_id: str) -> str:
    """The name of its preview's file: beside it, and as little to be guessed."""
    return hashlib.sha256(f"preview:{picture_id}".encode()).hexdigest()[:32]


def where_it_lies(files: PictureFiles, picture_id: str, *, small: bool) -> Path:
    """Its preview, where one is wanted and was made. Raises NotFound: its time is over."""
    preview = files.path(_preview_of(picture_id))
    path = preview if small and preview.is_file() else files.path(picture_id)
    if not path.is_file():
        raise NotFound("there is nothing to be seen of this picture")
    return path


def throw_away(files: PictureFiles, picture_id: str) -> None:
    files.remove(_preview_of(picture_id))
    files.remove(picture_id)


@dataclass(frozen=True, slots=True)
class Pictures:
    """Takes photographs and gives them out. Safe to share between threads. Whose they are, the channels check."""

    store: DialogueStore
    files: PictureFiles
    book: ScriptBook
    clock: Clock

    def take(self, conversation_id: str, key: str, photograph: Photograph) -> None:
        """Stored once per key. An ended chat goes on with the bot, as with words. Raises NotFound, StoreBusy."""
        picture_id = hashlib.sha256(f"{conversation_id}:{key}".encode()).hexdigest()[:32]
        now = self.clock.now()
        photograph.put_into(self.files, picture_id)
        picture = Picture(picture_id, conversation_id, now, photograph.width, photograph.height)
        data = {"picture": picture_id, "width": picture.width, "height": picture.height}
        with self.store.write() as tx:
            conversation = tx.conversation(conversation_id, for_update=True)
            if conversation.floor is Floor.ENDED:
                back = tx.move_floor(conversation_id, to=Floor.BOT, operator_id=None, epoch=conversation.epoch, at=now)
                conversation = back or conversation
            message = tx.add_message(
                conversation_id, author=Author.RESIDENT, text=self.book.word("words.picture"), at=now, data=data,
                client_id=f"turn:{key}",
            )  # fmt: skip
            if message.seq <= conversation.last_seq:
                return  # the same upload again
            tx.add_picture(picture)
            tickets = tx.open_tickets(conversation_id=conversation_id)
            for ticket in tickets:
                tx.add_to_timeline(
                    TimelineEntry(ticket.id, now, "resident", "picture_received", {"picture": picture_id})
                )
            if conversation.floor is Floor.BOT:
                self._answer(tx, conversation, now, known=bool(tickets))
            tx.save_conversation(replace(tx.conversation(conversation_id), last_at=now))

    def _answer(self, tx: DialogueTx, conversation: Conversation, now: datetime, *, known: bool) -> None:
        """The bot sees nothing in a picture and says so; the open question keeps its buttons."""
        recent = tx.messages(conversation.id, after=max(0, conversation.last_seq - _LOOK_BACK))
        asked = [m for m in recent if m.author is Author.BOT][-1:]
        said = self.book.say("hearing.picture_to_the_case" if known else "hearing.picture_kept")
        data: dict[str, Any] = {"voice": said.voice, "script": said.script}
        for message in asked:
            if message.data.get("quick_replies"):
                data["quick_replies"] = message.data["quick_replies"]
        tx.add_message(conversation.id, author=Author.BOT, text=said.chat, at=now, data=data)

    def file(self, picture_id: str, *, small: bool = False) -> tuple[str, Path]:
        """Whose conversation it is from, and where it, or its preview, lies. Raises NotFound: no such picture, or its time is over."""
        with self.store.read() as tx:
            picture = tx.picture(picture_id)
        return picture.conversation_id, where_it_lies(self.files, picture.id, small=small)


def forget_pictures(store: DialogueStore, files: PictureFiles, before: datetime) -> None:
    """Of chats and of visits; signatures stay with the record (K6). Files first: a crash leaves rows, and the next sweep
    finds them again.
    """
    with store.read() as tx:
        of_chats, of_visits = tx.pictures_before(before), tx.visit_photographs_before(before)
    chats, visits = [p.id for p in of_chats], [p.id for p in of_visits]
    for picture_id in chats + visits:
        throw_away(files, picture_id)
    if not chats + visits:
        return
    with store.write() as tx:
        for picture_id in chats:
            tx.forget_picture(picture_id)
        for picture_id in visits:
            tx.forget_visit_picture(picture_id)
