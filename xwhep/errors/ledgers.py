"""Errors about the ledger of an oracle: the file with what it has seen, decided and signed."""

from __future__ import annotations

from xwhep.errors.base import XwhepError


class ForeignLedgerError(XwhepError):
    """The ledger of an oracle belongs to another chain or hub than the one it was pointed at."""

    code = "foreign-ledger"
    http_status = 409

    def __init__(self, chain_id: int, hub: str, other_chain_id: int, other_hub: str) -> None:
        super().__init__(
            f"the ledger is about the hub {hub} of a chain {chain_id}, not about {other_hub} of this chain"
            f" {other_chain_id} (the genesis block counts too); give each its own XWHEP_HOME"
        )


class LedgerBusyError(XwhepError):
    """The ledger of an oracle cannot be read or written now; a later try may do better."""

    code = "ledger-busy"
    http_status = 503

    def __init__(self, why: str) -> None:
        super().__init__(f"the oracle's ledger cannot be used now ({why}); look whether another program holds the file")


class LedgerFullError(XwhepError):
    """No room on the disk for what an oracle has to write down."""

    code = "ledger-full"
    http_status = 507

    def __init__(self) -> None:
        super().__init__("the disk has no room for the oracle's ledger; make some, and the oracle goes on by itself")
