"""Content by digest, on a real disk."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import pytest

from worker.cache import Cache
from xwhep.errors.jobs import UnavailableError


class Source:
    """A dispatcher's content; counts how often it is fetched."""

    def __init__(self, *contents: bytes) -> None:
        self.contents = {hashlib.sha256(content).hexdigest(): content for content in contents}
        self.digests = list(self.contents)
        self.fetched: list[str] = []

    async def fetch(self, digest: str, destination: Path) -> None:
        self.fetched.append(digest)
        await asyncio.sleep(0)
        await asyncio.to_thread(destination.write_bytes, self.contents[digest])


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def make_cache(tmp_path: Path, limit_bytes: int = 1000) -> Cache:
    return Cache(tmp_path / "cache", limit_bytes)


async def test_content_is_fetched_once_even_by_two_at_the_same_time(tmp_path: Path, out: Path) -> None:
    cache, source = make_cache(tmp_path), Source(b"content")
    (digest,) = source.digests

    await asyncio.gather(*(cache.provide(digest, out / name, source.fetch) for name in "ab"))

    assert source.fetched == [digest]
    assert (out / "a").read_bytes() == (out / "b").read_bytes() == b"content"


async def test_content_survives_a_restart(tmp_path: Path, out: Path) -> None:
    source = Source(b"content")
    (digest,) = source.digests
    await make_cache(tmp_path).provide(digest, out / "a", source.fetch)

    await make_cache(tmp_path).provide(digest, out / "b", source.fetch)

    assert source.fetched == [digest]
    assert (out / "b").read_bytes() == b"content"


async def test_content_that_was_changed_is_fetched_again(tmp_path: Path, out: Path) -> None:
    cache, source = make_cache(tmp_path), Source(b"content")
    (digest,) = source.digests
    await cache.provide(digest, out / "a", source.fetch)
    kept = tmp_path / "cache" / digest
    kept.chmod(0o644)
    kept.write_bytes(b"lies")

    await cache.provide(digest, out / "b", source.fetch)

    assert source.fetched == [digest, digest]
    assert (out / "b").read_bytes() == b"content"


async def test_content_is_read_only(tmp_path: Path, out: Path) -> None:
    cache, source = make_cache(tmp_path), Source(b"content")

    await cache.provide(source.digests[0], out / "a", source.fetch)

    assert (out / "a").stat().st_mode & 0o222 == 0


async def test_what_was_not_used_for_the_longest_time_goes_first(tmp_path: Path, out: Path) -> None:
    cache, source = make_cache(tmp_path, limit_bytes=25), Source(b"a" * 10, b"b" * 10, b"c" * 10)
    first, second, third = source.digests
    for name, digest in enumerate((first, second, first, third)):
        await cache.provide(digest, out / str(name), source.fetch)

    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == sorted([first, third])
    assert (out / "1").read_bytes() == b"b" * 10


async def test_content_beyond_the_limit_is_given_and_not_kept(tmp_path: Path, out: Path) -> None:
    cache, source = make_cache(tmp_path, limit_bytes=5), Source(b"content")

    await cache.provide(source.digests[0], out / "a", source.fetch)

    assert (out / "a").read_bytes() == b"content"
    assert list((tmp_path / "cache").iterdir()) == []


async def test_where_links_are_impossible_content_is_copied(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    cache, source = make_cache(tmp_path), Source(b"content")

    await cache.provide(source.digests[0], out / "a", source.fetch)

    assert (out / "a").read_bytes() == b"content"
    assert (out / "a").stat().st_nlink == 1


async def test_a_fetch_that_fails_leaves_nothing_behind(tmp_path: Path, out: Path) -> None:
    async def fail(digest: str, destination: Path) -> None:
        raise UnavailableError("nobody there")

    cache, source = make_cache(tmp_path), Source(b"content")
    with pytest.raises(UnavailableError):
        await cache.provide(source.digests[0], out / "a", fail)

    await cache.provide(source.digests[0], out / "a", source.fetch)
    assert (out / "a").read_bytes() == b"content"


def test_what_a_crash_left_half_fetched_is_removed(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "00.part").write_bytes(b"half")

    make_cache(tmp_path)

    assert list((tmp_path / "cache").iterdir()) == []
