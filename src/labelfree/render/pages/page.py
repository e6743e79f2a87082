"""A whole page: the answer, the parts below it, what the words mean, in one file that asks for nothing else."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from labelfree import __version__
from labelfree.catalog import METRIC_NAMES
from labelfree.documents.glossary import meaning
from labelfree.render.pages.markup import anchor, text, unfolded
from labelfree.reports.definitions import definition

_LINK = re.compile(r'<a class="word" href="#([^"]*)">(.*?)</a>')
_TONES = {"likely_collapsed": "bad", "suspicious": "mid", "no_verdict": "mid", "healthy": "good"}


@dataclass(frozen=True)
class Answer:
    """What a tired person needs: a head in few words, the rest of the sentence, and a tone: good, mid, bad or none.

    below: sentences under it; next: the command that comes next.
    """

    head: str
    rest: str = ""
    tone: str = ""
    below: Sequence[str] = ()
    next: str = ""


@dataclass(frozen=True)
class Part:
    """A part of a page with its heading; body is markup."""

    heading: str
    body: str


@dataclass(frozen=True)
class Section:
    """What one document says on a page: its title, its answers, its parts, and the words that it explains."""

    title: str
    answers: Sequence[Answer]
    parts: Sequence[Part]
    words: Sequence[str] = ()


def tone(state: str) -> str:
    """The tone of the state of an embedding."""
    return _TONES.get(state, "")


@cache
def _asset(name: str) -> str:
    """The style sheet or the script."""
    return (files("labelfree") / "render" / "pages" / name).read_text("utf-8").strip()


def _allowed(content: str) -> str:
    """The hash by which a content policy lets this style sheet or script run."""
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


def policy() -> str:
    """What the page may do: apply its own style, run its own script, and ask nobody for anything."""
    style, script = _allowed(_asset("page.css")), _allowed(_asset("page.js"))
    return f"default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"


def page(sections: Sequence[Section]) -> str:
    """The page of one or several sections."""
    title = "; ".join(section.title for section in sections[:3]) or "labelfree"
    parts, contents, alone = [], [], len(sections) == 1
    for i, section in enumerate(sections):
        if not alone:
            name = anchor("document", str(i))
            contents.append(f'<li><a href="#{name}"><bdi>{text(section.title)}</bdi></a></li>')
            parts.append(f'<h2 id="{name}"><bdi>{text(section.title)}</bdi></h2>\n')
        for j, part in enumerate(section.parts):
            if not part.body:
                continue
            name, level = anchor("part", str(i), str(j)), "h2" if alone else "h3"
            if alone:
                contents.append(f'<li><a href="#{name}">{text(part.heading)}</a></li>')
            parts.append(
                f'<section aria-labelledby="{name}"><{level} id="{name}">{text(part.heading)}</{level}>\n'
                f"{part.body}\n</section>\n"
            )
    known = explained(word for section in sections for word in section.words)
    if words := _words(known):
        contents.append('<li><a href="#words">What the words mean</a></li>')
        parts.append(
            '<section aria-labelledby="words"><h2 id="words">What the words mean</h2>\n'
            f'<div class="words">{words}</div></section>\n'
        )
    body = _living("".join(parts), known)
    answers = "".join(_answer(one) for section in sections for one in section.answers)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{text(title)}</title>\n<style>{_asset('page.css')}</style>\n</head>\n<body>\n"
        '<a class="skip" href="#main">to the content</a>\n'
        f'<header><div class="bar"><h1><bdi>{text(title)}</bdi></h1>'
        '<button id="theme" type="button" aria-label="switch between light and dark" hidden>dark</button></div>\n'
        f'{answers}<nav aria-label="contents"><ul>{"".join(contents)}</ul></nav></header>\n'
        f'<main id="main">\n{body}</main>\n'
        f"<footer>Written by labelfree {__version__}. This page asks for nothing else: it can be sent as one file."
        f"</footer>\n<script>{_asset('page.js')}</script>\n</body>\n</html>\n"
    )


def _living(body: str, words: Iterable[str]) -> str:
    """Markup without the links to words that the page does not explain."""
    known = {anchor("word", word) for word in words}
    return _LINK.sub(lambda found: found[0] if found[1] in known else found[2], body)


def _answer(one: Answer) -> str:
    below = "".join(f"<p>{text(line)}</p>" for line in one.below if line)
    after = f"<p>next: <code>{text(one.next)}</code></p>" if one.next else ""
    return (
        f'<div class="answer {one.tone}"><p class="head"><b class="{one.tone}">{text(one.head)}</b>{text(one.rest)}'
        f"</p>{below}{after}</div>\n"
    )


def _words(words: Iterable[str]) -> str:
    """Each word that the page names, folded until a link leads to it."""
    found = []
    for word in words:
        name = anchor("word", word)
        if word in METRIC_NAMES:
            rows = "".join(
                f"<dt>{text(head or 'In short')}</dt><dd>{text(said)}</dd>" for head, said in definition(word)
            )
            found.append(unfolded(word, f"<dl>{rows}</dl>", name))
        elif known := meaning(word):
            found.append(unfolded(known[0], f"<p>{text(known[1])}</p>", name))
    return "".join(found)


def explained(words: Iterable[str]) -> list[str]:
    """Those of some words that a page can explain."""
    known = {anchor(word): word for word in words if word in METRIC_NAMES or meaning(word) is not None}
    return list(known.values())
