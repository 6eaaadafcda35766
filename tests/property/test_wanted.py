"""What is wanted against the addresses that other libraries write, and difficulties against counting."""

from __future__ import annotations

from fractions import Fraction
from hashlib import sha256
from itertools import product
from random import Random

import base58 as reference_base58
import pytest
from Crypto.Hash import RIPEMD160
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import N, encode
from xwhep.vanity import base58, bech32
from xwhep.vanity.addresses import Form, Network, hashed_as, key_hash
from xwhep.vanity.patterns import parse_pattern
from xwhep.vanity.targets import Match, Target, target_of
from xwhep.vanity.wanted import Wanted, want_ending, want_expression, want_patterns

VERSIONS = {Network.MAIN: b"\x00\x05", Network.TEST: b"\x6f\xc4"}
secrets = st.integers(1, N - 1)
networks = st.sampled_from(Network)
some_forms = st.sets(st.sampled_from(Form), min_size=1).map(lambda forms: [form for form in Form if form in forms])


def hash160(data: bytes) -> bytes:
    return RIPEMD160.new(sha256(data).digest()).digest()


def written(secret: int, form: Form, network: Network) -> str:
    """Return an address by other libraries; in Bech32 by ours, which published vectors test."""
    if form is Form.ETHEREUM:
        return str(Account.from_key(secret.to_bytes(32, "big")).address)
    key = public_key_of(secret)
    digest = hash160(encode(key, compressed=form is not Form.P2PKH_UNCOMPRESSED))
    if form is Form.P2WPKH:
        return bech32.encode("bc" if network is Network.MAIN else "tb", digest)
    p2pkh, p2sh = VERSIONS[network][:1], VERSIONS[network][1:]
    if form is Form.P2SH_P2WPKH:
        return reference_base58.b58encode_check(p2sh + hash160(b"\x00\x14" + digest)).decode()
    return reference_base58.b58encode_check(p2pkh + digest).decode()


def begins(text: str, pattern: str, form: Form) -> bool:
    """Tell whether an address begins so; Ethereum's with a pattern in one case in any."""
    if form is Form.ETHEREUM and pattern[2:] in {pattern[2:].lower(), pattern[2:].upper()}:
        return text.lower().startswith(pattern.lower())
    return text.startswith(pattern)


def check_target(wanted: Wanted, secret: int) -> None:
    """Check that a target's ways to tell which keys count agree with each other, and with what is wanted."""
    key, target = public_key_of(secret), wanted.target
    accepted = [form for form in target.forms if target.accepts(form, key_hash(key, form))]
    match, found = target.match(key), wanted.find(key)

    assert match == (Match(accepted[0], key_hash(key, accepted[0])) if accepted else None)
    assert found is None or hashed_as(found.form) in accepted
    assert float(target.chance) >= float(1 / wanted.difficulty) * (1 - 1e-6)  # an ending's is not of one length


@given(secret=secrets, network=networks, forms=some_forms, of=st.lists(st.tuples(secrets, st.integers(4, 8))))
def test_what_is_found_is_what_the_texts_of_a_keys_addresses_say(
    secret: int, network: Network, forms: list[Form], of: list[tuple[int, int]]
) -> None:
    sources = [(secret, 5), (secret, 7), *of]
    texts = [written(one, forms[i % len(forms)], network)[:length] for i, (one, length) in enumerate(sources)]

    wanted = want_patterns(texts, forms, network)

    matching = {form: [text for text in texts if begins(written(secret, form, network), text, form)] for form in forms}
    first = next(form for form in forms if matching[form])
    found = wanted.find(public_key_of(secret))
    assert found is not None
    assert (found.address, found.form) == (written(secret, first, network), first)
    assert found.texts == tuple(sorted(dict.fromkeys(matching[first]), key=len, reverse=True))
    assert list(wanted.texts) == list(dict.fromkeys(texts))
    assert len(wanted.duplicates) == len(texts) - len(set(texts))
    check_target(wanted, secret)


@given(secret=secrets, other=secrets, network=networks, form=st.sampled_from(Form))
def test_what_is_wanted_of_one_key_is_not_found_in_another(
    secret: int, other: int, network: Network, form: Form
) -> None:
    text = written(secret, form, network)
    read = text.lower() if form is Form.ETHEREUM else text

    every = (
        want_patterns([text[:9]], [form], network),
        want_ending(text[-4:], text[:5], form, network),
        want_expression(f"{read[:8]}.*{read[-1]}$", form, network),
    )

    for wanted in every:
        found = wanted.find(public_key_of(secret))
        assert found is not None
        assert found.address == text
        assert other == secret or wanted.find(public_key_of(other)) is None
        check_target(wanted, secret)
        check_target(wanted, other)


