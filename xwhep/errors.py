"""The errors that may cross a process, each with a stable code.

A code is part of the interface: it never changes its meaning. A text is one sentence that says what, which one, and
what to do. On the wire an error is a problem document (RFC 9457); `xwhep.client` turns it back into the same class.
This module imports nothing of ours.
"""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import ClassVar
from uuid import UUID


class XwhepError(Exception):
    """The root of all errors that a person or another process may see."""

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500
    #: what the command line returns: 1 refused by dispatcher, chain or machine, 2 wrong on the command line alone
    exit_status: ClassVar[int] = 1

    def __init__(self, text: str, *, field: str | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.field = field  #: the request's field at fault, as a dotted path
        self.remote = False  #: whether another process raised it


class RemoteError(XwhepError):
    """The dispatcher refused, with a code that this version of the client knows only by name."""

    def __init__(self, code: str, text: str, http_status: int, field: str | None = None) -> None:
        super().__init__(text, field=field)
        self.remote_code = code
        self.remote_status = http_status


# --- requests --------------------------------------------------------------------------------------------------------


class BadRequestError(XwhepError):
    """A request that is not well formed."""

    code = "bad-request"
    http_status = 400


class InvalidFieldError(XwhepError):
    """A request whose field has a value that is out of its range, or that has a field nobody knows."""

    code = "invalid-field"
    http_status = 422
    exit_status = 2

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}", field=field)


class TooLargeError(XwhepError):
    """A body over its bound."""

    code = "too-large"
    http_status = 413

    def __init__(self, what: str, limit_bytes: int) -> None:
        super().__init__(f"{what} is larger than the {limit_bytes} bytes allowed; split it or make it smaller")


class NotFoundError(XwhepError):
    """Nothing has this name, or the caller may not know of it."""

    code = "not-found"
    http_status = 404

    def __init__(self, kind: str, name: object) -> None:
        super().__init__(f"there is no {kind} {name}, or it is not yours")


class IdConflictError(XwhepError):
    """An id was used before, with another body or by another owner."""

    code = "id-conflict"
    http_status = 409

    def __init__(self, kind: str, uid: object) -> None:
        super().__init__(f"the {kind} id {uid} was used before with another content; use a fresh id")


class NameTakenError(XwhepError):
    """A name that must be unique is in use."""

    code = "name-taken"
    http_status = 409

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(
            f"the {kind} {name} is there already, and what it names never changes; choose another name or version"
        )


class IllegalTransitionError(XwhepError):
    """A status cannot change in this way."""

    code = "illegal-transition"
    http_status = 409

    def __init__(self, status: str, event: str) -> None:
        super().__init__(f"what is {status} cannot become {event}")


# --- identity --------------------------------------------------------------------------------------------------------


class NoCertificateError(XwhepError):
    """A route that demands a certificate was called without one."""

    code = "no-certificate"
    http_status = 401

    def __init__(self) -> None:
        super().__init__("this request needs a certificate of this grid; join with a token first")


class UnknownIdentityError(XwhepError):
    """A certificate whose key this grid does not know."""

    code = "unknown-identity"
    http_status = 401

    def __init__(self) -> None:
        super().__init__("the certificate's key does not belong to any member of this grid; join with a token")


class RevokedError(XwhepError):
    """A certificate that was revoked."""

    code = "revoked"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("this certificate was revoked; ask the grid's administrator for a new token")


class ForbiddenError(XwhepError):
    """The caller's role may not do this."""

    code = "forbidden"
    http_status = 403

    def __init__(self, role: str, action: str) -> None:
        super().__init__(f"a {role} may not {action}")


class TokenRefusedError(XwhepError):
    """A join token that is unknown, used up or expired; which of them is nobody's business."""

    code = "token-refused"
    http_status = 403

    def __init__(self) -> None:
        super().__init__("the join token is unknown, used up or expired; ask for a new one")


