"""The deployment file: where on which chain the contracts are. `xwhep chain deploy` writes it, all others read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from xwhep.chain.values import DEVELOPMENT_CHAINS, MAX_INTEGER, NOBODY, Address, parse_address
from xwhep.errors.chain import DeploymentFileError
from xwhep.errors.requests import InvalidFieldError
from xwhep.files import replace_file

_MAX_BYTES = 64 * 1024


def _contract(text: str) -> Address:
    try:
        address = parse_address(text)
    except InvalidFieldError as error:
        raise ValueError(error.text) from error
    if address == NOBODY:
        raise ValueError("the address is zero")
    return address


#: where a contract is
Contract = Annotated[str, AfterValidator(_contract)]
#: a name of an app or a contract
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
#: a number that fits a database
Whole = Annotated[int, Field(ge=0, le=MAX_INTEGER, strict=True)]


class Deployment(BaseModel):
    """The contracts on one chain. The genesis hash tells development chains with the same id apart."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    chain_id: Annotated[Whole, Field(ge=1)]
    genesis_hash: Annotated[str, StringConstraints(pattern=r"^0x[0-9a-f]{64}$")]  #: of block 0
    block: Whole  #: the first that can hold an event of the hub
    confirmations: Annotated[Whole, Field(le=10_000)]  #: how many blocks a reader stays behind the head
    rlc: Contract
    hub: Contract
    apps: dict[Name, Annotated[Whole, Field(ge=1)]]  #: the hub's numbers of the apps
    contracts: dict[Name, Contract]  #: the dapps' Task contracts

    @property
    def genesis(self) -> bytes:
        """The hash of block 0, 32 bytes."""
        return bytes.fromhex(self.genesis_hash.removeprefix("0x"))

    @property
    def on_development_chain(self) -> bool:
        """Whether nothing there is worth anything."""
        return self.chain_id in DEVELOPMENT_CHAINS

    def app(self, name: str) -> int:
        """Return the hub's number of an app.

        Raises:
            DeploymentFileError: the file knows no such app.
        """
        if name not in self.apps:
            raise DeploymentFileError("", f"it has no app {name}")
        return self.apps[name]

    def contract(self, name: str) -> Address:
        """Return where a dapp's contract is.

        Raises:
            DeploymentFileError: the file knows no such contract.
        """
        if name not in self.contracts:
            raise DeploymentFileError("", f"it has no contract {name}")
        return self.contracts[name]

    @classmethod
    def read(cls, path: Path) -> Deployment:
        """Return what is in a deployment file.

        Raises:
            DeploymentFileError: it cannot be read, or is none.
        """
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_BYTES + 1)
            if len(text) > _MAX_BYTES:
                raise DeploymentFileError(path, "it is too large")
            return cls.model_validate_json(text)
        except OSError as error:
            raise DeploymentFileError(path, (error.strerror or "it cannot be read").lower()) from error
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise DeploymentFileError(path, f"{where + ': ' if where else ''}{first['msg'].lower()}") from error

    def write(self, path: Path) -> None:
        """Write the file; one that is there is replaced.

        Raises:
            OSError: it could not be written.
        """
        replace_file(path, (self.model_dump_json(indent=2) + "\n").encode("ascii"))
