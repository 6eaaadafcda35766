"""`make bench-vanity`: how fast the search is here, part by part and as a whole, beside its bound.

Rates are work a processor second, not a second on the clock, so that other programs matter little; each is the median
of several rounds, in which all subjects take turns. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeAlias
from uuid import UUID

from worker.vanity import cache

if "numba" not in sys.modules:
    cache.activate(cache.default_root())

from tests.bench.measuring import Rate, Work, rate, rates
from tests.bench.primitives import field_work, hash_work
from worker.vanity.choice import choose_kernel, host_features, usable_kernels
from worker.vanity.engine import UnitSearch
from worker.vanity.kernel import FORMS, Kernel
from worker.vanity.limits import clock_hz, least_cycles
from xwhep.secp256k1 import G
from xwhep.vanity.addresses import HASH_BITS, Form, Network
from xwhep.vanity.endings import Ending
from xwhep.vanity.targets import Target
from xwhep.vanity.units import MAX_STEPS, Unit, keys_of

Rates: TypeAlias = dict[str, dict[str, float]]  #: keys a processor second by kernel and purpose

COMPRESSED: Final = Form.P2PKH_COMPRESSED
STEPS: Final = 40  #: of a call of the search: some 50 ms
EVERYTHING: Final = ((0, 2**HASH_BITS - 1),)
#: endings, each of one character more than the kernels compare
ENDINGS: Final = {
    "base58": Ending(COMPRESSED, Network.MAIN, 6, ((7, 7),)),
    "base32": Ending(Form.P2WPKH, Network.MAIN, 7, ((7, 7),)),
}
#: processors that this one can stand in for: what LLVM may use then, and the kernel that fits
OLDER_PROCESSORS: Final = {
    "haswell": ("+avx2,+bmi2,+ssse3,+sse4.1", "field26x4-hash8"),
    "znver2": ("+avx2,+bmi2,+ssse3,+sse4.1,+sha", "field26x4-hash8-shani"),
}


#: what else than one form alone is measured, with the fastest kernel
BESIDES: Final = {
    "all-forms": ("p2pkh-compressed", "p2pkh-uncompressed", "p2sh-p2wpkh", "ethereum"),
    "1-and-3": ("p2pkh-compressed", "p2sh-p2wpkh"),
    "plain": ("p2pkh-compressed", "plain"),
    "base58-ending": ("p2pkh-compressed", "base58"),
    "bech32-ending": ("p2pkh-compressed", "base32"),
}


def a_search(kernel: Kernel, purpose: tuple[str, ...] = (COMPRESSED,), ranges: int = 1) -> UnitSearch:
    """Return an endless search for so many ranges of hashes, none of which it will meet, or for an ending of any."""
    digests = tuple((n << 150, n << 150) for n in range(ranges))
    ending = next((ending for base, ending in ENDINGS.items() if base in purpose), None)
    wanted = EVERYTHING if ending else digests
    target = Target(tuple((form, wanted) for form in Form if form in purpose), ending)
    return UnitSearch(kernel, Unit(UUID(int=0), 0, MAX_STEPS, G, target, "plain" in purpose))


def search_work(search: UnitSearch, steps: int = STEPS) -> Work:
    """Return the work of a search, counted in keys."""

    def work() -> int:
        before = search.next_step
        search.advance(steps)
        return keys_of(search.next_step - before, plain=search.unit.plain)

    return work


def openssl_work() -> int:
    """Hash messages of 64 bytes; return how many."""
    message, sha256 = bytes(64), hashlib.sha256
    for _ in range(10_000):
        sha256(message).digest()
    return 10_000


class Bench:
    """One run of the bench: what it measures with, and what it prints."""

    def __init__(self, *, rounds: int, round_s: float) -> None:
        self.rounds, self.round_s = rounds, round_s
        self.clock_hz = clock_hz()
        self.openssl = self.measure({"openssl": openssl_work})["openssl"].median

    def measure(self, subjects: dict[str, Work]) -> dict[str, Rate]:
        """Return the rates of all subjects, in turn."""
        return rates(subjects, rounds=self.rounds, round_s=self.round_s)

    def primitives(self, kernel: Kernel) -> dict[str, float]:
        """Print each part of a kernel beside its bound; return ns a number or a key."""
        bound, search = least_cycles(kernel, host_features()), a_search(kernel)
        ethereum, ending = a_search(kernel, (Form.ETHEREUM,)), a_search(kernel, BESIDES["base58-ending"])
        least = {
            "multiply": bound.multiply,
            "square": bound.square,
            "subtract": None,
            "sha256": bound.sha256,
            "ripemd160": bound.ripemd160,
            "hash160": bound.sha256 + bound.ripemd160,
            "keccak256": bound.keccak,
            "ending": 2 * bound.sha256,
        }
        subjects = {name: field_work(kernel, name) for name in ("multiply", "square", "subtract")}
        subjects |= {name: hash_work(search, name) for name in ("sha256", "ripemd160", "hash160")}
        subjects |= {"keccak256": hash_work(ethereum, "keccak256"), "ending": hash_work(ending, "ending")}
        measured = self.measure(subjects)
        print(f"\n{kernel.name}: parts, ns for each number or key")
        for name, found in measured.items():
            cycles = least[name]
            beside = "" if cycles is None else f"   bound {cycles / self.clock_hz * 1e9:6.2f}"
            print(f"  {name:<22}{1e9 / found.median:8.2f}  +-{found.spread / 2:4.0%}{beside}")
        return {name: 1e9 / found.median for name, found in measured.items()}

    def whole_loops(self, kernels: list[Kernel], purposes: Mapping[str, tuple[str, ...]]) -> Rates:
        """Print the rate of every kernel for every purpose beside its bound; return keys a processor second."""
        searches = {(k.name, name): a_search(k, parts) for k in kernels for name, parts in purposes.items()}
        measured = self.measure({" ".join(names): search_work(search) for names, search in searches.items()})
        print("\nthe whole search, million keys a processor second")
        for names, search in searches.items():
            bound = self.clock_hz / least_cycles(search.kernel, host_features()).key(search.kernel)
            self._print_rate(" ".join(names), measured[" ".join(names)], bound)
        return {k.name: {name: measured[f"{k.name} {name}"].median for name in purposes} for k in kernels}

    def many_ranges(self, kernel: Kernel) -> float:
        """Print and return how fast a search for 1,000 ranges is, as a part of one for one range."""
        measured = self.measure({str(ranges): search_work(a_search(kernel, ranges=ranges)) for ranges in (1, 1000)})
        ratio = measured["1000"].median / measured["1"].median
        print(f"\n1,000 ranges at once: {ratio:.3f} of the rate with one")
        return ratio

    def threads(self, kernel: Kernel, threads: int = 2) -> float:
        """Print and return what threads do together a processor second each, in units of what one does alone."""
        works = [search_work(a_search(kernel)) for _ in range(threads)]
        ratios = []
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(self.rounds):
                alone = rate(works[0], self.round_s)
                together = list(pool.map(lambda work: rate(work, self.round_s), works))
                ratios.append(sum(together) / alone)
        found = Rate(tuple(ratios))
        print(f"\n{threads} threads: {found.median:.3f} times one, by processor seconds, +-{found.spread / 2:.0%}")
        return found.median

    def _print_rate(self, name: str, found: Rate, bound: float) -> None:
        part = f"{found.median / bound:4.0%} of the bound {bound / 1e6:5.1f}"
        print(f"  {name:<42}{found.median / 1e6:6.2f}  +-{found.spread / 2:4.0%}   {part}")


def older_processors() -> Iterator[tuple[str, float]]:
    """Yield the rates of the kernels for older processors, compiled for these, each in a process of its own."""
    for processor, (features, kernel) in OLDER_PROCESSORS.items():
        if not all(host_features().get(feature[1:]) for feature in features.split(",")):
            continue
        command = [sys.executable, "-m", "tests.bench.vanity", "--only", kernel]
        environment = {**os.environ, "NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": features}
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=300)
        found = json.loads(done.stdout.splitlines()[-1])
        rates_by_form = found["keys_per_cpu_second_by_kernel"][kernel]
        print(f"\ncompiled for {processor}: {kernel} {rates_by_form[COMPRESSED] / 1e6:.2f} million keys a second")
        yield processor, rates_by_form[COMPRESSED]


def main() -> None:
    """Measure, print a table, and last one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.vanity", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one kernel and form, for a moment: a trial of the bench")
    parser.add_argument("--only", metavar="KERNEL", help="no kernel but this one, and compressed keys alone")
    options = parser.parse_args()
    bench = Bench(rounds=5, round_s=0.02 if options.quick else 0.3)
    few = options.quick or options.only is not None
    kernel = choose_kernel(options.only)
    kernels = [kernel] if few else list(usable_kernels(host_features()))
    print(f"{kernel.name} at {bench.clock_hz / 1e9:.2f} GHz")
    parts = {} if options.only else bench.primitives(kernel)
    by_kernel = bench.whole_loops(kernels, {str(form): (form,) for form in ([COMPRESSED] if few else FORMS)})
    if not few:
        by_kernel[kernel.name] |= bench.whole_loops([kernel], BESIDES)[kernel.name]
    result: dict[str, object] = {
        "keys_per_cpu_second": by_kernel[kernel.name][COMPRESSED],
        "kernel": kernel.name,
        "clock_hz": bench.clock_hz,
        "openssl_sha256_per_cpu_second": bench.openssl,
        "keys_per_cpu_second_by_form": by_kernel[kernel.name],
        "keys_per_cpu_second_by_kernel": by_kernel,
    }
    if not options.only:
        result |= {
            "hash160_ns": parts["hash160"],
            "field_mul_ns": parts["multiply"],
            "keccak256_ns": parts["keccak256"],
        }
        result |= {"threads_scaling": bench.threads(kernel), "thousand_ranges": bench.many_ranges(kernel)}
    if not few:
        result["keys_per_cpu_second_compiled_for"] = dict(older_processors())
    print(json.dumps(result))


if __name__ == "__main__":
    main()
