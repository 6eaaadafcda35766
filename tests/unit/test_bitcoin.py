"""Base58, addresses and private keys against published vectors, and what is refused."""

import base58 as reference_base58
import pytest

from xwhep.errors.keys import PrivateKeyError
from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import N, encode
from xwhep.vanity import addresses, base58, bech32
from xwhep.vanity.addresses import Address, Form, Network, address, decode_address, hash160, keccak256, key_hash
from xwhep.vanity.errors import AddressError
from xwhep.vanity.wif import PrivateKey, decode_wif, encode_wif


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("", ""),
        ("61", "2g"),
        ("626262", "a3gV"),
        ("636363", "aPEr"),
        ("73696d706c792061206c6f6e6720737472696e67", "2cFupjhnEsSn59qHXstmK2ffpLv2"),
        ("00eb15231dfceb60925886b67d065299925915aeb172c06647", "1NS17iag9jJgTHD1VXjvLCEnZuQ3rJDE9L"),
        ("516b6fcd0f", "ABnLTmg"),
        ("bf4f89001e670274dd", "3SEo3LWLoPntC"),
        ("572e4794", "3EFU7m"),
        ("ecac89cad93923c02321", "EJDM8drfXA6uyA"),
        ("10c8511e", "Rt5zm"),
        ("00000000000000000000", "1111111111"),
    ],
)
def test_base58_gives_the_texts_of_bitcoin_core(data: str, text: str) -> None:
    """Bitcoin Core, src/test/data/base58_encode_decode.json."""
    assert base58.encode(bytes.fromhex(data)) == text
    assert base58.decode(text) == bytes.fromhex(data)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1l", "character 2 is none of Base58's"),
        ("1\u043e", "character 2 is none of Base58's"),
        ("2g ", "character 3 is none of Base58's"),
        ("1" * 129, "it has 129 characters, more than any key or address"),
    ],
)
def test_what_is_not_base58_is_refused_without_showing_it(text: str, why: str) -> None:
    with pytest.raises(base58.Base58Error) as refusal:
        base58.decode(text)

    assert str(refusal.value) == why


@pytest.mark.parametrize("text", ["", "1", "2g", "1111", "1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAt", "3QJmnh"])
def test_a_wrong_checksum_is_refused(text: str) -> None:
    with pytest.raises(base58.Base58Error, match="its checksum is wrong; look for a typing mistake"):
        base58.decode_check(text)


def test_base58check_agrees_with_another_library() -> None:
    payload = bytes(range(30))

    assert base58.encode_check(payload) == reference_base58.b58encode_check(payload).decode()
    assert base58.decode_check(base58.encode_check(payload)) == payload


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "9c1185a5c5e9fc54612808977ee8f548b2258d31"),
        (b"a", "0bdc9d2d256b3ee9daae347be6f4dc835a467ffe"),
        (b"abc", "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc"),
        (b"message digest", "5d0689ef49d2fae572b881b123a85ffa21595f36"),
        (b"abcdefghijklmnopqrstuvwxyz", "f71c27109c692c1b56bbdceb5b9d2865b3708dbc"),
        (b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "12a053384a9c0c88e405a06c27dcf49ada62eb2b"),
        (b"1234567890" * 8, "9b752e45573d4b39f4dbd3323cab82bf63326bfb"),
        (b"a" * 1_000_000, "52783243c1697bdbe16d37f97f68f08325dc1528"),
    ],
)
def test_ripemd_160_gives_its_authors_digests(message: bytes, digest: str) -> None:
    """Dobbertin, Bosselaers, Preneel: "RIPEMD-160, a strengthened version of RIPEMD", appendix B."""
    assert addresses._ripemd160_by_pycryptodome(message).hex() == digest
    assert addresses._ripemd160(message).hex() == digest


def test_an_openssl_without_ripemd_160_is_noticed() -> None:
    assert addresses._openssl_has("sha256")
    assert not addresses._openssl_has("no-such-hash")
    if addresses._openssl_has("ripemd160"):
        assert addresses._ripemd160 is addresses._ripemd160_by_openssl


# secret, compressed public key, hash160, address, WIF
KEYS = [
    (  # Bitcoin Wiki, "Technical background of version 1 Bitcoin addresses"
        "18e14a7b6a307f426a94f8114701e7c8e774e7f9a47e2c2035db29a206321725",
        "0250863ad64a87ae8a2fe83c1af1a8403cb53f53e486d8511dad8a04887e5b2352",
        "f54a5851e9372b87810a8e60cdd2e7cfd80b6e31",
        "1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs",
        None,
    ),
    (  # BIP 32, test vector 1, chain m
        "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
        "0339a36013301597daef41fbe593a02cc513d0b55527ec2df1050e2e8ff49c85c2",
        "3442193e1bb70916e914552172cd4e2dbc9df811",
        "15mKKb2eos1hWa6tisdPwwDC1a5J1y9nma",
        "L52XzL2cMkHxqxBXRyEpnPQZGUs3uKiL3R11XbAdHigRzDozKZeW",
    ),
    (  # the generator; its hash also in BIP 173, examples
        "0000000000000000000000000000000000000000000000000000000000000001",
        "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        "751e76e8199196d454941c45d1b3a323f1433bd6",
        "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn",
    ),
    (  # Bitcoin Wiki, "Wallet import format"
        "0c28fca386c7a227600b2fe50b7cae11ec86d3bf1fbe471be89827e19d72aa1d",
        None,
        None,
        None,
        "KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98617",
    ),
]