class TokenMalformedError(XwhepError):
    """A text that is no join token."""

    code = "token-malformed"
    http_status = 422
    exit_status = 2

    def __init__(self) -> None:
        super().__init__("this is not a join token; copy the whole line that `xwhep-dispatcher token` printed")


class CertificateMismatchError(XwhepError):
    """The dispatcher's CA is not the one that the join token names: another grid, or someone in between."""

    code = "ca-mismatch"
    http_status = 421

    def __init__(self, url: str) -> None:
        super().__init__(f"the certificate authority at {url} is not the one this token names; nothing was sent to it")


class BadSignatureError(XwhepError):
    """A certificate request whose signature or key cannot be accepted."""

    code = "bad-signing-request"
    http_status = 422

    def __init__(self, why: str) -> None:
        super().__init__(f"the certificate request cannot be accepted: {why}")


class IdentityExpiredError(XwhepError):
    """The certificate on this machine is out of its dates and could not be renewed."""

    code = "identity-expired"
    http_status = 401

    def __init__(self, ended_at: datetime) -> None:
        super().__init__(
            f"this machine's certificate ended at {ended_at:%Y-%m-%d %H:%M} UTC; check the clock or join again"
        )


class IdentityNotYetValidError(XwhepError):
    """The certificate on this machine begins in the future: one of the two clocks is wrong."""

    code = "identity-not-yet-valid"
    http_status = 401

    def __init__(self, starts_at: datetime) -> None:
        super().__init__(
            f"this machine's certificate starts at {starts_at:%Y-%m-%d %H:%M} UTC; set this machine's clock"
        )


class IdentityForeignError(XwhepError):
    """The certificate on this machine comes from an authority that the grid no longer has."""

    code = "identity-foreign"
    http_status = 401

    def __init__(self, issuer: str) -> None:
        super().__init__(
            f"this machine's certificate was issued by {issuer!r}, which is not an authority of this grid; join again"
        )


class IdentityDamagedError(XwhepError):
    """A file of the identity on this machine is missing or is not what it should be."""

    code = "identity-damaged"
    http_status = 401

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"{path} cannot be used: {why}; restore it from a backup or join again")


class DispatcherNotVerifiedError(XwhepError):
    """What answers at the dispatcher's address does not prove to be the dispatcher."""

    code = "dispatcher-not-verified"
    http_status = 421

    def __init__(self, url: str, why: str) -> None:
        super().__init__(
            f"the dispatcher at {url} did not prove who it is ({why}) and nothing was sent to it; check the address and"
            " this machine's clock"
        )


class UnexpectedReplyError(XwhepError):
    """An answer that no dispatcher of this protocol gives."""

    code = "unexpected-reply"
    http_status = 502

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} does not answer as a dispatcher: {why}; check the address")


class AuthorityExistsError(XwhepError):
    """A folder holds a certificate authority already, and a second one would shut out every member."""

    code = "authority-exists"
    http_status = 409

    def __init__(self, folder: Path) -> None:
        super().__init__(f"there is a certificate authority in {folder} already; keep it, or choose another folder")


class NotJoinedError(XwhepError):
    """There is no identity in the home folder."""

    code = "not-joined"
    http_status = 401

    def __init__(self, home: str, command: str) -> None:
        super().__init__(f"there is no identity in {home}; run `{command}` with a token first")


# --- jobs ------------------------------------------------------------------------------------------------------------


class LeaseLostError(XwhepError):
    """A host reports on an attempt that is no longer leased to it."""

    code = "lease-lost"
    http_status = 409

    def __init__(self, job_uid: UUID, attempt: int) -> None:
        super().__init__(
            f"attempt {attempt} of job {job_uid} is no longer leased to this host: the lease expired or the owner"
            " cancelled the job; drop it and ask for another"
        )


class NoTargetError(XwhepError):
    """An app without a program for any platform, or for none that the job allows."""

    code = "no-target"
    http_status = 422

    def __init__(self, app: str) -> None:
        super().__init__(f"app {app} has no target for any platform; register a version that has one")