prefixes = st.text(base58.ALPHABET, max_size=3).map(lambda rest: f"1{rest}").filter(lambda text: text < "1Q")


@given(texts=st.lists(prefixes, min_size=1, max_size=8))
def test_overlapping_patterns_are_as_hard_as_those_that_no_other_begins(texts: list[str]) -> None:
    wanted = want_patterns(texts)

    shortest = {text for text in texts if not any(text != other and text.startswith(other) for other in texts)}
    chance = sum(1 / parse_pattern(text).difficulty for text in shortest)
    assert 1 / wanted.difficulty == wanted.target.chance == chance


@given(texts=st.lists(prefixes, min_size=1, max_size=3), more=st.sampled_from([[], ["0xc"], ["bc1qx"], ["3J", "0xAb"]]))
def test_of_several_forms_the_chance_is_that_not_all_hashes_miss(texts: list[str], more: list[str]) -> None:
    forms = list(Form)
    wanted = want_patterns([*texts, *more], forms)

    digests = {Form.P2PKH_COMPRESSED: [*texts, *(text for text in more if text[0] == "b")]}
    digests |= {Form.P2PKH_UNCOMPRESSED: texts, Form.P2SH_P2WPKH: [text for text in more if text[0] == "3"]}
    misses = Fraction(1)
    for form, begun in digests.items():
        alone = [one for one in forms if hashed_as(one) is form]
        misses *= 1 - 1 / want_patterns(begun, alone).difficulty if begun else 1
    for text in more:
        misses *= 1 - 1 / want_patterns([text], [Form.ETHEREUM]).difficulty if text[0] == "0" else 1
    assert 1 / wanted.difficulty == 1 - misses


hex_texts = st.text("0aAbBcC9", max_size=2).map(lambda digits: f"0x{digits}")


@given(texts=st.lists(hex_texts, min_size=1, max_size=6), ignore_case=st.booleans())
def test_the_difficulty_of_ethereums_patterns_is_what_counting_all_beginnings_finds(
    texts: list[str], *, ignore_case: bool
) -> None:
    """The universe: two digits, each letter of which the checksum gives either case with the same chance."""
    found = 0
    folded = [text.lower() if ignore_case else text for text in texts]
    for digits in product("0123456789abcdef", repeat=2):
        for raised in product([False, True], repeat=2):
            text = "0x" + "".join(one.upper() if up else one for one, up in zip(digits, raised, strict=True))
            found += any(begins(text, pattern, Form.ETHEREUM) for pattern in folded)

    wanted = want_patterns(texts, [Form.ETHEREUM], ignore_case=ignore_case)

    assert 1 / wanted.difficulty == Fraction(found, 16**2 * 2**2)


@pytest.mark.parametrize(
    "wanted",
    [
        want_patterns(["1L", "11", "0xA", "0xb1", "3Q"], list(Form)),
        want_patterns(["1L"], ignore_case=True),
        want_ending("x", "1"),
        want_ending("7", "0x", Form.ETHEREUM),
        want_ending("q", "bc1q", Form.P2WPKH),
    ],
    ids=str,
)
def test_so_many_keys_count_as_a_target_says(wanted: Wanted) -> None:
    source = Random(7)  # noqa: S311 - the same sample each time
    tried = 6000
    targets = wanted.target

    counted = sum(
        any(targets.accepts(form, source.randbytes(20)) for form in targets.forms)  # the hashes of one key
        for _ in range(tried)
    )

    expected = float(tried * targets.chance)
    assert abs(counted - expected) < 6 * expected**0.5


@given(
    digest=st.binary(min_size=20, max_size=20), other=st.binary(min_size=20, max_size=20), form=st.sampled_from(Form)
)
def test_the_target_of_an_address_accepts_it_alone(digest: bytes, other: bytes, form: Form) -> None:
    target = target_of(digest, form)

    assert isinstance(target, Target)
    assert target.accepts(hashed_as(form), digest)
    assert target.accepts(hashed_as(form), other) == (digest == other)
    assert target.chance == Fraction(1, 2**160)
