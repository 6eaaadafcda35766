"""Routes of those who have no certificate, or none any more; they are public."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from dispatcher.admission import address_group
from dispatcher.authority import requested_key
from dispatcher.routes.door import Call, Route, render, serve
from dispatcher.usecases import members
from dispatcher.usecases.members import Membership, Newcomer
from xwhep.errors.identity import TokenRefusedError
from xwhep.pki.certificates import bundle_pem
from xwhep.pki.keys import public_key_digest
from xwhep.pki.tokens import secret_digest
from xwhep.protocol.base import Reply
from xwhep.protocol.enrolment import AuthorityReply, CertificateReply, JoinRequest, RenewRequest

LOG = logging.getLogger("dispatcher")
TABLE: list[Route] = []
#: of a peer that is gone already
UNKNOWN_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - nothing listens there


class Health(Reply):
    """The dispatcher answers."""

    status: str = "ok"


@serve(TABLE, "GET", "/v1/health", None, gives=Health)
async def health(call: Call) -> web.Response:
    """Tell that the dispatcher answers, and so does its database."""
    await call.services.database.read(members.grid_uid)
    return render(Health())


@serve(TABLE, "GET", "/v1/ca", None, gives=AuthorityReply)
async def authorities(call: Call) -> web.Response:
    """Return the certificates of the grid's authorities, PEM."""
    return render(AuthorityReply(ca=bundle_pem(call.services.authority.cas).decode("ascii")))


@serve(TABLE, "POST", "/v1/join", None, takes=JoinRequest, gives=CertificateReply)
async def join(call: Call) -> web.Response:
    """Make a newcomer with a token a member.

    Raises:
        TooManyWrongTokensError, TokenRefusedError, RevokedError: see `_let_join` and `members.join`.
    """
    message: JoinRequest = await call.body(JoinRequest)
    key = requested_key(message.csr)
    newcomer = Newcomer(call.services.world.new_uid(), message.name, public_key_digest(key))
    return _certified(call, key, await _let_join(call, newcomer, message))


async def _let_join(call: Call, newcomer: Newcomer, message: JoinRequest) -> Membership:
    """Make a newcomer a member; after wrong tokens from the same address only when its turn comes.

    Raises:
        TooManyWrongTokensError: its turn would come too late.
        TokenRefusedError, RevokedError: see `members.join`.
    """
    services, wrong_tokens = call.services, call.services.wrong_tokens
    token_digest = secret_digest(bytes.fromhex(message.secret))
    address = address_group(call.request.remote or UNKNOWN_ADDRESS)
    await services.world.sleep(wrong_tokens.turn(address))
    try:
        return await services.database.run(members.join, newcomer, message.kind, token_digest, now=services.now())
    except TokenRefusedError:
        LOG.warning("a wrong join token came from %s, number %d of late", address, wrong_tokens.note(address))
        raise


@serve(TABLE, "POST", "/v1/renew", None, takes=RenewRequest, gives=CertificateReply)
async def renew(call: Call) -> web.Response:
    """Certify a member's key again; the request's signature proves who asks."""
    message: RenewRequest = await call.body(RenewRequest)
    key = requested_key(message.csr)
    membership = await call.services.database.read(members.renew, public_key_digest(key))
    return _certified(call, key, membership)


def _certified(call: Call, key: ec.EllipticCurvePublicKey, membership: Membership) -> web.Response:
    authority = call.services.authority
    certificate = authority.issue_member(key, membership.member, membership.name, call.services.now())
    reply = CertificateReply(
        grid_uid=membership.member.grid_uid,
        kind=membership.member.kind,
        uid=membership.member.uid,
        name=membership.name,
        certificate=bundle_pem([certificate]).decode("ascii"),
        ca=bundle_pem(authority.cas).decode("ascii"),
    )
    return render(reply)
