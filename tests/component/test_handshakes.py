"""Real handshakes on the loopback: who comes in, who does not, and how the refusal is explained."""

from __future__ import annotations

import ssl
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from dispatcher import authority
from dispatcher.authority import Authority
from tests.support.tls import GRID, HOST, listener_context, listening, make_identity, real_now
from xwhep.client.failures import connection_error
from xwhep.errors.identity import DispatcherNotVerifiedError, IdentityExpiredError, IdentityForeignError
from xwhep.errors.jobs import UnavailableError
from xwhep.members import parse_member
from xwhep.pki.contexts import anonymous_context, client_context, server_context
from xwhep.pki.identity import Identity, explain

REFUSED = (aiohttp.ClientError, OSError)


@pytest.fixture(scope="module")
def ca() -> Authority:
    return authority.create(GRID, real_now())


async def whoami(request: web.Request) -> web.Response:
    """Answer with the URI of the caller's certificate, as the TLS library verified it."""
    assert request.transport is not None
    names = (request.get_extra_info("peercert") or {}).get("subjectAltName", ())
    return web.Response(text=" ".join(value for kind, value in names if kind == "URI"))


def application() -> web.Application:
    app = web.Application()
    app.router.add_get("/whoami", whoami)
    return app


async def ask(address: str, context: ssl.SSLContext) -> str:
    timeout = aiohttp.ClientTimeout(total=20)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(f"{address}/whoami", ssl=context) as reply,
    ):
        return await reply.text()


async def test_a_member_is_known_by_its_certificate(ca: Authority, tmp_path: Path) -> None:
    identity = make_identity(ca, tmp_path / "host", real_now())

    async with listening(application(), listener_context(ca, tmp_path / "server")) as address:
        uri = await ask(address, client_context(identity))

    assert parse_member(uri) == HOST


async def test_who_has_no_certificate_comes_in_as_nobody(ca: Authority, tmp_path: Path) -> None:
    async with listening(application(), listener_context(ca, tmp_path / "server")) as address:
        assert not await ask(address, anonymous_context(ca.cas))


async def test_a_certificate_of_another_authority_is_refused_and_explained(ca: Authority, tmp_path: Path) -> None:
    foreign = make_identity(authority.create(GRID, real_now()), tmp_path / "host", real_now())
    confused = Identity(foreign.folder, foreign.dispatcher, foreign.certificate, ca.cas)

    async with listening(application(), listener_context(ca, tmp_path / "server")) as address:
        with pytest.raises(REFUSED):
            await ask(address, client_context(confused))

    assert isinstance(explain(confused, real_now()), IdentityForeignError)


async def test_an_expired_certificate_is_refused_and_explained(ca: Authority, tmp_path: Path) -> None:
    old = authority.create(GRID, real_now() - timedelta(days=200))
    expired = make_identity(old, tmp_path / "host", real_now() - timedelta(days=100))

    async with listening(application(), listener_context(old, tmp_path / "server")) as address:
        with pytest.raises(REFUSED):
            await ask(address, client_context(expired))
        assert not await ask(address, anonymous_context(old.cas))

    assert isinstance(explain(expired, real_now()), IdentityExpiredError)


async def test_the_dispatchers_certificate_opens_no_door_as_a_client(ca: Authority, tmp_path: Path) -> None:
    server = listener_context(ca, tmp_path / "server")
    context = anonymous_context(ca.cas)
    context.load_cert_chain(tmp_path / "server" / "cert.pem", tmp_path / "server" / "key.pem")

    async with listening(application(), server) as address:
        with pytest.raises(REFUSED):
            await ask(address, context)


async def test_a_member_cannot_pass_for_the_dispatcher(ca: Authority, tmp_path: Path) -> None:
    member = make_identity(ca, tmp_path / "host", real_now())
    impostor = server_context(member.certificate_path, member.key_path, ca.cas)

    async with listening(application(), impostor) as address:
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match="unsuitable certificate purpose") as caught:
            await ask(address, anonymous_context(ca.cas))

    assert isinstance(connection_error(address, caught.value), DispatcherNotVerifiedError)


