"""Roles, and who owns what."""

from __future__ import annotations

from uuid import UUID

import pytest

from xwhep.rights import ADMINISTRATORS, EVERY_MEMBER, HOSTS, OWNERS, Caller, Role

ALICE, BOB = UUID(int=1), UUID(int=2)


@pytest.mark.parametrize("role", Role)
def test_everybody_owns_what_is_their_own(role: Role) -> None:
    assert Caller(ALICE, role, "alice").owns(ALICE)


@pytest.mark.parametrize("role", Role)
def test_only_an_administrator_reaches_what_others_own(role: Role) -> None:
    assert Caller(ALICE, role, "alice").owns(BOB) == (role is Role.ADMINISTRATOR)


@pytest.mark.parametrize("role", Role)
def test_a_bridge_and_an_administrator_may_use_the_apps_of_others(role: Role) -> None:
    assert Caller(ALICE, role, "alice").may_use_every_app == (role in {Role.SERVICE, Role.ADMINISTRATOR})


@pytest.mark.parametrize("role", Role)
def test_only_a_service_is_a_bridge(role: Role) -> None:
    assert Caller(ALICE, role, "alice").is_bridge == (role is Role.SERVICE)


def test_a_host_owns_nothing_and_nobody_else_is_a_host() -> None:
    assert frozenset({Role.HOST}) == HOSTS
    assert EVERY_MEMBER - HOSTS == OWNERS
    assert frozenset({Role.ADMINISTRATOR}) == ADMINISTRATORS
