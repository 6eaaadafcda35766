"""Units: which offsets they hold, against counting them one by one."""

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from tests.support.strategies import points
from tests.support.targets import ALL
from xwhep.secp256k1 import N, Point
from xwhep.vanity import units
from xwhep.vanity.split_key import Hit, hit_public_key
from xwhep.vanity.units import GROUP, LANES, Unit

batches = st.uuids()
numbers = st.integers(0, units.MAX_NUMBER)
lanes = st.integers(0, LANES - 1)


@given(batch=batches, number=numbers, point=points, lane=lanes, data=st.data())
def test_each_key_of_a_unit_is_accepted_from_a_worker(
    batch: UUID, number: int, point: Point, lane: int, data: st.DataObject
) -> None:
    unit = Unit(batch, number, 5, point, ALL)
    s = units.offset(batch, number, lane, data.draw(st.integers(0, 4)), data.draw(st.integers(-GROUP, GROUP)))
    hit = Hit(s, data.draw(st.integers(0, 2)), data.draw(st.sampled_from([1, -1])))

    assert units.verify(unit, hit) == hit_public_key(point, hit)


@given(batch=batches, number=numbers, steps=st.integers(1, 4), lane=lanes, distance=st.integers(-3000, 3000))
def test_a_unit_contains_what_its_steps_cover(batch: UUID, number: int, steps: int, lane: int, distance: int) -> None:
    unit = Unit(batch, number, steps, Point(0, 0), ALL)
    covered = {step * 513 + i for step in range(steps) for i in range(-256, 257)}

    assert units.contains(unit, (units.centre(batch, number, lane) + distance) % N) == (distance in covered)


@given(batch=batches, number=numbers)
def test_the_centres_of_a_unit_are_far_apart(batch: UUID, number: int) -> None:
    centres = sorted(units.centre(batch, number, lane) for lane in range(LANES))
    gaps = [(after - before) % N for before, after in zip(centres, [*centres[1:], centres[0]], strict=True)]

    assert min(gaps) > units.MAX_STEPS * units.POINTS_PER_STEP
