"""Routes about members: who am I, and what administrators do with hosts, users, groups and tokens."""

from __future__ import annotations

from aiohttp import web

from dispatcher.routes.door import Call, Route, render, serve
from dispatcher.usecases import members
from xwhep.ids import parse_uid
from xwhep.pki.certificates import certificate_digest
from xwhep.pki.tokens import make_token
from xwhep.protocol.base import Page
from xwhep.protocol.members import CreateGroup, CreateToken, GroupView, HostView, TokenReply, UserView, WhoAmI
from xwhep.rights import ADMINISTRATORS, EVERY_MEMBER

TABLE: list[Route] = []


@serve(TABLE, "GET", "/v1/whoami", EVERY_MEMBER, gives=WhoAmI)
async def whoami(call: Call) -> web.Response:
    """Return the caller as the grid knows it."""
    return render(await call.services.database.read(members.whoami, call.caller))


@serve(TABLE, "POST", "/v1/tokens", ADMINISTRATORS, takes=CreateToken, gives=TokenReply)
async def create_token(call: Call) -> web.Response:
    """Make a join token; it is shown this once."""
    message: CreateToken = await call.body(CreateToken)
    token = make_token(certificate_digest(call.services.authority.certificate))
    database = call.services.database
    expires_at = await database.run(
        members.create_token, call.caller.uid, message, token.secret_digest, now=call.services.now()
    )
    return render(TokenReply(token=str(token), expires_at=expires_at), status=201)


@serve(TABLE, "GET", "/v1/hosts", ADMINISTRATORS, gives=Page[HostView])
async def list_hosts(call: Call) -> web.Response:
    """Return all hosts."""
    return render(await call.services.database.read(members.list_hosts, call.services.kinds, call.query("after")))


@serve(TABLE, "GET", "/v1/hosts/{uid}", ADMINISTRATORS, gives=HostView)
async def show_host(call: Call) -> web.Response:
    """Return a host."""
    return render(
        await call.services.database.read(members.show_host, call.services.kinds, parse_uid(call.part("uid")))
    )


@serve(TABLE, "DELETE", "/v1/hosts/{uid}", ADMINISTRATORS, gives=HostView)
async def revoke_host(call: Call) -> web.Response:
    """Revoke a host; what it was running goes to others."""
    uid = parse_uid(call.part("uid"))
    host = await call.services.database.run(members.revoke_host, call.services.kinds, uid, now=call.services.now())
    call.services.peers.shut_out(uid, but=call.request.transport)
    call.services.unfinished.set()
    return render(host)


@serve(TABLE, "GET", "/v1/users", ADMINISTRATORS, gives=Page[UserView])
async def list_users(call: Call) -> web.Response:
    """Return all users."""
    return render(await call.services.database.read(members.list_users, call.query("after")))


@serve(TABLE, "DELETE", "/v1/users/{uid}", ADMINISTRATORS, gives=UserView)
async def revoke_user(call: Call) -> web.Response:
    """Revoke a user."""
    uid = parse_uid(call.part("uid"))
    user = await call.services.database.run(members.revoke_user, uid, now=call.services.now())
    call.services.peers.shut_out(uid, but=call.request.transport)
    return render(user)


@serve(TABLE, "GET", "/v1/groups", ADMINISTRATORS, gives=Page[GroupView])
async def list_groups(call: Call) -> web.Response:
    """Return all groups."""
    return render(await call.services.database.read(members.list_groups, call.query("after")))


@serve(TABLE, "POST", "/v1/groups", ADMINISTRATORS, takes=CreateGroup, gives=GroupView)
async def create_group(call: Call) -> web.Response:
    """Create a group."""
    message: CreateGroup = await call.body(CreateGroup)
    database = call.services.database
    return render(await database.run(members.create_group, call.caller, message, now=call.services.now()), status=201)
