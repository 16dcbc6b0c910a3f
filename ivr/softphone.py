"""Operators' browsers as telephones: the access tokens with which Twilio's Voice SDK registers them.

A browser only receives: every call is placed by the product (dialogue.conference), so that no TwiML application is needed
and a stolen token can answer an operator's calls for an hour, but place none.
"""

from dataclasses import dataclass, field

from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

#: The page asks for a fresh one in good time; one that leaks is useless after this.
TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Softphones:
    """`api_key_sid` and `api_key_secret` are an API key of the account; the account's own token cannot sign these."""

    account_sid: str
    api_key_sid: str
    api_key_secret: str = field(repr=False)

    def token(self, name: str) -> str:
        """For the browser that answers as `client:<name>`."""
        token = AccessToken(self.account_sid, self.api_key_sid, self.api_key_secret, identity=name, ttl=TOKEN_SECONDS)
        token.add_grant(VoiceGrant(incoming_allow=True))
        return str(token.to_jwt())
