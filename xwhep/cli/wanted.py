"""What a person asks a search for: patterns on the command line and in a file, and the form of their addresses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from xwhep.bitcoin.addresses import Form
from xwhep.bitcoin.pattern_lists import Patterns, guess_common_form, parse_patterns, patterns_in
from xwhep.cli.shell import remark
from xwhep.errors import LocalFileError

FORMS: Final = {
    "p2pkh": Form.P2PKH_COMPRESSED,
    "p2pkh-uncompressed": Form.P2PKH_UNCOMPRESSED,
    "p2wpkh": Form.P2WPKH,
    "p2sh-p2wpkh": Form.P2SH_P2WPKH,
}
MAX_FILE_BYTES: Final = 1024 * 1024


def pattern_options(command: Any) -> Any:
    """Add the options by which it is said, beside patterns, what an address shall be like."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--ignore-case", is_flag=True, help="Upper and lower case are the same."),
        click.option("--form", type=click.Choice(list(FORMS)), help="The form; by default what patterns begin like."),
        click.option("--patterns", "file", type=file, metavar="FILE", help="A file of patterns, one a line."),
    ):
        command = option(command)
    return command


def read_wanted(
    texts: Sequence[str], *, file: Path | None = None, form: str | None = None, ignore_case: bool = False
) -> Patterns:
    """Return the patterns of the command line and of a file; what is there twice is told.

    Raises:
        click.UsageError: there is neither a pattern nor a file.
        PatternError, PatternListError: no search can be made for them.
        LocalFileError: the file is too large.
    """
    if not texts and file is None:
        raise click.UsageError("give a PATTERN, or a file of them with --patterns")
    wanted = [*texts, *([] if file is None else patterns_in(_content(file)))]
    guessed, network = guess_common_form(wanted)
    patterns = parse_patterns(wanted, guessed if form is None else FORMS[form], network, ignore_case=ignore_case)
    if patterns.duplicates:
        remark(f"given more than once: {', '.join(dict.fromkeys(patterns.duplicates))}")
    return patterns


def _content(file: Path) -> str:
    with file.open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise LocalFileError(
            str(file), f"it is larger than the {MAX_FILE_BYTES} bytes that a list of patterns may have"
        )
    return content.decode(errors="replace")  # what is no text is no pattern, and is refused as such
