"""Bech32 against the vectors of BIP 173, and what is refused."""

import pytest

from xwhep.vanity import bech32
from xwhep.vanity.bech32 import Bech32Error

LONGEST = "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs"
ZEROS = f"1{'q' * 82}c8247j"


@pytest.mark.parametrize(
    "text",
    [
        "A12UEL5L",
        "a12uel5l",
        LONGEST,
        "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        f"1{ZEROS}",
        "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        "?1ezyfcl",
    ],
)
def test_published_texts_are_bech32(text: str) -> None:
    hrp, digits = bech32.parse(text)

    assert text.lower().startswith(hrp + "1")
    assert len(digits) == len(text) - len(hrp) - 7


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("\x201nwldj5", "characters beyond those of ASCII"),
        ("\x7f1axkwrx", "characters beyond those of ASCII"),
        ("\x801eym55h", "characters beyond those of ASCII"),
        (
            "an84characterslonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1569pvx",
            "91 characters",
        ),
        ("pzry9x0s0muk", "no part before its last 1"),
        ("1pzry9x0s0muk", "no part before its last 1"),
        ("x1b4n0q5v", "character 3 is none of Bech32's"),
        ("li1dgmt3", "too little behind it"),
        ("de1lg7wt\xff", "characters beyond those of ASCII"),
        ("A1G7SGD8", "its checksum is wrong"),
        ("10a06t8", "no part before its last 1"),
        ("1qzzfhee", "no part before its last 1"),
        ("A12uel5l", "mixes lower and upper case"),
    ],
)
def test_published_mistakes_are_refused(text: str, why: str) -> None:
    with pytest.raises(Bech32Error, match=why):
        bech32.parse(text)


@pytest.mark.parametrize(
    ("text", "hrp", "program"),
    [
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "bc", "751e76e8199196d454941c45d1b3a323f1433bd6"),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "tb",
            "1863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        (
            "tb1qqqqqp399et2xygdj5xreqhjjvcmzhxw4aywxecjdzew6hylgvsesrxh6hy",
            "tb",
            "000000c4a5cad46221b2a187905e5266362b99d5e91c6ce24d165dab93e86433",
        ),
    ],
)
def test_published_addresses_are_read_and_written(text: str, hrp: str, program: str) -> None:
    assert bech32.decode(text) == (hrp, bytes.fromhex(program))
    assert bech32.encode(hrp, bytes.fromhex(program)) == text.lower()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "its checksum is wrong"),
        ("BC13W508D6QEJXTDG4Y5R3ZARVARY0C5XW7KN40WF2", "not an address of witness version 0"),
        ("bc1rw5uspcuh", "not an address of witness version 0"),
        ("bc1gmk9yu", "not an address of witness version 0"),
        ("BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P", "it holds 16 bytes and not 20 or 32"),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sL5k7", "mixes lower and upper case"),
        ("tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3pjxtptv", "not zero or too many"),
    ],
)
def test_published_false_addresses_are_refused(text: str, why: str) -> None:
    with pytest.raises(Bech32Error, match=why):
        bech32.decode(text)


def test_digits_have_the_values_of_their_places() -> None:
    assert bech32.value("") == 0
    assert bech32.value("pq") == 32
    assert bech32.value("l" * 32) == 2**160 - 1
