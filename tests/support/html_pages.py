"""Pages read as a strict reader would: every element closed, every text kept, nothing from a file as markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from labelfree import Report

SAID = '<script>alert(1)</script><b onclick=x>&\x1b\u202e"'
TAGS = {
    "html", "head", "meta", "title", "style", "body", "a", "header", "div", "h1", "h2", "h3", "bdi", "button", "p", "b",
    "nav", "ul", "li", "main", "section", "table", "caption", "thead", "tbody", "tr", "th", "td", "small", "span",
    "figure", "figcaption", "svg", "g", "path", "rect", "circle", "text", "pre", "code", "details", "summary", "dl",
    "dt", "dd", "footer", "script",
}  # fmt: skip
EMPTY = {"meta", "path", "rect", "circle", "br", "link", "img"}


class Read(HTMLParser):
    """The elements of a page with their attributes, its texts, and what is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in EMPTY:
            assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def tags(self) -> list[str]:
        """The names of all elements."""
        return [tag for tag, _ in self.elements]

    @property
    def words(self) -> str:
        """All texts in one."""
        return " ".join(" ".join(self.texts).split())


def checked(text: str) -> Read:
    """The page, after what every page must keep to."""
    found = Read(text)
    assert found.open == []
    assert set(found.tags) <= TAGS
    for tag, given in found.elements:
        assert not any(key == "style" or key.startswith("on") for key in given), (tag, given)
        assert not any(key in ("src", "srcset", "action", "data", "poster") for key in given), (tag, given)
        assert (given.get("href") or "#").startswith("#")
    ids = [given["id"] for _, given in found.elements if "id" in given]
    assert len(ids) == len(set(ids))
    links = {(given.get("href") or "#")[1:] for tag, given in found.elements if tag == "a"}
    assert links <= {*ids}, links - {*ids}
    assert "url(" not in text
    assert not re.search(r"(?<!xmlns=\")https?://(?!www\.w3\.org)", text)
    return found


def renamed(report: Report, name: str) -> Report:
    """A report as if its rows had come from a file of another name."""
    return report.model_copy(update={"input": report.input.model_copy(update={"sources": [name]})})
