"""Joining a grid, and renewing one's certificate.

A newcomer knows one line: the join token. With the digest in it the dispatcher's authority is recognised, over a
connection that is believed in nothing else; then a second connection, verified with that authority alone, carries the
token's secret and a request for the newcomer's key. Renewing needs no certificate, so that it works for one that has
expired: the request is signed with the member's key, and the dispatcher knows the member by it.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from cryptography import x509
from pydantic import BaseModel, ConfigDict, ValidationError

from xwhep.errors import (
    CertificateMismatchError,
    DispatcherNotVerifiedError,
    InvalidFieldError,
    RemoteError,
    UnavailableError,
    UnexpectedReplyError,
    XwhepError,
)
from xwhep.members import Kind, Member, check_name
from xwhep.model.enrolment import CertificateReply, JoinRequest, RenewRequest
from xwhep.pki.certificates import Bundle, certificate_digest, is_issued_by, member_of, parse_bundle
from xwhep.pki.contexts import anonymous_context, unverified_context
from xwhep.pki.identity import Identity, forget_joining, joining_key, store_identity, update_identity
from xwhep.pki.keys import load_key, signing_request
from xwhep.pki.tokens import JoinToken

_TIMEOUT = aiohttp.ClientTimeout(total=30)
_REPLY_BYTES = 1 << 18


async def join(url: str, token: JoinToken, kind: Kind, name: str, folder: Path) -> Identity:
    """Join the grid at `url` and keep the identity in `folder`, in place of one that may be there.

    A join that was cut short may be repeated with the same token: it sends the same key.

    Raises:
        CertificateMismatchError: another authority answers than the token names; nothing was sent to it.
        DispatcherNotVerifiedError: the token's authority did not certify who answers; nothing was sent.
        InvalidFieldError: `url` or `name` cannot be used.
        RemoteError: the dispatcher refused, for instance with the code `token-refused`.
        UnavailableError: nobody answers.
        UnexpectedReplyError: the answer is not a dispatcher's.
    """
    address = dispatcher_address(url)
    checked = _checked_name(name)
    authority = await _recognised_authority(address, token)
    csr = signing_request(joining_key(folder))
    request = JoinRequest(secret=token.secret.hex(), kind=kind, name=checked, csr=csr)
    try:
        reply = await _ask(address, "/v1/join", request, authority)
    except RemoteError:
        forget_joining(folder)  # the refusal may be about the key: the next join makes another
        raise
    try:
        return store_identity(folder, address, *_believable(reply, kind))
    except ValueError as error:
        raise UnexpectedReplyError(address, str(error)) from error


async def renew(identity: Identity) -> Identity:
    """Return the identity with a fresh certificate for the same key, stored; an expired one renews as well.

    Raises:
        DispatcherNotVerifiedError, RemoteError, UnavailableError, UnexpectedReplyError: as in `join`.
    """
    request = RenewRequest(csr=signing_request(load_key(identity.key_path)))
    reply = await _ask(identity.dispatcher, "/v1/renew", request, identity.cas)
    try:
        renewed = _believable(reply, identity.member.kind)
        return await asyncio.to_thread(update_identity, identity, *renewed)
    except ValueError as error:
        raise UnexpectedReplyError(identity.dispatcher, str(error)) from error


def dispatcher_address(url: str) -> str:
    """Return `url` as https://host:port, without anything after it.

    Raises:
        InvalidFieldError: it is not HTTPS, names no host, or carries a password, a path or a query.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port or 443
    except ValueError as error:
        raise InvalidFieldError("url", "this is no address; write https://host:port") from error
    if "@" in parts.netloc:
        raise InvalidFieldError("url", "a dispatcher's address has no user name or password; write https://host:port")
    if parts.scheme != "https" or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise InvalidFieldError("url", "a dispatcher's address has the form https://host:port")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"https://{host}:{port}"


