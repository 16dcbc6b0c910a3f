"""The chat's JSON interface. Every answer to a refusal is `{"error": {"code", "message"}}` with a sentence for the resident.

    POST /chat/api/session    {conversation?, fresh?} -> token, conversation, stream, previous, messages, level, more
    GET  /chat/api/messages   ?conversation=&after=N  -> conversation, messages, level, more
    POST /chat/api/messages   {conversation, client_id, text | choice + text, after} -> the same, and `notice`
    POST /chat/api/pictures   ?conversation=&client_id=&after=N, body: the picture -> the same
    GET  /chat/api/pictures/<id>   ?size=small -> image/jpeg
    POST /chat/api/end        {conversation}          -> the same
    POST /chat/api/rating     {conversation, stars, words, after} -> the same; once the chat has ended
    POST /chat/api/receipts   {conversation, delivered, read} -> {}: up to which seq messages have reached the page, and eyes
    POST /chat/api/typing     {conversation}          -> {}: the resident writes; kept nowhere
    GET  /chat/api/events     ?key=&after=N           -> events "message" (id: seq), "state", "typing" and "beat"

The token goes as `Authorization: Bearer`, or as the cookie where a browser keeps no local storage. `level` is the seq
up to which the answer is complete: ask again with after=level while `more`.
"""

import json
import re
from typing import Any

import structlog
from flask import Blueprint, Response, request, send_file
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, TooManyRequests

from dialogue.chat import Receipt, Side
from dialogue.conversation import Channel, Conversation, Floor, Turn
from dialogue.ratings import NotOver
from dialogue.typed_words import typed_words
from dialogue.typing_mark import typing_topic
from kernel.errors import BadInput, Conflict, NotAllowed, NotFound, StoreBusy
from webchat.config import ChatConfig
from webchat.identity import Identity, external_id, round_of
from webchat.photographs import DarkRoom, NotAPicture, PictureTooBig
from webchat.ports import ChatRooms, ChatTx
from webchat.shown import Beside, messages_json, state_json
from webchat.stream import Looks, Seats, follow

COOKIE = "webchat_visitor"
#: Shown when a text was longer than the limit.
TOO_LONG = "hearing.too_long"
_RETRY_STREAM_SECONDS = 30

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{16,64}")
_MOST = 999_999_999  # no log is that long
_CHOICE = re.compile(r"[\w.:-]{1,64}")

log = structlog.get_logger()

JsonObject = dict[str, Any]


class Empty(BadInput):
    """Nothing was said."""


class Unknown(NotAllowed):
    """No token, or one that is not ours: the page asks for a session."""


