"""The site of the documents: built with every warning an error, then searched and walked through in a real browser."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from browser import browser
from loopback import listening
from repository import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.once]


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that says nothing."""

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if importlib.util.find_spec("furo") is None or importlib.util.find_spec("myst_parser") is None:
        pytest.skip("the site needs the extra [dev]: sphinx, myst-parser, furo")
    where = tmp_path_factory.mktemp("site")
    env = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run([ROOT / "scripts" / "site", where / "html"], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return where / "html"


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    with listening(partial(Quiet, directory=str(site))) as url:
        yield url


def test_every_page_is_there_and_questions_come_first(site: Path) -> None:
    pages = [page for page in (ROOT / "docs").rglob("*.md") if not page.name.endswith(".intro.md")]
    assert all((site / page.relative_to(ROOT)).with_suffix(".html").exists() for page in pages)
    home = (site / "docs" / "index.html").read_text()
    order = re.findall(r'class="toctree-l1"><a class="reference internal" href="([^"]+)"', home)
    questions = [f"questions/{page.stem}.html" for page in (ROOT / "docs" / "questions").glob("*.md")]
    assert sorted(order[: len(questions)]) == sorted(questions)


def test_links_of_files_that_are_no_pages_lead_somewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="([^"#?]+)[^"]*"', page.read_text()):
            if not re.match(r"[a-z]+:", link) and page.parent.name != "pages":  # pages of runs have no links
                assert (page.parent / link).exists(), f"{page.relative_to(site)} names {link}"


def test_nothing_is_loaded_from_elsewhere_and_the_search_finds(served: str) -> None:
    with browser() as chromium:
        page = chromium.new_page()
        asked: list[str] = []
        wrong: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(served)
        page.wait_for_url("**/docs/index.html")
        page.locator(".sidebar-tree a").first.click()
        page.wait_for_url("**/questions/**")
        page.locator(".sidebar-search").fill("plateau")
        page.locator(".sidebar-search").press("Enter")
        page.wait_for_selector("#search-results li a")
        assert page.locator("#search-results li a[href*='gate.html']").count()
        page.goto(f"{served}/examples/pages/README.html")
        page.locator("article a[href='plateau.html']").first.click()
        page.wait_for_url("**/examples/pages/plateau.html")
        assert "separability" in page.content()
    assert wrong == []
    assert [url for url in asked if not url.startswith((served, "data:"))] == []
