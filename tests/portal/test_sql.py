"""The job portal's storage in a relational database, with SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from examples.job_portal.model import PER_PAGE, Application, Job, Taken, Wrong, job_of
from examples.job_portal.samples import samples
from examples.job_portal.sql import SqlSessions, SqlStorage, open_engine
from sqlalchemy import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """Give a database."""
    engine = open_engine(f"sqlite:///{tmp_path}/jobs.sqlite3", connections=2)
    yield engine
    engine.dispose()


@pytest.fixture
def storage(engine: Engine) -> SqlStorage:
    """Give a storage without a job."""
    return SqlStorage(engine)


def job(number: int, *, title: str = "Baker", owner: str = "ada") -> Job:
    """Return a job, the newer the higher its number."""
    return Job(f"{number:032x}", owner, title, "Loaf", "Ghent", "Contract", "", "Rye", number)


def test_job_that_comes_twice_is_there_once(storage: SqlStorage) -> None:
    assert [storage.add_job(job(1)), storage.add_job(job(1))] == [True, False]
    with pytest.raises(Taken):
        storage.add_job(job(1, owner="bob"))

    assert storage.find_job(job(1).id) == job(1)
    assert storage.list_jobs("", "", 1).total == 1


def test_newest_jobs_come_first_by_the_page(storage: SqlStorage) -> None:
    for number in range(PER_PAGE + 2):
        storage.add_job(job(number))

    assert [one.posted for one in storage.list_jobs("", "", 2).jobs] == [1, 0]
    assert storage.list_jobs("", "", 3).jobs == ()


@pytest.mark.parametrize(
    ("words", "place", "found"),
    [
        ("rye BAKER", "", 1),
        ("rye sailor", "", 1),
        ("rye pilot", "", 0),
        ("100%", "", 1),
        ("%", "", 1),
        ("_", "", 0),
        ("", "gHEN", 2),
        ("", "Porto", 0),
    ],
)
def test_every_word_has_to_be_somewhere(
    storage: SqlStorage, words: str, place: str, found: int
) -> None:
    storage.add_job(job(1))
    storage.add_job(job(2, title="100% Sailor"))

    assert storage.list_jobs(words, place, 1).total == found


def test_who_applies_twice_has_applied_once(storage: SqlStorage) -> None:
    storage.add_job(job(1))
    wish = Application(job(1).id, "bob", "please", 5)

    assert [storage.add_application(wish), storage.add_application(wish)] == [True, False]

    assert storage.find_mine("ada").offers == ((job(1), (wish,)),)
    assert storage.find_mine("bob").wishes == (job(1),)


def test_session_lasts_from_start_to_end_and_people_count_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000_000.0
    monkeypatch.setattr("examples.job_portal.sql.time.time", lambda: now)
    sessions = SqlSessions(engine)
    for token in ("one", "two"):
        sessions.start(token, "ada")
    sessions.start("three", "bob")

    assert [sessions.find(token) for token in ("one", "two", "four")] == ["ada", "ada", None]
    assert sessions.count_online() == 2
    now += 61
    assert sessions.count_online() == 0
    assert sessions.find("one") == "ada"
    assert sessions.count_online() == 1
    sessions.end("one")
    assert (sessions.find("one"), sessions.count_online()) == (None, 0)
    now += 8 * 86400
    assert sessions.find("two") is None


FORM = {"id": "a" * 32, "title": "T", "company": "C", "place": "P", "kind": "Contract", "text": "x"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": "  "}, "The title is missing"),
        ({"text": "x" * 5001}, "The description is too long: 5000"),
        ({"kind": "Slavery"}, "choose one of"),
        ({"id": "1"}, "damaged"),
        ({"id": ""}, "damaged"),
    ],
)
def test_form_that_is_wrong_is_refused_in_words(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(Wrong, match=said):
        job_of({**FORM, **wrong}, owner="ada")


def test_samples_fit_into_the_form() -> None:
    for sample in samples():
        form = {key: str(value) for key, value in vars(sample).items()}
        assert job_of(form, owner="portal").title == sample.title
    assert len({sample.id for sample in samples()}) == len(samples())
