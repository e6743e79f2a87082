"""Texts of this machine by domain: docstrings, code, manuals, licenses, and messages in many languages.

A domain is on the side "design", on which the rule of mixed spaces was chosen, or "kept", on which it was judged once;
the side follows from a hash of its name, before any row was looked at.
"""

from __future__ import annotations

import ast
import gettext
import gzip
import inspect
import re
import sysconfig
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

PACKAGES = (
    "numpy", "scipy", "sklearn", "pandas", "torch", "sympy", "networkx", "matplotlib", "transformers", "plotly",
    "sphinx", "tornado", "pyarrow", "docutils",
)  # fmt: skip
LANGUAGES = (
    "de", "fr", "es", "ru", "ja", "zh_CN", "pl", "pt_BR", "it", "nl", "sv", "uk", "vi", "tr", "cs", "hu", "ko", "fi",
    "da", "el", "ro", "sr", "bg", "id",
)  # fmt: skip
CATALOGS = ("coreutils", "gtk30", "glib20", "iso_3166", "iso_639-2")
LETTERS = 300


def side(name: str) -> str:
    """Which side a domain is on."""
    return ("design", "kept")[sha256(name.encode()).digest()[0] % 2]


def docstrings(root: Path) -> Iterator[str]:
    """Docstrings of a package."""
    for path in sorted(root.rglob("*.py")):
        if {"tests", "test", "site-packages"} & set(path.parts[len(root.parts) :]):
            continue
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield inspect.cleandoc(ast.get_docstring(node) or "")


def code(paths: Iterator[Path]) -> Iterator[str]:
    """Twelve lines of each place of a source file."""
    for path in paths:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for start in range(0, min(len(lines), 600), 12):
            yield "\n".join(lines[start : start + 12])


def paragraphs(paths: Iterator[Path]) -> Iterator[str]:
    """Paragraphs of texts, packed or not; marks of manuals are taken out."""
    for path in paths:
        try:
            held = path.read_bytes()
            text = (gzip.decompress(held) if path.suffix == ".gz" else held).decode("utf-8", "replace")
        except OSError:
            continue
        text = re.sub(r"(?m)^[.'].*$", "", text)
        text = re.sub(r"\\f.|\\[-&]|<[^>]*>", "", text)
        yield from re.split(r"\n\s*\n", text)


def messages(language: str) -> Iterator[str]:
    """Translated messages of programs and names of countries and languages."""
    for catalog in CATALOGS:
        path = Path(f"/usr/share/locale/{language}/LC_MESSAGES/{catalog}.mo")
        if path.exists():
            with path.open("rb") as file:
                held = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
            yield from (str(one) for key, one in held.items() if key)


def sources() -> dict[str, Iterator[str]]:
    """Every domain that this machine may hold."""
    packages = Path(sysconfig.get_paths()["purelib"])
    library = Path(sysconfig.get_paths()["stdlib"])
    found: dict[str, Iterator[str]] = {f"docstrings {name}": docstrings(packages / name) for name in PACKAGES}
    found["docstrings library"] = docstrings(library)
    found["code library"] = code(iter(sorted(library.glob("*.py"))))
    found["code torch"] = code(iter(sorted((packages / "torch" / "nn").rglob("*.py"))))
    found["code C"] = code(iter(sorted(Path("/usr/include").rglob("*.h"))[::7]))
    for section in ("1", "3", "8"):
        found[f"manual {section}"] = paragraphs(iter(sorted(Path(f"/usr/share/man/man{section}").glob("*.gz"))[::5]))
    for name, pattern in {"licenses": "*/copyright", "changes": "*/changelog*.gz", "readme": "*/README*"}.items():
        found[name] = paragraphs(iter(sorted(Path("/usr/share/doc").glob(pattern))[::3]))
    found["cmake"] = paragraphs(iter(sorted(Path("/usr/share").glob("cmake*/Help/*/*.rst"))))
    found["web server"] = paragraphs(iter(sorted(Path("/usr/share/doc/nodejs").rglob("*.md"))))
    return found | {f"messages {language}": messages(language) for language in LANGUAGES}


def domains(most: int) -> dict[str, list[str]]:
    """At most so many texts of each domain, each once, in an order of their own."""
    kept: dict[str, list[str]] = {}
    for name, given in sources().items():
        seen = dict.fromkeys(" ".join(text.split())[:LETTERS] for text in given if text)
        every = [text for text in seen if len(text) >= (8 if name.startswith("messages") else 30)]
        rng = np.random.default_rng([0, *name.encode()])
        kept[name] = [every[i] for i in rng.permutation(len(every))[:most]]
    return {name: texts for name, texts in kept.items() if len(texts) >= 100}
