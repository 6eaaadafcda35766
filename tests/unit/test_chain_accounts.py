"""Keystores: made once, opened with the password alone, and never a word about the key."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as EthAccount

from xwhep.chain.accounts import create_keystore, open_keystore
from xwhep.chain.transactions import sign
from xwhep.chain.values import Call
from xwhep.errors.chain import KeystoreError

COST = 2**12


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    create_keystore(tmp_path / "deep" / "keystore.json", "password", cost=COST)
    return tmp_path / "deep" / "keystore.json"


def changed(path: Path, change: dict[str, Any]) -> Path:
    """Return the file with other parameters of the derivation."""
    content = json.loads(path.read_text())
    content["crypto"]["kdfparams"] |= change
    path.write_text(json.dumps(content))
    return path


def test_an_account_comes_back_with_its_password(tmp_path: Path) -> None:
    address = create_keystore(tmp_path / "k", "pässword ", cost=COST)

    assert open_keystore(tmp_path / "k", "pässword ").address == address


def test_a_keystore_is_private_and_never_replaced(keystore: Path) -> None:
    before = keystore.read_bytes()

    with pytest.raises(KeystoreError, match="may hold the only copy of a key"):
        create_keystore(keystore, "other", cost=COST)

    assert keystore.read_bytes() == before
    assert os.name == "nt" or stat.S_IMODE(keystore.stat().st_mode) == 0o600


@pytest.mark.parametrize("password", ["Password", "password ", "x" * 10_000])
def test_another_password_is_refused(keystore: Path, password: str) -> None:
    with pytest.raises(KeystoreError, match=r"the password is wrong$"):
        open_keystore(keystore, password)


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", '{"crypto": []}', '{"crypto": {"kdfparams": {}}}', "\xff", "[" * 60_000, "1" * 70_000],
)
def test_what_is_no_keystore_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "k").write_text(text, encoding="latin-1")

    with pytest.raises(KeystoreError, match="it is no Web3 keystore"):
        open_keystore(tmp_path / "k", "password")


@pytest.mark.parametrize("change", [{"n": 2**30}, {"r": 10**6}, {"p": 0}, {"dklen": "32"}, {"c": 10**12}])
def test_a_keystore_that_asks_for_the_whole_machine_is_refused(keystore: Path, change: dict[str, Any]) -> None:
    with pytest.raises(KeystoreError, match=f"its {next(iter(change))} is not a number from 1 to"):
        open_keystore(changed(keystore, change), "password")


@pytest.mark.parametrize("change", [{"n": True}, {"n": 3}, {"salt": 5}, {"salt": "zz"}, {"dklen": 8}])
def test_parameters_that_make_no_sense_are_refused(keystore: Path, change: dict[str, Any]) -> None:
    with pytest.raises(KeystoreError, match=r"it is no Web3 keystore|the password is wrong"):
        open_keystore(changed(keystore, change), "password")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(KeystoreError, match=r"is a directory|permission denied"):
        open_keystore(tmp_path, "password")
    with pytest.raises(KeystoreError, match=r"no such file or directory$"):
        open_keystore(tmp_path / "none", "password")


def test_nobody_tells_the_key(keystore: Path) -> None:
    account = open_keystore(keystore, "password")
    key = EthAccount.decrypt(json.loads(keystore.read_text()), "password").hex().removeprefix("0x")

    assert repr(account) == f"Account({account.address})"
    assert key not in repr(account) + str(account) + keystore.read_text()
    assert not hasattr(account, "__dict__")


def test_a_signature_is_the_senders_for_this_chain_and_number(keystore: Path) -> None:
    account = open_keystore(keystore, "password")
    call = Call(account.address, b"data", 7)
    signed = sign(account, call, chain_id=5, nonce=3, gas=21_000, max_fee_wei=20, tip_wei=2)

    assert EthAccount.recover_transaction(signed.raw) == account.address
    assert signed.raw[0] == 2
    assert signed == sign(account, call, chain_id=5, nonce=3, gas=21_000, max_fee_wei=20, tip_wei=2)
    assert signed.hash != sign(account, call, chain_id=6, nonce=3, gas=21_000, max_fee_wei=20, tip_wei=2).hash
    assert signed.raw.hex() not in repr(signed)
