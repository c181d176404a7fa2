"""A headless Chromium, to look at pages as people do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium import webdriver

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

NEEDS_BROWSER = [
    pytest.mark.slow,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver here"),
]


@pytest.fixture
def browser() -> Iterator[webdriver.Chrome]:
    """Give a browser without a screen."""
    from selenium import webdriver  # who looks at no page needs it not

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM or ""
    for switch in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = webdriver.Chrome(options, webdriver.ChromeService(DRIVER))
    yield chrome
    chrome.quit()


def show_as_on_a_phone(browser: webdriver.Chrome, scheme: str) -> None:
    """Make the window small, and the colours "light" or "dark"."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": 375, "height": 800, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def width_of(browser: webdriver.Chrome) -> int:
    """Return how wide the page is."""
    width: int = browser.execute_script("return document.documentElement.scrollWidth")
    return width


def paper_of(browser: webdriver.Chrome) -> str:
    """Return the colour of the page."""
    colour: str = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    return colour
