"""How docs/ becomes a site: sphinx with MyST and furo, which search in the browser and load nothing from elsewhere.

scripts/site builds it. The pages stay what a reader of the repository sees; what a site needs besides (the order of its
pages, links to examples) is made here from docs/index.md, so that a page that the index forgets is a warning, and every
warning an error.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
HOME = "docs/index"
EXAMPLES = "examples/pages"

project = "labelfree"
author = "the labelfree authors"
copyright = author
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
root_doc = HOME
include_patterns = ["docs/**.md", "examples/**/README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
exclude_patterns = ["**.intro.md"]
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # blocks with "..." are no JSON

html_theme = "furo"
html_title = "labelfree"
html_theme_options = {"source_repository": "", "navigation_with_keys": True}
html_copy_source = False
html_show_sphinx = False
html_additional_pages = {"index": "home.html"}
templates_path = ["site"]


def listed(index: str) -> list[tuple[str, list[str]]]:
    """The sections of docs/index.md with the pages that each links to, in order, none twice."""
    seen: set[str] = set()
    found = []
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title, _, text = section.partition("\n")
        pages = [page for page in re.findall(r"\]\(([\w./-]+\.md)\)", text) if page not in seen]
        seen.update(pages)
        if pages:
            found.append((title, list(dict.fromkeys(pages))))
    return found


def ordered(app: Sphinx, name: str, source: list[str]) -> None:
    """Give the first page the order of all, and let links to examples open them."""
    if name == HOME:
        for title, pages in listed(source[0]):
            source[0] += "\n```{toctree}\n:hidden:\n:caption: " + title + "\n\n" + "\n".join(pages) + "\n```\n"
    if name == f"{EXAMPLES}/README":
        source[0] = re.sub(r"\[([\w.]+)\]\((\w+\.html)\)", r'<a href="\2">\1</a>', source[0])


def with_examples(app: Sphinx, failed: Exception | None) -> None:
    """Put the pages of real runs beside the page that tells of them."""
    for page in () if failed else (ROOT / EXAMPLES).glob("*.html"):
        shutil.copy(page, Path(app.outdir) / EXAMPLES)


def setup(app: Sphinx) -> None:
    """What sphinx calls when it starts."""
    app.connect("source-read", ordered)
    app.connect("build-finished", with_examples)
