"""What a person asks a search for: patterns on the command line and in a file, an end, an expression, and the forms."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from pydantic import ValidationError

from xwhep.errors.installations import LocalFileError
from xwhep.terminal.shell import remark
from xwhep.vanity.addresses import Form
from xwhep.vanity.errors import PatternListError
from xwhep.vanity.messages import MAX_PATTERNS, WishFields
from xwhep.vanity.wanted import Wanted, guess_common_forms, patterns_in

FORMS: Final = {
    "p2pkh": Form.P2PKH_COMPRESSED,
    "p2pkh-uncompressed": Form.P2PKH_UNCOMPRESSED,
    "p2wpkh": Form.P2WPKH,
    "p2sh-p2wpkh": Form.P2SH_P2WPKH,
    "ethereum": Form.ETHEREUM,
}
#: for `--form`: what patterns begin like, and where that is 1, of uncompressed keys too
ALL: Final = "all"
MAX_FILE_BYTES: Final = 1024 * 1024
_NAMES: Final = {"patterns": "a pattern", "suffix": "the end", "expression": "the expression"}
#: the options of `pattern_options`, as a command receives them
OPTIONS: Final = ("file", "form", "ignore_case", "suffix", "expression")


def pattern_options(command: Any) -> Any:
    """Add the options by which it is said, beside patterns, what an address shall be like."""
    file = click.Path(exists=True, dir_okay=False, path_type=Path)
    forms = click.Choice([*FORMS, ALL])
    for option in (
        click.option("--regex", "expression", metavar="TEXT", help="A regular expression, in place of patterns."),
        click.option("--suffix", metavar="TEXT", help="What the address ends with; with one PATTERN, or none."),
        click.option("--ignore-case", is_flag=True, help="Upper and lower case are the same in patterns."),
        click.option("--form", type=forms, help="The form; by default what patterns begin like."),
        click.option("--patterns", "file", type=file, metavar="FILE", help="A file of patterns, one a line."),
    ):
        command = option(command)
    return command


def read_wish(
    texts: Sequence[str],
    *,
    file: Path | None = None,
    form: str | None = None,
    ignore_case: bool = False,
    suffix: str | None = None,
    expression: str | None = None,
) -> tuple[WishFields, Wanted]:
    """Return what the command line and a file ask for, and what a search makes of it; what is there twice is told.

    Raises:
        click.UsageError: nothing is asked for.
        PatternError, PatternListError: no search can be made for it.
        LocalFileError: the file is too large.
    """
    if not texts and file is None and suffix is None and expression is None:
        raise click.UsageError("give a PATTERN, a file of them with --patterns, a --suffix or a --regex")
    patterns = [*texts, *([] if file is None else patterns_in(_content(file)))]
    guessed, network = guess_common_forms([*patterns, *([] if expression is None else [expression.lstrip("^")])])
    try:
        wish = WishFields(
            patterns=patterns,
            suffix=suffix,
            expression=expression,
            forms=list(_forms(form, guessed)),
            network=network,
            ignore_case=ignore_case,
        )
    except ValidationError as error:
        raise PatternListError(_why(error)) from error
    wanted = wish.wanted()
    if wanted.duplicates:
        remark(f"given more than once: {', '.join(dict.fromkeys(wanted.duplicates))}")
    return wish, wanted


def _forms(form: str | None, guessed: Sequence[Form]) -> Sequence[Form]:
    if form is None:
        return guessed
    if form != ALL:
        return [FORMS[form]]
    both = {*guessed, *([Form.P2PKH_UNCOMPRESSED] if Form.P2PKH_COMPRESSED in guessed else [])}
    return [known for known in Form if known in both]


def _why(error: ValidationError) -> str:
    """Return what is wrong with the size of something; nothing else of a wish is checked by its type."""
    first = error.errors()[0]
    if first["loc"] == ("patterns",):
        return f"there are more than {MAX_PATTERNS:,}"
    what = _NAMES[str(first["loc"][0])]
    if first["type"] == "string_too_short":
        return f"{what} is empty"
    return f"{what} has more than {first['ctx']['max_length']} characters"


def _content(file: Path) -> str:
    with file.open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise LocalFileError(
            str(file), f"it is larger than the {MAX_FILE_BYTES} bytes that a list of patterns may have"
        )
    return content.decode(errors="replace")  # what is no text is no pattern, and is refused as such
