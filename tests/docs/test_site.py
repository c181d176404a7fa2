"""The site: it builds without a warning, its links lead somewhere, its pages fit a phone, light and dark."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from selenium import webdriver

from fix_browser import NEEDS_BROWSER, paper_of, width_of
from fix_pages import ROOT

DOCS = ROOT / "docs"
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the site; a warning fails."""
    folder = tmp_path_factory.mktemp("site")
    options = ["-q", "-n", "-W", "--keep-going", "-d", str(folder / "trees")]
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", *options, str(DOCS), str(folder / "html")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.mark.slow
def test_site_has_every_page(site: Path) -> None:
    pages = {path.stem for path in DOCS.glob("*.md")}

    assert {path.stem for path in site.glob("*.html")} >= pages


@pytest.mark.parametrize(
    "page",
    [
        path
        for folder in (".", ".github", "bench", "docs", "examples", "ext", "tests")
        for path in sorted((ROOT / folder).glob("*.md" if folder == "." else "**/*.md"))
        if ".cache" not in path.parts
    ],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_links_within_the_repository_lead_somewhere(page: Path) -> None:
    text = FENCED.sub("", page.read_text())
    links = [link for link in LINK.findall(text) if not re.match(r"[a-z]+:", link)]

    dead = [link for link in links if not leads_somewhere(page, link)]

    assert dead == []


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether there is such a file, with such a heading."""
    path, _, anchor = link.partition("#")
    target = page.parent / path if path else page
    if not target.exists():
        return False
    return not anchor or target.suffix != ".md" or anchor in anchors_of(target.read_text())


def anchors_of(text: str) -> set[str]:
    """Return what the headings of a page are called in links."""
    heads = re.findall(r"^#+ (.*)$", FENCED.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def look(browser: webdriver.Chrome, width: int, **features: str) -> None:
    """Make the window so wide, for somebody who prefers this."""
    named = [
        {"name": f"prefers-{key.replace('_', '-')}", "value": v} for key, v in features.items()
    ]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": named})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


class TestInABrowser:
    """As people see it."""

    pytestmark = NEEDS_BROWSER

    @pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
    def test_no_page_is_wider_than_the_window(
        self, browser: webdriver.Chrome, site: Path, width: int, scheme: str
    ) -> None:
        look(browser, width, color_scheme=scheme)
        wide = {}

        for page in sorted(site.glob("*.html")):
            browser.get(page.as_uri())
            if width_of(browser) > width:
                wide[page.stem] = width_of(browser)

        assert wide == {}

    @pytest.mark.parametrize("width", [390, 1280])
    def test_pages_follow_light_and_dark(
        self, browser: webdriver.Chrome, site: Path, width: int
    ) -> None:
        contrasts = {}
        for scheme in ("light", "dark"):
            look(browser, width, color_scheme=scheme)
            browser.get((site / "deals.html").as_uri())
            ink = browser.execute_script(
                "return getComputedStyle(document.querySelector('article p')).color"
            )
            contrasts[scheme] = luminance(ink) - luminance(paper_of(browser))

        assert contrasts["light"] < -0.6
        assert contrasts["dark"] > 0.6

    def test_picture_moves_unless_somebody_wants_nothing_to_move(
        self, browser: webdriver.Chrome
    ) -> None:
        moving = {}
        for wish in ("no-preference", "reduce"):
            look(browser, 390, reduced_motion=wish)
            browser.get((DOCS / "_static" / "deals.svg").as_uri())
            moving[wish] = browser.execute_script("return document.getAnimations().length")

        assert moving["no-preference"] > 5
        assert moving["reduce"] == 0

    @pytest.mark.parametrize(
        "picture",
        [*(DOCS / "_static").glob("deals.svg"), *(DOCS / "_static").glob("waiting-*.svg")],
        ids=lambda path: path.stem,
    )
    def test_words_of_a_picture_stay_in_it(self, browser: webdriver.Chrome, picture: Path) -> None:
        look(browser, 420, reduced_motion="reduce")
        browser.get(picture.as_uri())

        out = browser.execute_script(
            "const frame = document.querySelector('.paper').getBBox();"
            "return [...document.querySelectorAll('text')].filter(one => {"
            "  const box = one.getBBox();"
            "  return box.x < frame.x || box.x + box.width > frame.x + frame.width - 6;"
            "}).map(one => one.textContent)"
        )

        assert out == []


def luminance(colour: str) -> float:
    """Return how light a colour is, "rgb(255, 255, 255)" being 1."""
    red, green, blue = map(int, re.findall(r"\d+", colour)[:3])
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255
