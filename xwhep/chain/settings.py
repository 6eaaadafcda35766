"""The section of the configuration that says which chain a user talks to, and as whom."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from xwhep.config import Settings
from xwhep.folders import home


class ChainSettings(Settings):
    """Which node a user talks to, about which contracts, and as whom."""

    section: ClassVar[str] = "chain"

    #: the URL of a node; where it carries a password, this is the place for it
    rpc: str = "http://127.0.0.1:8545"
    deployment: Path = Path("deployment.json")  #: the file that `xwhep chain deploy` wrote
    keystore: Path | None = None  #: the user's keystore; where it is not set, `keystore.json` in the home folder
    #: whose first line is the keystore's password; where it is not set, the environment is asked, then the person
    password_file: Path | None = None

    @property
    def keystore_file(self) -> Path:
        """Where the user's keystore is."""
        return self.keystore or home() / "keystore.json"
