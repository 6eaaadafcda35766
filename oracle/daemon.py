"""The oracle as a process: what must be right before it begins, the parts put together, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from oracle.bridge import Bridge, Parts
from oracle.config import INIT_COMMAND, SEARCH, Folders, OracleSettings
from oracle.follower import Follower
from oracle.grid import GridAccount, open_grid
from oracle.ledger.file import Ledger
from oracle.outbox import Outbox
from oracle.settlement.answers import NO_DIGEST
from oracle.settlement.fees import FeePolicy
from oracle.settlement.life import Margins
from oracle.settlement.quotas import Quotas
from oracle.settlement.requests import OracleTerms, Service, Subject
from oracle.steps import Steps
from xwhep.chain.accounts import Account
from xwhep.chain.deployment import Deployment
from xwhep.chain.hub import Hub, check_deployment
from xwhep.chain.node import Node
from xwhep.chain.values import TaskStatus, ether_text
from xwhep.errors.chain import ChainRefusedError, NodeUnavailableError, NoEtherError
from xwhep.errors.installations import ConfigurationError
from xwhep.errors.jobs import UnavailableError
from xwhep.folders import config_file
from xwhep.ids import parse_uid
from xwhep.lock import hold
from xwhep.pki.identity import load_identity
from xwhep.world import REAL, World

log = logging.getLogger(__name__)

#: how early the oracle is, seconds: no transaction is first sent later before a deadline
MARGIN_DEVELOPMENT_S: Final = 15
MARGIN_S: Final = 120
#: how long the batch of a task whose submission was lost goes on, in margins
_ORPHAN_MARGINS: Final = 5
#: between two tries to reach the node at the start, seconds
_RETRY_S: Final = 2.0
_WEI_A_GWEI: Final = 10**9
#: the error of OpenZeppelin's AccessControl for an account that has not the role
_NO_ROLE: Final = "AccessControlUnauthorizedAccount"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an oracle works, all of it checked as far as that goes without a network."""

    settings: OracleSettings
    folders: Folders
    deployment: Deployment
    account: Account

    @property
    def subject(self) -> Subject:
        """What the ledger is about."""
        deployment = self.deployment
        return Subject(deployment.chain_id, deployment.genesis, deployment.hub, deployment.block)

    @property
    def terms(self) -> OracleTerms:
        """Whom the oracle serves.

        Raises:
            ConfigurationError: the deployment has no app of a name that is configured.
        """
        apps = self.deployment.apps
        services = {}
        for name, what in self.settings.apps.items():
            if name not in apps:
                known = ", ".join(sorted(apps))
                raise ConfigurationError(
                    "oracle.apps", f"the deployment has no app {name}, but {known}", str(config_file())
                )
            services[apps[name]] = Service(name, None if what == SEARCH else parse_uid(what))
        return OracleTerms(self.subject, services, self.settings.max_difficulty)

    @property
    def margins(self) -> Margins:
        """How early the oracle is."""
        usual = MARGIN_DEVELOPMENT_S if self.deployment.on_development_chain else MARGIN_S
        margin_s = self.settings.margin_s or usual
        return Margins(margin_s, 2 * margin_s, _ORPHAN_MARGINS * margin_s)

    @property
    def quotas(self) -> Quotas:
        """How many tasks are in work at a time."""
        return Quotas(self.settings.quota_per_requester, self.settings.quota_per_app)

    @property
    def confirmations(self) -> int | None:
        """How far reading stays behind the head; None: what is finalized."""
        return None if self.settings.finalized else self.deployment.confirmations


async def serve_until_signal(place: Place) -> None:
    """Run the oracle until SIGINT or SIGTERM; see `serve`."""
    stop = asyncio.Event()
    with _signals(stop):
        await serve(place, stop)


async def serve(place: Place, stop: asyncio.Event, world: World = REAL) -> None:
    """Run the oracle until it is told to stop.

    Raises:
        AlreadyRunningError: another oracle runs with this home.
        WrongChainError, NoCodeError: the node serves another chain, or the hub is not there.
        ForeignLedgerError, SchemaMismatchError: the ledger is about another hub, or of another version.
        NotJoinedError, IdentityDamagedError: there is no service account.
        ConfigurationError: an app that is configured is not in the deployment.
    """
    folders = place.folders
    identity = load_identity(folders.identity, INIT_COMMAND)
    terms = place.terms
    with hold(folders.lock, "an oracle"), contextlib.closing(Ledger(folders.ledger)) as ledger:
        ledger.bind(place.subject)
        async with Node.open(place.settings.rpc_url) as node, open_grid(identity, folders.scratch, world) as grid:
            hub = Hub(node, place.deployment)
            if await _chain_is_right(hub, stop, world):
                await _tell_start(place, hub, grid)
                outbox = _outbox(place, ledger, hub)
                steps = Steps(ledger, hub, grid, outbox, terms, place.quotas)
                follower = Follower(ledger, node, hub, confirmations=place.confirmations, world=world)
                parts = Parts(follower, steps, outbox)
                bridge = Bridge(ledger, parts, place.margins, place.quotas, world)
                await bridge.run(stop, place.settings.poll_s)
    log.info("stopped; what is under way is taken up at the next start")


def _outbox(place: Place, ledger: Ledger, hub: Hub) -> Outbox:
    policy = FeePolicy(round(place.settings.max_fee_gwei * _WEI_A_GWEI), place.settings.bump_after_s)
    return Outbox(ledger, hub, place.account, policy, place.confirmations)


async def _chain_is_right(hub: Hub, stop: asyncio.Event, world: World) -> bool:
    """Wait for the node, and check that its chain is the deployment's; False if stopped meanwhile.

    A machine that starts may start the oracle before the node.
    """
    told = False
    while not stop.is_set():
        try:
            await check_deployment(hub.node, hub.deployment)
        except NodeUnavailableError as error:
            if not told:
                log.warning("%s; waiting for it", error)
            told = True
        else:
            return True
        with contextlib.suppress(TimeoutError):
            async with world.timeout(_RETRY_S):
                await stop.wait()
    return False


async def _tell_start(place: Place, hub: Hub, grid: GridAccount) -> None:
    """Tell people what the oracle begins with, and what is missing that only they can give."""
    address = place.account.address
    log.info("oracle %s for the hub %s of chain %d", address, place.deployment.hub, place.deployment.chain_id)
    log.info("apps: %s", ", ".join(sorted(place.settings.apps)) or "none: each task will be refused")
    try:
        await grid.check_account()
    except UnavailableError as error:
        log.warning("%s; tasks wait for it", error)
    with contextlib.suppress(NodeUnavailableError):  # the loop will tell
        await _tell_lacks(hub, address)


async def _tell_lacks(hub: Hub, address: str) -> None:
    balance = await hub.node.balance(address)
    if balance == 0:
        log.warning("%s has no ether to pay for gas: no task can be settled before it has some", address)
    else:
        log.info("%s has %s for gas", address, ether_text(balance))
    try:
        nothing = hub.finish(0, bytes(32), TaskStatus.FAILED, b"", NO_DIGEST)
        await hub.node.call(nothing, address)  # refused: there is no task 0
    except ChainRefusedError as error:
        if error.reason == _NO_ROLE:
            log.warning("%s has not the role ORACLE_ROLE at the hub: no task can be settled before it has", address)
    except NoEtherError:
        pass  # told above


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` on SIGINT and SIGTERM until the block ends."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    if sys.platform == "win32":  # its event loop knows no signals, and Ctrl-C comes as KeyboardInterrupt
        yield
        return
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
