"""Errors about certificates, tokens and roles: who somebody is and what they may do."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from xwhep.errors.base import XwhepError


class NoCertificateError(XwhepError):
    """A route that demands a certificate was called without one."""

    code = "no-certificate"
    http_status = 401

    def __init__(self) -> None:
        super().__init__("this request needs a certificate of this grid; join with a token first")


class UnknownIdentityError(XwhepError):
    """A certificate whose key this grid does not know."""

    code = "unknown-identity"
    http_status = 401

    def __init__(self) -> None:
        super().__init__("the certificate's key does not belong to any member of this grid; join with a token")


class RevokedError(XwhepError):
    """A certificate that was revoked."""

    code = "revoked"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("this certificate was revoked; ask the grid's administrator for a new token")


class ForbiddenError(XwhepError):
    """The caller's role may not do this."""

    code = "forbidden"
    http_status = 403

    def __init__(self, role: str, action: str) -> None:
        super().__init__(f"a {role} may not {action}")


class LastAdministratorError(XwhepError):
    """A revocation that would leave the grid without an administrator."""

    code = "last-administrator"
    http_status = 409

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is the only administrator of this grid; let another one join first, with `xwhep-dispatcher token"
            " --kind administrator`"
        )


class TokenRefusedError(XwhepError):
    """A join token that is unknown, used up or expired; which of them is nobody's business."""

    code = "token-refused"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("the join token is unknown, used up or expired; ask for a new one")


class TooManyWrongTokensError(XwhepError):
    """Too many wrong join tokens came from the caller's address of late."""

    code = "too-many-wrong-tokens"
    http_status = 429

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"too many wrong join tokens came from this address; try again in {wait_s:.0f} seconds")


class TokenMalformedError(XwhepError):
    """A text that is no join token."""

    code = "token-malformed"
    http_status = 422
    exit_status = 2

    def __init__(self) -> None:
        super().__init__("this is not a join token; copy the whole line that `xwhep-dispatcher token` printed")


class CertificateMismatchError(XwhepError):
    """The dispatcher's CA is not the one that the join token names: another grid, or someone in between."""

    code = "ca-mismatch"
    http_status = 421

    def __init__(self, url: str) -> None:
        super().__init__(f"the certificate authority at {url} is not the one this token names; nothing was sent to it")


class BadSignatureError(XwhepError):
    """A certificate request whose signature or key cannot be accepted."""

    code = "bad-signing-request"
    http_status = 422

    def __init__(self, why: str) -> None:
        super().__init__(f"the certificate request cannot be accepted: {why}")


class IdentityExpiredError(XwhepError):
    """The certificate on this machine is out of its dates and could not be renewed."""

    code = "identity-expired"
    http_status = 401

    def __init__(self, ended_at: datetime) -> None:
        super().__init__(
            f"this machine's certificate ended at {ended_at:%Y-%m-%d %H:%M} UTC; check the clock or join again"
        )


class IdentityNotYetValidError(XwhepError):
    """The certificate on this machine begins in the future: one of the two clocks is wrong."""

    code = "identity-not-yet-valid"
    http_status = 401

    def __init__(self, starts_at: datetime) -> None:
        super().__init__(
            f"this machine's certificate starts at {starts_at:%Y-%m-%d %H:%M} UTC; set this machine's clock"
        )


class IdentityForeignError(XwhepError):
    """The certificate on this machine comes from an authority that the grid no longer has."""

    code = "identity-foreign"
    http_status = 401

    def __init__(self, issuer: str) -> None:
        super().__init__(
            f"this machine's certificate was issued by {issuer!r}, which is not an authority of this grid; join again"
        )


class IdentityDamagedError(XwhepError):
    """A file of the identity on this machine is missing or is not what it should be."""

    code = "identity-damaged"
    http_status = 401

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be used: {why}; restore it from a backup or join again")


class DispatcherNotVerifiedError(XwhepError):
    """What answers at the dispatcher's address does not prove to be the dispatcher."""

    code = "dispatcher-not-verified"
    http_status = 421

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"the dispatcher at {url} did not prove who it is ({why}) and nothing was sent to it; check the address and"
            " this machine's clock"
        )


class UnexpectedReplyError(XwhepError):
    """An answer that no dispatcher of this protocol gives."""

    code = "unexpected-reply"
    http_status = 502

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} does not answer as a dispatcher: {why}; check the address")


class AuthorityExistsError(XwhepError):
    """A folder holds a certificate authority already, and a second one would shut out every member."""

    code = "authority-exists"
    http_status = 409

    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is a certificate authority in {folder} already; keep it, or choose another folder")


class NotJoinedError(XwhepError):
    """There is no identity in the home folder."""

    code = "not-joined"
    http_status = 401

    def __init__(self, home: str, command: str) -> None:
        super().__init__(f"there is no identity in {home}; run `{command}` with a token first")
