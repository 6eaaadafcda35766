"""`xwhep-worker search --local`, the whole way from the command line through the kernels to the private key."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.support.kernels import share_kernels
from worker.cli import program
from xwhep.fast_secp256k1 import public_key_of
from xwhep.vanity import base58
from xwhep.vanity.addresses import Form, Network, address, key_hash
from xwhep.vanity.wif import decode_wif


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the home of a worker whose kernels are those of all tests."""
    share_kernels(tmp_path)
    monkeypatch.setenv("XWHEP_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("words", "form", "begins", "ends"),
    [
        (("--suffix", "oV"), Form.P2PKH_COMPRESSED, "1", "oV"),
        (("bc1qx", "--suffix", "x"), Form.P2WPKH, "bc1qx", "x"),
        (("--regex", "1LoV.*[0-9]$"), Form.P2PKH_COMPRESSED, "1LoV", tuple("123456789")),
        (("1Lo", "3Lov", "0xc0ffe", "--form", "all"), None, ("1Lo", "3Lov", "0xc0ffe"), ""),
        (("0xc0", "--suffix", "fe", "--plain"), Form.ETHEREUM, "0xc0", "fe"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_what_is_wanted_is_found_and_its_key_is_in_the_file(
    home: Path, words: tuple[str, ...], form: Form | None, begins: str | tuple[str, ...], ends: str | tuple[str, ...]
) -> None:
    key_file = home / "my.key"

    result = CliRunner().invoke(
        program, ["search", *words, "--local", "--key-file", str(key_file), "--slots", "1", "--json"]
    )

    assert result.exit_code == 0, result.output
    found, kept = json.loads(result.stdout), tomllib.loads(key_file.read_text())
    kind = Form(found["form"])
    key = int(kept["private_key"], 16) if kind is Form.ETHEREUM else decode_wif(kept["wif"]).secret
    assert found["address"] == kept["address"] == address(key_hash(public_key_of(key), kind), kind, Network.MAIN)
    assert form in {None, kind}
    folded = found["address"].lower() if kind is Form.ETHEREUM else found["address"]
    assert folded.startswith(begins)
    assert folded.endswith(ends)
    assert found["keys_tried"] > 0


def test_one_of_thousands_of_patterns_in_a_file_is_found_and_named(home: Path) -> None:
    texts = [f"1{one}{other}L{n}" for one in "ABCDEFGHJKLMNP" for other in base58.ALPHABET for n in range(1, 7)]
    (home / "words.txt").write_text("\n".join(texts))
    key_file = home / "my.key"

    result = CliRunner().invoke(
        program, ["search", "--patterns", str(home / "words.txt"), "--local", "--key-file", str(key_file), "--json"]
    )

    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert len(texts) > 4800
    assert found["patterns"] == [text for text in texts if found["address"].startswith(text)] != []
    assert key_file.exists()
