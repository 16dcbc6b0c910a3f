"""Recordings at the carrier: their sound is fetched, they are deleted. Every request says who asks; none takes longer than ten seconds.

The address is made from the recording's own name, never taken from a webhook: nobody leads us elsewhere.
"""

import re
from collections.abc import Callable
from http import HTTPStatus

from requests import RequestException, Response, Session

from kernel.errors import CarrierBusy, CarrierRefused, CarrierUnknown

_LIMIT_SECONDS = 10.0
#: Two minutes are 2 MB; an hour of a call is 58 MB. Beyond it something else is sent than what was asked for.
_LARGEST_SOUND = 100 * 1024 * 1024
_SID = re.compile(r"RE[0-9a-f]{32}")


class TwilioRecordings:
    """Safe to share between threads: each request has a session of its own. `session` makes one (for tests)."""

    def __init__(
        self, *, account_sid: str, auth_token: str, api_base_url: str, session: Callable[[], Session] = Session
    ) -> None:
        self._auth = (account_sid, auth_token)
        self._base = f"{api_base_url.rstrip('/')}/2010-04-01/Accounts/{account_sid}/Recordings"
        self._session = session

    def fetch(self, provider_sid: str) -> bytes:
        """WAV. Raises CarrierRefused (404: not made yet, or gone), CarrierBusy, CarrierUnknown."""
        sound = self._ask("GET", f"{_checked(provider_sid)}.wav")
        if not sound.startswith(b"RIFF"):
            raise CarrierUnknown(f"recording: no WAV but {len(sound)} other bytes")
        return sound

    def delete(self, provider_sid: str) -> None:
        """Recording and sound. Raises as `fetch`."""
        self._ask("DELETE", f"{_checked(provider_sid)}.json")

    def _ask(self, method: str, name: str) -> bytes:
        try:
            with (
                self._session() as session,
                session.request(
                    method, f"{self._base}/{name}", auth=self._auth, timeout=_LIMIT_SECONDS / 2, stream=True
                ) as response,
            ):
                _refuse(method, response)
                return _body(response)
        except (RequestException, OSError) as exc:
            raise CarrierUnknown(f"{method} recording: {type(exc).__name__}") from exc


def _refuse(method: str, response: Response) -> None:
    status = response.status_code
    what = f"{method} recording: {status}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        raise CarrierBusy(what)
    if 400 <= status < 500:  # noqa: PLR2004 - the 4xx class
        raise CarrierRefused(what, 20404 if status == HTTPStatus.NOT_FOUND else None)
    if not response.ok:
        raise CarrierUnknown(what)


def _body(response: Response) -> bytes:
    sound = bytearray()
    for chunk in response.iter_content(64 * 1024):
        sound += chunk
        if len(sound) > _LARGEST_SOUND:
            raise CarrierUnknown("recording: larger than anything we record")
    return bytes(sound)


def _checked(provider_sid: str) -> str:
    if not _SID.fullmatch(provider_sid):
        raise CarrierRefused("not the name of a recording")
    return provider_sid
