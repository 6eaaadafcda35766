"""Join tokens: one line that a person copies, with a secret for the dispatcher and the digest of its authority.

The digest lets the newcomer know the dispatcher before the secret leaves; the secret lets the dispatcher know that the
newcomer was invited. The dispatcher keeps only the secret's hash.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass, field

from xwhep.errors.identity import TokenMalformedError

_PREFIX = "xw1-"
_SECRET = 32  # bytes
_DIGEST = 32
_CHECK = 6  # tells a slip of the copying hand from another grid; 70 bytes are 112 digits of base32 without padding


@dataclass(frozen=True, slots=True)
class JoinToken:
    """An invitation to a grid; `str` gives the line to copy, `repr` hides the secret."""

    secret: bytes = field(repr=False)  #: 32 random bytes
    ca_digest: bytes  #: the SHA-256 of the authority's certificate in DER

    @property
    def secret_digest(self) -> str:
        """What the dispatcher stores and looks up."""
        return secret_digest(self.secret)

    def __str__(self) -> str:
        payload = self.secret + self.ca_digest
        return _PREFIX + base64.b32encode(payload + _check(payload)).decode("ascii").lower()


def make_token(ca_digest: bytes) -> JoinToken:
    """Return a token with a fresh secret of 256 bits."""
    return JoinToken(secrets.token_bytes(_SECRET), ca_digest)


def parse_token(text: str) -> JoinToken:
    """Return the token in `text`; case and space around it do not matter.

    Raises:
        TokenMalformedError: it is no whole token. The text is not repeated, since it may hold most of a secret.
    """
    line = text.strip().lower()
    try:
        content = base64.b32decode(line.removeprefix(_PREFIX).upper())
    except (binascii.Error, ValueError):
        raise TokenMalformedError from None
    payload, check = content[:-_CHECK], content[-_CHECK:]
    if not line.startswith(_PREFIX) or len(payload) != _SECRET + _DIGEST or check != _check(payload):
        raise TokenMalformedError
    return JoinToken(payload[:_SECRET], payload[_SECRET:])


def secret_digest(secret: bytes) -> str:
    """Return the SHA-256 of a token's secret in hexadecimal; 256 random bits need no slow hash."""
    return hashlib.sha256(secret).hexdigest()


def _check(payload: bytes) -> bytes:
    return hashlib.sha256(b"xwhep/join-token/1" + payload).digest()[:_CHECK]
