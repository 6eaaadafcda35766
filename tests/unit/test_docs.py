"""The documentation holds together: links lead somewhere, each page can be reached, what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
START = [ROOT / "README.md", ROOT / "docs" / "index.md"]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
MAKE_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE_SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
#: a code span that names a file or folder of this repository
REPOSITORY_PATH = re.compile(
    r"(\.ci|contracts|dispatcher|docs|oracle|tests|worker|xwhep)/[\w./-]*|Makefile|[A-Z]+\.md|pyproject\.toml|[\w-]+\.lock"
)

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    """Return a page's text without its blocks of code."""
    return FENCED.sub("", text_of(page))


def anchors_of(page: Path) -> set[str]:
    """Return the anchors of a page's headings, made as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(page: Path) -> list[tuple[Path, str]]:
    """Return the relative links of a page: the file each leads to, and the anchor in it, if any."""
    local = [link for link in LINK.findall(prose_of(page)) if not re.match(r"[a-z]+:", link)]
    parts = [link.partition("#") for link in local]
    return [((page.parent / path).resolve() if path else page, anchor) for path, _, anchor in parts]


def reachable() -> set[Path]:
    """Return the pages that a reader who follows links from the README or the index gets to."""
    waiting, seen = list(START), set[Path]()
    while waiting:
        page = waiting.pop()
        if page.suffix == ".md" and page not in seen:
            seen.add(page)
            waiting += [target for target, _ in links_of(page)]
    return seen


@each_page
def test_each_link_leads_to_something_that_exists(page: Path) -> None:
    broken = [str(target) for target, _ in links_of(page) if not target.exists()]
    lost = [anchor for target, anchor in links_of(page) if anchor and anchor not in anchors_of(target)]

    assert (broken, lost) == ([], [])


def test_each_page_is_reachable_from_the_readme_or_the_index() -> None:
    assert set((ROOT / "docs").rglob("*.md")) - reachable() == set()


@each_page
def test_each_path_that_a_page_names_exists(page: Path) -> None:
    named = [span for span in CODE_SPAN.findall(prose_of(page)) if REPOSITORY_PATH.fullmatch(span)]

    assert [path for path in named if not (ROOT / path).exists()] == []


@each_page
def test_each_make_target_that_a_page_names_exists(page: Path) -> None:
    named = re.findall(r"(?:^|`|\$ |&& )make ([a-z-]+)", text_of(page), re.MULTILINE)

    assert set(named) - MAKE_TARGETS == set()