class ChatApi:
    """The views. Holds no state of a visitor: any process can answer any request."""

    def __init__(self, rooms: ChatRooms, identity: Identity, seats: Seats, config: ChatConfig) -> None:
        self._hotline = rooms.hotline
        self._store = rooms.store
        self._pictures = rooms.pictures
        self._ratings = rooms.ratings
        self._dark_room = DarkRoom()
        self._scripts = rooms.scripts
        self._identity = identity
        self._seats = seats
        self._looks = Looks(rooms.store)
        self._config = config
        self._beside = Beside(config.waiting, config.tickets)

    def register(self, blueprint: Blueprint, limiter: Limiter) -> None:
        limits = self._config.limits
        by_visitor = self._rate_key
        session = limiter.limit(limits.sessions_per_address, key_func=get_remote_address)(self.session)
        say = limiter.limit(limits.messages_per_address, key_func=get_remote_address)(
            limiter.limit(limits.messages_per_visitor, key_func=by_visitor)(self.say)
        )
        read = limiter.limit(limits.reads_per_visitor, key_func=by_visitor)(self.messages)
        end = limiter.limit(limits.messages_per_visitor, key_func=by_visitor)(self.end)
        events = limiter.limit(limits.reads_per_visitor, key_func=self._stream_rate_key)(self.events)
        blueprint.add_url_rule("/api/session", "api_session", session, methods=["POST"])
        blueprint.add_url_rule("/api/messages", "api_messages", read, methods=["GET"])
        blueprint.add_url_rule("/api/messages", "api_say", say, methods=["POST"])
        blueprint.add_url_rule("/api/end", "api_end", end, methods=["POST"])
        picture = limiter.limit(limits.pictures_per_address, key_func=get_remote_address)(
            limiter.limit(limits.pictures_per_visitor, key_func=by_visitor)(self.take_picture)
        )
        look = limiter.limit(limits.reads_per_visitor, key_func=by_visitor)(self.picture)
        blueprint.add_url_rule("/api/pictures", "api_take_picture", picture, methods=["POST"])
        blueprint.add_url_rule("/api/pictures/<picture_id>", "api_picture", look, methods=["GET"])
        receipts = limiter.limit(limits.reads_per_visitor, key_func=by_visitor)(self.receipts)
        rate = limiter.limit(limits.messages_per_visitor, key_func=by_visitor)(self.rate)
        blueprint.add_url_rule("/api/rating", "api_rate", rate, methods=["POST"])
        blueprint.add_url_rule("/api/receipts", "api_receipts", receipts, methods=["POST"])
        typing = limiter.limit(limits.reads_per_visitor, key_func=by_visitor)(self.typing)
        blueprint.add_url_rule("/api/typing", "api_typing", typing, methods=["POST"])
        blueprint.add_url_rule("/api/events", "api_events", events, methods=["GET"])

    def session(self) -> Response:
        """Who I am and where we were; a visitor without a valid token becomes a new one. `fresh` starts a new chat if
        the last one has ended (two tabs asking at once get the same new one).
        """
        wish = self._body()
        if not isinstance(wish.get("fresh", False), bool) or not isinstance(wish.get("conversation", ""), str):
            raise BadInput("fresh is true or false, conversation a string")
        visitor = self._token_visitor() or self._identity.new_visitor()
        latest, number = self._latest(visitor, wish.get("conversation"))
        if latest is not None and latest.floor is Floor.ENDED and wish.get("fresh") is True:
            latest, number = None, number + 1
        if latest is None:
            latest, _ = self._hotline.open(Channel.CHAT, external_id(visitor, number), "")
        token = self._identity.token(visitor)
        with self._store.read() as tx:
            earlier = (
                tx.conversation_by_external_id(Channel.CHAT, external_id(visitor, number - 1)) if number > 1 else None
            )
            answer = self._since(tx, latest.id, 0)
        answer |= {
            "token": token,
            "stream": self._identity.stream_key(visitor, latest.id),
            "previous": earlier.id if earlier else None,
        }
        response = _json(answer)
        response.set_cookie(
            COOKIE,
            token,
            max_age=self._config.token_life,
            path="/chat",
            secure=self._config.secure_cookies,
            httponly=True,
            samesite="Lax",
        )
        return response

    def messages(self) -> Response:
        with self._store.read() as tx:
            conversation = self._own(tx, request.args.get("conversation"), self._visitor())
            answer = self._since(tx, conversation.id, _number_in(request.args.get("after", "0")))
            answer["previous"] = self._previous(tx, conversation)
        return _json(answer)

    def say(self) -> Response:
        """Stored once per client_id, however often and however concurrently it is sent.

        A text over the limit goes on whole, since a danger word may stand at its end; the dialogue stores its first part
        and the answer's `notice` says so. An ended chat that is written to is the dialogue's to reopen: nothing is lost.
        """
        visitor = self._visitor()
        body = self._body()
        after = _whole_number(body.get("after", 0))
        turn = self._turn(body)
        with self._store.read() as tx:
            conversation = self._own(tx, turn.conversation_id, visitor)
        self._hotline.handle_turn(turn)
        with self._store.read() as tx:
            answer = self._since(tx, conversation.id, after)
        if len(turn.text) > self._config.limits.text_characters:
            answer["notice"] = self._scripts.say(TOO_LONG).chat
        return _json(answer)

    def take_picture(self) -> Response:
        """Stored once per client_id. The content type must be a picture's: no form of a foreign site can send that, and
        what it really is, its bytes tell.
        """
        visitor = self._visitor()
        wish = request.args
        client_id = wish.get("client_id", "")
        after = _number_in(wish.get("after", "0"))
        if not _CLIENT_ID.fullmatch(client_id):
            raise BadInput("client_id has a wrong form")
        with self._store.read() as tx:
            conversation = self._own(tx, wish.get("conversation"), visitor)
        if not request.mimetype.startswith("image/"):
            raise NotAPicture(f"content type {request.mimetype[:40]}")
        request.max_content_length = self._config.limits.picture_bytes
        try:
            data = request.get_data(cache=False)
        except RequestEntityTooLarge as exc:
            raise PictureTooBig("more bytes than allowed") from exc
        self._pictures.take(conversation.id, client_id, self._dark_room.draw(data))
        with self._store.read() as tx:
            return _json(self._since(tx, conversation.id, after))

    def picture(self, picture_id: str) -> Response:
        """To whoever's conversation it is from; for everybody else it does not exist."""
        visitor = self._visitor()
        conversation_id, path = self._pictures.file(picture_id, small=request.args.get("size") == "small")
        with self._store.read() as tx:
            self._own(tx, conversation_id, visitor)
        return send_file(path, mimetype="image/jpeg", max_age=0)

    def end(self) -> Response:
        """The resident has had enough: what is known becomes a ticket, and the next message starts with the bot again."""
        visitor = self._visitor()
        body = self._body()
        after = _whole_number(body.get("after", 0))
        with self._store.read() as tx:
            conversation = self._own(tx, body.get("conversation"), visitor)
        self._hotline.hang_up(conversation.id)
        with self._store.read() as tx:
            return _json(self._since(tx, conversation.id, after))

    def rate(self) -> Response:
        """One to five stars and, if he likes, a line. The first word stands."""
        visitor = self._visitor()
        body = self._body()
        after, stars, words = (
            _whole_number(body.get("after", 0)),
            _whole_number(body.get("stars")),
            body.get("words", ""),
        )
        if not isinstance(words, str):
            raise BadInput("words are a string")
        with self._store.read() as tx:
            conversation = self._own(tx, body.get("conversation"), visitor)
        self._ratings.rate(conversation.id, stars, typed_words(words))
        with self._store.read() as tx:
            return _json(self._since(tx, conversation.id, after))

    def receipts(self) -> Response:
        """What an operator sees beside his words: not there yet, delivered, read. A number beyond the log is its end."""
        visitor = self._visitor()
        body = self._body()
        delivered, read = _whole_number(body.get("delivered")), _whole_number(body.get("read"))
        with self._store.write() as tx:
            conversation = self._own(tx, body.get("conversation"), visitor)
            delivered = min(delivered, conversation.last_seq)
            tx.note_receipt(conversation.id, Side.RESIDENT, Receipt(delivered, min(read, delivered)))
        return _json({})

    def typing(self) -> Response:
        """Told to whoever has the floor or may take it; the bot does not look up."""
        visitor = self._visitor()
        body = self._body()
        with self._store.read() as tx:
            conversation = self._own(tx, body.get("conversation"), visitor)
        if conversation.floor in (Floor.QUEUE, Floor.OPERATOR):
            self._store.signal(typing_topic(conversation.id, Side.RESIDENT))
        return _json({})

    def events(self) -> Response:
        key = self._identity.opened_stream_key(request.args.get("key", ""))
        if key is None:
            raise Unknown("stream key")
        after = _number_in(request.headers.get("Last-Event-ID") or request.args.get("after", "0"))
        with self._store.read() as tx:
            self._own(tx, key.conversation_id, key.visitor)
        if not self._seats.take():
            log.info("webchat.streams_full", limit=self._config.limits.streams)
            response = _json({"error": {"code": "streams_full", "message": ""}}, 503)
            response.headers["Retry-After"] = str(_RETRY_STREAM_SECONDS)
            return response
        response = Response(
            follow(self._store, key.conversation_id, after, self._config.pace, self._beside, self._looks),
            mimetype="text/event-stream",
        )
        response.call_on_close(self._seats.give_back)
        response.headers["X-Accel-Buffering"] = "no"
        return response

    def _since(self, tx: ChatTx, conversation_id: str, after: int) -> JsonObject:
        page = self._config.limits.page
        conversation = tx.conversation(conversation_id)
        news = tx.messages(conversation_id, after, page)
        return {
            "conversation": state_json(tx, conversation, self._beside),
            "messages": messages_json(news),
            "level": news[-1].seq if news else after,
            "more": len(news) == page,
        }

    def _own(self, tx: ChatTx, conversation_id: object, visitor: str) -> Conversation:
        """The conversation, if it is this visitor's. Somebody else's does not exist (NotFound), so ids cannot be probed."""
        if not isinstance(conversation_id, str):
            raise BadInput("conversation is missing")
        conversation = tx.conversation(conversation_id)
        if round_of(conversation, visitor) is None:
            raise NotFound(f"conversation {conversation_id} of another visitor")
        return conversation

    def _previous(self, tx: ChatTx, conversation: Conversation) -> str | None:
        owner, _, number = conversation.external_id.rpartition("-")
        if int(number) <= 1:
            return None
        earlier = tx.conversation_by_external_id(Channel.CHAT, external_id(owner, int(number) - 1))
        return earlier.id if earlier else None

    def _latest(self, visitor: str, known: object) -> tuple[Conversation | None, int]:
        """The visitor's newest chat and its round; the page's own last one saves counting from 1."""
        with self._store.read() as tx:
            number = 1
            if isinstance(known, str):
                try:
                    number = round_of(tx.conversation(known), visitor) or 1
                except NotFound:
                    number = 1  # a page that outlived its database
            latest = tx.conversation_by_external_id(Channel.CHAT, external_id(visitor, number))
            while latest is not None:
                later = tx.conversation_by_external_id(Channel.CHAT, external_id(visitor, number + 1))
                if later is None:
                    break
                latest, number = later, number + 1
        return latest, number

    def _turn(self, body: JsonObject) -> Turn:
        conversation_id, client_id = body.get("conversation"), body.get("client_id")
        text, choice = body.get("text", ""), body.get("choice", "")
        if not (isinstance(conversation_id, str) and isinstance(client_id, str)):
            raise BadInput("conversation or client_id is missing")
        if not (isinstance(text, str) and isinstance(choice, str)):
            raise BadInput("text and choice are strings")
        if not _CLIENT_ID.fullmatch(client_id) or (choice and not _CHOICE.fullmatch(choice)):
            raise BadInput("client_id or choice has a wrong form")
        clean = typed_words(text)
        if not clean and not choice:
            raise Empty("neither words nor a choice")
        return Turn(conversation_id, client_id, text=clean, choice=choice)

    def _body(self) -> JsonObject:
        request.max_content_length = self._config.limits.body_bytes
        if not request.is_json:
            raise BadInput("not application/json")
        try:
            body = json.loads(request.get_data())
        except (ValueError, RecursionError) as exc:
            raise BadInput("not JSON") from exc
        if not isinstance(body, dict):
            raise BadInput("not a JSON object")
        return body

    def _visitor(self) -> str:
        visitor = self._token_visitor()
        if visitor is None:
            raise Unknown("token")
        return visitor

    def _token_visitor(self) -> str | None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer" and token:
            return self._identity.visitor(token)
        return self._identity.visitor(request.cookies.get(COOKIE, ""))

    def _stream_rate_key(self) -> str:
        """By whom the stream is for: after a restart a thousand pages open theirs at once, perhaps behind one address."""
        key = self._identity.opened_stream_key(request.args.get("key", ""))
        return key.visitor if key else get_remote_address()

    def _rate_key(self) -> str:
        return self._token_visitor() or get_remote_address()


