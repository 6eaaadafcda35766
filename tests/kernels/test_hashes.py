"""The hashes on vectors, against hashlib, another RIPEMD-160, and published vectors."""

from __future__ import annotations

import hashlib

import pytest
from Crypto.Hash import RIPEMD160, keccak
from hypothesis import given
from hypothesis import strategies as st

from tests.kernels.harness import HASH_LANES, hash_blocks, keccak_of_keys, sha256_of_four
from worker.vanity.choice import host_features
from worker.vanity.keccak import ROUND_CONSTANTS

BLOCK = 64
WAYS = [False, True] if host_features().get("sha") else [False]

by_each_way = pytest.mark.parametrize("by_sha_ni", WAYS, ids=lambda by_sha_ni: "sha-ni" if by_sha_ni else "vectors")
messages = st.binary(max_size=BLOCK - 9)


def padded(message: bytes, order: str) -> bytes:
    """Return the one block of a short message. Source: FIPS 180-4, 5.1.1; RIPEMD-160 counts bits little-endian."""
    zeros = bytes(BLOCK - 9 - len(message))
    return message + b"\x80" + zeros + (8 * len(message)).to_bytes(8, "big" if order == "big" else "little")


def all_lanes(message: bytes) -> list[bytes]:
    return [message] * HASH_LANES


@given(batch=st.lists(messages, min_size=HASH_LANES, max_size=HASH_LANES))
def test_each_lane_hashes_like_hashlib(batch: list[bytes]) -> None:
    sha256 = [digests[0] for digests in hash_blocks([padded(message, "big") for message in batch])]
    ripemd160 = [digests[1] for digests in hash_blocks([padded(message, "little") for message in batch])]

    assert sha256 == [hashlib.sha256(message).digest() for message in batch]
    assert ripemd160 == [RIPEMD160.new(message).digest() for message in batch]


@by_each_way
@pytest.mark.parametrize("size", [22, 33, 65])
@given(data=st.data())
def test_each_lane_hashes_messages_of_any_number_of_blocks(*, size: int, by_sha_ni: bool, data: st.DataObject) -> None:
    messages = data.draw(st.lists(st.binary(min_size=size, max_size=size), min_size=4, max_size=4))

    digests = sha256_of_four(messages, by_sha_ni=by_sha_ni)

    assert digests == [hashlib.sha256(message).digest() for message in messages]


@by_each_way
def test_sha256_of_two_blocks_is_the_published_one(*, by_sha_ni: bool) -> None:
    # FIPS 180-4 example, as above: the message of 448 bits, which takes a second block for its length
    message = b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

    digests = sha256_of_four([message] * 4, by_sha_ni=by_sha_ni)

    assert {digest.hex() for digest in digests} == {"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}


@given(keys=st.lists(st.binary(min_size=33, max_size=33), min_size=HASH_LANES, max_size=HASH_LANES))
def test_each_lane_computes_the_hash160_of_a_key(keys: list[bytes]) -> None:
    hash160 = [digests[2] for digests in hash_blocks([padded(key, "big") for key in keys])]

    assert hash160 == [RIPEMD160.new(hashlib.sha256(key).digest()).digest() for key in keys]


def test_sha256_of_abc_is_the_published_one() -> None:
    # FIPS 180-4 example: "SHA256.pdf" of NIST's "Cryptographic Standards and Guidelines: Example Values"
    digests = hash_blocks(all_lanes(padded(b"abc", "big")))

    assert {sha256.hex() for sha256, _, _ in digests} == {
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    }


def test_ripemd160_of_the_authors_messages_are_the_published_ones() -> None:
    # H. Dobbertin, A. Bosselaers, B. Preneel, "RIPEMD-160: A Strengthened Version of RIPEMD", appendix B
    published = {
        b"": "9c1185a5c5e9fc54612808977ee8f548b2258d31",
        b"a": "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe",
        b"abc": "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc",
        b"message digest": "5d0689ef49d2fae572b881b123a85ffa21595f36",
        b"abcdefghijklmnopqrstuvwxyz": "f71c27109c692c1b56bbdceb5b9d2865b3708dbc",
    }

    for message, digest in published.items():
        digests = hash_blocks(all_lanes(padded(message, "little")))

        assert {ripemd160.hex() for _, ripemd160, _ in digests} == {digest}


def test_hash160_of_the_generator_is_the_published_one() -> None:
    # the address of the private key 1, compressed: 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH
    key = bytes.fromhex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")

    digests = hash_blocks(all_lanes(padded(key, "big")))

    assert {hash160.hex() for _, _, hash160 in digests} == {"751e76e8199196d454941c45d1b3a323f1433bd6"}


@given(keys=st.lists(st.binary(min_size=64, max_size=64), min_size=HASH_LANES, max_size=HASH_LANES))
def test_each_lane_computes_the_keccak_of_a_key(keys: list[bytes]) -> None:
    digests = [keccak.new(digest_bits=256, data=key).digest() for key in keys]

    assert keccak_of_keys(keys) == [(digest, digest[12:]) for digest in digests]


def test_keccak_of_the_generator_is_the_published_address() -> None:
    # the account of the private key 1: 0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf
    key = bytes.fromhex(
        "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8"
    )

    assert {address.hex() for _, address in keccak_of_keys(all_lanes(key))} == {
        "7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    }


def test_the_round_constants_of_keccak_are_the_published_ones() -> None:
    # "The Keccak reference", 1.2, the first three and the last
    assert [ROUND_CONSTANTS[i] for i in (0, 1, 2, 23)] == [1, 0x8082, 0x800000000000808A, 0x8000000080008008]
