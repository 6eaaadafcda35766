"""Joining and renewing, against a dispatcher made small: a real authority and listener, members in a dictionary."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from aiohttp import web

from dispatcher import authority
from dispatcher.authority import Authority, requested_key
from tests.support.tls import GRID, listener_context, listening, make_identity, real_now
from xwhep.client.enrolment import join, renew
from xwhep.errors.base import RemoteError
from xwhep.errors.identity import (
    CertificateMismatchError,
    DispatcherNotVerifiedError,
    NotJoinedError,
    TokenRefusedError,
    UnexpectedReplyError,
    UnknownIdentityError,
)
from xwhep.errors.jobs import UnavailableError
from xwhep.errors.requests import InvalidFieldError
from xwhep.members import Kind, Member
from xwhep.pki.certificates import bundle_pem, certificate_digest
from xwhep.pki.identity import joining_key, load_identity
from xwhep.pki.keys import public_key_digest
from xwhep.pki.tokens import JoinToken, make_token, secret_digest
from xwhep.protocol.enrolment import CertificateReply, JoinRequest, RenewRequest


@dataclass
class SmallDispatcher:
    """The two routes, without a database; `spoil` changes a reply on its way."""

    ca: Authority
    tokens: set[str] = field(default_factory=set)
    members: dict[str, tuple[Member, str]] = field(default_factory=dict)
    offered: bytes = b""
    joins: list[JoinRequest] = field(default_factory=list)
    now: datetime = field(default_factory=real_now)
    spoil: Callable[[CertificateReply], CertificateReply] = lambda reply: reply

    def invite(self) -> JoinToken:
        token = make_token(certificate_digest(self.ca.certificate))
        self.tokens.add(token.secret_digest)
        return token

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/ca", self.send_ca)
        app.router.add_post("/v1/join", self.join)
        app.router.add_post("/v1/renew", self.renew)
        return app

    async def send_ca(self, request: web.Request) -> web.Response:
        assert request.get_extra_info("peercert") in (None, {})
        return web.json_response({"ca": (self.offered or bundle_pem(self.ca.cas)).decode()})

    async def join(self, request: web.Request) -> web.Response:
        message = JoinRequest.model_validate_json(await request.read())
        self.joins.append(message)
        digest = public_key_digest(requested_key(message.csr))
        if secret_digest(bytes.fromhex(message.secret)) not in self.tokens:
            return problem("token-refused", "the join token is unknown, used up or expired; ask for a new one")
        self.members.setdefault(digest, (Member(GRID, message.kind, uuid4()), message.name))
        return self.certificate(message.csr)

    async def renew(self, request: web.Request) -> web.Response:
        assert request.get_extra_info("peercert") in (None, {})
        return self.certificate(RenewRequest.model_validate_json(await request.read()).csr)

    def certificate(self, csr: str) -> web.Response:
        key = requested_key(csr)
        if public_key_digest(key) not in self.members:
            return problem("unknown-identity", "the certificate's key does not belong to any member of this grid")
        member, name = self.members[public_key_digest(key)]
        reply = CertificateReply(
            grid_uid=GRID,
            kind=member.kind,
            uid=member.uid,
            name=name,
            certificate=bundle_pem([self.ca.issue_member(key, member, name, self.now)]).decode(),
            ca=bundle_pem(self.ca.cas).decode(),
        )
        return web.Response(text=self.spoil(reply).model_dump_json(), content_type="application/json")


def problem(code: str, detail: str) -> web.Response:
    body = {"type": f"urn:xwhep:error:{code}", "status": 403, "code": code, "detail": detail}
    return web.json_response(body, status=403, content_type="application/problem+json")


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.create(GRID, real_now() - timedelta(days=200))


@pytest.fixture
def small(ca: Authority) -> SmallDispatcher:
    return SmallDispatcher(ca)


async def test_a_newcomer_joins_with_a_token(small: SmallDispatcher, tmp_path: Path) -> None:
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        identity = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")

    assert identity == load_identity(tmp_path / "host", "join")
    assert (identity.dispatcher, identity.name, identity.member.kind) == (url, "laptop", Kind.HOST)
    assert list(small.members) == [public_key_digest(identity.certificate)]


async def test_another_authority_gets_nothing(small: SmallDispatcher, tmp_path: Path) -> None:
    impostor = SmallDispatcher(authority.create(GRID, real_now()))

    async with listening(impostor.application(), listener_context(impostor.ca, tmp_path / "server")) as url:
        with pytest.raises(CertificateMismatchError, match="nothing was sent to it"):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")

    assert impostor.joins == []
    assert not (tmp_path / "host").exists()


async def test_an_impostor_who_shows_the_true_authority_gets_nothing(small: SmallDispatcher, tmp_path: Path) -> None:
    impostor = SmallDispatcher(authority.create(GRID, real_now()))
    impostor.offered = bundle_pem((*impostor.ca.cas, *small.ca.cas))

    async with listening(impostor.application(), listener_context(impostor.ca, tmp_path / "server")) as url:
        with pytest.raises(DispatcherNotVerifiedError, match="nothing was sent to it"):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")

    assert impostor.joins == []


async def test_a_member_of_the_grid_who_plays_dispatcher_gets_nothing(small: SmallDispatcher, tmp_path: Path) -> None:
    member = make_identity(small.ca, tmp_path / "member", real_now())
    context = listener_context(small.ca, tmp_path / "server")
    context.load_cert_chain(member.certificate_path, member.key_path)

    async with listening(small.application(), context) as url:
        with pytest.raises(DispatcherNotVerifiedError):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")

    assert small.joins == []


async def test_a_refused_token_leaves_nothing_behind(small: SmallDispatcher, tmp_path: Path) -> None:
    unknown = make_token(certificate_digest(small.ca.certificate))

    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        with pytest.raises(TokenRefusedError, match="used up or expired"):
            await join(url, unknown, Kind.HOST, "laptop", tmp_path / "host")

    assert list((tmp_path / "host").iterdir()) == []


async def test_a_refused_token_leaves_the_old_identity_in_place(small: SmallDispatcher, tmp_path: Path) -> None:
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        old = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")
        with pytest.raises(TokenRefusedError):
            await join(
                url, make_token(certificate_digest(small.ca.certificate)), Kind.HOST, "laptop", tmp_path / "host"
            )

    assert load_identity(tmp_path / "host", "join") == old


async def test_joining_again_makes_a_new_member_with_a_new_key(small: SmallDispatcher, tmp_path: Path) -> None:
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        old = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")
        new = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")

    assert public_key_digest(new.certificate) != public_key_digest(old.certificate)
    assert load_identity(tmp_path / "host", "join") == new


async def test_a_join_whose_reply_was_lost_is_the_same_join(small: SmallDispatcher, tmp_path: Path) -> None:
    token = small.invite()
    digest = public_key_digest(joining_key(tmp_path / "host"))  # what a join that died in the middle leaves
    small.members[digest] = (Member(GRID, Kind.HOST, UUID(int=9)), "laptop")

    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        identity = await join(url, token, Kind.HOST, "laptop", tmp_path / "host")

    assert identity.member.uid == UUID(int=9)


async def test_an_expired_identity_renews_with_its_key(small: SmallDispatcher, tmp_path: Path) -> None:
    small.now = real_now() - timedelta(days=120)
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        expired = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")
        small.now = real_now()
        renewed = await renew(expired)

    assert expired.ends_at < real_now() < renewed.ends_at
    assert renewed.member == expired.member
    assert public_key_digest(renewed.certificate) == public_key_digest(expired.certificate)
    assert load_identity(tmp_path / "host", "join") == renewed


async def test_a_member_learns_of_a_second_authority_when_it_renews(small: SmallDispatcher, tmp_path: Path) -> None:
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        identity = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")
        successor = authority.create(GRID, real_now())
        small.ca = Authority(small.ca.key, small.ca.certificate, (*small.ca.cas, *successor.cas))
        renewed = await renew(identity)

    assert renewed.cas == (*identity.cas, successor.certificate)


async def test_a_key_that_the_grid_does_not_know_is_not_renewed(small: SmallDispatcher, tmp_path: Path) -> None:
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        stranger = make_identity(small.ca, tmp_path / "host", real_now(), url)
        with pytest.raises(UnknownIdentityError):
            await renew(stranger)

    assert load_identity(tmp_path / "host", "join") == stranger


def foreign_ca(reply: CertificateReply) -> CertificateReply:
    return reply.model_copy(update={"ca": bundle_pem(authority.create(GRID, real_now()).cas).decode()})


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (foreign_ca, "none of the authorities beside it"),
        (lambda reply: reply.model_copy(update={"uid": UUID(int=1)}), "for another member"),
        (lambda reply: reply.model_copy(update={"certificate": reply.ca}), "names no member"),
        (lambda reply: reply.model_copy(update={"certificate": reply.certificate * 2}), "more than one certificate"),
        (lambda reply: reply.model_copy(update={"certificate": "x"}), "no certificate in PEM"),
    ],
)
async def test_a_reply_that_does_not_fit_is_not_stored(
    small: SmallDispatcher, tmp_path: Path, spoil: Callable[[CertificateReply], CertificateReply], why: str
) -> None:
    small.spoil = spoil
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        with pytest.raises(UnexpectedReplyError, match=why):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")

    with pytest.raises(NotJoinedError):
        load_identity(tmp_path / "host", "join")


async def test_a_newcomer_does_not_become_what_it_did_not_ask_for(small: SmallDispatcher, tmp_path: Path) -> None:
    digest = public_key_digest(joining_key(tmp_path / "host"))
    small.members[digest] = (Member(GRID, Kind.USER, UUID(int=9)), "laptop")

    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        with pytest.raises(UnexpectedReplyError, match="for another member"):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")


async def test_a_spoiled_renewal_leaves_the_identity_as_it_was(small: SmallDispatcher, tmp_path: Path) -> None:
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        identity = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")
        small.spoil = foreign_ca
        with pytest.raises(UnexpectedReplyError):
            await renew(identity)

    assert load_identity(tmp_path / "host", "join") == identity


async def test_a_reply_out_of_its_bounds_is_not_stored(small: SmallDispatcher, tmp_path: Path) -> None:
    small.spoil = lambda reply: reply.model_copy(update={"ca": "x" * 70_000})

    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        with pytest.raises(UnavailableError, match="could not be understood"):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")


async def test_an_address_without_an_authority_is_no_dispatcher(small: SmallDispatcher, tmp_path: Path) -> None:
    small.offered = b"not a certificate"
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        with pytest.raises(UnexpectedReplyError, match="it sent no certificate authority"):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")


async def test_another_web_server_is_no_dispatcher(small: SmallDispatcher, tmp_path: Path) -> None:
    async with listening(web.Application(), listener_context(small.ca, tmp_path / "server")) as url:
        with pytest.raises(RemoteError, match="HTTP status 404"):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")


async def test_a_redirect_is_not_followed(small: SmallDispatcher, tmp_path: Path) -> None:
    async def elsewhere(request: web.Request) -> web.Response:
        raise web.HTTPTemporaryRedirect("/v1/other")

    app = web.Application()
    app.router.add_get("/v1/ca", elsewhere)
    app.router.add_get("/v1/other", small.send_ca)
    async with listening(app, listener_context(small.ca, tmp_path / "server")) as url:
        with pytest.raises(RemoteError, match="HTTP status 307"):
            await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")


async def test_a_dispatcher_that_is_away_leaves_the_key_for_the_next_try(
    small: SmallDispatcher, tmp_path: Path
) -> None:
    async with listening(small.application(), listener_context(small.ca, tmp_path / "server")) as url:
        identity = await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "host")

    with pytest.raises(UnavailableError, match="cannot be reached"):
        await join(url, small.invite(), Kind.HOST, "laptop", tmp_path / "new")
    with pytest.raises(UnavailableError):
        await renew(identity)
    assert load_identity(tmp_path / "host", "join") == identity


async def test_a_name_that_cannot_be_shown_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(InvalidFieldError, match="name: a name has 1 to 63 letters"):
        await join("https://127.0.0.1:1", make_token(bytes(32)), Kind.HOST, "two\nlines", tmp_path)