class DigestMismatchError(XwhepError):
    """Content that is not what its digest names."""

    code = "digest-mismatch"
    http_status = 422

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"the content has SHA-256 {got} but {expected} was announced; send it again")


class StorageFullError(XwhepError):
    """No room for content."""

    code = "storage-full"
    http_status = 507

    def __init__(self, needed_bytes: int | None = None) -> None:
        what = "anything new" if needed_bytes is None else f"{needed_bytes} more bytes"
        super().__init__(f"the dispatcher has no room for {what}; try again later")


class UnavailableError(XwhepError):
    """The dispatcher cannot be reached, or is stopping."""

    code = "unavailable"
    http_status = 503

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}; try again later")


class ProtocolTooOldError(XwhepError):
    """A worker that speaks a version of the protocol which is no longer served."""

    code = "protocol-too-old"
    http_status = 426

    def __init__(self, spoken: int, oldest: int) -> None:
        super().__init__(f"this worker speaks protocol {spoken} and the oldest served is {oldest}; update the worker")


# --- vanity searches -------------------------------------------------------------------------------------------------


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


class PublicKeyError(XwhepError):
    """Bytes that are no point of secp256k1."""

    code = "bad-public-key"
    http_status = 422
    exit_status = 2

    def __init__(self, why: str) -> None:
        super().__init__(f"the public key cannot be used: {why}", field="public_key")


class PrivateKeyError(XwhepError):
    """A number or a text that is no private key; the error never shows it."""

    code = "bad-private-key"
    http_status = 422
    exit_status = 2

    def __init__(self, why: str) -> None:
        super().__init__(f"the private key cannot be used: {why}", field="private_key")


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


class FalseResultError(XwhepError):
    """A result that does not stand up to checking."""

    code = "false-result"
    http_status = 422

    def __init__(self, why: str) -> None:
        super().__init__(f"the result was refused: {why}")


class ShareClaimedError(XwhepError):
    """A share that was counted before."""

    code = "share-claimed"
    http_status = 409

    def __init__(self, job_uid: object) -> None:
        super().__init__(f"this share of unit {job_uid} was claimed before and counts once; nothing is left to do")


class NoResultError(XwhepError):
    """A search whose result is asked for before it has one."""

    code = "no-result"
    http_status = 409

    def __init__(self, uid: object, status: str) -> None:
        super().__init__(
            f"batch {uid} is {status} and has found no address; wait for a search with `xwhep batches wait`"
        )


# --- chain -----------------------------------------------------------------------------------------------------------


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


class MissingExtraError(XwhepError):
    """A command whose libraries are not installed."""

    code = "missing-extra"
    http_status = 501

    def __init__(self, extra: str, library: str) -> None:
        super().__init__(f"this command needs {library}, which is not installed; run `pip install 'xwhep[{extra}]'`")


class DevelopmentChainError(XwhepError):
    """A chain for development that cannot run on this machine, or does not run any more."""

    code = "no-development-chain"
    http_status = 501

    def __init__(self, why: str) -> None:
        super().__init__(f"no development chain can run here: {why}")


# --- installations ---------------------------------------------------------------------------------------------------


class AlreadyInstalledError(XwhepError):
    """A dispatcher is in the folder already; its keys are never written over."""

    code = "already-installed"
    http_status = 409

    def __init__(self, folder: object) -> None:
        super().__init__(f"there is a dispatcher in {folder} already; choose another XWHEP_HOME or remove that one")


class NotInstalledError(XwhepError):
    """There is no dispatcher in the folder."""

    code = "not-installed"
    http_status = 404

    def __init__(self, folder: object) -> None:
        super().__init__(f"there is no dispatcher in {folder}; run `xwhep-dispatcher init` first")


class SchemaMismatchError(XwhepError):
    """The database was made by another version of the dispatcher."""

    code = "schema-mismatch"
    http_status = 500

    def __init__(self, found: int, expected: int) -> None:
        super().__init__(
            f"the database has schema version {found} and this dispatcher needs {expected}; use the version"
            " that made it, or make a new grid with another XWHEP_HOME"
        )


