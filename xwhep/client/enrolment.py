"""Joining a grid, and renewing one's certificate.

A newcomer knows one line: the join token. With the digest in it the dispatcher's authority is recognised, over a
connection that is believed in nothing else; then a second connection, verified with that authority alone, carries the
token's secret and a request for the newcomer's key. Renewing needs no certificate, so that it works for one that has
expired: the request is signed with the member's key, and the dispatcher knows the member by it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import BaseModel, TypeAdapter, ValidationError

from xwhep.client.connection import Connection
from xwhep.client.failures import connection_error
from xwhep.errors.base import XwhepError
from xwhep.errors.identity import CertificateMismatchError, DispatcherNotVerifiedError, UnexpectedReplyError
from xwhep.errors.jobs import UnavailableError
from xwhep.errors.requests import InvalidFieldError
from xwhep.members import Kind, Member
from xwhep.pki.certificates import Bundle, certificate_digest, is_issued_by, member_of, parse_bundle
from xwhep.pki.contexts import anonymous_context, unverified_context
from xwhep.pki.identity import Identity, forget_joining, joining_key, store_identity, update_identity
from xwhep.pki.keys import load_key, signing_request
from xwhep.pki.tokens import JoinToken
from xwhep.protocol.base import Name
from xwhep.protocol.enrolment import AuthorityReply, CertificateReply, JoinRequest, RenewRequest
from xwhep.world import REAL, World

ReplyT = TypeVar("ReplyT", bound=BaseModel)
_TIMEOUT_S = 30  #: for one question and its answer


async def join(url: str, token: JoinToken, kind: Kind, name: str, folder: Path, world: World = REAL) -> Identity:
    """Join the grid at `url` and keep the identity in `folder`, in place of one that may be there.

    A join that was cut short may be repeated with the same token: it sends the same key.

    Raises:
        CertificateMismatchError: another authority answers than the token names; nothing was sent to it.
        DispatcherNotVerifiedError: the token's authority did not certify who answers; nothing was sent.
        InvalidFieldError: `url` or `name` cannot be used.
        UnavailableError: nobody answers, or not in words that this version understands.
        UnexpectedReplyError: the answer does not fit the question.
        XwhepError: the dispatcher refused, for instance with a `TokenRefusedError`.
    """
    address = dispatcher_address(url)
    _check_name(name)
    context = anonymous_context(await _recognised_authority(address, token, world))
    csr = signing_request(joining_key(folder))
    request = JoinRequest(secret=token.secret.hex(), kind=kind, name=name, csr=csr)
    try:
        reply = await _ask(Connection(address, context, world=world), "/v1/join", CertificateReply, request)
    except (UnavailableError, DispatcherNotVerifiedError):
        raise  # the request may have arrived: the next join sends the same key
    except XwhepError:
        forget_joining(folder)  # the refusal may be about the key: the next join makes another
        raise
    try:
        return store_identity(folder, address, *_believable(reply, kind))
    except ValueError as error:
        raise UnexpectedReplyError(address, str(error)) from error


async def renew(identity: Identity, world: World = REAL) -> Identity:
    """Return the identity with a fresh certificate for the same key, stored; an expired one renews as well.

    Raises:
        DispatcherNotVerifiedError, UnavailableError, UnexpectedReplyError: as in `join`.
        XwhepError: the dispatcher refused, for instance with a `RevokedError`.
    """
    request = RenewRequest(csr=signing_request(load_key(identity.key_path)))
    context = anonymous_context(identity.cas)
    way = Connection(identity.dispatcher, context, world=world)
    reply = await _ask(way, "/v1/renew", CertificateReply, request)
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


def _check_name(name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        why = "a name has 1 to 63 letters, digits and . _ -, and starts with a letter or digit"
        raise InvalidFieldError("name", why) from error


async def _recognised_authority(address: str, token: JoinToken, world: World) -> Bundle:
    """Return the authority that the token names, fetched over a connection that is not trusted."""
    reply = await _ask(Connection(address, unverified_context(), world=world), "/v1/ca", AuthorityReply, None)
    try:
        offered = parse_bundle(reply.ca.encode())
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


async def _ask(way: Connection, path: str, reply: type[ReplyT], message: BaseModel | None) -> ReplyT:
    """Post `message`, or get the path when there is none, on a connection for this alone, in bounded time."""
    try:
        async with way.world.timeout(_TIMEOUT_S), way as connection:
            return await connection.call("GET" if message is None else "POST", path, reply, message)
    except TimeoutError as error:
        raise connection_error(way.url, error) from error
