"""Errors about Ethereum chains, their nodes, contracts and Tasks."""

from __future__ import annotations

import re

from xwhep.errors.base import XwhepError


class NodeUnavailableError(XwhepError):
    """A chain's node cannot be reached, or does not answer as one; a later try may do better."""

    code = "no-rpc"
    http_status = 503

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"the chain's node at {url} is of no use: {why}; look whether it runs, and try again later")


class WrongChainError(XwhepError):
    """A node that serves another chain than the one that the deployment file is about."""

    code = "wrong-chain"
    http_status = 409

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(
            f"the node serves another chain: its {what} is {found} and the deployment file says {expected}; give the"
            " node or the file that belongs to the other"
        )


class NoCodeError(XwhepError):
    """An address that should be a contract's and is not."""

    code = "no-code"
    http_status = 404

    def __init__(self, what: str, address: str) -> None:
        super().__init__(
            f"there is no contract at {address}, where the {what} should be; look at the deployment file, or deploy"
            " again"
        )


class NoEtherError(XwhepError):
    """An account that cannot pay for the gas of a transaction."""

    code = "no-ether"
    http_status = 402

    def __init__(self, address: str, needed: str = "") -> None:
        much = f" (about {needed} is needed)" if needed else ""
        super().__init__(f"{address} has not enough ether to pay for gas{much}; send it some")


class NoRlcError(XwhepError):
    """An account that cannot pay the price of a Task."""

    code = "no-rlc"
    http_status = 402

    def __init__(self, address: str, price: str, balance: str) -> None:
        super().__init__(f"{address} has {balance} and the task costs {price}; send it the rest")


class KeystoreError(XwhepError):
    """A keystore that cannot be read, is none, or has another password."""

    code = "bad-keystore"
    http_status = 422

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"the keystore {path} cannot be used: {why}")


class DeadlineError(XwhepError):
    """A deadline that is no time, lies in the past, or too near or too far ahead."""

    code = "bad-deadline"
    http_status = 422
    exit_status = 2

    def __init__(self, text: str, why: str) -> None:
        super().__init__(f"the deadline {text!a} cannot be used: {why}; give a span such as 30m, 1h, 2d, or a time")


class ChainRefusedError(XwhepError):
    """A contract refused a call, for the reason given."""

    code = "chain-refused"
    http_status = 422

    def __init__(self, reason: str, arguments: str = "") -> None:
        self.reason = reason  #: the name of the contract's error, such as `DeadlinePassed`; empty where it gave none
        self.arguments = arguments  #: as in `id 3, deadline 1767225600`
        words = re.sub(r"\B[A-Z](?=[a-z])", r" \g<0>", reason).lower() if re.fullmatch(r"\w+", reason) else reason
        told = f"{words} ({arguments})" if arguments else words
        super().__init__(f"the contract refuses: {told or 'it gives no reason'}")


class TransactionFailedError(XwhepError):
    """A transaction that is in a block and did nothing but cost gas."""

    code = "transaction-failed"
    http_status = 409

    def __init__(self, transaction: str) -> None:
        super().__init__(
            f"transaction {transaction} is in a block and was reverted there, though it seemed possible just before;"
            " look at what changed meanwhile, and try again"
        )


class TransactionPendingError(XwhepError):
    """A transaction that was sent and did not come into a block in time; it still may."""

    code = "transaction-pending"
    http_status = 504

    def __init__(self, transaction: str, waited_s: float) -> None:
        super().__init__(
            f"transaction {transaction} was sent and is in no block after {waited_s:.0f} s; it may still come, so look"
            " for it before you try again"
        )


class NonceTakenError(XwhepError):
    """Another transaction of the same account came first."""

    code = "nonce-taken"
    http_status = 409

    def __init__(self, address: str, nonce: int) -> None:
        super().__init__(
            f"another transaction of {address} with the number {nonce} is there already; wait until it is in a block,"
            " and try again"
        )


class NotADevelopmentChainError(XwhepError):
    """Something that is done only where nothing is worth anything."""

    code = "not-a-development-chain"
    http_status = 422
    exit_status = 2

    def __init__(self, chain_id: int, what: str) -> None:
        super().__init__(f"chain {chain_id} is no development chain, and {what}")


class DeploymentFileError(XwhepError):
    """A file that is no deployment file."""

    code = "bad-deployment-file"
    http_status = 422

    def __init__(self, path: object, why: str) -> None:
        super().__init__(f"the deployment file {path} cannot be used: {why}; `xwhep chain deploy` writes one")


class NoSuchTaskError(XwhepError):
    """The hub knows no Task with this number."""

    code = "no-such-task"
    http_status = 404

    def __init__(self, number: int, hub: str) -> None:
        super().__init__(f"there is no task {number} at the hub {hub}")


class NotRefundableYetError(XwhepError):
    """A Task whose deadline is still ahead, so that it may yet be done."""

    code = "task-not-refundable-yet"
    http_status = 409

    def __init__(self, number: int, deadline: str) -> None:
        super().__init__(f"task {number} may still be done: it can be refunded after {deadline}")


class TaskSettledError(XwhepError):
    """A Task that has ended, so that nothing is left to refund."""

    code = "task-settled"
    http_status = 409

    def __init__(self, number: int, status: str) -> None:
        super().__init__(f"task {number} is {status} already")


class TaskExpiredError(XwhepError):
    """A Task whose deadline passed before it was done."""

    code = "task-expired"
    http_status = 410

    def __init__(self, number: int) -> None:
        super().__init__(
            f"task {number} was not settled before its deadline, and will not be done any more; get its price back with"
            f" `xwhep tasks refund {number}`"
        )


class DeploymentStoppedError(XwhepError):
    """A deployment that could not go on after some of its transactions."""

    code = "deployment-stopped"
    http_status = 502

    def __init__(self, done: str, why: str) -> None:
        super().__init__(f"the deployment stopped after {done or 'nothing was deployed'}: {why}")


class DevelopmentChainError(XwhepError):
    """A chain for development that cannot run on this machine, or does not run any more."""

    code = "no-development-chain"
    http_status = 501

    def __init__(self, why: str) -> None:
        super().__init__(f"no development chain can run here: {why}")