async def test_a_dispatcher_under_another_name_is_refused(ca: Authority, tmp_path: Path) -> None:
    context = listener_context(ca, tmp_path / "server", ("grid.example.org", "127.0.0.2"))

    async with listening(application(), context) as address:
        with pytest.raises(aiohttp.ClientConnectorCertificateError) as caught:
            await ask(address, anonymous_context(ca.cas))

    assert "IP address mismatch" in str(connection_error(address, caught.value))


async def test_a_dispatcher_of_another_authority_is_refused(ca: Authority, tmp_path: Path) -> None:
    other = authority.create(GRID, real_now())

    async with listening(application(), listener_context(other, tmp_path / "server")) as address:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await ask(address, anonymous_context(ca.cas))


async def test_the_systems_authorities_count_for_nothing(ca: Authority) -> None:
    assert len(anonymous_context(ca.cas).get_ca_certs()) == 1


async def test_a_name_in_the_subject_counts_for_nothing(ca: Authority) -> None:
    assert not anonymous_context(ca.cas).hostname_checks_common_name


async def test_tls_1_2_is_refused(ca: Authority, tmp_path: Path) -> None:
    listener = listener_context(ca, tmp_path / "server")
    old = anonymous_context(ca.cas)
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2

    async with listening(application(), listener) as address:
        with pytest.raises(REFUSED):
            await ask(address, old)
        listener.minimum_version = ssl.TLSVersion.TLSv1_2  # the version alone was the reason
        assert not await ask(address, old)


async def test_each_connection_shows_its_certificate_afresh(ca: Authority, tmp_path: Path) -> None:
    assert listener_context(ca, tmp_path / "server").num_tickets == 0


async def test_during_a_change_members_of_both_authorities_come_in(ca: Authority, tmp_path: Path) -> None:
    successor = authority.create(GRID, real_now())
    both = Authority(successor.key, successor.certificate, (*ca.cas, *successor.cas))
    before = make_identity(Authority(ca.key, ca.certificate, both.cas), tmp_path / "before", real_now())
    after = make_identity(both, tmp_path / "after", real_now())

    async with listening(application(), listener_context(both, tmp_path / "server")) as address:
        assert await ask(address, client_context(before)) == HOST.uri
        assert await ask(address, client_context(after)) == HOST.uri


async def test_a_renewed_certificate_serves_new_connections_of_the_same_listener(tmp_path: Path) -> None:
    ca = authority.create(GRID, real_now() - timedelta(days=200))
    ca.ensure_server_certificate(tmp_path, ["127.0.0.1"], real_now() - timedelta(days=91))
    context = server_context(tmp_path / "cert.pem", tmp_path / "key.pem", ca.cas)

    async with listening(application(), context) as address:
        with pytest.raises(aiohttp.ClientConnectorCertificateError, match="has expired"):
            await ask(address, anonymous_context(ca.cas))
        ca.ensure_server_certificate(tmp_path, ["127.0.0.1"], real_now())
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        assert not await ask(address, anonymous_context(ca.cas))


async def test_an_address_where_nobody_answers_is_unavailable(ca: Authority, tmp_path: Path) -> None:
    async with listening(application(), listener_context(ca, tmp_path / "server")) as address:
        pass

    with pytest.raises(REFUSED) as caught:
        await ask(address, anonymous_context(ca.cas))

    assert isinstance(caught.value, Exception)
    error = connection_error(address, caught.value)
    assert isinstance(error, UnavailableError)
    assert str(error) == f"the dispatcher at {address} cannot be reached (Connection refused); try again later"


async def test_an_address_without_tls_is_unavailable(ca: Authority) -> None:
    async with listening(application(), None) as address:
        with pytest.raises(aiohttp.ClientConnectorSSLError) as caught:
            await ask(address, anonymous_context(ca.cas))

    assert str(connection_error(address, caught.value)).startswith(f"the dispatcher at {address} cannot be reached (")


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), "no answer in time"),
        (aiohttp.ServerDisconnectedError(), "Server disconnected"),
        (aiohttp.ClientPayloadError(), "the connection was closed"),
        (OSError(-2, "Name or service not known"), "Name or service not known"),
    ],
)
def test_a_failed_connection_is_put_in_plain_words(error: Exception, reason: str) -> None:
    assert f"({reason})" in str(connection_error("https://grid.example.org:443", error))
