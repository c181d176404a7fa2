"""The live page, looked at and clicked through in a headless Chromium."""

from __future__ import annotations

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from fix_browser import NEEDS_BROWSER, paper_of, show_as_on_a_phone, width_of
from fix_cluster import Cluster, Start
from fix_processes import wait_until

pytestmark = NEEDS_BROWSER


def plots(browser: webdriver.Chrome) -> list[str]:
    """Return the points of the three lines."""
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('polyline')].map(line => line.getAttribute('points'))"
    )
    return found


@pytest.fixture
def server(start: Start) -> Cluster:
    """Give a server with an admin address."""
    return start("process:app", "--admin", "127.0.0.1:0")


def look(browser: webdriver.Chrome, server: Cluster) -> None:
    """Open the page and wait for its first status."""
    url = next(line.split()[-1] for line in server.log.splitlines() if "Admin at" in line)
    browser.get(url + "/")
    wait_until(lambda: text(browser, "#state") == "serving")


def text(browser: webdriver.Chrome, selector: str) -> str:
    """Return what stands in an element."""
    return browser.find_element(By.CSS_SELECTOR, selector).text


def cells(browser: webdriver.Chrome, head: str) -> list[str]:
    """Return a column of the workers' table."""
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(cell => cell.textContent)",
        f"td[data-head={head}]",
    )
    return found


def test_page_shows_the_server_and_follows_it(browser: webdriver.Chrome, server: Cluster) -> None:
    look(browser, server)
    assert text(browser, "h1") == f"process-app-{server.port}"
    assert cells(browser, "pid") == [str(server.worker_in(0)), str(server.worker_in(1))]
    assert text(browser, "#restarts") == "none so far"

    for _ in range(4):
        server.ask()
    server.replace(1)

    wait_until(lambda: cells(browser, "restarts") == ["0", "1"])
    wait_until(lambda: "slot 1: died: SIGKILL" in text(browser, "#restarts"))
    wait_until(lambda: [" " in points for points in plots(browser)] == [True] * 3)
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_heads_sort_the_table_and_a_button_pauses_it(
    browser: webdriver.Chrome, server: Cluster
) -> None:
    look(browser, server)

    browser.find_element(By.CSS_SELECTOR, "th[data-name=slot]").click()
    assert cells(browser, "slot") == ["1", "0"]
    browser.find_element(By.CSS_SELECTOR, "th[data-name=slot]").click()
    assert cells(browser, "slot") == ["0", "1"]
    browser.find_element(By.ID, "pause").click()
    before = cells(browser, "pid")
    server.replace(0)

    assert text(browser, "#pause") == "Go on"
    assert cells(browser, "pid") == before
    browser.find_element(By.ID, "pause").click()
    wait_until(lambda: cells(browser, "pid")[0] == str(server.worker_in(0)))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_a_phone_by_day_and_by_night(
    browser: webdriver.Chrome, server: Cluster, scheme: str
) -> None:
    show_as_on_a_phone(browser, scheme)

    look(browser, server)

    assert width_of(browser) <= 375
    assert paper_of(browser) == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}[scheme]


def test_page_says_when_the_server_is_gone(browser: webdriver.Chrome, server: Cluster) -> None:
    look(browser, server)

    server.process.terminate()
    server.wait_for_end()

    wait_until(lambda: text(browser, "#state") == "unreachable")
