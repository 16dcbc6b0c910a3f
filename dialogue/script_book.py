"""The book of sentences: every Chinese sentence that is spoken or shown in a conversation, read from scripts_zh/.

A theme is a file, a purpose is an entry; the key of a script is `<theme>.<purpose>`. An entry is either a plain string
(a part of a sentence, no channel of its own) or a mapping with `clause`, `params`, `text` or `voice` and `chat`,
and optionally `interruptible: false` (safety instructions) and `card`. All templates are compiled at the start:
an undeclared or unused parameter, an unknown field or a broken template refuses the start (ConfigurationError).

A company words a sentence its own way with an edition (fulfillment.editions): another voice and chat of one script, which
keeps everything else that the script is. What editions are refused for is in `dialogue.own_wording`.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, StrictUndefined, Template, TemplateSyntaxError, meta, nodes

from dialogue.conversation import Said
from kernel.errors import ConfigurationError

#: Filled in by the book itself: the company's name, and the NN of "温心NN号" (G4a).
HOUSE_PARAMS = frozenset({"company", "number"})
_FIELDS = frozenset({"clause", "params", "text", "voice", "chat", "interruptible", "card"})


#: What the wordings in scripts_zh are made of, and an edition may be made of.
_OF_A_WORDING = frozenset(
    {nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.Not, nodes.And, nodes.Or, nodes.Filter,
     nodes.Compare, nodes.Operand, nodes.Const, nodes.Test}
)  # fmt: skip
_FILTERS = frozenset({"digits", "int", "join"})

_MOBILE = re.compile(r"(1\d{2})(\d{4})(\d{4})", re.ASCII)


def spoken_digits(value: object) -> str:
    """Digits and letters one by one: a speech synthesizer would read "1122" as a number. A dash becomes a pause.

    Mobile numbers are grouped as they are dictated here: 3, 4, 4.
    """
    number = _MOBILE.sub(r"\1-\2-\3", text) if _MOBILE.fullmatch(text := str(value)) else text
    return " ".join("," if c == "-" else c for c in number if c.isalnum() or c == "-")


@dataclass(frozen=True, slots=True)
class Both:
    """A parameter that is worded differently when it is spoken and when it is shown."""

    voice: str
    chat: str


def _for_channel(value: object, channel: str) -> object:
    if isinstance(value, Both):
        return getattr(value, channel)
    return [_for_channel(one, channel) for one in value] if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Script:
    """One compiled entry."""

    key: str
    clause: str | None
    params: frozenset[str]
    voice: Template
    chat: Template
    interruptible: bool = True
    card: str | None = None
    source: tuple[str, str] = ("", "")  # voice and chat as they are written

    def kept(self) -> dict[str, Any]:
        """What no edition changes."""
        return {"clause": self.clause, "interruptible": self.interruptible, "card": self.card}


class ScriptBook:
    """Renders scripts by key. Safe to share between threads: never changed after construction, but for `adopt`, which puts
    one script in the place of another.
    """

    def __init__(self, directory: Path, *, company: str, number: str) -> None:
        self._environment = Environment(undefined=StrictUndefined, autoescape=False)  # noqa: S701 - the channels escape: TwiML by twilio, pages by textContent and Jinja2
        self._environment.filters["digits"] = spoken_digits
        self._house: dict[str, object] = {"company": company, "number": number}
        self.scripts: dict[str, Script] = {}
        self.words: dict[str, Template] = {}
        files = sorted(directory.glob("*.yml"))
        if not files:
            msg = f"SCRIPTS_DIR: no *.yml in {directory}: point it at scripts_zh/"
            raise ConfigurationError(msg)
        for file in files:
            self._read(file)
        self._shipped: Mapping[str, Script] = dict(self.scripts)

    def shipped(self, key: str) -> Script:
        """A script as it is in scripts_zh/. Raises KeyError."""
        return self._shipped[key]

    def read_edition(self, part: str, content: Any) -> Script:
        """`part` is `script.<key>`, content `{voice, chat}`; None: as shipped. Raises ConfigurationError: no such script, a
        sentence that is none, or one with a blank that the shipped one does not declare.
        """
        key = part.partition(".")[2]
        if key not in self._shipped:
            raise ConfigurationError(f"scripts_zh {key}: no such script")
        shipped = self._shipped[key]
        if content is None:
            return shipped
        if not isinstance(content, dict) or set(content) != {"voice", "chat"}:
            raise ConfigurationError(f"scripts_zh {key}: an edition says voice and chat")
        for text in content.values():
            self._refuse_all_but_blanks(key, str(text))
        used = self.blanks_of(f"{content['voice']}{content['chat']}")
        return self._script(key, {**content, "params": sorted(shipped.params & used), **shipped.kept()})

    def is_plain(self, key: str) -> bool:
        """Whether a shipped script is made of what an edition may be made of. Raises KeyError."""
        try:
            voice, chat = self._shipped[key].source
            self.read_edition(f"script.{key}", {"voice": voice, "chat": chat})
        except ConfigurationError:
            return False
        return True

    def wording(self, key: str, text: str, *, clause: str | None, blanks: Collection[str]) -> Script:
        """A sentence that is in no file, made of what an edition may be made of. Raises ConfigurationError: none of these, or
        a blank that is not among `blanks`.
        """
        self._refuse_all_but_blanks(key, text)
        return self._script(key, {"text": text, "params": sorted(self.blanks_of(text) & set(blanks)), "clause": clause})

    def adopt(self, part: str, content: Any) -> None:
        """From now on the edition is said. Raises ConfigurationError, and nothing has changed."""
        script = self.read_edition(part, content)
        self.scripts[script.key] = script

    def _refuse_all_but_blanks(self, key: str, text: str) -> None:
        """What is typed in a browser is no program: blanks, and parts that depend on whether one is filled."""
        try:
            found = {type(node) for node in self._environment.parse(text).find_all(nodes.Node)}
        except TemplateSyntaxError as exc:
            raise ConfigurationError(f"scripts_zh {key}: {exc}") from exc
        if not found <= _OF_A_WORDING:
            names = sorted(one.__name__ for one in found - _OF_A_WORDING)
            raise ConfigurationError(f"scripts_zh {key}: only blanks and what depends on them, no {', '.join(names)}")
        filters = {node.name for node in self._environment.parse(text).find_all(nodes.Filter)}
        if not filters <= _FILTERS:  # others lead out of the sentence (attr), or make it endless (center)
            raise ConfigurationError(f"scripts_zh {key}: no {', '.join(sorted(filters - _FILTERS))}")

    def blanks_of(self, source: str) -> frozenset[str]:
        """The blanks of a sentence as it is written."""
        return frozenset(meta.find_undeclared_variables(self._environment.parse(source)))

    def say(self, key: str, **params: object) -> Said:
        """One script rendered for both channels; parameters that it does not declare are ignored.

        Raises KeyError for an unknown key or a missing parameter: both are programming errors that the house tests find.
        """
        return self.say_so(self.scripts[key], **params)

    def say_so(self, script: Script, **params: object) -> Said:
        """The same for a script that is not, or not yet, in force (see `read_edition`)."""
        values = self._house | {name: params[name] for name in script.params}
        return Said(
            script=script.key,
            chat=script.chat.render({k: _for_channel(v, "chat") for k, v in values.items()}),
            voice=script.voice.render({k: _for_channel(v, "voice") for k, v in values.items()}),
            interruptible=script.interruptible,
            card={"kind": script.card} if script.card else None,
        )

    @property
    def company(self) -> str:
        """Whose standard this is."""
        return str(self._house["company"])

    def word(self, key: str, params: Mapping[str, object] | None = None) -> str:
        """A part of a sentence (plain-string entry)."""
        return self.words[key].render(params or {})

    def _read(self, file: Path) -> None:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(entries, dict):
            msg = f"{file}: must be a mapping of purposes"
            raise ConfigurationError(msg)
        for purpose, entry in entries.items():
            if not isinstance(purpose, str):  # YAML reads a bare yes, no, on, off as true or false
                msg = f"{file}: the purpose {purpose!r} is not a word: put it in quotes"
                raise ConfigurationError(msg)
            key = f"{file.stem}.{purpose}"
            if isinstance(entry, str):
                self.words[key] = self._compile(key, entry)[0]
            else:
                self.scripts[key] = self._script(key, entry)

    def _script(self, key: str, entry: dict[str, Any]) -> Script:
        unknown = set(entry) - _FIELDS
        if unknown or not ({"text"} <= set(entry) or {"voice", "chat"} <= set(entry)):
            msg = f"scripts_zh {key}: needs text, or voice and chat; unknown fields: {sorted(unknown)}"
            raise ConfigurationError(msg)
        source = tuple(str(entry[channel] if channel in entry else entry["text"]) for channel in ("voice", "chat"))
        (voice, in_voice), (chat, in_chat) = (self._compile(key, text) for text in source)
        declared = frozenset(entry.get("params") or ())
        used = in_voice | in_chat
        if (used - HOUSE_PARAMS) - declared or declared - used:
            msg = f"scripts_zh {key}: params declares {sorted(declared)}, the text uses {sorted(used)}"
            raise ConfigurationError(msg)
        return Script(
            key=key,
            clause=entry.get("clause"),
            params=declared,
            voice=voice,
            chat=chat,
            interruptible=entry.get("interruptible", True),
            card=entry.get("card"),
            source=(source[0], source[1]),
        )

    def _compile(self, key: str, text: str) -> tuple[Template, frozenset[str]]:
        try:
            used = meta.find_undeclared_variables(self._environment.parse(text))
            return self._environment.from_string(text), frozenset(used)
        except TemplateSyntaxError as exc:
            msg = f"scripts_zh {key}: {exc}"
            raise ConfigurationError(msg) from exc
