"""Join tokens, renewal and revocation over real TLS."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from dispatcher import housekeeping, wrong_tokens
from dispatcher.storage.database import Database
from dispatcher.storage.member_tables import Token
from dispatcher.usecases import members
from tests.support.content import register
from tests.support.desk import poll_request
from tests.support.grid import a_grid
from tests.support.kinds import KINDS, NATIVE, WORK
from tests.support.older_host import OlderHost
from tests.support.raw import raw_client
from tests.support.tls import make_identity
from xwhep.client.enrolment import join, renew
from xwhep.client.owner import OwnerClient
from xwhep.errors.identity import RevokedError, TokenRefusedError, TooManyWrongTokensError
from xwhep.errors.jobs import UnavailableError
from xwhep.members import Kind
from xwhep.pki.identity import joining_key
from xwhep.pki.keys import signing_request
from xwhep.protocol.attempts import AttemptProgress, Heartbeat
from xwhep.protocol.jobs import SubmitJob, SubmitJobs
from xwhep.rights import Role
from xwhep.world import REAL, World


async def test_a_token_is_stored_hashed_and_counts_its_uses(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        token = await grid.token(Role.HOST, uses=2)
        first = await join(grid.url, token, Kind.HOST, "one", tmp_path / "one")
        second = await join(grid.url, token, Kind.HOST, "two", tmp_path / "two")
        with pytest.raises(TokenRefusedError, match="used up or expired"):
            await join(grid.url, token, Kind.HOST, "three", tmp_path / "three")
        kept = await grid.services.database.read(lambda session: session.get(Token, token.secret_digest))

    assert first.member.uid != second.member.uid
    assert kept is not None
    assert kept.uses_left == 0
    assert token.secret not in (grid.installation.database).read_bytes()
    assert token.secret.hex().encode() not in (grid.installation.database).read_bytes()


async def test_an_expired_token_is_refused(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        token = await grid.token(Role.USER, lifetime_s=60)
        grid.services.world = World(now=lambda: REAL.now() + timedelta(seconds=61))
        with pytest.raises(TokenRefusedError):
            await join(grid.url, token, Kind.USER, "late", tmp_path / "late")


async def test_a_token_for_another_kind_is_refused_and_not_used_up(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        token = await grid.token(Role.HOST)
        for kind in (Kind.USER, Kind.SERVICE):
            with pytest.raises(TokenRefusedError):
                await join(grid.url, token, kind, "eve", tmp_path / "eve")
        identity = await join(grid.url, token, Kind.HOST, "bob", tmp_path / "bob")

    assert identity.member.kind is Kind.HOST


async def test_the_same_key_again_is_the_same_join_and_uses_nothing_up(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid) as newcomer:
        token = await grid.token(Role.HOST)
        body = {
            "secret": token.secret.hex(),
            "kind": "host",
            "name": "bob",
            "csr": signing_request(joining_key(tmp_path / "bob")),
        }
        first = await newcomer.ask("POST", "/v1/join", json=body)
        second = await newcomer.ask("POST", "/v1/join", json=body)

    assert (first.status, second.status) == (200, 200)
    assert first.body["uid"] == second.body["uid"]


async def test_an_error_at_the_door_of_the_join_does_not_repeat_the_secret(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid) as newcomer:
        token = await grid.token(Role.HOST)
        secret = token.secret.hex()
        answers = [
            await newcomer.ask("POST", "/v1/join", json={"secret": secret, "kind": "host", "name": "bob", **wrong})
            for wrong in (
                {"csr": "no request"},
                {"csr": "x" * 5000},
                {"csr": "", "name": "a/b"},
                {},
                {"secret": secret * 2},
            )
        ]

    assert {answer.status for answer in answers} == {422}
    assert all(secret not in str(answer.body) for answer in answers)


async def test_an_expired_identity_is_told_so_and_renews(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, raw_client(grid, await grid.member(Role.HOST, "bob")) as bob:
        grid.services.world = World(now=lambda: REAL.now() + timedelta(days=91))
        refused = await bob.ask("GET", "/v1/whoami")
        grid.services.world = REAL
        identity = await grid.member(Role.HOST, "carol")
        grid.services.world = World(now=lambda: REAL.now() + timedelta(days=40))
        renewed = await renew(identity)

    assert refused.outcome == (401, "identity-expired")
    assert renewed.member == identity.member
    assert renewed.ends_at - identity.ends_at > timedelta(days=39)


async def test_a_revoked_member_cannot_renew_nor_join_with_its_key(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        bob = await grid.member(Role.HOST, "bob")
        async with grid.connect(grid.administrator()) as connection:
            await OwnerClient(connection).revoke_host(bob.member.uid)
        with pytest.raises(RevokedError):
            await renew(bob)


async def test_who_is_revoked_is_refused_at_once_on_an_open_connection_and_in_a_long_poll(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        bob, alice = await grid.member(Role.HOST, "bob"), await grid.member(Role.USER, "alice")
        async with (
            grid.connect(bob) as bobs,
            grid.connect(bob) as bobs_other,
            grid.connect(alice) as alices,
            grid.connect(grid.administrator()) as admins,
        ):
            host, user, admin = OlderHost(bobs, WORK), OwnerClient(alices), OwnerClient(admins)
            await user.whoami()
            poll = asyncio.create_task(host.lease(poll_request(NATIVE, wait_s=30)))
            await OlderHost(bobs_other, WORK).heartbeat(Heartbeat(attempts=[]))
            await grid.until_polls_wait(1)
            await admin.revoke_host(bob.member.uid)
            await admin.revoke_user(alice.member.uid)

            async with asyncio.timeout(20):
                with pytest.raises(UnavailableError):  # cut; whoever asks again is told why
                    await poll
            assert len(grid.services.waiters) == 0
            with pytest.raises(RevokedError, match="ask the grid's administrator"):
                await OlderHost(bobs_other, WORK).heartbeat(Heartbeat(attempts=[]))
            with pytest.raises(RevokedError):
                await user.whoami()


async def test_a_revocation_by_a_command_beside_the_server_takes_effect_within_seconds(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        alice = await grid.member(Role.USER, "alice")
        async with grid.connect(alice) as connection:
            user = OwnerClient(connection)
            await user.whoami()
            beside = Database(grid.installation.database)
            beside.run_now(members.revoke_member, KINDS, alice.member.uid, now=REAL.now())
            beside.close()
            await housekeeping.tend_leases(grid.services, REAL.now())
            with pytest.raises(RevokedError):
                await user.whoami()

    assert housekeeping.FLUSH_S <= 60


async def test_a_revoked_host_gives_its_job_to_another_at_once(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid, grid.owner("alice") as alice, grid.host("carol") as carol:
        app = await register(alice, tmp_path)
        job = SubmitJob(uid=(await alice.whoami()).uid, app_uid=app.uid)
        await alice.submit_jobs(SubmitJobs(jobs=[job]))
        bob = await grid.member(Role.HOST, "bob")
        async with grid.connect(bob) as connection, grid.connect(grid.administrator()) as admins:
            lease = await OlderHost(connection, WORK).lease(poll_request())
            assert lease is not None
            await OwnerClient(admins).revoke_host(bob.member.uid)
            again = await carol.lease(poll_request())
            with pytest.raises(RevokedError):
                await OlderHost(connection, WORK).heartbeat(
                    Heartbeat(attempts=[AttemptProgress(job_uid=lease.job_uid, attempt=1)])
                )

    assert again is not None
    assert (again.job_uid, again.attempt) == (lease.job_uid, 2)


async def test_a_stranger_of_another_grid_does_not_get_through_the_handshake(tmp_path: Path) -> None:
    async with a_grid(tmp_path / "one") as one, a_grid(tmp_path / "other") as other:
        stranger = replace(await other.member(Role.USER, "mallory"), cas=one.services.authority.cas)
        async with raw_client(one, stranger) as client:
            with pytest.raises(aiohttp.ClientError):
                await client.ask("GET", "/v1/health")


async def test_a_member_whose_row_is_not_there_is_unknown(tmp_path: Path) -> None:
    async with a_grid(tmp_path) as grid:
        stranger = make_identity(grid.services.authority, tmp_path / "stranger", REAL.now(), grid.url)
        async with raw_client(grid, stranger) as client:
            answer = await client.ask("GET", "/v1/whoami")

    assert answer.outcome == (401, "unknown-identity")


async def test_wrong_tokens_slow_their_address_down_and_nobody_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_tokens, "FIRST_PAUSE_S", 3600.0)
    monkeypatch.setattr(wrong_tokens, "LONGEST_PAUSE_S", 3600.0)
    async with a_grid(tmp_path) as grid:
        token = await grid.token(Role.HOST, uses=2)
        wrong = replace(token, secret=bytes(32))
        for _ in range(wrong_tokens.FREE):
            with pytest.raises(TokenRefusedError):
                await join(grid.url, wrong, Kind.HOST, "eve", tmp_path / "eve")
        for refused in (wrong, token):
            with pytest.raises(TooManyWrongTokensError, match="try again in 3600 seconds"):
                await join(grid.url, refused, Kind.HOST, "eve", tmp_path / "eve")
        csr = signing_request(joining_key(tmp_path / "bob"))
        body = {"secret": token.secret.hex(), "kind": "host", "name": "bob", "csr": csr}
        async with raw_client(grid, address="127.0.0.2") as newcomer:
            joined = await newcomer.ask("POST", "/v1/join", json=body)

    assert joined.status == 200
    lines = [record.getMessage() for record in caplog.records if "wrong join token" in record.getMessage()]
    assert lines == [f"a wrong join token came from 127.0.0.1, number {number} of late" for number in (1, 2, 3)]
    assert wrong.secret.hex() not in caplog.text


async def test_a_right_token_from_an_address_of_wrong_ones_waits_and_comes_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wrong_tokens, "FIRST_PAUSE_S", 0.3)
    async with a_grid(tmp_path) as grid:
        token = await grid.token(Role.HOST)
        for _ in range(wrong_tokens.FREE):
            with pytest.raises(TokenRefusedError):
                await join(grid.url, replace(token, secret=bytes(32)), Kind.HOST, "eve", tmp_path / "eve")
        turns = [grid.services.wrong_tokens.turn("127.0.0.1") for _ in range(2)]
        began = time.monotonic()
        await join(grid.url, token, Kind.HOST, "bob", tmp_path / "bob")
        took_s = time.monotonic() - began

    assert turns[1] - turns[0] > 0.29
    assert took_s > 0.29