@pytest.mark.parametrize(("secret", "public", "digest", "written", "wif"), KEYS)
def test_keys_have_the_published_addresses(
    secret: str, public: str | None, digest: str | None, written: str | None, wif: str | None
) -> None:
    number = int(secret, 16)
    point = public_key_of(number)

    assert public in {None, encode(point).hex()}
    assert digest in {None, key_hash(point).hex(), hash160(encode(point)).hex()}
    assert written in {None, address(key_hash(point))}
    assert wif in {None, encode_wif(number)}
    assert decode_wif(encode_wif(number)).secret == number


WIKI, BIP_49 = int(KEYS[0][0], 16), 0xC9BDB49CFBAEDCA21C4B1F3A7803C34636B1D7DC55A717132443FC3F4C5867E8


@pytest.mark.parametrize(
    ("secret", "form", "digest"),
    [
        # Bitcoin Wiki, "Technical background of version 1 Bitcoin addresses", now and until 2019
        (WIKI, Form.P2PKH_COMPRESSED, "f54a5851e9372b87810a8e60cdd2e7cfd80b6e31"),
        (WIKI, Form.P2PKH_UNCOMPRESSED, "010966776006953d5567439e5e39f86a0d273bee"),
        # BIP 173, examples
        (1, Form.P2WPKH, "751e76e8199196d454941c45d1b3a323f1433bd6"),
        # BIP 49, test vectors: keyhash and addressBytes
        (BIP_49, Form.P2WPKH, "38971f73930f6c141d977ac4fd4a727c854935b3"),
        (BIP_49, Form.P2SH_P2WPKH, "336caa13e08b96080a32b5d818d59b4ab3b36742"),
        # Andreas Antonopoulos, Gavin Wood: "Mastering Ethereum", chapter 4
        (
            0xF8F8A2F43C8376CCB0871305060D7B27B0554D2CC72BCCF41B2705608452F315,
            Form.ETHEREUM,
            "001d3f1ef827552ae1114027bd3ecf1f086ba0f9",
        ),
    ],
)
def test_each_form_hashes_a_key_as_published(secret: int, form: Form, digest: str) -> None:
    assert key_hash(public_key_of(secret), form).hex() == digest


