"""What bad input gets: a status, a stable code, a sentence; and nothing changed."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import sqlite3
import time
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dispatcher.routes import door
from tests.support.content import put, register
from tests.support.grid import GridUnderTest, a_grid
from tests.support.raw import Answer, RawClient, raw_client
from xwhep.client.owner import OwnerClient
from xwhep.ids import derived_uid
from xwhep.pki.contexts import anonymous_context
from xwhep.protocol import attempts
from xwhep.protocol.apps import AppView
from xwhep.rights import Role
from xwhep.vanity.split_key import keygen
from xwhep.world import REAL

#: with the checksum of EIP-55; source: its test cases
REQUESTER = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"

Case = tuple[str, str, dict[str, Any], int, str, str]


class Scene:
    """A user with an app and some content, and a way to send anything."""

    grid: GridUnderTest
    alice: RawClient
    app: AppView
    digest: str

    def dump(self) -> list[str]:
        """Return all that the database holds, but for when whom was seen."""
        with sqlite3.connect(self.grid.installation.database) as database:
            lines = list(database.iterdump())
        database.close()
        return lines

    async def check(self, *cases: Case) -> None:
        """Send each request, and check what it gets and that nothing changed."""
        before = self.dump()
        for method, path, options, status, code, sentence in cases:
            answer = await self.alice.ask(method, path, **options)
            assert answer.outcome == (status, code), (method, path, answer)
            assert sentence in answer.body["detail"], answer
            assert self.dump() == before, (method, path)

    def job(self, **changes: Any) -> dict[str, Any]:
        return {"uid": uid(), "app_uid": str(self.app.uid), **changes}

    def jobs(self, **changes: Any) -> dict[str, Any]:
        return {"json": {"jobs": [self.job(**changes)]}}


def uid() -> str:
    return str(REAL.new_uid())


def search(pattern: str = "1L", key: str | None = None, **changes: Any) -> dict[str, Any]:
    body = {"kind": "search", "uid": uid(), "name": "s", "patterns": [pattern], "public_key": key or keygen()[1].hex()}
    return {"json": body | changes}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    scene = Scene()
    async with a_grid(tmp_path) as grid:
        alice = await grid.member(Role.USER, "alice")
        async with grid.connect(alice) as connection, raw_client(grid, alice) as raw:
            scene.grid, scene.alice = grid, raw
            scene.app = await register(OwnerClient(connection), tmp_path)
            scene.digest = await put(OwnerClient(connection), tmp_path, b"some input")
            yield scene


async def test_bodies_that_are_no_request(scene: Scene) -> None:
    deep = b'{"jobs":' + b"[" * 40 + b"]" * 40 + b"}"
    await scene.check(
        ("POST", "/v1/jobs", {"data": b'{"jobs": ['}, 400, "bad-request", "the body is not JSON"),
        ("POST", "/v1/jobs", {"data": b""}, 400, "bad-request", "the body is not JSON"),
        (
            "POST",
            "/v1/jobs",
            {"data": b"{}", "headers": {"Content-Type": "text/plain"}},
            400,
            "bad-request",
            "must be JSON",
        ),
        ("POST", "/v1/jobs", {"data": deep}, 400, "bad-request", "nested deeper than 32 levels"),
        ("POST", "/v1/jobs", {"data": b'{"jobs": ["\\ud800"]}'}, 400, "bad-request", "not JSON"),
        ("POST", "/v1/jobs", {"json": {"jobs": []}}, 422, "invalid-field", "at least 1 item"),
        ("POST", "/v1/jobs", {"json": {"jobs": [scene.job()] * 1001}}, 422, "invalid-field", "at most 1000 items"),
        ("POST", "/v1/jobs", {"json": {"jobs": [scene.job()], "x": 1}}, 422, "invalid-field", "x: extra inputs"),
        ("POST", "/v1/batches", {"json": {"kind": "sweep"}}, 422, "invalid-field", "'bag', 'search'"),
    )


async def test_bodies_over_their_bound(scene: Scene) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"[" + b" " * 100_000

    big = b" " * (door.MAX_BODY_BYTES + 1)
    await scene.check(
        ("POST", "/v1/jobs", {"data": io.BytesIO(big)}, 413, "too-large", "larger than the 1048576 bytes allowed"),
        ("POST", "/v1/jobs", {"data": chunks()}, 413, "too-large", "split it or make it smaller"),
    )


async def test_the_end_of_an_attempt_has_a_bound_of_its_own(scene: Scene) -> None:
    path = f"/v1/attempts/{uid()}/1/finish"

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(attempts.MAX_FINISH_BYTES // 2**20 + 1):
            yield b" " * 2**20

    async with raw_client(scene.grid, await scene.grid.member(Role.HOST, "mallory")) as mallory:
        allowed = await mallory.ask("POST", path, data=io.BytesIO(b" " * (attempts.MAX_FINISH_BYTES - 1)))
        announced = await mallory.ask("POST", path, data=io.BytesIO(b" " * (attempts.MAX_FINISH_BYTES + 1)))
        streamed = await mallory.ask("POST", path, data=chunks())

    assert allowed.outcome == (400, "bad-request")
    assert announced.outcome == streamed.outcome == (413, "too-large")
    assert f"the {attempts.MAX_FINISH_BYTES} bytes allowed" in streamed.body["detail"]


async def test_compressed_bodies_are_refused(scene: Scene) -> None:
    packed = {"data": gzip.compress(b'{"jobs": []}'), "headers": {"Content-Encoding": "gzip"}}
    await scene.check(
        ("POST", "/v1/jobs", packed, 400, "bad-request", "send it without Content-Encoding"),
        ("PUT", f"/v1/data/{uid()}/content", packed, 400, "bad-request", "send it without Content-Encoding"),
    )


def unpacks_to(size_bytes: int) -> bytes:
    """Return zeros, compressed; a block is compressed once and repeated."""
    block, blocks = 2**26, size_bytes // 2**26
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    packed = packer.compress(bytes(block)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08" + bytes(7) + packed * blocks  # source: RFC 1952, 2.3


async def test_a_body_is_not_unpacked_even_where_no_route_reads_it(tmp_path: Path) -> None:
    bomb = unpacks_to(4 * 2**30)
    async with a_grid(tmp_path) as grid, raw_client(grid) as stranger:
        began = time.process_time()
        answer = await stranger.ask("POST", "/x", data=io.BytesIO(bomb), headers={"Content-Encoding": "gzip"})
        used_s = time.process_time() - began

    assert answer.outcome == (404, "no-such-route")
    assert used_s < 1.5


async def test_a_body_that_does_not_come_is_not_waited_for(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "BODY_S", 0.05)

    async def never() -> AsyncIterator[bytes]:
        yield b'{"jobs"'
        await asyncio.Event().wait()

    async with asyncio.timeout(20):
        answer = await scene.alice.ask("POST", "/v1/jobs", data=never(), headers={"Content-Length": "1000"})

    assert answer.outcome == (400, "bad-request")
    assert "did not arrive within" in answer.body["detail"]


async def test_jobs_that_cannot_be(scene: Scene) -> None:
    too_much = {"limits": {"memory_bytes": 2**35}}
    await scene.check(
        ("POST", "/v1/jobs", scene.jobs(app_uid=uid()), 404, "not-found", "there is no app"),
        ("POST", "/v1/jobs", scene.jobs(**too_much), 422, "invalid-field", "a limit passes that of app hello"),
        ("POST", "/v1/jobs", scene.jobs(stdin="0" * 64), 422, "invalid-field", "upload it first"),
        (
            "POST",
            "/v1/jobs",
            scene.jobs(inputs=[{"digest": scene.digest, "path": "../../etc/passwd"}]),
            422,
            "invalid-field",
            "must be a plain relative path",
        ),
        ("POST", "/v1/jobs", scene.jobs(arguments=["a\x00b"]), 422, "invalid-field", "must not contain a NUL"),
        ("POST", "/v1/jobs", scene.jobs(command="ls"), 422, "invalid-field", "jobs.0.command: extra inputs"),
        (
            "POST",
            "/v1/jobs",
            scene.jobs(app_uid=str(derived_uid("xwhep/builtin-app/1", b"vanity"))),
            422,
            "invalid-field",
            "submit a batch of kind search",
        ),
        ("POST", "/v1/jobs", scene.jobs(uid=str(UUID(int=0))), 422, "invalid-field", "clients make ids of version 7"),
        (
            "POST",
            "/v1/jobs",
            scene.jobs(uid=str(derived_uid("mine", b""))),
            422,
            "invalid-field",
            "version 8 is reserved",
        ),
        ("GET", "/v1/jobs/7", {}, 422, "invalid-field", "this is not a UUID of 36 characters"),
        ("GET", "/v1/jobs?status=lost", {}, 422, "invalid-field", "one of pending, running"),
        ("GET", f"/v1/jobs?after={uid()}", {}, 422, "invalid-field", "ask for the list from its beginning"),
        ("GET", f"/v1/jobs/{uid()}/outputs/%ED%A0%80", {}, 404, "not-found", "there is no job"),
    )


async def test_apps_that_cannot_be(scene: Scene) -> None:
    target = {"os": "linux", "cpu": "any", "blob": scene.digest, "entry": "run"}

    def app(**changes: Any) -> dict[str, Any]:
        return {"json": {"uid": uid(), "name": "app", "version": "1", "kind": "native", "targets": [target], **changes}}

    await scene.check(
        ("POST", "/v1/apps", app(targets=[]), 422, "no-target", "register a version that has one"),
        ("POST", "/v1/apps", app(targets=[target, target]), 422, "invalid-field", "two targets are for the same"),
        ("POST", "/v1/apps", app(targets=[target | {"blob": "0" * 64}]), 422, "invalid-field", "upload it first"),
        ("POST", "/v1/apps", app(kind="vanity", targets=[]), 422, "invalid-field", "built in; register native apps"),
        ("POST", "/v1/apps", app(name="a b"), 422, "invalid-field", "name: string should match pattern"),
        ("POST", "/v1/apps", app(targets=[target | {"entry": "/bin/sh"}]), 422, "invalid-field", "plain relative path"),
        ("POST", "/v1/apps", app(name="hello"), 409, "name-taken", "choose another name or version"),
    )


async def test_searches_that_cannot_be(scene: Scene) -> None:
    used = keygen()[1].hex()
    await scene.alice.ask("POST", "/v1/batches", **search(key=used))
    await scene.check(
        ("POST", "/v1/batches", search("10"), 422, "impossible-pattern", "addresses have no 0, O, I or l"),
        ("POST", "/v1/batches", search("2L"), 422, "impossible-pattern", "those of p2sh-p2wpkh on the test network"),
        ("POST", "/v1/batches", search("1" + "L" * 34), 422, "impossible-pattern", "at most 34 characters"),
        ("POST", "/v1/batches", search("1" + "z" * 33), 422, "impossible-pattern", "none of the 2^160 addresses"),
        ("POST", "/v1/batches", search(patterns=["1Lo", "mLo"]), 422, "impossible-pattern", "begin with 1"),
        ("POST", "/v1/batches", search(patterns=["1Lo"] * 5001), 422, "invalid-field", "at most 5000 items"),
        ("POST", "/v1/batches", search(patterns=[]), 422, "impossible-patterns", "there is none"),
        ("POST", "/v1/batches", search(""), 422, "invalid-field", "patterns.0: string should have at least 1"),
        ("POST", "/v1/batches", search(forms=["p2tr"]), 422, "invalid-field", "forms.0: "),
        ("POST", "/v1/batches", search(forms=[]), 422, "invalid-field", "forms: list should have at least 1"),
        ("POST", "/v1/batches", search(network="moon"), 422, "invalid-field", "network: "),
        (
            "POST",
            "/v1/batches",
            search(patterns=["1" + "a" * 12, "1" + "b" * 12], ignore_case=True),
            422,
            "impossible-patterns",
            "more than 12,000 ranges",
        ),
        ("POST", "/v1/batches", search("1LoVELoVELoVELoVE"), 422, "impossible-pattern", "more than the 2^80"),
        ("POST", "/v1/batches", search("0xg", forms=["ethereum"]), 422, "impossible-pattern", "hexadecimal digits"),
        ("POST", "/v1/batches", search(key="02" + "0" * 63 + "5"), 422, "bad-public-key", "cannot be used"),
        ("POST", "/v1/batches", search(key="04" + "0" * 64), 422, "invalid-field", "public_key: string should match"),
        ("POST", "/v1/batches", search(key=used), 409, "key-used", "make a fresh one"),
    )


async def test_ends_and_expressions_that_cannot_be(scene: Scene) -> None:
    def post(code: str, sentence: str, **wanted: Any) -> Case:
        body = search(**{"patterns": [], **wanted})
        return "POST", "/v1/batches", body, 422, code, sentence

    two = ["p2pkh-compressed", "p2pkh-uncompressed"]
    await scene.check(
        post("impossible-pattern", "character 2 is '0'", suffix="L0"),
        post("impossible-pattern", "more than 2^80 keys", suffix="L" * 14),
        post("invalid-field", "suffix: string should have at least 1 character", suffix=""),
        post("impossible-patterns", "with an end there is one beginning, or none", suffix="L", patterns=["1a", "1b"]),
        post("impossible-patterns", "case can be ignored in beginnings alone", suffix="L", ignore_case=True),
        post("impossible-patterns", "in addresses of one form", suffix="L", forms=two),
        post("impossible-pattern", "address of each key would have to be written out", expression=".*LoVE"),
        post("impossible-pattern", "and each of them would have to be written out", expression="1Lo.*VE"),
        post("impossible-pattern", "from '(a+)+$' on it is not understood", expression="1LoVE(a+)+$"),
        post("impossible-pattern", "too entangled to be counted", expression="1LoVE.*[a-z].{15}[A-Z].{5}$"),
        post("impossible-patterns", "an expression is searched for alone", expression="1LoVE", patterns=["1a"]),
        post("impossible-patterns", "an expression is searched for alone", expression="1LoVE", suffix="L"),
        post("impossible-patterns", "in an expression write [aA]", expression="1LoVE", ignore_case=True),
        post("invalid-field", "expression: string should have at most 200", expression="1" * 201),
    )


async def test_content_that_is_not_what_was_announced(scene: Scene) -> None:
    content = b"content"
    wanted = hashlib.sha256(content).hexdigest()
    data = {"uid": uid(), "name": "d", "digest": wanted, "size_bytes": len(content)}
    assert (await scene.alice.ask("POST", "/v1/data", json=data)).status == 201
    path = f"/v1/data/{data['uid']}/content"

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    await scene.check(
        ("PUT", path, {"data": b"another"}, 422, "digest-mismatch", f"but {wanted} was announced; send it again"),
        ("PUT", path, {"data": b"short"}, 400, "bad-request", "the content has 7 bytes by its announcement"),
        ("PUT", path, {"data": chunks()}, 400, "bad-request", "Content-Length must say so too"),
        ("GET", path, {}, 404, "not-found", "there is no content of data"),
    )
    assert list((scene.grid.installation.folder / "blobs").glob("sha256/*/.*")) == []
    assert (await scene.alice.ask("PUT", path, data=content)).body["status"] == "available"
    assert (await scene.alice.ask("GET", path)).body == content


async def test_the_same_request_is_the_same_and_another_under_its_id_is_refused(scene: Scene) -> None:
    eve = await scene.grid.member(Role.USER, "eve")
    search_body, job = search(), scene.jobs()
    bag_job = scene.job()
    bag = {"json": {"kind": "bag", "uid": uid(), "name": "b", "jobs": [bag_job]}}
    data = {"json": {"uid": uid(), "name": "d", "digest": "1" * 64, "size_bytes": 1}}
    requests = [("/v1/batches", search_body), ("/v1/jobs", job), ("/v1/batches", bag), ("/v1/data", data)]
    first = [await scene.alice.ask("POST", path, **options) for path, options in requests]
    before = scene.dump()
    second = [await scene.alice.ask("POST", path, **options) for path, options in requests]
    renamed = [(path, {"json": options["json"] | {"name": "x"}}) for path, options in requests if path != "/v1/jobs"]
    changed = {"json": {"jobs": [job["json"]["jobs"][0] | {"arguments": ["x"]}]}}
    alone = {"json": {"jobs": [bag_job]}}
    rebagged = {"json": bag["json"] | {"uid": uid()}}
    assert scene.dump() == before
    async with raw_client(scene.grid, eve) as other:
        foreign = await other.ask("POST", "/v1/data", **data)

    assert [answer.status for answer in first] == [201] * 4
    assert [answer.body for answer in second] == [answer.body for answer in first]
    assert foreign.outcome == (409, "id-conflict")
    await scene.check(
        *(("POST", path, options, 409, "id-conflict", "use a fresh id") for path, options in renamed),
        ("POST", "/v1/jobs", changed, 409, "id-conflict", "use a fresh id"),
        ("POST", "/v1/jobs", alone, 409, "id-conflict", "use a fresh id"),
        ("POST", "/v1/batches", rebagged, 409, "id-conflict", "use a fresh id"),
    )


async def test_a_service_may_derive_its_ids(scene: Scene) -> None:
    oracle = await scene.grid.member(Role.SERVICE, "oracle")
    body = search(uid=str(derived_uid("xwhep/task/1", b"7")))
    async with raw_client(scene.grid, oracle) as service:
        first = await service.ask("POST", "/v1/batches", **body)
        second = await service.ask("POST", "/v1/batches", **body)

    assert first.status == 201
    assert first.body == second.body


async def test_only_a_service_names_a_requester(scene: Scene) -> None:
    await scene.check(
        ("POST", "/v1/batches", search(requester=REQUESTER), 403, "forbidden", "only the service account of a bridge"),
        ("POST", "/v1/batches", search(requester="vitalik.eth"), 422, "invalid-field", "requester: "),
        ("POST", "/v1/batches", search(requester=7), 422, "invalid-field", "requester: "),
    )


async def test_a_requester_is_the_same_however_its_address_is_written(scene: Scene) -> None:
    oracle = await scene.grid.member(Role.SERVICE, "oracle")
    body = search(requester=REQUESTER)
    small = {"json": body["json"] | {"requester": REQUESTER.lower()}}
    other = {"json": body["json"] | {"requester": "0x" + "1" * 40}}
    none = {"json": {key: value for key, value in body["json"].items() if key != "requester"}}
    async with raw_client(scene.grid, oracle) as service:
        answers = [await service.ask("POST", "/v1/batches", **request) for request in (body, small, other, none)]

    assert [answer.status for answer in answers] == [201, 201, 409, 409]
    assert [answer.body["requester"] for answer in answers[:2]] == [REQUESTER.lower()] * 2


async def test_an_upload_that_passes_the_limits_of_its_job_is_refused(scene: Scene) -> None:
    bob = await scene.grid.member(Role.HOST, "bob")
    small = scene.jobs(limits={"disk_bytes": 1024 * 1024, "output_bytes": 1, "files": 1})
    assert (await scene.alice.ask("POST", "/v1/jobs", **small)).status == 201
    poll = {"protocol": 2, "os": "linux", "cpu": "x86_64", "kinds": {"native": {}}, "wait_s": 0}
    async with raw_client(scene.grid, bob) as host:
        lease = (await host.ask("POST", "/v1/leases", json=poll)).body["lease"]
        path = f"/v1/attempts/{lease['job_uid']}/1"

        async def upload(content: bytes, named: str | None = None) -> Answer:
            digest = named or hashlib.sha256(content).hexdigest()
            return await host.ask("PUT", f"{path}/blobs/{digest}", data=io.BytesIO(content))

        too_large = await upload(b"x" * (1024 * 1024 + 3))  # the folder `out` and the two streams
        wrong = await upload(b"x", "0" * 64)
        malformed = await upload(b"x", "0" * 63)
        several = [await upload(bytes([number])) for number in range(4)]
        never_sent = {"name": "stdout", "digest": "2" * 64, "size_bytes": 1}
        finish = {"outcome": "finished", "outputs": [never_sent]}
        unknown = await host.ask("POST", f"{path}/finish", json=finish)
        traversal = {"outcome": "finished", "outputs": [never_sent | {"name": "../a"}]}
        escaping = await host.ask("POST", f"{path}/finish", json=traversal)
        numbers = [
            (await host.ask("POST", f"/v1/attempts/{lease['job_uid']}/{number}/finish", json=finish)).outcome
            for number in ("0", "2", "x", "-1", "99999999")
        ]

    assert too_large.outcome == (413, "too-large")
    assert wrong.outcome == (422, "digest-mismatch")
    assert malformed.outcome == (422, "invalid-field")
    assert [answer.status for answer in several] == [204, 204, 204, 422]
    assert "than its job's limits allow" in several[3].body["detail"]
    assert unknown.outcome == (422, "invalid-field")
    assert "upload it first" in unknown.body["detail"]
    assert escaping.outcome == (422, "invalid-field")
    assert numbers == [(409, "lease-lost")] * 2 + [(422, "invalid-field")] * 3


async def test_a_line_that_is_no_http_is_no_trouble(scene: Scene) -> None:
    context = anonymous_context(scene.grid.services.authority.cas)
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.grid.dispatcher.port, ssl=context)
    writer.write(b"\x00\x01 nonsense\r\n\r\n")
    async with asyncio.timeout(20):
        assert b"400" in await reader.readline()
    writer.close()
    assert (await scene.alice.ask("GET", "/v1/whoami")).status == 200
