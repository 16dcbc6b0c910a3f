"""Lines of a conversation as texts of WeChat: what fits into one, with buttons as links that send their label. Pure.

A text has at most 2,048 bytes. A button is a link of the kind `weixin://bizmsgmenu`: tapping sends its label as the
resident's own message, also from the answer to a message, where WeChat has no buttons. Who cannot tap types it.
"""

from collections.abc import Callable, Sequence

from dialogue.conversation import Author, Message

LONGEST_BYTES = 2048
_LINK = '<a href="weixin://bizmsgmenu?msgmenucontent={0}&msgmenuid={1}">{0}</a>'
_BETWEEN = "\n\n"

Calls = Callable[[str], str]  # a telephone number → how it is offered in words


def text_of(line: Message, offer_call: Calls) -> str:
    """One line as it is sent. A card's telephone number is written out: WeChat makes it a link that dials."""
    parts = [line.text]
    phone = (line.data.get("card") or {}).get("phone")
    if phone:
        parts.append(offer_call(str(phone)))
    buttons = [_LINK.format(q["label"], n) for n, q in enumerate(line.data.get("quick_replies") or (), 1)]
    if buttons:
        parts.append("\n".join(buttons))
    return "\n".join(parts)


def first_that_fit(lines: Sequence[Message], offer_call: Calls) -> tuple[list[Message], str]:
    """As many of the first lines as go into one text; none if not even the first does.

    Only the last line's buttons are offered: the others' questions have been overtaken.
    """
    fitting: list[Message] = []
    text = ""
    for number in range(1, len(lines) + 1):
        longer = _joined(lines[:number], offer_call)
        if len(longer.encode()) > LONGEST_BYTES:
            break
        fitting, text = list(lines[:number]), longer
    return fitting, text


def _joined(lines: Sequence[Message], offer_call: Calls) -> str:
    bare = [text_of(_without_buttons(line), offer_call) for line in lines[:-1]]
    return _BETWEEN.join([*bare, text_of(lines[-1], offer_call)])


def _without_buttons(line: Message) -> Message:
    data = {key: value for key, value in line.data.items() if key != "quick_replies"}
    return Message(line.conversation_id, line.seq, line.author, line.text, line.at, data)


def pieces(text: str) -> list[str]:
    """A text that is too long for one, cut between characters."""
    found, piece = [], ""
    for character in text:
        if len((piece + character).encode()) > LONGEST_BYTES:
            found.append(piece)
            piece = ""
        piece += character
    return [*found, piece]


def chosen(lines: Sequence[Message], words: str) -> str:
    """The choice whose label these words are, among the buttons that were offered last; "" if they are just words."""
    for line in reversed(lines):
        if line.author is Author.RESIDENT or not line.data.get("quick_replies"):
            continue
        return next((str(q["choice"]) for q in line.data["quick_replies"] if q["label"] == words), "")
    return ""
