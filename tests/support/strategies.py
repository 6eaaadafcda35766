"""Hypothesis strategies for the mathematics: numbers with their edges, points, hits."""

from hypothesis import strategies as st

from xwhep.fast_secp256k1 import public_key_of
from xwhep.secp256k1 import LAMBDA, N, Point
from xwhep.vanity.split_key import Hit

_EDGES = st.sampled_from([1, 2, 3, LAMBDA, N - LAMBDA, N // 2, N // 2 + 1, N - 2, N - 1])

secrets = st.integers(1, N - 1) | _EDGES
scalars = st.integers(0, N - 1) | _EDGES | st.just(0)
points: st.SearchStrategy[Point] = secrets.map(public_key_of)
points_or_infinity: st.SearchStrategy[Point | None] = points | st.none()
hits = st.builds(Hit, s=scalars, e=st.integers(0, 2), sign=st.sampled_from([1, -1]))
