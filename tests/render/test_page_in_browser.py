"""The page in a real browser: no request but the file, no error, sorting, themes, 360 pixels, policies, axe-core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import labelfree
from browser import browser, serious
from choices import run
from labelfree.commands.pages import page_of
from reports import entry, run_of
from repository import ROOT

pytestmark = [pytest.mark.integration, pytest.mark.once]

FINETUNE = ROOT / "fixtures" / "finetune"
EPOCHS = [FINETUNE / f"epoch_0{i}.parquet" for i in (0, 3, 5, 7)]
NAMES = ("several", "one", "choice", "history", "groups", "pairs", "copies", "drift", "days")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def measured() -> Any:
    return labelfree.evaluate(EPOCHS)


@pytest.fixture(scope="module")
def pages(chromium: Any, measured: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    found = {name: folder / f"{name}.html" for name in NAMES}
    measured.save(found["several"])
    measured[1].save(found["one"])
    kept = ("id", "embedding", "logits")
    labelfree.select({f"c{i}<b>": {k: one[k] for k in kept} for i, one in enumerate(run())}).save(found["choice"])
    run_of(folder / "h.jsonl", [entry(0.1 * min(i, 6), 0.01) for i in range(14)])
    found["history"].write_text(page_of([str(folder / "h.jsonl")]))
    X = np.repeat(np.random.default_rng(1).normal(size=(40, 8)), 5, axis=0)
    X += np.random.default_rng(2).normal(size=X.shape) / 2
    labelfree.opis({"embedding": X, "item": np.repeat(np.arange(40), 5)}, group="item").save(found["groups"])
    compared_and_drifted(found)
    return found


def compared_and_drifted(found: dict[str, Path]) -> None:
    """Pages of compare and drift, with names that are no markup."""
    rng = np.random.default_rng(3)
    X, kind = rng.normal(size=(400, 6)), [f"<i>{i % 4}" for i in range(400)]
    spaces = {f"a<b>{i}": {"embedding": X + i * rng.normal(size=X.shape), "kind": kind} for i in (0, 1, 2)}
    labelfree.compare(spaces, by="kind", threshold=0.5).save(found["pairs"])
    labelfree.compare(X, compress=["int8", "binary", "float16"]).save(found["copies"])
    days = [{"embedding": rng.normal(size=(150, 6)) + shift, "kind": kind[:150]} for shift in (0, 0.1, 3)]
    reports = labelfree.drift(days, reference={"embedding": X, "kind": kind}, by="kind")
    reports.save(found["days"])
    reports[2].save(found["drift"])


@contextmanager
def opened(chromium: Any, path: Path, **how: Any) -> Iterator[Any]:
    """A page that was opened, whose requests and complaints are watched until the end."""
    context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | how))
    context.set_default_timeout(10_000)
    page = context.new_page()
    asked, said = list[str](), list[str]()
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    try:
        page.goto(path.as_uri())
        yield page
        assert asked == [path.as_uri()]
        assert said == []
    finally:
        context.close()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_asked_for_and_axe_finds_nothing_serious(
    chromium: Any, pages: dict[str, Path], name: str, scheme: str
) -> None:
    with opened(chromium, pages[name], color_scheme=scheme) as page:
        assert serious(page) == []
        page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert serious(page) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [360, 768, 3840])
def test_no_page_scrolls_sideways(chromium: Any, pages: dict[str, Path], name: str, width: int) -> None:
    with opened(chromium, pages[name], viewport={"width": width, "height": 900}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        shown = page.locator("figure svg:visible")
        assert shown.count() == page.locator("figure").count() > 0
        for i in range(shown.count()):
            box = shown.nth(i).bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["height"] > 60


@pytest.mark.parametrize("name", NAMES)
def test_everything_is_there_without_scripts(chromium: Any, pages: dict[str, Path], name: str) -> None:
    with opened(chromium, pages[name], java_script_enabled=False) as page:
        assert page.locator("button:visible").count() == 0
        assert page.locator(".answer").first.is_visible()
        assert page.locator("tbody tr").first.is_visible()
        assert page.locator("figure svg:visible").count() == page.locator("figure").count()
        page.locator("a.word").first.click()  # the browser itself leads to the word
        assert "#word-" in page.url


def order(page: Any) -> list[str]:
    return [text.split()[0] for text in page.locator("table").first.locator("tbody th").all_inner_texts()]


def test_tables_are_sorted_by_pointer_and_keyboard(chromium: Any, pages: dict[str, Path], measured: Any) -> None:
    values = {f"epoch_0{i}": float(report["mean_cosine"]) for i, report in zip((0, 3, 5, 7), measured, strict=True)}
    up = sorted(values, key=lambda name: values[name])
    with opened(chromium, pages["several"]) as page:
        table = page.locator("table").first
        button = table.get_by_role("button", name="sort by mean_cosine")
        head = table.locator("thead th").filter(has_text="mean_cosine")
        assert head.get_attribute("aria-sort") is None
        button.click()
        assert (head.get_attribute("aria-sort"), order(page)) == ("ascending", up)
        button.press("Enter")
        assert (head.get_attribute("aria-sort"), order(page)) == ("descending", up[::-1])
        table.get_by_role("button", name="sort by source").click()
        assert (head.get_attribute("aria-sort"), order(page)) == (None, sorted(values))
        assert table.locator("[aria-sort]").count() == 1
        table.get_by_role("button", name="sort by alpha_req").click()  # one has no value: it stands last
        assert order(page)[-1] == "epoch_00"


def test_a_word_is_one_click_away(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["one"]) as page:
        meaning = page.locator("#word-rankme")
        assert not meaning.is_visible()
        page.get_by_role("link", name="rankme", exact=True).first.click()
        assert meaning.is_visible()
        assert "effective rank" in meaning.inner_text().lower()
        page.locator("details", has=meaning).locator("summary").click()
        assert not meaning.is_visible()
        page.get_by_role("link", name="rankme", exact=True).first.click()  # the same link again opens it again
        assert meaning.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_themes(chromium: Any, pages: dict[str, Path], scheme: str) -> None:
    shade = "getComputedStyle(document.body).backgroundColor"
    light, dark = "rgb(255, 255, 255)", "rgb(20, 23, 27)"
    own, other = (light, dark) if scheme == "light" else (dark, light)
    with opened(chromium, pages["several"], color_scheme=scheme) as page:
        assert page.evaluate(shade) == own
        page.emulate_media(media="print")
        assert page.evaluate(shade) == light
        page.emulate_media(media="screen")
        turned = page.evaluate("getComputedStyle(document.querySelector('figure svg')).filter")
        assert ("invert" in turned) == (own == dark)
        page.locator("#theme").click()
        assert page.evaluate(shade) == other
        assert serious(page) == []
        page.emulate_media(media="print")
        assert page.evaluate(shade) == light
        assert not page.locator("nav").is_visible()


def test_the_policy_stops_what_does_not_belong_to_the_page(chromium: Any, pages: dict[str, Path]) -> None:
    context = chromium.new_context()
    page = context.new_page()
    page.goto(pages["one"].as_uri())
    stopped = page.evaluate(
        """async () => {
          const stopped = [];
          addEventListener("securitypolicyviolation", (event) => stopped.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "window.ran = true";
          document.body.append(script);
          const style = document.createElement("style");
          style.textContent = "body{color:red}";
          document.body.append(style);
          const image = document.createElement("img");
          image.src = "https://example.org/x.png";
          document.body.append(image);
          await fetch("https://example.org/").catch(() => 0);
          await new Promise((done) => setTimeout(done, 200));
          return [stopped.sort(), window.ran === undefined];
        }"""
    )
    assert stopped == [["connect-src", "img-src", "script-src-elem", "style-src-elem"], True]
    context.close()


def test_all_is_readable_where_a_server_forbids_scripts_and_styles(chromium: Any, pages: dict[str, Path]) -> None:
    """As Jenkins serves files: sandboxed, and nothing that stands inline is applied."""
    context = chromium.new_context(viewport={"width": 1000, "height": 900})
    page = context.new_page()
    page.route(
        "http://jenkins.test/**",
        lambda route: route.fulfill(
            body=pages["several"].read_text(), content_type="text/html; charset=utf-8",
            headers={"Content-Security-Policy": "sandbox; default-src 'none'; img-src 'self'; style-src 'self'"},
        ),
    )  # fmt: skip
    page.goto("http://jenkins.test/x.html")
    assert page.locator("tbody tr").first.is_visible()
    line = page.locator("figure svg path").first
    assert line.is_visible()
    assert line.get_attribute("stroke").startswith("#")
    assert page.locator("#theme").is_hidden()
    context.close()


def test_values_stand_under_the_pointer(chromium: Any, pages: dict[str, Path], measured: Any) -> None:
    with opened(chromium, pages["several"]) as page:
        titles = page.locator("figure").first.locator(".wide circle title").all_text_contents()
        values = [float(report["rankme"]) for report in measured]
        assert titles == [f"step {i}: rankme {value:.6g}" for i, value in zip((0, 3, 5, 7), values, strict=True)]
        page.locator("figure").first.locator(".wide circle").first.hover()


def test_a_cell_of_the_matrix_says_what_it_is(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["pairs"]) as page:
        cells = page.locator("figure").first.locator(".wide rect title").all_text_contents()
        assert len(cells) == 6
        assert cells[0].startswith("a<b>0 and a<b>1: neighbors_kept 0.")
        assert page.locator("figure b, table i").count() == 0


def test_the_keyboard_reaches_everything(chromium: Any, pages: dict[str, Path]) -> None:
    with opened(chromium, pages["several"]) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        seen = set()
        for _ in range(60):
            page.keyboard.press("Tab")
            seen.add(page.evaluate("document.activeElement.tagName + '.' + document.activeElement.className"))
        assert {"BUTTON.", "DIV.scroll", "A.word", "A."} <= seen
        page.locator("summary").first.press("Enter")
        assert page.locator("details").first.get_attribute("open") is not None
