"""The reasons for which Tasks fail: what the oracle writes on the chain is what people read from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from oracle.settlement.answers import failed
from xwhep.chain.reasons import FailureReason
from xwhep.cli.task_views import reason_of

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "run-an-oracle.md"


@pytest.mark.parametrize("reason", FailureReason)
def test_the_oracles_answer_is_read_in_words(reason: FailureReason) -> None:
    shown = reason_of(failed(reason).result)

    assert shown == f"{reason.words} ({reason.value})"
    assert re.fullmatch(r"[a-z].*[a-z] \([a-z-]+\)", shown)


def test_a_code_that_nobody_knows_is_shown_as_it_is() -> None:
    assert reason_of(b"out of coffee") == "out of coffee"


@pytest.mark.parametrize("reason", FailureReason)
def test_the_page_for_operators_explains_each_code(reason: FailureReason) -> None:
    assert f"`{reason.value}`" in PAGE.read_text(encoding="utf-8")
