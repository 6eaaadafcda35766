"""Which jobs fit which hosts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatcher.scheduling.matching import FittingClasses, Profile, Requirement, best_target, runs_on
from tests.support.kinds import NATIVE, VANITY
from xwhep.protocol.base import Cpu, Os
from xwhep.vanity.addresses import Form

LINUX = Profile({NATIVE: frozenset(), VANITY: frozenset({"p2pkh-compressed"})}, Os.LINUX, Cpu.X86_64)

platforms = st.tuples(st.sampled_from(Os), st.sampled_from(Cpu))
kinds = st.sampled_from([NATIVE, VANITY, "third"])
features = st.frozensets(st.sampled_from([form.value for form in Form]))
requirements = st.builds(Requirement, kinds, st.frozensets(platforms), features)
profiles = st.builds(
    Profile,
    st.dictionaries(kinds, features),
    st.sampled_from(Os),
    st.sampled_from([Cpu.X86_64, Cpu.ARM64]),
)


@given(requirements)
def test_a_requirement_survives_being_written(requirement: Requirement) -> None:
    assert Requirement.parse(requirement.text()) == requirement


@given(requirements, requirements)
def test_requirements_are_equal_if_and_only_if_their_texts_are(one: Requirement, other: Requirement) -> None:
    assert (one == other) == (one.text() == other.text())


@given(requirements, profiles)
def test_a_job_that_fits_a_host_has_a_target_there(requirement: Requirement, profile: Profile) -> None:
    has_target = best_target(requirement.platforms, profile.os, profile.cpu) is not None

    assert requirement.fits(profile) == (
        requirement.kind in profile.kinds
        and requirement.features <= profile.kinds[requirement.kind]
        and (has_target or not requirement.platforms)
    )


@given(st.sets(platforms), profiles)
def test_the_best_target_is_one_of_those_that_run(targets: set[tuple[Os, Cpu]], profile: Profile) -> None:
    best = best_target(targets, profile.os, profile.cpu)

    assert best is None or (best in targets and runs_on(best, profile.os, profile.cpu))


def test_a_program_built_for_the_processor_goes_before_a_script() -> None:
    targets = [(Os.LINUX, Cpu.ANY), (Os.LINUX, Cpu.X86_64), (Os.WINDOWS, Cpu.X86_64)]

    assert best_target(targets, LINUX.os, LINUX.cpu) == (Os.LINUX, Cpu.X86_64)


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        (Requirement(VANITY), True),
        (Requirement(VANITY, features=frozenset({"p2pkh-compressed"})), True),
        (Requirement(VANITY, features=frozenset({"p2sh-p2wpkh"})), False),
        (Requirement(VANITY, features=frozenset({"p2pkh-compressed", "p2sh-p2wpkh"})), False),
        (Requirement(NATIVE, frozenset({(Os.LINUX, Cpu.ANY)})), True),
        (Requirement(NATIVE, frozenset({(Os.LINUX, Cpu.ARM64)})), False),
        (Requirement(NATIVE, frozenset({(Os.WINDOWS, Cpu.X86_64)})), False),
        (Requirement(NATIVE, frozenset({(Os.WINDOWS, Cpu.X86_64), (Os.LINUX, Cpu.X86_64)})), True),
    ],
)
def test_what_a_linux_machine_can_run(requirement: Requirement, *, fits: bool) -> None:
    assert requirement.fits(LINUX) == fits


def test_features_of_one_kind_are_no_features_of_another() -> None:
    profile = Profile({NATIVE: frozenset({"fast"}), VANITY: frozenset()}, Os.LINUX, Cpu.X86_64)

    assert Requirement(NATIVE, features=frozenset({"fast"})).fits(profile)
    assert not Requirement(VANITY, features=frozenset({"fast"})).fits(profile)


def test_a_host_without_a_sandbox_gets_no_native_job() -> None:
    profile = Profile({VANITY: frozenset()}, Os.LINUX, Cpu.X86_64)

    assert not Requirement(NATIVE, frozenset({(Os.LINUX, Cpu.X86_64)})).fits(profile)


def test_classes_that_are_learnt_later_are_fitted_to_profiles_that_are_known() -> None:
    classes = FittingClasses()
    classes.learn(1, Requirement(NATIVE))
    before = classes.of(LINUX)
    classes.learn(2, Requirement(NATIVE, frozenset({(Os.LINUX, Cpu.ANY)})))
    classes.learn(3, Requirement(NATIVE, frozenset({(Os.WINDOWS, Cpu.ANY)})))

    assert (before, classes.of(LINUX)) == (frozenset({1}), frozenset({1, 2}))
    assert [number in classes for number in (1, 3, 4)] == [True, True, False]


def test_a_class_that_is_learnt_twice_is_one() -> None:
    classes = FittingClasses()
    for _ in range(2):
        classes.learn(1, Requirement(NATIVE))

    assert classes.of(LINUX) == {1}
    assert classes[1] == Requirement(NATIVE)


def test_hosts_of_equal_profiles_are_one() -> None:
    again = Profile(dict(LINUX.kinds), Os.LINUX, Cpu.X86_64)

    assert {LINUX, again} == {LINUX}
