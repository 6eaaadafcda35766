"""Split keys: what the searcher finds with the public key, the requester combines with the secret."""

import coincurve
import pytest
from Crypto.Hash import keccak
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.support.strategies import hits, secrets
from tests.support.targets import ALL
from xwhep.errors.jobs import FalseResultError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import LAMBDA, N, multiply
from xwhep.vanity.addresses import Form, Network, hash160, hashed_as, key_hash
from xwhep.vanity.split_key import Hit, blind, check, combine, hit_public_key, unblind
from xwhep.vanity.targets import target_of
from xwhep.vanity.wif import PrivateKey, decode_wif, encode_wif


def reference_hash160(key: int, form: Form = Form.P2PKH_COMPRESSED) -> bytes:
    public_key = coincurve.PrivateKey.from_int(key).public_key
    if form is Form.ETHEREUM:
        return keccak.new(digest_bits=256, data=public_key.format(compressed=False)[1:]).digest()[12:]
    digest = hash160(public_key.format(compressed=form is not Form.P2PKH_UNCOMPRESSED))
    return hash160(bytes.fromhex("0014") + digest) if form is Form.P2SH_P2WPKH else digest


@given(secret=secrets, hit=hits, form=st.sampled_from(Form))
def test_the_combined_key_has_the_address_that_was_found(secret: int, hit: Hit, form: Form) -> None:
    assume((secret + hit.s) % N != 0)
    public_key = public_key_of(secret)
    found = key_hash(hit_public_key(public_key, hit), form)
    wanted = target_of(found, form).match

    key, match = combine(secret, hit, wanted)

    assert reference_hash160(key, form) == found
    assert match == check(public_key, hit, wanted) == (hashed_as(form), found)


@given(secret=secrets, hit=hits)
def test_a_hit_of_one_form_is_none_of_another(secret: int, hit: Hit) -> None:
    assume((secret + hit.s) % N != 0)
    public_key = public_key_of(secret)
    found = key_hash(hit_public_key(public_key, hit), Form.P2PKH_UNCOMPRESSED)

    for form in set(Form) - {Form.P2PKH_UNCOMPRESSED}:
        with pytest.raises(FalseResultError, match=r"its public key is .* whose address was not asked for"):
            combine(secret, hit, target_of(found, form).match)


@given(secret=secrets, r=secrets, hit=hits)
def test_a_hit_of_the_blinded_key_unblinds_to_one_of_the_requesters(secret: int, r: int, hit: Hit) -> None:
    assume((secret + r) % N != 0)
    assume((secret + r + hit.s) % N != 0)
    public = public_key_of(secret)
    blinded = blind(public, r)

    found = check(blinded, hit, ALL.match).digest
    result = unblind(hit, r)

    key, _ = combine(secret, result, target_of(found, Form.P2PKH_COMPRESSED).match)
    assert reference_hash160(key) == found
    assert hit_public_key(blinded, hit) == hit_public_key(public, result)


@given(secret=secrets, hit=hits, other=hits)
def test_another_hit_is_refused(secret: int, hit: Hit, other: Hit) -> None:
    assume((secret + hit.s) % N != 0)
    public = public_key_of(secret)
    wanted = target_of(key_hash(hit_public_key(public, hit)), Form.P2PKH_COMPRESSED).match
    scale, other_scale = (one.sign * pow(LAMBDA, one.e, N) * (secret + one.s) % N for one in (hit, other))
    assume(scale != other_scale)

    with pytest.raises(FalseResultError):
        combine(secret, other, wanted)
    with pytest.raises(FalseResultError):
        check(public, other, wanted)


@given(secret=secrets, s=st.integers(0, N - 1))
def test_an_offset_stands_for_six_keys(secret: int, s: int) -> None:
    assume((secret + s) % N != 0)
    public = public_key_of(secret)

    found = {hit_public_key(public, Hit(s, e, sign)) for e in range(3) for sign in (1, -1)}

    assert found == {multiply(public_key_of((secret + s) % N), sign * LAMBDA**e) for e in range(3) for sign in (1, -1)}
    assert len(found) == 6


@given(secret=secrets, form=st.sampled_from(Form), network=st.sampled_from(Network))
def test_a_key_is_read_back_from_its_text(secret: int, form: Form, network: Network) -> None:
    key = decode_wif(encode_wif(secret, form, network))

    assert key == PrivateKey(secret, compressed=form is not Form.P2PKH_UNCOMPRESSED, network=network)
