"""Walks TwiML for one call, as Twilio does: fetch, judge, perform each verb, go where it says."""

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit
from xml.etree import ElementTree as ET

from simulator.calls import NETWORK, Call, CallOver, Diverted, Source
from simulator.verbs import VERBS, LeaveQueue, unsupported
from simulator.webhooks import Answer, WebhookFailed

if TYPE_CHECKING:
    from simulator.network import Network

# Twilio's own words, in its own language, when neither the address nor the fallback gives a usable answer.
APPLICATION_ERROR = "We are sorry, an application error has occurred. Goodbye."


class Walk:
    """One call's way through its documents. `run` returns when they end; raises CallOver when the call does."""

    def __init__(self, network: "Network", call: Call) -> None:
        self.network = network
        self.call = call
        self.pace = network.pace
        self._base = ""
        self._place = "call"

    def run(self, source: Source, place: str = "call") -> None:
        following: Source | None = source
        while following is not None:
            try:
                self.nested(following, place)
            except Diverted as diverted:
                self.call.event("redirected")
                following, place = diverted.source, "call"
            except LeaveQueue:  # <Leave> outside a queue ends the document
                following = None
            else:
                following = None

    def nested(self, source: Source, place: str) -> None:
        """Documents from `source` on until one ends without a successor; then the present one goes on."""
        base, outer = self._base, self._place
        self._place = place
        following: Source | None = source
        try:
            while following is not None:
                following = self._document(following)
        finally:  # music of a conference is cut short, and the document goes on
            self._base, self._place = base, outer

    def form(self) -> dict[str, str]:
        return self.network.form(self.call)

    def there(self, url: str, method: str = "POST") -> Source:
        """An address in the present document, which may be relative to it."""
        return Source(url=urljoin(self._base, url) if url else self._base, method=method.upper())

    def action(self, verb: ET.Element, result: dict[str, str]) -> Source:
        target = self.there(verb.get("action", ""), verb.get("method", "POST"))
        return Source(url=target.url, method=target.method, params=tuple(result.items()))

    def violation(self, message: str) -> None:
        self.network.violation(self.call, self._base, message)

    def _document(self, source: Source) -> Source | None:
        try:
            document = self._get(source)
        except WebhookFailed as failed:
            self.call.check()
            self.network.violation(self.call, source.url, f"{failed.code}: {failed.reason}")
            document = self._fallback(source, failed)
        self.call.check()
        for verb in document:
            if verb.tag != "Reject":
                self.network.answered(self.call)
            following = VERBS.get(verb.tag, unsupported)(self, verb)
            if following is not None:
                return following
        self.network.answered(self.call)
        return None

    def _fallback(self, source: Source, failed: WebhookFailed) -> ET.Element:
        fallback = self.call.fallback
        if fallback is not None and fallback.url:
            params = (*source.params, ("ErrorCode", str(failed.code)), ("ErrorUrl", source.url))
            with contextlib.suppress(WebhookFailed):  # then the caller hears the error sentence, below
                return self._get(Source(url=fallback.url, method=fallback.method, params=params))
        self.network.answered(self.call)
        self.call.add_line(NETWORK, "say", APPLICATION_ERROR)
        self.call.sleep(self.pace.speech(APPLICATION_ERROR))
        self.network.hang_up(self.call)
        raise CallOver

    def _get(self, source: Source) -> ET.Element:
        if source.twiml:
            self._base = ""
            return self._parse(source.twiml.encode())
        if urlsplit(source.url).scheme not in {"http", "https"}:
            raise WebhookFailed(11100, f"invalid URL {source.url!r} (TwiML given at once needs absolute addresses)")
        repeat = self.network.config.repeat_webhooks
        params = self.form() | dict(source.params)
        answers = self.network.webhooks.fetch(source.url, source.method, params, repeat=repeat)
        self._base = answers[0].url
        self._compare(answers)
        return self._parse(answers[0].body)

    def _compare(self, answers: list[Answer]) -> None:
        if len({answer.body for answer in answers}) > 1:
            self.violation("a repeated webhook (same I-Twilio-Idempotency-Token) was answered differently")

    def _parse(self, body: bytes) -> ET.Element:
        try:
            if b"<!DOCTYPE" in body:
                raise WebhookFailed(12100, "document with a DOCTYPE")  # entities: nothing that TwiML needs
            document = ET.fromstring(body)  # noqa: S314 - from the product on this machine, without a DOCTYPE
        except ET.ParseError as exc:
            raise WebhookFailed(12100, f"document parse failure: {exc}") from exc
        if document.tag != "Response":
            raise WebhookFailed(12100, f"document starts with <{document.tag}>")
        for message in self.network.grammar.judge(body, document, self._place):
            self.violation(message)
        return document
