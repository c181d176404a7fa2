"""What the portal knows about: jobs, who applies for them, and what a storage for them can do."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

KINDS = ("Full time", "Part time", "Contract", "Internship")
PER_PAGE = 12

_FIELDS = (
    # name, what it is called, octets at most, needed
    ("title", "The title", 100, True),
    ("company", "The company", 80, True),
    ("place", "The place", 80, True),
    ("pay", "The pay", 80, False),
    ("text", "The description", 5000, True),
)


@dataclass(frozen=True)
class Job:
    """A job that somebody offers."""

    id: str
    owner: str
    title: str
    company: str
    place: str
    kind: str
    pay: str
    text: str
    posted: int
    """Seconds since 1970."""

    @property
    def initial(self) -> str:
        """A letter to stand for the company."""
        return self.company[:1].upper()

    @property
    def hue(self) -> int:
        """One of twelve colours, always the same for a company."""
        return sum(self.company.encode()) % 12


@dataclass(frozen=True)
class Application:
    """Somebody wants a job."""

    job: str
    person: str
    note: str
    sent: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class Jobs:
    """A page of a list of jobs, newest first."""

    jobs: tuple[Job, ...]
    total: int
    """How many there are on all pages."""


@dataclass(frozen=True)
class Mine:
    """What one person has offered and applied for."""

    offers: tuple[tuple[Job, tuple[Application, ...]], ...]
    wishes: tuple[Job, ...]


class Storage(Protocol):
    """Where all of it lasts. Whatever adds something may be done twice: the second time adds nothing."""

    def add_job(self, job: Job) -> bool:
        """Keep *job*; return whether it is new. Raises Taken if its id is that of another one."""

    def find_job(self, key: str) -> Job | None:
        """Return the job with this id."""

    def list_jobs(self, words: str, place: str, page: int) -> Jobs:
        """Return the jobs with *words* in their title, company or text, and *place* in their place."""

    def add_application(self, application: Application) -> bool:
        """Keep it; return whether it is new."""

    def find_mine(self, person: str) -> Mine:
        """Return what concerns one person."""

    def add_user(self, name: str, password: str) -> bool:
        """Keep a user with the hash of a password; return False if there is one of this name."""

    def find_password(self, name: str) -> str | None:
        """Return the hash of a user's password."""

    def ping(self) -> None:
        """Raise an exception if the database does not answer."""

    def close(self) -> None:
        """Close the connections."""


class Taken(Exception):
    """The id belongs to something else."""


class Wrong(Exception):
    """What somebody filled in can't be used; the message is for them."""


def new_id() -> str:
    """Return an id for something that does not exist yet.

    A form carries it, so that sending the form twice makes one thing: after an error a person may press
    "again", and a proxy may.
    """
    return secrets.token_hex(16)


def is_id(text: str) -> bool:
    """Whether *text* is an id as `new_id` makes them."""
    return re.fullmatch(r"[0-9a-f]{32}", text) is not None


def job_of(form: Mapping[str, str], *, owner: str) -> Job:
    """Return the job that somebody filled in. Raises Wrong."""
    found = {name: form.get(name, "").strip() for name, *_ in _FIELDS}
    for name, called, most, is_needed in _FIELDS:
        if is_needed and not found[name]:
            raise Wrong(f"{called} is missing.")
        if len(found[name]) > most:
            raise Wrong(f"{called} is too long: {most} characters at most.")
    kind = form.get("kind", "")
    if kind not in KINDS:
        raise Wrong(f"Please choose one of: {', '.join(KINDS)}.")
    if not is_id(form.get("id", "")):
        raise Wrong("This form is damaged. Please open it anew.")
    return Job(id=form["id"], owner=owner, kind=kind, posted=int(time.time()), **found)
