"""The outbox: tells the hub what became of tasks, each once, with one account whose nonces it counts itself.

A transaction is in the ledger before it is sent, and is sent as it is until a block holds it. So a crash between any
two lines loses nothing and says nothing twice: the next start sends the same bytes, and a node that knows them already
says so. What the outbox keeps in memory only spares requests and log lines.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable
from typing import Final

from oracle.ledger.file import Ledger
from oracle.ledger.tables import Key, Task, Transaction
from oracle.ledger.transactions import (
    Leave,
    MeteredCall,
    Slot,
    close,
    fill_gap,
    open_slots,
    reopen,
    sign_dearer,
    sign_first,
    take_up,
    void,
)
from oracle.settlement.fees import FeePolicy, Price, is_short, offer, raised
from oracle.settlement.nonces import MAX_ATTEMPTS, SigningTerms
from xwhep.chain.accounts import Account
from xwhep.chain.hub import Hub
from xwhep.chain.transactions import SignedTransaction, sign
from xwhep.chain.values import Call, Fees, Sent, TaskStatus, ether_text
from xwhep.errors.chain import ChainRefusedError, NodeUnavailableError, NoEtherError

log = logging.getLogger(__name__)

#: seconds after which what is in no block is sent again: a node may have dropped it
RESEND_S: Final = 15
#: seconds before a task that the hub refused, or an account without ether, is tried again
REST_S: Final = 30
#: the hub's error for a task that has ended
_SETTLED: Final = "TaskNotPending"


class Outbox:
    """Sends the transactions of one account. There is one outbox for an account, and nobody else uses it."""

    def __init__(
        self, ledger: Ledger, hub: Hub, account: Account, policy: FeePolicy, confirmations: int | None
    ) -> None:
        """Take what is `confirmations` blocks behind the head for lasting; None: what the chain calls finalized."""
        self._ledger = ledger
        self._hub = hub
        self._node = hub.node
        self._account = account
        self._policy = policy
        self._confirmations = confirmations
        self._sent_at: dict[bytes, int] = {}  #: by hash
        self._missing: dict[int, int] = {}  #: nonces that are used up, by none of ours: the head when that was noticed
        self._underpriced: set[bytes] = set()  #: what a node finds too cheap
        self._rest: dict[Key, int] = {}  #: tasks that the hub refused: when to try again
        self._no_ether_until = 0
        self._told: set[Hashable] = set()
        self._proved: dict[int, bool] = {}  #: whether an app, which never changes, has a verifier

    async def send(self, task: Task, *, now: int) -> bool:
        """Sign and send the transaction that settles an answered task; False: not now, and the log says why.

        Doing it again is harmless: what is signed already is not signed twice. A task that is settled by then counts as
        sent; the follower will read it.

        Raises:
            NodeUnavailableError: the node is of no use, and nothing was signed.
        """
        key = task.key
        leave = self._ledger.run(take_up, key, now=now)
        if leave is Leave.NEVER:
            self._tell_once(key, "task %d: %d transactions had no effect; giving it up", key[0], MAX_ATTEMPTS)
        if leave is not Leave.SIGN or now < max(self._rest.get(key, 0), self._no_ether_until):
            return leave is Leave.UNDER_WAY
        try:
            return await self._sign_and_send(key, await self._call(task), now)
        except ChainRefusedError as refusal:
            return self._refused(key, refusal, now)
        except NoEtherError as error:
            self._lack_ether(error, now)
            return False

    async def step(self, *, now: int) -> None:
        """Send again what is in no block, raise fees, and note what was mined, replaced or made void.

        Raises:
            NodeUnavailableError: the node is of no use; the next step goes on.
        """
        mined = await self._node.next_nonce(self._account.address)
        if reopened := self._ledger.run(reopen, mined):
            log.warning("a reorganisation set %d transactions free again", reopened)
            self._sent_at.clear()  # nodes drop what was in lost blocks
        slots = self._ledger.run(open_slots, now=now)
        self._forget(slots, now)
        await self._look([slot for slot in slots if slot.nonce < mined], now)
        waiting = [slot for slot in slots if slot.nonce >= mined and slot.in_use]
        if waiting and now >= self._no_ether_until:
            await self._push(waiting, mined, now)

    # --- what became of transactions -------------------------------------------------------------------------------

    async def _look(self, used: list[Slot], now: int) -> None:
        """Note what became of nonces that are used up, once that lasts."""
        self._missing = {slot.nonce: self._missing[slot.nonce] for slot in used if slot.nonce in self._missing}
        if not used:
            return
        head = await self._node.head()
        deep = await self._node.finalized() if self._confirmations is None else head - self._confirmations
        for slot in used:
            if await self._is_ours(slot, deep, now):
                self._missing.pop(slot.nonce, None)
            elif self._missing.setdefault(slot.nonce, head) <= deep:
                log.warning("nonce %d was used by a transaction that is not the oracle's; signing anew", slot.nonce)
                self._ledger.run(void, slot.nonce, now=now)

    async def _is_ours(self, slot: Slot, deep: int, now: int) -> bool:
        """Tell whether one of a nonce's transactions was mined, and note it if that lasts."""
        for transaction in reversed(slot.offers):
            receipt = await self._node.receipt(transaction.hash)
            if receipt is None:
                continue
            if receipt.block_number <= deep and self._ledger.run(close, receipt, now=now) and not receipt.succeeded:
                log.warning("task %d: the transaction 0x%s had no effect", transaction.task_id, transaction.hash.hex())
            return True
        return False

    # --- what is in no block ---------------------------------------------------------------------------------------

    async def _push(self, waiting: list[Slot], mined: int, now: int) -> None:
        """Send what is in use and in no block, in the order of nonces, and more dearly what takes too long."""
        fees = await self._node.fees()
        ready = [self._dearer(slot, mined, fees, now) for slot in waiting]
        if self._is_late(waiting[0].newest, now) and (filler := self._fill(mined, fees, now)):
            ready.insert(0, filler)
        for transaction in ready:
            if now - self._sent_at.get(transaction.hash, -RESEND_S) >= RESEND_S:
                await self._deliver(transaction, now)
                if now < self._no_ether_until:
                    return

    def _dearer(self, slot: Slot, mined: int, fees: Fees, now: int) -> Transaction:
        """Return what to send with a nonce: the newest transaction, or one with a higher fee."""
        newest = slot.newest
        refused, short = newest.hash in self._underpriced, is_short(slot.price, fees)
        late = self._is_late(newest, now) and (short or refused or slot.nonce == mined)
        if not late and not (refused and short):
            return newest
        price = raised(slot.price, fees, self._policy)
        if price is None:
            self._tell_once("cap", "gas costs more than the cap of %d wei allows; waiting", self._policy.cap_wei)
            return newest
        log.info("task %d: now offering %d wei for gas", newest.task_id, price.max_fee_wei)
        return self._ledger.run(sign_dearer, newest, price, self._sign, now=now) or newest

    def _fill(self, mined: int, fees: Fees, now: int) -> Transaction | None:
        """Return a transaction for a nonce that others wait for and that none is in use for; None if there is none."""
        price = offer(fees, self._policy)
        if price is None:
            return None
        filler = self._ledger.run(fill_gap, SigningTerms(mined, fees, self._policy, price), self._sign, now=now)
        if filler is not None:
            log.warning("others wait for nonce %d: task %d was signed for it too", filler.nonce, filler.task_id)
        return filler

    def _is_late(self, transaction: Transaction, now: int) -> bool:
        return now - transaction.signed_at >= self._policy.raise_after_s

    async def _deliver(self, transaction: Transaction, now: int) -> None:
        """Give a transaction to the node; what it says is only taken down in memory."""
        try:
            sent = await self._node.send_raw(transaction.raw)
        except NoEtherError as error:
            self._lack_ether(error, now)
            return
        except ChainRefusedError as refusal:
            self._tell_once(transaction.hash, "task %d: the node refuses it: %s", transaction.task_id, refusal)
            sent = Sent.ACCEPTED  # later again, as all others
        self._sent_at[transaction.hash] = now
        if sent is Sent.UNDERPRICED:
            self._underpriced.add(transaction.hash)
        elif sent is Sent.ACCEPTED and "ether" in self._told:
            self._told.discard("ether")
            log.warning("%s has ether again; going on", self._account.address)

    # --- signing -----------------------------------------------------------------------------------------------------

    async def _sign_and_send(self, key: Key, call: Call, now: int) -> bool:
        """Tell whether a task's transaction was signed; then it is in the ledger, and as a rule at the node.

        Raises:
            ChainRefusedError: the hub would refuse it.
            NoEtherError: the account cannot pay for it.
        """
        gas = -(-await self._node.estimate(call, self._account.address) * 12 // 10)
        terms = await self._terms(gas)
        if terms is None:
            return False
        transaction = self._ledger.run(sign_first, key, MeteredCall(call, gas), terms, self._sign, now=now)
        if transaction is None:
            return False
        try:
            await self._deliver(transaction, now)
        except NodeUnavailableError as error:
            log.warning("task %d: its transaction is signed and will be sent later: %s", key[0], error)
        return True

    async def _call(self, task: Task) -> Call:
        """Return the call that tells the hub the answer."""
        outcome, result, digest = task.outcome, task.result, task.digest
        assert outcome is not None
        assert result is not None
        assert digest is not None
        if outcome is TaskStatus.DONE and await self._is_proved(task.app):
            return self._hub.prove(task.id, task.params, result, digest)
        return self._hub.finish(task.id, task.commitment, outcome, result, digest)

    async def _is_proved(self, app: int) -> bool:
        if app not in self._proved:
            self._proved[app] = (await self._hub.app(app)).verifier is not None
        return self._proved[app]

    async def _terms(self, gas: int) -> SigningTerms | None:
        """Return what a transaction is signed on; None when gas costs more than the cap.

        Raises:
            NoEtherError: the account cannot pay for it.
        """
        fees = await self._node.fees()
        price = offer(fees, self._policy)
        if price is None:
            self._tell_once("cap", "gas costs more than the cap of %d wei; waiting", self._policy.cap_wei)
            return None
        self._told.discard("cap")
        needed = gas * price.max_fee_wei
        if await self._node.balance(self._account.address) < needed:
            raise NoEtherError(self._account.address, ether_text(needed))
        return SigningTerms(await self._node.next_nonce(self._account.address), fees, self._policy, price)

    def _sign(self, call: Call, gas: int, nonce: int, price: Price) -> SignedTransaction:
        return sign(
            self._account,
            call,
            chain_id=self._hub.deployment.chain_id,
            nonce=nonce,
            gas=gas,
            max_fee_wei=price.max_fee_wei,
            tip_wei=price.tip_wei,
        )

    # --- what is told ------------------------------------------------------------------------------------------------

    def _refused(self, key: Key, refusal: ChainRefusedError, now: int) -> bool:
        """Tell whether a task that the hub refuses to settle is settled already; if not, it rests."""
        self._rest[key] = now + REST_S
        if refusal.reason == _SETTLED:
            log.info("task %d: it is settled already", key[0])
            return True
        self._tell_once((key, refusal.reason), "task %d cannot be settled now: %s", key[0], refusal)
        return False

    def _lack_ether(self, error: NoEtherError, now: int) -> None:
        self._no_ether_until = now + REST_S
        self._tell_once("ether", "%s; everything else goes on, and answers are sent when it has some", error)

    def _tell_once(self, what: Hashable, text: str, *values: object) -> None:
        if what not in self._told:
            self._told.add(what)
            log.warning(text, *values)

    def _forget(self, slots: list[Slot], now: int) -> None:
        """Drop from memory what has ended."""
        hashes = {transaction.hash for slot in slots for transaction in slot.offers}
        self._sent_at = {known: at for known, at in self._sent_at.items() if known in hashes}
        self._underpriced &= hashes
        self._rest = {key: until for key, until in self._rest.items() if now < until}
