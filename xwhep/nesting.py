"""How deep JSON is nested, told before anything parses it: a parser that recurses can end the whole process."""

from __future__ import annotations

import re
from typing import Final

#: possessive, and a string that does not end goes to the end: the time is linear in the length, whatever the text
_STRING_OR_BRACKET: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{\]}]', re.DOTALL)


def is_nested_deeper(raw: bytes, limit: int) -> bool:
    """Tell whether JSON is nested deeper than `limit` levels; of what is no JSON the answer is only bounded in time."""
    if raw.count(b"[") + raw.count(b"{") <= limit:
        return False
    depth = 0
    for token in _STRING_OR_BRACKET.finditer(raw):
        if token[0] in {b"[", b"{"}:
            depth += 1
            if depth > limit:
                return True
        elif token[0] in {b"]", b"}"}:
            depth -= 1
    return False
