"""Errors about keys of secp256k1."""

from __future__ import annotations

from xwhep.errors.base import XwhepError


class PublicKeyError(XwhepError):
    """Bytes that are no point of secp256k1."""

    code = "bad-public-key"
    http_status = 422
    exit_status = 2

    def __init__(self, why: str) -> None:
        super().__init__(f"the public key cannot be used: {why}", field="public_key")


class PrivateKeyError(XwhepError):
    """A number or a text that is no private key; the error never shows it."""

    code = "bad-private-key"
    http_status = 422
    exit_status = 2

    def __init__(self, why: str) -> None:
        super().__init__(f"the private key cannot be used: {why}", field="private_key")
