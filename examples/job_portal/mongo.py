"""Jobs in MongoDB."""

from __future__ import annotations

import re
from typing import Any

from pymongo import DESCENDING, MongoClient
from pymongo.errors import DuplicateKeyError

from .model import PER_PAGE, Application, Job, Jobs, Mine, Taken

Document = dict[str, Any]


class MongoStorage:
    """A storage in MongoDB. A client has threads, so each worker has to make its own after the fork."""

    def __init__(self, url: str, *, connections: int) -> None:
        """Connect to *url*, with at most so many connections besides the two that watch the server."""
        self._client: MongoClient[Document] = MongoClient(
            url, maxPoolSize=connections, serverSelectionTimeoutMS=5000, tz_aware=True
        )
        database = self._client.get_default_database("portal")
        self._jobs = database["jobs"]
        self._applications = database["applications"]
        self._users = database["users"]

    def prepare(self) -> None:
        """Make the indexes; does nothing where they are."""
        self._jobs.create_index([("posted", DESCENDING), ("_id", DESCENDING)])
        self._jobs.create_index("owner")
        self._applications.create_index("person")

    def add_job(self, job: Job) -> bool:
        """Keep *job*; return whether it is new. Raises Taken if its id is that of another one."""
        document = dict(vars(job))
        document["_id"] = document.pop("id")
        try:
            self._jobs.insert_one(document)
        except DuplicateKeyError:
            there = self.find_job(job.id)
            if there is None or there.owner != job.owner:
                raise Taken(job.id) from None
            return False
        return True

    def find_job(self, key: str) -> Job | None:
        """Return the job with this id."""
        found = self._jobs.find_one({"_id": key})
        return None if found is None else _job(found)

    def list_jobs(self, words: str, place: str, page: int) -> Jobs:
        """Return the jobs with *words* in their title, company or text, and *place* in their place."""
        wanted: list[Document] = [
            {"$or": [{field: _like(word)} for field in ("title", "company", "text")]}
            for word in words.split()
        ]
        if place:
            wanted.append({"place": _like(place)})
        which: Document = {"$and": wanted} if wanted else {}
        rows = self._jobs.find(which).sort([("posted", DESCENDING), ("_id", DESCENDING)])
        rows = rows.skip((page - 1) * PER_PAGE).limit(PER_PAGE)
        return Jobs(tuple(map(_job, rows)), self._jobs.count_documents(which))

    def add_application(self, application: Application) -> bool:
        """Keep it; return whether it is new."""
        key = {"job": application.job, "person": application.person}
        try:
            self._applications.insert_one({"_id": key, **vars(application)})
        except DuplicateKeyError:
            return False
        return True

    def find_mine(self, person: str) -> Mine:
        """Return what concerns one person."""
        newest = [("posted", DESCENDING), ("_id", DESCENDING)]
        offers = [_job(found) for found in self._jobs.find({"owner": person}).sort(newest)]
        came = [
            Application(**found)
            for found in self._applications.find(
                {"job": {"$in": [job.id for job in offers]}}, {"_id": 0}
            ).sort("sent")
        ]
        mine = [found["job"] for found in self._applications.find({"person": person})]
        wishes = tuple(map(_job, self._jobs.find({"_id": {"$in": mine}}).sort(newest)))
        return Mine(
            tuple((job, tuple(one for one in came if one.job == job.id)) for job in offers), wishes
        )

    def add_user(self, name: str, password: str) -> bool:
        """Keep a user with the hash of a password; return False if there is one of this name."""
        try:
            self._users.insert_one({"_id": name, "password": password})
        except DuplicateKeyError:
            return False
        return True

    def find_password(self, name: str) -> str | None:
        """Return the hash of a user's password."""
        found = self._users.find_one({"_id": name})
        return None if found is None else str(found["password"])

    def ping(self) -> None:
        """Raise an exception if the database does not answer."""
        self._client.admin.command("ping")

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


def _like(text: str) -> Document:
    return {"$regex": re.escape(text), "$options": "i"}


def _job(found: Document) -> Job:
    document = dict(found)
    return Job(id=document.pop("_id"), **document)