#: (status, key of strings.json "api", Retry-After in seconds) for every error that a view lets through.
_REFUSALS: dict[type[Exception], tuple[int, str, int | None]] = {
    Empty: (400, "empty", None),
    PictureTooBig: (413, "picture_too_big", None),
    NotAPicture: (415, "not_a_picture", None),
    NotOver: (409, "not_over", None),
    BadInput: (400, "bad_input", None),
    Unknown: (401, "unknown", None),
    NotFound: (404, "not_found", None),
    RequestEntityTooLarge: (413, "too_large", None),
    TooManyRequests: (429, "too_fast", 10),
    StoreBusy: (503, "busy", 1),
    Conflict: (503, "busy", 1),
}


def refusals(blueprint: Blueprint, words: dict[str, str]) -> None:
    """Every error of this room becomes JSON with a polite sentence; the reason goes to the log, not to the resident."""

    def refuse(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException) and not (request.endpoint or "").startswith("webchat.api_"):
            return error
        otherwise = (error.code or 500 if isinstance(error, HTTPException) else 500, "bad_input", None)
        status, code, retry_after = next((r for kind, r in _REFUSALS.items() if isinstance(error, kind)), otherwise)
        log.info("webchat.refused", status=status, code=code, reason=str(error))
        response = _json({"error": {"code": code, "message": words[code]}}, status)
        if retry_after is not None:
            response.headers["Retry-After"] = str(retry_after)
        return response

    for kind in (BadInput, Unknown, NotFound, StoreBusy, Conflict, HTTPException):
        blueprint.register_error_handler(kind, refuse)


def _whole_number(value: object) -> int:
    """Of a JSON body, which has one kind of number: 7.0 is 7."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MOST and value == int(value):
        return int(value)
    raise BadInput("not a whole number")


def _number_in(text: str) -> int:
    """Of an address or a header."""
    if text.isascii() and text.isdigit() and len(text) <= len(str(_MOST)):
        return int(text)
    raise BadInput("not a whole number")


def _json(body: JsonObject, status: int = 200) -> Response:
    return Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/json")