class PortTakenError(XwhepError):
    """The dispatcher cannot listen where it should."""

    code = "port-taken"
    http_status = 500

    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(f"cannot listen on {host} port {port} ({why.lower()}); choose another with --port")


# --- the chain -------------------------------------------------------------------------------------------------------


class ForeignLedgerError(XwhepError):
    """The ledger of an oracle belongs to another chain or hub than the one it was pointed at."""

    code = "foreign-ledger"
    http_status = 409

    def __init__(self, chain_id: int, hub: str, other_chain_id: int, other_hub: str) -> None:
        super().__init__(
            f"the ledger is about the hub {hub} of a chain {chain_id}, not about {other_hub} of this chain"
            f" {other_chain_id} (the genesis block counts too); give each its own XWHEP_HOME"
        )


# --- the demonstration -----------------------------------------------------------------------------------------------


class DemoError(XwhepError):
    """A part of the demonstration did not do what it should."""

    code = "demo-failed"
    http_status = 500

    def __init__(self, what: str, log: str) -> None:
        super().__init__(f"the demonstration stopped: {what}" + (f"; its last words: {log}" if log else ""))


# --- configuration ---------------------------------------------------------------------------------------------------


class ConfigurationError(XwhepError):
    """A key of the configuration that nobody knows, or a value out of its range."""

    code = "bad-configuration"
    http_status = 422
    exit_status = 2

    def __init__(self, key: str, why: str, file: str) -> None:
        super().__init__(f"configuration key {key}: {why}; look at {file} and at the XWHEP_ environment variables")


class LocalFileError(XwhepError):
    """A file on this machine that cannot be read or written."""

    code = "local-file"
    http_status = 500

    def __init__(self, path: str, why: str) -> None:
        super().__init__(f"{path}: {why[:1].lower()}{why[1:]}")


# --- machines --------------------------------------------------------------------------------------------------------


class CannotContainError(XwhepError):
    """This machine cannot confine a native job; it is refused, never run unprotected."""

    code = "cannot-contain"
    http_status = 501

    def __init__(self, why: str) -> None:
        super().__init__(f"native jobs cannot be contained on this machine: {why}")


class UnknownPlatformError(XwhepError):
    """An operating system or a processor that no app of the grid is built for."""

    code = "unknown-platform"
    http_status = 501

    def __init__(self, what: str, name: str) -> None:
        super().__init__(f"the grid has no apps for the {what} {name or 'of this machine'}")


class NothingToRunError(XwhepError):
    """A worker that can run no kind of app."""

    code = "nothing-to-run"
    http_status = 501

    def __init__(self) -> None:
        super().__init__("this machine can run no kind of app; the log's lines before this one say why")


class AlreadyRunningError(XwhepError):
    """Two processes of a program with one home."""

    code = "already-running"
    http_status = 409

    def __init__(self, who: str, folder: str) -> None:
        super().__init__(f"{who} is running with {folder} already; stop it, or set XWHEP_HOME to another folder")


class NotRunningError(XwhepError):
    """A question to a worker that is not there."""

    code = "not-running"
    http_status = 503

    def __init__(self) -> None:
        super().__init__("no worker is running here; start it with `xwhep-worker run`")


class SearchFailedError(XwhepError):
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


def _catalogue() -> dict[str, type[XwhepError]]:
    """Return every error class by its code."""
    classes = XwhepError.__subclasses__()
    return {error_class.code: error_class for error_class in classes if error_class is not RemoteError}


def from_problem(code: str, text: str, http_status: int, field: str | None = None) -> XwhepError:
    """Return the error that a problem document describes, as the class that raised it on the other side."""
    error_class = _catalogue().get(code)
    if error_class is None:
        return RemoteError(code, text, http_status, field)
    error = error_class.__new__(error_class)
    XwhepError.__init__(error, text, field=field)
    error.remote = True
    return error