def connection_error(address: str, error: Exception) -> XwhepError:
    """Return the project's error for a connection that failed with an error of aiohttp's or of the system's."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        refusal = error.certificate_error
        why = refusal.verify_message if isinstance(refusal, ssl.SSLCertVerificationError) else str(refusal)
        return DispatcherNotVerifiedError(address, why.rstrip("."))
    return UnavailableError(f"the dispatcher at {address} cannot be reached ({_plain_reason(error)})")


def _plain_reason(error: Exception) -> str:
    """Return what the system calls the fault; aiohttp's own text shows Python objects."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    if isinstance(cause, ssl.SSLError):
        return cause.reason or "the TLS handshake failed"
    if isinstance(cause, OSError) and cause.errno and cause.errno > 0:  # a resolver's are negative on Linux
        return os.strerror(cause.errno)
    return (isinstance(cause, OSError) and cause.strerror) or str(cause) or "the connection was closed"


def _checked_name(name: str) -> str:
    try:
        return check_name(name)
    except ValueError as error:
        raise InvalidFieldError("name", str(error)) from error


async def _recognised_authority(address: str, token: JoinToken) -> Bundle:
    """Return the authority that the token names, fetched over a connection that is not trusted."""
    pem = await _exchange(address, "/v1/ca", None, unverified_context())
    try:
        offered = parse_bundle(pem)
    except ValueError as error:
        raise UnexpectedReplyError(address, "it sent no certificate authority") from error
    recognised = tuple(ca for ca in offered if certificate_digest(ca) == token.ca_digest)
    if not recognised:
        raise CertificateMismatchError(address)
    return recognised


def _believable(reply: CertificateReply, kind: Kind) -> tuple[x509.Certificate, Bundle]:
    """Return the reply's certificate and authorities once they agree with each other and with what was asked.

    Raises:
        ValueError: they do not.
    """
    certificate, *others = parse_bundle(reply.certificate.encode())
    cas = parse_bundle(reply.ca.encode())
    if others:
        raise ValueError("there is more than one certificate")
    if not any(is_issued_by(certificate, ca) for ca in cas):
        raise ValueError("the certificate comes from none of the authorities beside it")
    if member_of(certificate) != Member(reply.grid_uid, reply.kind, reply.uid) or reply.kind is not kind:
        raise ValueError("the certificate is for another member")
    return certificate, cas


async def _ask(address: str, path: str, message: BaseModel, cas: Bundle) -> CertificateReply:
    """Send `message` to a dispatcher that one of `cas` certified, and return what it answers."""
    body = await _exchange(address, path, message.model_dump_json().encode(), anonymous_context(cas))
    try:
        return CertificateReply.model_validate_json(body)
    except ValidationError as error:
        raise UnexpectedReplyError(address, "its reply holds no certificate") from error


async def _exchange(address: str, path: str, message: bytes | None, context: ssl.SSLContext) -> bytes:
    """Post `message`, or get the path when there is none, on a connection of its own; return the reply's body."""
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, auto_decompress=False) as session,
            session.request(
                "GET" if message is None else "POST",
                address + path,
                data=message,
                headers=headers,
                ssl=context,
                allow_redirects=False,
            ) as response,
        ):
            body = await _bounded_body(response, address)
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise connection_error(address, error) from error
    if response.status != 200:
        raise _refusal(address, response.status, body)
    return body


async def _bounded_body(response: aiohttp.ClientResponse, address: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > _REPLY_BYTES:
            raise UnexpectedReplyError(address, f"its reply is larger than {_REPLY_BYTES} bytes")
    return bytes(body)


class _Problem(BaseModel):
    """The members of a problem document (RFC 9457) that this project writes."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    code: str
    detail: str
    field: str | None = None


def _refusal(address: str, status: int, body: bytes) -> XwhepError:
    try:
        problem = _Problem.model_validate_json(body)
    except ValidationError:
        return UnexpectedReplyError(address, f"HTTP status {status} without a reason")
    return RemoteError(problem.code, problem.detail, status, problem.field)
