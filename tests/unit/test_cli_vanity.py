"""`xwhep vanity` without a grid: keys, difficulties, what cannot be searched for."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.support.person import Person
from xwhep.cli.vanity.wanted import FORMS
from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import N, decode
from xwhep.vanity import base58
from xwhep.vanity.addresses import Form, Network, address, key_hash
from xwhep.vanity.key_files import read_part
from xwhep.vanity.split_key import Hit, hit_public_key
from xwhep.vanity.wif import decode_wif

POINT_OFF_CURVE = "02" + "00" * 31 + "05"


@pytest.fixture
def person(tmp_path: Path) -> Person:
    return Person(tmp_path / "home")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["difficulty", "1LOVE"], "(impossible-pattern)"),
        (["search", "1" + "z" * 33], "(impossible-pattern)"),
        (["search", "2LoVE"], "greatest 2NGapyPiksYHc7PU4pecnXhcyzNkq1wvz5p (impossible-pattern)"),
        (["search", "1L", "tb1qa"], "are not found by one search (impossible-patterns)"),
        (["difficulty", ""], "a pattern is empty (impossible-patterns)"),
        (["difficulty", "1" * 65], "a pattern has more than 64 characters (impossible-patterns)"),
        (["difficulty", *["1L"] * 5001], "there are more than 5,000 (impossible-patterns)"),
        (["difficulty", "mLo", "bc1q"], "are not found by one search (impossible-patterns)"),
        (["difficulty", "0xfun"], "hexadecimal digits 0 to 9 and a to f (impossible-pattern)"),
        (["difficulty", "0XC0ffee"], "begin with 0x; case matters (impossible-pattern)"),
        (["difficulty", "0xc0ffee", "--form", "p2pkh"], "like this begin those of ethereum"),
        (["difficulty", "--suffix", ""], "the end is empty (impossible-patterns)"),
        (["difficulty", "--suffix", "L0VE"], "character 2 is '0'"),
        (["difficulty", "--suffix", "L" * 14], "more than 2^80 keys on average (impossible-pattern)"),
        (["search", "1L", "1A", "--suffix", "x"], "with an end there is one beginning, or none"),
        (["search", "--suffix", "x", "--ignore-case"], "can be ignored in beginnings alone"),
        (["search", "1L", "--suffix", "x", "--form", "all"], "in addresses of one form"),
        (["search", "1L", "--regex", "1LoVE"], "an expression is searched for alone"),
        (["search", "--regex", "1LoVE", "--suffix", "x"], "an expression is searched for alone"),
        (["search", "--regex", ""], "the expression is empty (impossible-patterns)"),
        (["search", "--regex", "1" * 201], "the expression has more than 200 characters"),
        (["search", "--regex", ".*LoVE"], "address of each key would have to be written out"),
        (["search", "--regex", "1Lo.*VE"], "and each of them would have to be written out"),
        (["search", "--regex", "1LoVE(a+)+$"], "from '(a+)+$' on it is not understood"),
        (["search", "--regex", "1LoVE.*[a-z].{15}[A-Z].{5}$"], "too entangled to be counted"),
        (["search", "1L", "--form", "p2wpkh"], "begin with bc1q; like this begin those of p2pkh-compressed"),
        (["difficulty", "--patterns", "/dev/null"], "there is none (impossible-patterns)"),
        (["difficulty", "--patterns", "there/is/none"], "does not exist"),
        (["search", "1L", "--public-key", POINT_OFF_CURVE], "(bad-public-key)"),
        (["search", "1L", "--public-key", "xyz"], "(bad-public-key)"),
        (["search", "1L", "--public-key", "02", "--key-file", "k"], "without --public-key"),
        (["verify", "1L", "--public-key", "02" + "ab" * 31], "(bad-public-key)"),
        (["combine", "--s", "12"], "64 hexadecimal digits (bad-private-key)"),
        (["combine"], "give --s, --e and --sign"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_before_anybody_is_asked(
    words: list[str], says: str, person: Person
) -> None:
    result = person.types("vanity", *words)

    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert result.stdout == ""


def test_a_key_is_made_in_a_new_private_file_and_not_shown(person: Person, tmp_path: Path) -> None:
    file = tmp_path / "keys" / "my.key"

    first, second = (person.types("vanity", "keygen", "--key-file", file, "--json") for _ in range(2))
    part = read_part(file)

    assert json.loads(first.stdout)["public_key"] == part.public_key
    assert f"{part.secret:064x}" not in first.output
    assert second.exit_code == 1
    assert "may hold the only copy of a key (local-file)" in second.stderr
    assert read_part(file) == part


@pytest.mark.parametrize("way", ["environment", "prompt"])
def test_a_secret_comes_from_the_environment_or_a_prompt(
    way: str, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = f"{12345:064x}"
    if way == "environment":
        monkeypatch.setenv("XWHEP_SECRET", secret)

    words = ["vanity", "combine", "--pattern", "1", "--s", "0" * 64, "--e", "0", "--sign", "1", "--output", tmp_path]
    result = person.types(*words, stdin=f"{secret}\n")

    assert result.exit_code == 0, result.output
    assert secret not in result.output
    assert (tmp_path / f"{result.stdout.strip().splitlines()[-1].split()[-1]}.key").exists()


def test_a_result_is_verified_without_a_secret(person: Person) -> None:
    public_key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"  # G, of SEC 2
    found = address(key_hash(hit_public_key(decode(bytes.fromhex(public_key)), Hit(5, 2, -1))))
    by_hand = ["--public-key", public_key, "--s", f"{5:064x}", "--e", "2", "--sign"]

    true = person.types("vanity", "verify", found, *by_hand, "-1")
    false = person.types("vanity", "verify", found, *by_hand, "1")

    assert true.stdout == f"{found} stands for the public key {public_key}\n"
    assert false.exit_code == 1
    assert "whose address was not asked for (false-result)" in false.stderr


def secret_in(key_file: str) -> int:
    """Return the private key of a file, whose text a wallet reads."""
    kept = tomllib.loads(Path(key_file).read_text())
    if kept["form"] == Form.ETHEREUM:
        assert kept["private_key"].startswith("0x")
        return int(kept["private_key"], 16)
    key = decode_wif(kept["wif"])
    assert key.compressed == (kept["form"] != Form.P2PKH_UNCOMPRESSED)
    return key.secret


@pytest.mark.parametrize(
    ("pattern", "words", "form"),
    [
        ("1", [], Form.P2PKH_COMPRESSED),
        ("1", ["--form", "p2pkh-uncompressed"], Form.P2PKH_UNCOMPRESSED),
        ("bc1q", [], Form.P2WPKH),
        ("3", [], Form.P2SH_P2WPKH),
        ("0x", [], Form.ETHEREUM),
    ],
)
def test_a_key_is_combined_and_its_address_verified_in_each_form(
    pattern: str, words: list[str], form: Form, person: Person, tmp_path: Path
) -> None:
    by_hand = ["--s", f"{5:064x}", "--e", "2", "--sign", "-1"]
    person.types("vanity", "keygen", "--key-file", tmp_path / "my.key")
    public_key = read_part(tmp_path / "my.key").public_key

    combining = ["vanity", "combine", "--key-file", tmp_path / "my.key", "--pattern", pattern, *words, *by_hand]
    combined = person.types(*combining, "--output", tmp_path, "--json")
    found = json.loads(combined.stdout)
    checked = words if form is Form.P2PKH_UNCOMPRESSED else []
    verified = person.types("vanity", "verify", found["address"], "--public-key", public_key, *by_hand, *checked)

    assert (found["form"], found["patterns"], found["s"]) == (form, [pattern], None)
    assert found["address"].startswith(pattern)
    assert found["address"] == address(key_hash(public_key_of(secret_in(found["key_file"])), form), form)
    assert verified.exit_code == 0, verified.output


@pytest.mark.parametrize("form", ["p2pkh", "p2wpkh", "ethereum"])
def test_a_key_is_combined_with_what_was_asked_of_the_end_and_of_all(form: str, person: Person, tmp_path: Path) -> None:
    person.types("vanity", "keygen", "--key-file", tmp_path / "my.key")
    hit, known = Hit(5, 2, -1), FORMS[form]
    key = hit_public_key(decode(bytes.fromhex(read_part(tmp_path / "my.key").public_key)), hit)
    written = address(key_hash(key, known), known)
    read = written.lower() if form == "ethereum" else written

    def combines(*words: str) -> Any:
        by_hand = ["--key-file", tmp_path / "my.key", "--s", f"{5:064x}", "--e", "2", "--sign", "-1"]
        return person.types("vanity", "combine", *words, *by_hand, "--output", tmp_path, "--json")

    both = combines("--pattern", written[:5], "--suffix", written[-4:])
    end = combines("--suffix", written[-4:], "--form", form)
    whole = combines("--regex", f"{read[:9]}.*[{read[-1]}]$")
    other = combines("--pattern", written[:5], "--suffix", written[-4:-1] + ("7" if written[-1] != "7" else "8"))

    for combined, text in ((both, f"{written[:5]}...{written[-4:]}"), (end, f"...{written[-4:]}")):
        found = json.loads(combined.stdout)
        assert (found["address"], found["patterns"]) == (written, [text])
    assert public_key_of(secret_in(json.loads(whole.stdout)["key_file"])) == key
    assert other.exit_code == 1
    assert "whose address was not asked for (false-result)" in other.stderr


def test_of_a_plain_result_the_key_is_the_sum_of_two_numbers(person: Person, tmp_path: Path) -> None:
    person.types("vanity", "keygen", "--key-file", tmp_path / "my.key")
    combining = ["vanity", "combine", "--key-file", tmp_path / "my.key", "--pattern", "0x", "--s", f"{7:064x}"]

    combined = person.types(*combining, "--e", "0", "--sign", "1", "--output", tmp_path, "--json")

    found = json.loads(combined.stdout)
    assert found["s"] == f"{7:064x}"
    assert secret_in(found["key_file"]) == (read_part(tmp_path / "my.key").secret + 7) % N
    assert f"the private key is the secret plus {7:064x}, modulo the order of secp256k1" in combined.stderr


def test_an_address_of_another_form_is_not_verified(person: Person) -> None:
    public_key = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"  # G, of SEC 2
    by_hand = ["--public-key", public_key, "--s", "0" * 64, "--e", "0", "--sign", "1"]
    key = decode(bytes.fromhex(public_key))
    uncompressed = address(key_hash(key, Form.P2PKH_UNCOMPRESSED))

    assert person.types("vanity", "verify", uncompressed, *by_hand, "--form", "p2pkh-uncompressed").exit_code == 0
    assert "(false-result)" in person.types("vanity", "verify", uncompressed, *by_hand).stderr
    segwit = address(key_hash(key, Form.P2WPKH), Form.P2WPKH, Network.TEST)
    assert person.types("vanity", "verify", segwit, *by_hand, "--form", "p2pkh-uncompressed").exit_code == 0


def test_the_difficulty_of_a_file_of_patterns_is_that_of_any_of_them(person: Person, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("# for friends\n1Lo\n1Ab # hers\n\n1Lo\n")

    result = person.types("vanity", "difficulty", "--patterns", tmp_path / "words.txt", "--rate", "1e6", "--json")

    told = json.loads(result.stdout)
    assert [one["pattern"] for one in told["patterns"]] == ["1Lo", "1Ab"]
    assert 1 / told["difficulty"] == pytest.approx(sum(1 / one["difficulty"] for one in told["patterns"]))
    assert [chance["probability"] for chance in told["chances"]] == [0.5, 0.9, 0.99]
    assert told["chances"][0]["seconds"] == pytest.approx(0.693 * told["mean_s"], rel=0.01)
    assert result.stderr == "given more than once: 1Lo\n"


@pytest.mark.parametrize(
    ("words", "forms", "difficulty"),
    [
        (["0xc0ffee"], ["ethereum"], 16**6),
        (["0xC0FFEE"], ["ethereum"], 16**6),
        (["0xC0ffee"], ["ethereum"], 2**5 * 16**6),
        (["0xC0ffee", "--ignore-case"], ["ethereum"], 16**6),
        (["0xc0", "--suffix", "dE"], ["ethereum"], 2**3 * 16**4),
        (["--suffix", "fun", "--form", "p2wpkh"], ["p2wpkh"], 32**3),
        (["tb1q", "--suffix", "fun"], ["p2wpkh"], 32**3),
        (["--regex", "bc1qfund.*zz$"], ["p2wpkh"], 32**6),
        (["11", "--form", "all"], ["p2pkh-compressed", "p2pkh-uncompressed"], 1 / (1 - (1 - 2**-8) ** 2)),
        (["11", "0xab"], ["p2pkh-compressed", "ethereum"], 1 / (1 - (1 - 2**-8) ** 2)),
    ],
)
def test_the_difficulty_of_all_that_can_be_wished_is_told(
    words: list[str], forms: list[str], difficulty: float, person: Person
) -> None:
    told = json.loads(person.types("vanity", "difficulty", *words, "--json").stdout)

    assert told["forms"] == forms
    assert told["network"] == ("test" if words[0] == "tb1q" else "main")
    assert told["difficulty"] == pytest.approx(difficulty, rel=1e-12)


def test_thousands_of_patterns_in_a_file_are_one_search(person: Person, tmp_path: Path) -> None:
    texts = [f"1Lo{one}{other}" for one in base58.ALPHABET for other in base58.ALPHABET]
    (tmp_path / "words.txt").write_text("\n".join(texts))

    told = json.loads(person.types("vanity", "difficulty", "--patterns", tmp_path / "words.txt", "--json").stdout)

    assert [one["pattern"] for one in told["patterns"]] == texts
    assert 1 / told["difficulty"] == pytest.approx(sum(1 / one["difficulty"] for one in told["patterns"]))


def test_a_file_of_patterns_is_bounded_and_text(person: Person, tmp_path: Path) -> None:
    large, binary = tmp_path / "large.txt", tmp_path / "binary"
    large.write_bytes(b"1Lo\n" * 300_000)
    binary.write_bytes(b"1\xff\xfe\n")

    assert "larger than the 1048576 bytes" in person.types("vanity", "difficulty", "--patterns", large).stderr
    assert "character 2 is '\\ufffd'" in person.types("vanity", "difficulty", "--patterns", binary).stderr
