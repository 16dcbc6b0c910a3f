"""Judges TwiML: a grammar file (TWIML_XSD), and the rules that no grammar file holds."""

import threading
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import Element

_MAX_NUMBERS = 10
_WHISPER_VERBS = frozenset({"Play", "Say", "Pause", "Gather", "Hangup"})
_WAIT_VERBS = frozenset({"Play", "Say", "Pause", "Hangup", "Redirect", "Leave", "Gather"})
_NO_CHINESE = ("phone_call", "experimental_")


class Grammar:
    """`judge` lists what is wrong with a document, in plain sentences; an empty list means nothing."""

    def __init__(self, xsd: Path | None) -> None:
        self._against_schema = _schema_check(xsd) if xsd else None

    def judge(self, body: bytes, document: Element, place: str) -> list[str]:
        """`place` is call, number (behind <Number url>) or wait (behind <Enqueue waitUrl>)."""
        found = self._against_schema(body) if self._against_schema else []
        found += _gather_rules(document)
        found += [
            f"{len(dial)} numbers in one Dial, at most {_MAX_NUMBERS}"
            for dial in document.iter("Dial")
            if len(dial) > _MAX_NUMBERS
        ]
        allowed = {"number": _WHISPER_VERBS, "wait": _WAIT_VERBS}.get(place)
        if allowed is not None:
            found += [f"<{verb.tag}> is not allowed behind {place}" for verb in document if verb.tag not in allowed]
        return found


def _gather_rules(document: Element) -> list[str]:
    found = []
    for gather in document.iter("Gather"):
        model, chinese = gather.get("speechModel"), gather.get("language", "en-US").startswith("cmn")
        if model and not gather.get("speechTimeout", "").isdigit():
            found.append("Gather: speechTimeout must be an integer when speechModel is set")
        if chinese and (model or "").startswith(_NO_CHINESE):
            found.append(f"Gather: speechModel {model} does not know Chinese")
        if "speech" in gather.get("input", "dtmf") and not chinese and _has_chinese(gather):
            found.append(f"Gather: speaks Chinese but listens in {gather.get('language', 'en-US')}")
    found += [
        f"Say: Chinese words with language {say.get('language')!r} and voice {say.get('voice')!r}"
        for say in document.iter("Say")
        if _has_chinese(say) and not any("cmn-" in v or "Zhiyu" in v for v in say.attrib.values())
    ]
    return found


def _has_chinese(element: Element) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in "".join(element.itertext()))


def _schema_check(xsd: Path) -> Callable[[bytes], list[str]]:
    from lxml import etree  # noqa: PLC0415 - a tool of the tests: the network runs without it when no grammar is given

    schema = etree.XMLSchema(etree.parse(str(xsd)))
    alone = threading.Lock()  # a schema keeps the error log of its last document

    def check(body: bytes) -> list[str]:
        with alone:
            document = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
            return [] if schema.validate(document) else str(schema.error_log).splitlines()

    return check
