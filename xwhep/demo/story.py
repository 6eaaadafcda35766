"""The story of the demonstration, step by step, in words for somebody who sees a grid for the first time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

from xwhep.chain.values import RLC, rlc_text
from xwhep.demo.chain_story import YOU, Chain, tell_chain
from xwhep.demo.grid_story import VOLUNTEERS, await_volunteers, tell_grid
from xwhep.demo.processes import Stage
from xwhep.demo.proof import prove
from xwhep.demo.telling import Say, Teller
from xwhep.errors.installations import DemoError
from xwhep.terminal.display import amount, duration
from xwhep.vanity.patterns import Pattern
from xwhep.world import REAL

#: what the words are counted of
TEXT: Final = (
    "A key that is split in two is no key in one hand. One half is searched for by many, the other half never"
    " leaves the one who asked. Put together, the two halves are the key.\n"
)
#: a search may have bad luck
DEADLINE: Final = "1d"
#: until the oracle has read a Task and handed it to the grid, seconds
READ_S: Final = 60.0


def tell(stage: Stage, pattern: Pattern, say: Say) -> dict[str, Any]:
    """Play it all and return what the last line says."""
    started = REAL.monotonic()
    teller = Teller(stage, say)
    grid = tell_grid(teller)
    chain = tell_chain(teller, grid)
    await_volunteers(teller, grid)
    if grid.app_uid is not None:
        _wordcount(teller)
    submitted, ended = _search(teller, chain, pattern)
    verified = _proof(teller, ended, pattern)
    return {
        "address": ended["address"],
        "pattern": pattern.text,
        "verified": verified,
        "keys_tried": int(chain.oracle.wait_for(rf"task {submitted['task_id']}: .* (\d+) keys", READ_S)[1]),
        "task_id": submitted["task_id"],
        "tx_hash": submitted["tx_hash"],
        "settled": ended["status"] == "done",
        "rlc_paid": submitted["price"] / RLC,
        "chain": chain.name,
        "chain_id": chain.id,
        "seconds": round(REAL.monotonic() - started, 1),
        "pids": stage.pids,
    }


def _wordcount(teller: Teller) -> None:
    teller.head("You have words counted: your RLC goes to a contract, and what is counted comes back to it.")
    file = teller.stage.folder / "keys.txt"
    file.write_text(TEXT, encoding="utf-8")
    submitted = teller.run_json(YOU, ["xwhep", "tasks", "submit", "wordcount", str(file)])
    teller.note(f"task {submitted['task_id']} holds {rlc_text(submitted['price'])}; a volunteer counts")
    ended = teller.run_json(YOU, ["xwhep", "tasks", "watch", str(submitted["task_id"])])
    teller.note(f"the contract was told: {ended['report'].strip()}")
    _expect_done(ended)


def _search(teller: Teller, chain: Chain, pattern: Pattern) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    teller.head(f"You ask for a Bitcoin address that begins with {pattern.text}; both volunteers search.")
    teller.note("your key is split: the chain gets a public key, and the grid finds the rest;")
    teller.note("only you can combine the two")
    teller.note(_expectation(teller.stage, pattern))
    submitted = teller.run_json(YOU, ["xwhep", "tasks", "submit", "vanity", pattern.text, "--deadline", DEADLINE])
    number = submitted["task_id"]
    teller.note(f"task {number} holds {rlc_text(submitted['price'])}, by transaction {submitted['tx_hash'][:18]}...")
    chain.oracle.wait_for(rf"task {number}: (dispatched|answered)", READ_S)
    teller.note("the oracle has read it from the chain")
    ended = teller.run_json(YOU, ["xwhep", "tasks", "watch", str(number)])
    _expect_done(ended)
    teller.note("the answer is on the chain, the hub has credited the provider, and the dapp was called back")
    teller.note(f"your address: {ended['address']}")
    teller.note(f"its private key is combined, in a file that only you can read: {ended['key_file']}")
    return submitted, ended


def _expect_done(ended: Mapping[str, Any]) -> None:
    if ended["status"] != "done" or ended["callback"] != "delivered":
        raise DemoError(f"task {ended['task_id']} ended as {ended['status']}", str(ended.get("reason") or ""))


def _expectation(stage: Stage, pattern: Pattern) -> str:
    """Return how long the search should take, from the rates that the workers have measured."""
    with ThreadPoolExecutor() as threads:
        printed = threads.map(lambda name: stage.run(name, ["xwhep-worker", "status", "--json"]), VOLUNTEERS)
    states = [json.loads(text) for text in printed]
    keys_per_s = sum(state["kinds"]["vanity"]["keys_per_s"] * state["slots"] for state in states)
    difficulty = float(pattern.difficulty)
    return (
        f"one key in {amount(difficulty)} fits; the volunteers try {amount(keys_per_s)} keys a second together,"
        f" so expect {duration(difficulty / keys_per_s)} on average, by luck more or less"
    )


def _proof(teller: Teller, ended: Mapping[str, Any], pattern: Pattern) -> bool:
    teller.head("Proof: OpenSSL derives the public key from your private key, and another Base58 its address.")
    derived = prove(Path(ended["key_file"]))
    teller.note(f"{derived}: {'the same' if derived == ended['address'] else 'NOT the same'}")
    return derived == str(ended["address"]) and derived.startswith(pattern.text)
