"""Jobs in a relational database, whichever one SQLAlchemy knows: SQLite, MySQL, MariaDB, PostgreSQL."""

from __future__ import annotations

import time
from collections import defaultdict

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from .model import PER_PAGE, Application, Job, Jobs, Mine, Taken
from .sessions import LIFETIME, ONLINE, TOUCH, key_of

_meta = MetaData()

# The constraints are there for their indexes, which CREATE TABLE IF NOT EXISTS makes with the table.
_jobs = Table(
    "jobs",
    _meta,
    Column("id", String(32), primary_key=True),
    Column("owner", String(40), nullable=False),
    Column("title", String(100), nullable=False),
    Column("company", String(80), nullable=False),
    Column("place", String(80), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("pay", String(80), nullable=False),
    Column("text", Text, nullable=False),
    Column("posted", BigInteger, nullable=False),
    UniqueConstraint("posted", "id"),
    UniqueConstraint("owner", "id"),
)
_applications = Table(
    "applications",
    _meta,
    Column("job", String(32), primary_key=True),
    Column("person", String(40), primary_key=True),
    Column("note", Text, nullable=False),
    Column("sent", BigInteger, nullable=False),
    UniqueConstraint("person", "job"),
)
_users = Table(
    "users",
    _meta,
    Column("name", String(40), primary_key=True),
    Column("password", String(255), nullable=False),
)
_sessions = Table(
    "sessions",
    _meta,
    Column("key", String(64), primary_key=True),
    Column("person", String(40), nullable=False),
    Column("seen", BigInteger, nullable=False),
    UniqueConstraint("seen", "key"),
)


def open_engine(url: str, *, connections: int) -> Engine:
    """Return an engine with at most so many connections, and all tables there."""
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,  # or the database would refuse one day what the pool lets through
        pool_pre_ping=True,  # a database that was restarted costs nobody an error
        pool_recycle=3600,
    )
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    with engine.begin() as connection:
        for table in _meta.sorted_tables:
            # All workers start at once: whether a table is there is for the database to decide.
            connection.execute(CreateTable(table, if_not_exists=True))
    return engine


class SqlStorage:
    """A storage in a relational database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_job(self, job: Job) -> bool:
        """Keep *job*; return whether it is new. Raises Taken if its id is that of another one."""
        if self._is_new(_jobs, vars(job)):
            return True
        there = self.find_job(job.id)
        if there is None or there.owner != job.owner:
            raise Taken(job.id)
        return False

    def find_job(self, key: str) -> Job | None:
        """Return the job with this id."""
        with self._engine.connect() as connection:
            row = connection.execute(select(_jobs).where(_jobs.c.id == key)).mappings().first()
        return None if row is None else _job(row)

    def list_jobs(self, words: str, place: str, page: int) -> Jobs:
        """Return the jobs with *words* in their title, company or text, and *place* in their place."""
        said = _jobs.c.title + " " + _jobs.c.company + " " + _jobs.c.text
        wanted = [said.icontains(word, autoescape=True) for word in words.split()]
        if place:
            wanted.append(_jobs.c.place.icontains(place, autoescape=True))
        rows = select(_jobs).where(*wanted).order_by(_jobs.c.posted.desc(), _jobs.c.id.desc())
        rows = rows.limit(PER_PAGE).offset((page - 1) * PER_PAGE)
        with self._engine.connect() as connection:
            found = connection.execute(rows).mappings().all()
            total = connection.scalar(select(func.count()).select_from(_jobs).where(*wanted))
        return Jobs(tuple(map(_job, found)), total or 0)

    def add_application(self, application: Application) -> bool:
        """Keep it; return whether it is new."""
        return self._is_new(_applications, vars(application))

    def find_mine(self, person: str) -> Mine:
        """Return what concerns one person."""
        newest = _jobs.c.posted.desc(), _jobs.c.id.desc()
        owned = select(_jobs).where(_jobs.c.owner == person).order_by(*newest)
        came = select(_applications).join(_jobs, _jobs.c.id == _applications.c.job)
        came = came.where(_jobs.c.owner == person).order_by(_applications.c.sent)
        wanted = select(_jobs).join(_applications, _jobs.c.id == _applications.c.job)
        wanted = wanted.where(_applications.c.person == person).order_by(*newest)
        with self._engine.connect() as connection:
            offers = [_job(row) for row in connection.execute(owned).mappings()]
            answers = [Application(**row) for row in connection.execute(came).mappings()]
            wishes = tuple(_job(row) for row in connection.execute(wanted).mappings())
        by_job = defaultdict(list)
        for answer in answers:
            by_job[answer.job].append(answer)
        return Mine(tuple((job, tuple(by_job[job.id])) for job in offers), wishes)

    def add_user(self, name: str, password: str) -> bool:
        """Keep a user with the hash of a password; return False if there is one of this name."""
        return self._is_new(_users, {"name": name, "password": password})

    def find_password(self, name: str) -> str | None:
        """Return the hash of a user's password."""
        with self._engine.connect() as connection:
            return connection.scalar(select(_users.c.password).where(_users.c.name == name))

    def ping(self) -> None:
        """Raise an exception if the database does not answer."""
        with self._engine.connect() as connection:
            connection.execute(select(1))

    def close(self) -> None:
        """Close the connections."""
        self._engine.dispose()

    def _is_new(self, table: Table, values: dict[str, object]) -> bool:
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(table).values(**values))
        except IntegrityError:  # there is one already
            return False
        return True


class SqlSessions:
    """Sessions in the same database, for who has no Redis."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, token: str, person: str) -> None:
        """Begin a session."""
        now = int(time.time())
        with self._engine.begin() as connection:
            connection.execute(delete(_sessions).where(_sessions.c.seen < now - LIFETIME))
            row = {"key": key_of(token), "person": person, "seen": now}
            connection.execute(insert(_sessions).values(**row))

    def find(self, token: str) -> str | None:
        """Return whose session it is; that person is online now."""
        now = int(time.time())
        mine = _sessions.c.key == key_of(token)
        with self._engine.connect() as connection:
            row = connection.execute(select(_sessions).where(mine)).mappings().first()
            if row is None or row["seen"] < now - LIFETIME:
                return None
        if row["seen"] < now - TOUCH:  # not with every request: it is a write
            with self._engine.begin() as connection:
                connection.execute(update(_sessions).where(mine).values(seen=now))
        return str(row["person"])

    def end(self, token: str) -> None:
        """End a session."""
        with self._engine.begin() as connection:
            connection.execute(delete(_sessions).where(_sessions.c.key == key_of(token)))

    def count_online(self) -> int:
        """Return how many people were here in the last minute."""
        people = select(func.count(_sessions.c.person.distinct()))
        people = people.where(_sessions.c.seen > int(time.time()) - ONLINE)
        with self._engine.connect() as connection:
            return connection.scalar(people) or 0

    def close(self) -> None:
        """Do nothing: the connections are the storage's."""


def _job(row: RowMapping) -> Job:
    return Job(**row)


def _prepare_sqlite(connection: object, record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    cursor.execute("PRAGMA busy_timeout = 10000")
    cursor.execute("PRAGMA journal_mode = WAL")  # who reads does not wait for who writes
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.close()
