"""Visitors of the job portal (examples/job_portal): a browser's manners, without the browser."""

from __future__ import annotations

import json
import re
import secrets
from http.client import HTTPConnection
from typing import NamedTuple
from urllib.parse import urlencode

PASSWORD = "correct horse"


class Page(NamedTuple):
    """What came back."""

    status: int
    text: str
    location: str


class Visitor:
    """Somebody at the portal on *port*, with a connection for each request."""

    def __init__(self, port: int, name: str = "") -> None:
        self.name = name
        self._port = port
        self._cookie = ""

    def get(self, path: str) -> Page:
        """Ask for a page."""
        return self._ask("GET", path, None)

    def post(self, path: str, **form: str) -> Page:
        """Send a form."""
        return self._ask("POST", path, urlencode(form))

    def sign_up(self) -> Page:
        """Become a user of the portal."""
        return self.post("/signup", name=self.name, password=PASSWORD)

    def sign_in(self, **more: str) -> Page:
        """Come back."""
        return self.post("/signin", name=self.name, password=PASSWORD, **more)

    def post_job(self, title: str, *, key: str = "") -> Page:
        """Post a job; with *key* as the form has it, if it is to be sent again."""
        return self.post(
            "/jobs/new",
            id=key or secrets.token_hex(16),
            title=title,
            company="Heather & Co",
            place="Skye",
            kind="Full time",
            text="Bees, <b>forty</b> hives.",
        )

    def numbers(self) -> dict[str, int]:
        """Return what the portal counts."""
        found: dict[str, int] = json.loads(self.get("/numbers").text)
        return found

    def count_jobs(self, query: str = "") -> int:
        """Return how many jobs the portal says there are."""
        said = re.search(r'id="count">\s*(No|One|[\d,]+) job', self.get(f"/{query}").text)
        assert said
        return int({"No": "0", "One": "1"}.get(said[1], said[1]).replace(",", ""))

    def _ask(self, method: str, path: str, body: str | None) -> Page:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        fields = {"Cookie": self._cookie} if self._cookie else {}
        if body is not None:
            fields["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, fields)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            self._cookie = cookie.partition(";")[0]
        return Page(answer.status, text, answer.headers.get("Location", ""))
