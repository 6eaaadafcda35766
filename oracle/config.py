"""The oracle's settings: section `[oracle]` of config.toml, or XWHEP_ORACLE__... in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Final

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_settings import SettingsConfigDict

from xwhep.config import Settings
from xwhep.errors.requests import InvalidFieldError
from xwhep.folders import home
from xwhep.ids import parse_uid

INIT_COMMAND: Final = "xwhep-oracle init"
#: what the search for addresses is called in place of an app's uid
SEARCH: Final = "search"


def _service(text: str) -> str:
    if text != SEARCH:
        try:
            parse_uid(text)
        except InvalidFieldError as error:
            raise ValueError(f"neither `{SEARCH}` nor the uid of an app on the grid") from error
    return text


AppName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
ServiceText = Annotated[str, AfterValidator(_service)]


class OracleSettings(Settings):
    """What the keeper of an oracle can choose."""

    section: ClassVar[str] = "oracle"
    model_config = SettingsConfigDict(env_prefix="XWHEP_ORACLE__")

    rpc_url: str = "http://127.0.0.1:8545"  #: the chain's node
    deployment: Path = Path("deployment.json")  #: the file that `xwhep chain deploy` wrote; relative to the home
    #: of the account that settles Tasks; where it is not set, `keystore.json` in the oracle's folder
    keystore: Path | None = None
    #: whose first line is the keystore's password; where it is not set, `XWHEP_KEYSTORE_PASSWORD`, or a prompt
    password_file: Path | None = None
    #: which apps of the deployment are served, and how: by `search`, or by the native app on the grid with this uid
    apps: dict[AppName, ServiceText] = Field(default={"vanity": SEARCH})
    finalized: bool = False  #: read finalized blocks only, in place of counting confirmations
    poll_s: Annotated[float, Field(ge=0.05, le=60)] = 1.0  #: seconds between two looks at the chain
    #: seconds before a deadline in which no answer is first sent; unset, 15 on development chains, else 120
    margin_s: Annotated[int, Field(ge=1, le=3600)] | None = None
    quota_per_requester: Annotated[int, Field(ge=1, le=1_000_000)] = 20  #: Tasks in work; others wait
    quota_per_app: Annotated[int, Field(ge=1, le=1_000_000)] = 500  #: Tasks in work; others wait
    max_difficulty: Annotated[float, Field(ge=1, le=2.0**80)] = 1e12  #: of a search, in keys on average
    max_fee_gwei: Annotated[float, Field(gt=0, le=1e6)] = 100.0  #: the most that is paid for a unit of gas
    bump_after_s: Annotated[int, Field(ge=1, le=86400)] = 60  #: seconds after which a transaction's fee is raised

    @property
    def keystore_file(self) -> Path:
        """Where the keystore is; a relative path starts in the home folder."""
        return Folders().keystore if self.keystore is None else home() / self.keystore


class Folders:
    """Where the oracle keeps what it keeps."""

    def __init__(self, base: Path | None = None) -> None:
        self.home = home() if base is None else base
        self.base = self.home / "oracle"
        self.identity = self.base / "identity"
        self.ledger = self.base / "ledger.sqlite"
        self.keystore = self.base / "keystore.json"
        self.scratch = self.base / "scratch"
        self.lock = self.base / "lock"
