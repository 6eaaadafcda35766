"""Addresses, amounts and statuses as people and contracts write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xwhep.chain.values import TaskStatus, ether_text, parse_address, rlc_text
from xwhep.errors.requests import InvalidFieldError

#: of EIP-55's own examples
CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


@pytest.mark.parametrize("text", [CHECKSUMMED, CHECKSUMMED.lower(), "0X" + CHECKSUMMED[2:].upper()])
def test_an_address_gets_its_checksum(text: str) -> None:
    assert parse_address(text) == CHECKSUMMED


@pytest.mark.parametrize(
    "text", ["", "0x", CHECKSUMMED[:-1], CHECKSUMMED + "0", CHECKSUMMED[2:], CHECKSUMMED + "\n", "0x" + "g" * 40]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidFieldError, match="40 hexadecimal digits"):
        parse_address(text)


def test_a_mistyped_address_is_found_out() -> None:
    with pytest.raises(InvalidFieldError, match="do not check"):
        parse_address(CHECKSUMMED.replace("5aAe", "5AAe"))


@given(st.text())
def test_any_text_is_an_address_or_refused(text: str) -> None:
    with pytest.raises(InvalidFieldError):
        parse_address(text)


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "0 RLC"), (1, "0.000000001 RLC"), (10**8, "0.1 RLC"), (10**9, "1 RLC"), (87 * 10**15, "87,000,000 RLC")],
)
def test_an_amount_of_rlc_is_exact(amount: int, text: str) -> None:
    assert rlc_text(amount) == text


def test_an_amount_of_ether_is_cut_at_nine_decimals() -> None:
    assert ether_text(10**18 + 10**12 + 5) == "1.000001 ETH"


def test_statuses_have_the_numbers_of_the_contract() -> None:
    assert [TaskStatus.of(number) for number in range(5)] == ["none", "pending", "done", "failed", "refunded"]
    assert [status.number for status in TaskStatus] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("number", [-1, 5, 2**256 - 1])
def test_a_number_without_a_status_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="no status"):
        TaskStatus.of(number)
