"""Errors about vanity searches: patterns, addresses, shares, kernels."""

from __future__ import annotations

from xwhep.errors.base import XwhepError
from xwhep.errors.machines import MachineError


class PatternError(XwhepError):
    """A pattern that no address can match, or none that can be found."""

    code = "impossible-pattern"
    http_status = 422
    exit_status = 2

    def __init__(self, pattern: str, why: str) -> None:
        shown = pattern if len(pattern) <= 40 else pattern[:40] + "..."
        super().__init__(f"no search for {shown!a}: {why}", field="patterns")


class PatternListError(XwhepError):
    """Patterns of which no search can be made together, though each of them may be one."""

    code = "impossible-patterns"
    http_status = 422
    exit_status = 2

    def __init__(self, why: str) -> None:
        super().__init__(f"no search for these patterns: {why}", field="patterns")


class AddressError(XwhepError):
    """A text that is no address of the kind that searches find."""

    code = "bad-address"
    http_status = 422
    exit_status = 2

    def __init__(self, why: str) -> None:
        super().__init__(f"the address cannot be used: {why}", field="address")


class KeyUsedError(XwhepError):
    """A public key that served an earlier search: one leaked sum would give away all."""

    code = "key-used"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "the public key served an earlier search; make a fresh one with `xwhep vanity keygen`",
            field="public_key",
        )


class ShareClaimedError(XwhepError):
    """A share that was counted before."""

    code = "share-claimed"
    http_status = 409

    def __init__(self, job_uid: object) -> None:
        super().__init__(f"this share of unit {job_uid} was claimed before and counts once; nothing is left to do")


class SearchFailedError(MachineError):
    """The search on this machine ended without a result."""

    code = "search-failed"
    http_status = 500

    def __init__(self, why: str) -> None:
        super().__init__(f"the search ended without a result: {why}")


class KernelCacheError(XwhepError):
    """The folder for compiled kernels cannot be used."""

    code = "kernel-cache"
    http_status = 507

    def __init__(self, folder: object, why: str) -> None:
        super().__init__(
            f"compiled kernels cannot be kept in {folder}: {why}; free it, or set XWHEP_HOME to another folder"
        )


class MiscalculationError(XwhepError):
    """A kernel's find that is none of its finds: this machine, or the kernel on it, computes wrongly."""

    code = "miscalculation"

    def __init__(self, kernel: str) -> None:
        super().__init__(
            f"this machine computed a wrong key with the kernel {kernel}, and its results cannot be trusted; report it"
            " with the processor's name, and check whether the machine is overclocked or too hot"
        )
