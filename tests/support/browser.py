"""A real browser for tests of pages: Chromium of the system by playwright; without either, tests skip visibly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from importlib.util import find_spec
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
SERIOUS = ("serious", "critical")


def needed() -> str:
    """What is missing, and how to get it; empty where nothing is."""
    missing = [name for name in ("playwright", "axe_playwright_python") if find_spec(name) is None]
    if missing:
        return f"needs {' and '.join(missing)}: pip install -c constraints.txt -e '.[integration]'"
    if not any(map(shutil.which, NAMES)):
        return f"needs a browser, one of {', '.join(NAMES)}: apt-get install chromium"
    return ""


@contextmanager
def browser() -> Iterator[Any]:
    """A browser without a window; a test that asks for one is skipped where there is none."""
    if said := needed():
        pytest.skip(said)
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, NAMES)))
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


def serious(page: Any) -> list[str]:
    """What axe-core finds serious or critical on a page, with the elements that it is true of."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8"))
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['html'][:200]} {node.get('failureSummary', '')[:300]}"
        for one in found["violations"]
        if one["impact"] in SERIOUS
        for node in one["nodes"]
    ]
