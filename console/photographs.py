"""Photographs on the pages: small ones in their place, in full behind a click."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

from flask import request

from dialogue.chat import Picture
from dialogue.ports import DialogueTx
from fulfillment.ticket import Ticket, TimelineEntry
from kernel.errors import NotFound

#: A photograph that was sent before the case was a ticket belongs to it: nobody waits longer between the two.
BEFORE_THE_TICKET = timedelta(hours=12)


def is_preview() -> bool:
    """The request wants the small one."""
    return request.args.get("size") == "small"


def photographs_of(tx: DialogueTx, ticket: Ticket, timeline: Sequence[TimelineEntry]) -> Sequence[Picture]:
    """What residents sent to this case: those its timeline names, and those of its conversation shortly before it was a
    ticket. Without those whose time is over (N17).
    """
    named = [str(e.params["picture"]) for e in timeline if e.key == "picture_received" and "picture" in e.params]
    found: dict[str, Picture] = {}
    if ticket.conversation_id:
        earlier = (ticket.opened_at - BEFORE_THE_TICKET, ticket.opened_at)
        sent = tx.pictures_of(ticket.conversation_id)
        found = {p.id: p for p in sent if p.id in named or earlier[0] <= p.made_at <= earlier[1]}
    for picture_id in named:
        if picture_id not in found:
            with suppress(NotFound):
                found[picture_id] = tx.picture(picture_id)
    return sorted(found.values(), key=lambda p: (p.made_at, p.id))