@pytest.mark.parametrize(
    ("digest", "form", "network", "written"),
    [
        # Bitcoin Wiki, "Technical background of version 1 Bitcoin addresses", before 2019
        (
            "010966776006953d5567439e5e39f86a0d273bee",
            Form.P2PKH_COMPRESSED,
            "main",
            "16UwLL9Risc3QfPqBUvKofHmBQ7wMtjvM",
        ),
        # BIP 173, examples
        ("751e76e8199196d454941c45d1b3a323f1433bd6", Form.P2WPKH, "main", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
        ("751e76e8199196d454941c45d1b3a323f1433bd6", Form.P2WPKH, "test", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx"),
        # BIP 49, test vectors
        ("336caa13e08b96080a32b5d818d59b4ab3b36742", Form.P2SH_P2WPKH, "test", "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"),
        # Bitcoin Core, src/test/data/key_io_valid.json
        (
            "53c0307d6851aa0ce7825ba883c6bd9ad242b486",
            Form.P2PKH_COMPRESSED,
            "test",
            "mo9ncXisMeAoXwqcV5EWuyncbmCcQN4rVs",
        ),
        ("6349a418fc4578d10a372b54b45c280cc8c4382f", Form.P2SH_P2WPKH, "test", "2N2JD6wb56AfK4tfmM6PwdVmoYk2dCKf4Br"),
        ("b472a266d0bd89c13706a4132ccfb16f7c3b9fcb", Form.P2SH_P2WPKH, "main", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"),
    ],
)
def test_addresses_are_written_and_read_as_published(digest: str, form: Form, network: str, written: str) -> None:
    number = bytes.fromhex(digest)

    assert address(number, form, Network(network)) == written
    assert decode_address(written) == Address(number, form, Network(network))


@pytest.mark.parametrize(
    "written",
    [
        # EIP-55, "Test Cases": all caps, all lower, normal
        "0x52908400098527886E0F7030069857D2E4169EE7",
        "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
        "0xde709f2102306220921060314715629080e2fb77",
        "0x27b1fdb04752bbc536007a920d24acb045561c26",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ],
)
def test_addresses_of_ethereum_are_written_and_read_as_published(written: str) -> None:
    digest = bytes.fromhex(written[2:])

    assert address(digest, Form.ETHEREUM) == address(digest, Form.ETHEREUM, Network.TEST) == written
    for text in (written, written.lower(), f"0x{written[2:].upper()}"):
        assert decode_address(text) == Address(digest, Form.ETHEREUM, Network.MAIN)


def test_the_hash_of_ethereum_is_keccak_with_its_first_padding() -> None:
    """Of nothing; source: Yellow Paper, section 4.1, the code hash of an account without code."""
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_the_address_of_an_uncompressed_key_looks_like_a_compressed_ones() -> None:
    written = address(bytes(20), Form.P2PKH_UNCOMPRESSED, Network.TEST)

    assert decode_address(written) == Address(bytes(20), Form.P2PKH_COMPRESSED, Network.TEST)


NO_FORM = "it is none of P2PKH (1...), P2SH (3...), P2WPKH (bc1q...) and Ethereum's (0x...), on whatever network"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAt", "its checksum is wrong; look for a typing mistake"),
        ("1PMycacnJaSqwwJqjawXBErnLsZ7RkXUA0", "character 34 is none of Base58's"),
        ("1Wh4bh", NO_FORM),  # no hash at all
        ("5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ", NO_FORM),
        (base58.encode_check(b"\x30" + bytes(20)), NO_FORM),
        ("bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3", NO_FORM),  # BIP 173: of a script
        (bech32.encode("bc1abc", bytes(20)), NO_FORM),
        ("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", "its checksum is wrong; look for a typing mistake"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "the cases of its letters are wrong; look for a typing mistake"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe", "behind 0x there are not 40 hexadecimal digits"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAedd", "behind 0x there are not 40 hexadecimal digits"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", "behind 0x there are not 40 hexadecimal digits"),
        ("0x" + "\u0661" * 40, "behind 0x there are not 40 hexadecimal digits"),
        ("0x" + "1" * 40 + "\n", "behind 0x there are not 40 hexadecimal digits"),
        ("0x", "behind 0x there are not 40 hexadecimal digits"),
        ("0X" + "1" * 40, "character 1 is none of Base58's"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(AddressError) as refusal:
        decode_address(text)

    assert refusal.value.text == f"the address cannot be used: {why}"


@pytest.mark.parametrize(
    ("secret", "form", "network", "wif"),
    [
        # Bitcoin Wiki, "Wallet import format"
        (int(KEYS[3][0], 16), Form.P2PKH_UNCOMPRESSED, "main", "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"),
        # BIP 49, test vectors
        (BIP_49, Form.P2SH_P2WPKH, "test", "cULrpoZGXiuC19Uhvykx7NugygA3k86b3hmdCeyvHYQZSxojGyXJ"),
        (1, Form.P2PKH_UNCOMPRESSED, "test", "91avARGdfge8E4tZfYLoxeJ5sGBdNJQH4kvjJoQFacbgwmaKkrx"),
        (1, Form.P2WPKH, "main", "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"),
    ],
)
def test_keys_of_each_form_are_written_and_read_as_published(secret: int, form: Form, network: str, wif: str) -> None:
    assert encode_wif(secret, form, Network(network)) == wif
    assert decode_wif(wif) == PrivateKey(secret, form is not Form.P2PKH_UNCOMPRESSED, Network(network))


NO_KEY = "it is not a private key in the wallet import format"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("KwdMAjGmerYanjeui5SHS7JkmpZvVipYvB2LJGU1ZxJwYvP98618", "its checksum is wrong; look for a typing mistake"),
        (base58.encode_check(b"\x80" + bytes(31) + b"\x01\x02"), NO_KEY),
        (base58.encode_check(b"\x30" + bytes(31) + b"\x01\x01"), NO_KEY),
        ("1PMycacnJaSqwwJqjawXBErnLsZ7RkXUAs", NO_KEY),
        (base58.encode_check(b"\x80" + bytes(32)), "it is not a number from 1 to the order of secp256k1 less 1"),
        (encode_wif(0), "it is not a number from 1 to the order of secp256k1 less 1"),
        (encode_wif(N), "it is not a number from 1 to the order of secp256k1 less 1"),
        (base58.encode_check(b"\x80" + bytes(31) + b"\x01" + bytes(5)), NO_KEY),
    ],
)
def test_what_is_no_wif_key_is_refused_without_showing_it(text: str, why: str) -> None:
    with pytest.raises(PrivateKeyError) as refusal:
        decode_wif(text)

    assert refusal.value.text == f"the private key cannot be used: {why}"
    assert text not in refusal.value.text
