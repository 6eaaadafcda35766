"""Routes of those who have no certificate, or none any more; they are public."""

from __future__ import annotations

from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from dispatcher.authority import requested_key
from dispatcher.routes.door import Call, Route, render, serve
from dispatcher.usecases import members
from dispatcher.usecases.members import Membership, Newcomer
from xwhep.pki.certificates import bundle_pem
from xwhep.pki.keys import public_key_digest
from xwhep.pki.tokens import secret_digest
from xwhep.protocol.base import Reply
from xwhep.protocol.enrolment import AuthorityReply, CertificateReply, JoinRequest, RenewRequest

TABLE: list[Route] = []


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
    """Make a newcomer with a token a member."""
    message: JoinRequest = await call.body(JoinRequest)
    key = requested_key(message.csr)
    newcomer = Newcomer(
        secret_digest(bytes.fromhex(message.secret)), public_key_digest(key), message.kind, message.name
    )
    membership = await call.services.database.run(members.join, newcomer, now=call.services.now())
    return _certified(call, key, membership)


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
