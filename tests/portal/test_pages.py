"""The pages of the job portal, looked at and clicked through in a headless Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from fix_browser import NEEDS_BROWSER, paper_of, show_as_on_a_phone, width_of
from fix_cluster import Cluster, Start
from fix_processes import wait_until

ROOT = Path(__file__).parents[2]

pytestmark = NEEDS_BROWSER


@pytest.fixture
def portal(start: Start, tmp_path: Path) -> Cluster:
    """Give a portal as it is when it was never used."""
    env = {"PORTAL_DATABASE": f"sqlite:///{tmp_path}/portal.sqlite3"}
    options = ("-w", "2", "-b", "127.0.0.1:0")
    return start("examples.job_portal.app:app", *options, cwd=ROOT, env=env)


def fill_in(browser: webdriver.Chrome, **fields: str) -> None:
    """Write into the form of the page, and send it."""
    for name, text in fields.items():
        browser.find_element(By.NAME, name).send_keys(text)
    browser.find_element(By.CSS_SELECTOR, "main form .button").click()


def read(browser: webdriver.Chrome, selector: str) -> list[str]:
    """Return what stands in all such elements now; in one step, for the page may be changing."""
    script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent.trim())"
    found: list[str] = browser.execute_script(script, selector)
    return found


def wait_for_heading(browser: webdriver.Chrome, text: str) -> None:
    """Wait until the page is there that is called so."""
    wait_until(lambda: read(browser, "h1") == [text])


def read_anew(browser: webdriver.Chrome, selector: str) -> list[str]:
    """As `read`, with the page loaded again."""
    browser.refresh()
    return read(browser, selector)


def test_somebody_joins_posts_a_job_and_finds_it(
    browser: webdriver.Chrome, portal: Cluster
) -> None:
    browser.get(f"http://{portal.url}")
    assert read(browser, ".card b")[0] == "Lighthouse keeper"

    browser.find_element(By.LINK_TEXT, "Post a job").click()
    wait_for_heading(browser, "Welcome back")
    browser.find_element(By.PARTIAL_LINK_TEXT, "Join").click()
    wait_for_heading(browser, "Nice to meet you")
    fill_in(browser, name="Ada", password="correct horse")
    wait_for_heading(browser, "Post a job")
    about = {"title": "Keeper of bees", "company": "Heather & Co", "place": "Skye"}
    fill_in(browser, **about, text="Forty hives.")
    wait_for_heading(browser, "Keeper of bees")

    browser.find_element(By.PARTIAL_LINK_TEXT, "All jobs").click()
    wait_for_heading(browser, "Work worth getting up for")
    wait_until(lambda: read_anew(browser, ".card b")[0] == "Keeper of bees")
    fill_in(browser, q="bees", place="skye")
    wait_until(lambda: read(browser, ".card b") == ["Keeper of bees"])
    wait_until(lambda: read_anew(browser, "#online") == ["1"])
    browser.find_element(By.PARTIAL_LINK_TEXT, "Worker").click()
    wait_for_heading(browser, "Behind the pages")
    assert read(browser, ".tiles b")[:2] == ["2 \u00d7 20 = 40", "1"]
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_by_day_and_by_night(
    browser: webdriver.Chrome, portal: Cluster, scheme: str
) -> None:
    show_as_on_a_phone(browser, scheme)

    for path in ("/", "/signup", "/machine", "/nowhere"):
        browser.get(f"http://{portal.url}{path}")
        assert (path, width_of(browser)) == (path, 375)

    assert paper_of(browser) == {"light": "rgb(246, 243, 236)", "dark": "rgb(20, 24, 26)"}[scheme]
