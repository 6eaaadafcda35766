"""Which jobs fit which hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.scheduling.matching import Profile, Requirement, best_target, runs_on
from xwhep.protocol.apps import Kind
from xwhep.protocol.base import Cpu, Os
from xwhep.vanity.addresses import Form

LINUX = Profile(frozenset({Kind.NATIVE, Kind.VANITY}), Os.LINUX, Cpu.X86_64)

platforms = st.tuples(st.sampled_from(Os), st.sampled_from(Cpu))
forms = st.frozensets(st.sampled_from(Form))
requirements = st.builds(Requirement, st.sampled_from(Kind), st.frozensets(platforms), forms)
profiles = st.builds(
    Profile,
    st.frozensets(st.sampled_from(Kind)),
    st.sampled_from(Os),
    st.sampled_from([Cpu.X86_64, Cpu.ARM64]),
    st.frozensets(st.sampled_from(Form)),
)


@given(requirements)
def test_a_requirement_survives_being_written(requirement: Requirement) -> None:
    assert Requirement.parse(requirement.text()) == requirement


@given(requirements, requirements)
def test_requirements_are_equal_if_and_only_if_their_texts_are(one: Requirement, other: Requirement) -> None:
    assert (one == other) == (one.text() == other.text())


@given(requirements, profiles)
def test_a_job_that_fits_a_host_has_a_target_there(requirement: Requirement, profile: Profile) -> None:
    has_target = best_target(requirement.platforms, profile) is not None

    assert requirement.fits(profile) == (
        requirement.kind in profile.kinds
        and requirement.forms <= profile.forms
        and (has_target or not requirement.platforms)
    )


@given(st.sets(platforms), profiles)
def test_the_best_target_is_one_of_those_that_run(targets: set[tuple[Os, Cpu]], profile: Profile) -> None:
    best = best_target(targets, profile)

    assert best is None or (best in targets and runs_on(*best, profile))


def test_a_program_built_for_the_processor_goes_before_a_script() -> None:
    targets = [(Os.LINUX, Cpu.ANY), (Os.LINUX, Cpu.X86_64), (Os.WINDOWS, Cpu.X86_64)]

    assert best_target(targets, LINUX) == (Os.LINUX, Cpu.X86_64)


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        (Requirement(Kind.VANITY), True),
        (Requirement(Kind.VANITY, forms=frozenset({Form.P2PKH_COMPRESSED})), True),
        (Requirement(Kind.VANITY, forms=frozenset({Form.P2SH_P2WPKH})), False),
        (Requirement(Kind.VANITY, forms=frozenset({Form.P2PKH_COMPRESSED, Form.P2SH_P2WPKH})), False),
        (Requirement(Kind.NATIVE, frozenset({(Os.LINUX, Cpu.ANY)})), True),
        (Requirement(Kind.NATIVE, frozenset({(Os.LINUX, Cpu.ARM64)})), False),
        (Requirement(Kind.NATIVE, frozenset({(Os.WINDOWS, Cpu.X86_64)})), False),
        (Requirement(Kind.NATIVE, frozenset({(Os.WINDOWS, Cpu.X86_64), (Os.LINUX, Cpu.X86_64)})), True),
    ],
)
def test_what_a_linux_machine_can_run(requirement: Requirement, *, fits: bool) -> None:
    assert requirement.fits(LINUX) == fits


def test_a_host_without_a_sandbox_gets_no_native_job() -> None:
    profile = Profile(frozenset({Kind.VANITY}), Os.LINUX, Cpu.X86_64)

    assert not Requirement(Kind.NATIVE, frozenset({(Os.LINUX, Cpu.X86_64)})).fits(profile)
