"""Which kernel a machine gets: the fastest of those that its processor can run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from llvmlite import binding
from numba.core import config

from worker.vanity.field26 import Field26
from worker.vanity.field52 import Field52
from worker.vanity.kernel import Kernel
from xwhep.errors.requests import InvalidFieldError

ZEN: Final = "zen"  #: a feature of our own: AMD's Zen, whose SHA-NI runs beside vectors of 512 bits
#: the kernels, fastest first, each with what it asks of a processor, by LLVM's names
KERNELS: Final[tuple[tuple[Kernel, frozenset[str]], ...]] = (
    (Kernel(Field52(), hash_lanes=32, sha_ni=True), frozenset({"avx512ifma", "sha", ZEN})),
    (Kernel(Field52(), hash_lanes=32), frozenset({"avx512ifma"})),
    (Kernel(Field26(8), hash_lanes=32), frozenset({"avx512f"})),
    (Kernel(Field26(4), hash_lanes=8, sha_ni=True), frozenset({"avx2", "sha"})),
    (Kernel(Field26(4), hash_lanes=8), frozenset()),
)


def host_features() -> Mapping[str, bool]:
    """Return the processor's features, by LLVM's names, that numba compiles for."""
    chosen: str | None = vars(config).get("CPU_FEATURES")  # NUMBA_CPU_FEATURES, as in +avx2,-avx512f
    if chosen is not None:
        return {flag[1:]: flag[0] == "+" for flag in chosen.split(",") if flag}
    return {**binding.get_host_cpu_features(), ZEN: binding.get_host_cpu_name().startswith("znver")}


def usable_kernels(features: Mapping[str, bool]) -> tuple[Kernel, ...]:
    """Return the kernels that a processor with these features can run, fastest first, at least one."""
    return tuple(kernel for kernel, needed in KERNELS if not _missing(needed, features))


def choose_kernel(name: str | None = None) -> Kernel:
    """Return this machine's fastest kernel, or the one of that name.

    Raises:
        InvalidFieldError: no kernel that this machine can run has the name.
    """
    kernels = {kernel.name: kernel for kernel in usable_kernels(host_features())}
    if name is None:
        return next(iter(kernels.values()))
    if name not in kernels:
        raise InvalidFieldError("kernel", f"{name} is none that this machine can run: {', '.join(kernels)}")
    return kernels[name]


def reason_for(kernel: Kernel, features: Mapping[str, bool] | None = None) -> str:
    """Return, for people, why a processor with these features, by default this machine's, gets this kernel."""
    features = host_features() if features is None else features
    names = [known.name for known, _ in KERNELS]
    needed = [needed for _, needed in KERNELS[: names.index(kernel.name) + 1]]
    has = f"the processor has {' and '.join(sorted(needed[-1]))}" if needed[-1] else "this kernel suits any processor"
    lacking = sorted(set().union(*(_missing(faster, features) for faster in needed[:-1])))
    return f"{has}; this one lacks {' and '.join(lacking)}" if lacking else has


def _missing(needed: frozenset[str], features: Mapping[str, bool]) -> frozenset[str]:
    return frozenset(feature for feature in needed if not features.get(feature, False))
