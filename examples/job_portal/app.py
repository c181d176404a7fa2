"""A job portal, the classic deployment: fastfork serve examples.job_portal.app:app -w 4

Visitors read jobs from the cache of the worker that they reach; who posts one lets all workers forget theirs.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from flask import Flask, Response, abort, g, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException, TooManyRequests
from werkzeug.security import check_password_hash, generate_password_hash
from werkzeug.wrappers import Response as Answer

import fastfork
from fastfork import Counter, RateLimit, bus

from . import pools
from .cache import Cache
from .model import KINDS, PER_PAGE, Application, Job, Taken, Wrong, is_id, job_of, new_id
from .people import online, say_that_people_changed
from .sessions import LIFETIME

app = Flask(__name__)
app.config["MAX_CONTENT_LENGTH"] = 64 * 1024

views = Counter("portal: pages")
hits = Counter("portal: from a cache")
misses = Counter("portal: from the database")
# A password costs 0.1 s of a core, on purpose: guessing must not take all cores there are.
tries = RateLimit("portal: passwords", 20, per=2)

cache = Cache()


@bus.subscribe("portal.jobs")
@bus.subscribe("fastfork.gap")  # something from another server was missed: it may have been that
def forget_jobs(topic: str, message: object, sender: int | str) -> None:
    """Forget what this worker knows of jobs: somebody has posted one."""
    cache.clear()


@app.before_request
def find_out_who_asks() -> None:
    """Refuse forms of other sites, and look up the session."""
    g.person, g.cached, g.begun = None, None, time.perf_counter()
    origin = request.headers.get("Origin")
    if request.method == "POST" and origin and urlsplit(origin).netloc != request.host:
        abort(403, "This form was sent from another site.")
    token = request.cookies.get("session")
    if token and request.endpoint != "static":
        g.person = pools.here().sessions.find(token)


@app.after_request
def add_headers(answer: Response) -> Response:
    """Let browsers trust nothing that is not ours, and keep no page."""
    answer.headers["Content-Security-Policy"] = (
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    if request.endpoint != "static":
        answer.headers["Cache-Control"] = "no-store"
        views.add()
    return answer


@app.context_processor
def tell_templates() -> dict[str, object]:
    """Return what every page shows."""
    took = (time.perf_counter() - g.begun) * 1000 if "begun" in g else 0.0
    return {
        "person": g.get("person"),
        "online": online.value,
        "slot": fastfork.worker_slot(),
        "cached": g.get("cached"),
        "took": took,
        "ago": ago,
    }


@app.get("/")
def list_jobs() -> str:
    """Show a page of jobs."""
    words, place = _asked("q"), _asked("place")
    page = request.args.get("page", 1, type=int)
    page = min(max(page, 1), 10_000)
    key = ("list", words.lower(), place.lower(), page)
    found, g.cached = cache.get(key, lambda: pools.here().storage.list_jobs(words, place, page))
    _count_cache()
    pages = max(1, -(-found.total // PER_PAGE))
    return render_template(
        "jobs.html", found=found, words=words, place=place, page=page, pages=pages
    )


@app.get("/jobs/<key>")
def show_job(key: str) -> str:
    """Show one job."""
    return render_template("job.html", job=_job(key))


@app.route("/jobs/new", methods=["GET", "POST"])
def post_job() -> str | tuple[str, int] | Answer:
    """Show the form for a job, or keep what was filled in, once."""
    if not g.person:
        return redirect(url_for("sign_in", next=request.path), 303)
    if request.method == "GET":
        return render_template("new.html", kinds=KINDS, form={"id": new_id()}, wrong=None)
    try:
        job = job_of(request.form, owner=g.person)
        pools.here().storage.add_job(job)
    except Taken:
        abort(409, "This form was used for another job. Please open it anew.")
    except Wrong as wrong:
        return render_template("new.html", kinds=KINDS, form=request.form, wrong=wrong), 422
    # Also when it was there already: who posted it may have died before it could say so.
    cache.clear()
    bus.publish("portal.jobs", job.id)
    return redirect(url_for("show_job", key=job.id), 303)


@app.post("/jobs/<key>/apply")
def apply(key: str) -> Answer:
    """Keep that somebody wants a job, once."""
    if not g.person:
        return redirect(url_for("sign_in", next=url_for("show_job", key=key)), 303)
    job = _job(key)
    note = request.form.get("note", "").strip()[:2000]
    pools.here().storage.add_application(Application(job.id, g.person, note, int(time.time())))
    return redirect(url_for("show_mine") + "#applied", 303)


@app.get("/mine")
def show_mine() -> str | Answer:
    """Show what somebody has posted, who wants it, and what they want themselves."""
    if not g.person:
        return redirect(url_for("sign_in", next=request.path), 303)
    return render_template("mine.html", mine=pools.here().storage.find_mine(g.person))


@app.route("/signin", methods=["GET", "POST"])
def sign_in() -> str | tuple[str, int] | Answer:
    """Let somebody in who has been here before."""
    return _enter("signin", _check_password)


@app.route("/signup", methods=["GET", "POST"])
def sign_up() -> str | tuple[str, int] | Answer:
    """Let somebody in who is new."""
    return _enter("signup", _keep_password)


@app.post("/signout")
def sign_out() -> Answer:
    """End the session."""
    pools.here().sessions.end(request.cookies.get("session", ""))
    say_that_people_changed()
    answer = redirect(url_for("list_jobs"), 303)
    answer.delete_cookie("session")
    return answer


@app.get("/machine")
def show_machine() -> str:
    """Show what is behind the pages."""
    return render_template("machine.html", numbers=numbers(), database=_kind_of_database())


@app.get("/numbers")
def numbers() -> dict[str, object]:
    """Return what is counted; everything but `slot`, `pid` and `share` is of all workers together."""
    return {
        "slot": fastfork.worker_slot(),
        "pid": os.getpid(),
        "share": pools.here().share,
        "workers": pools.workers.value,
        "connections": pools.connections.value,
        "online": online.value,
        "views": views.value,
        "hits": hits.value,
        "misses": misses.value,
    }


@app.get("/health")
def health() -> str:
    """Answer if the database does."""
    pools.here().storage.ping()
    return "ok\n"


_SAID = {
    404: "There is nothing here, or not any more.",
    413: "That is too much text.",
    500: "Something went wrong on our side. It is in our log; please try again.",
}


@app.errorhandler(HTTPException)
def show_error(error: HTTPException) -> tuple[str, int, dict[str, str]]:
    """Show what went wrong, in words."""
    wait = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyRequests) else {}
    said = _SAID.get(error.code or 500, error.description)
    return render_template("error.html", error=error, said=said), error.code or 500, wait


def ago(moment: int) -> str:
    """Return how long ago *moment* was, for people."""
    seconds = max(0, int(time.time()) - moment)
    for unit, called in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            n = seconds // unit
            return f"{n} {called}{'s' if n > 1 else ''} ago"
    return "just now"


def _asked(name: str) -> str:
    return " ".join(request.args.get(name, "")[:80].split())


def _job(key: str) -> Job:
    if not is_id(key):
        abort(404)
    job, g.cached = cache.get(("job", key), lambda: pools.here().storage.find_job(key))
    _count_cache()
    if job is None:
        abort(404)
    return job


def _count_cache() -> None:
    (hits if g.cached else misses).add()


def _check_password(name: str, password: str) -> str | None:
    kept = pools.here().storage.find_password(name)
    # As long for who is not known, so that nobody learns who is.
    if check_password_hash(kept or _NOBODY, password) and kept:
        return None
    return "This name and this password don't belong together."


def _keep_password(name: str, password: str) -> str | None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,29}", name):
        return "A name has 2 to 30 letters, digits, dots and dashes."
    if len(password) < 8:
        return "A password has 8 characters or more."
    if not pools.here().storage.add_user(name, generate_password_hash(password)):
        # The same form, sent again after an error, is no reason to refuse.
        return _check_password(name, password) and "This name is taken."
    return None


def _enter(page: str, check: Callable[[str, str], str | None]) -> str | tuple[str, int] | Answer:
    target = request.values.get("next", "/")
    if not re.fullmatch(r"/(?![/\\])[\w/-]*", target):
        target = "/"  # and never to another site
    if request.method == "GET":
        return render_template("sign.html", page=page, target=target, name="", wrong=None)
    if wait := tries.take():
        raise TooManyRequests(
            "Many people are signing in. Please try again.", retry_after=int(wait) + 1
        )
    name, password = request.form.get("name", "").strip().lower(), request.form.get("password", "")
    if wrong := check(name, password[:1000]):
        return render_template("sign.html", page=page, target=target, name=name, wrong=wrong), 422
    token = secrets.token_urlsafe(32)
    pools.here().sessions.start(token, name)
    say_that_people_changed()
    answer = redirect(target, 303)
    answer.set_cookie(
        "session", token, max_age=LIFETIME, httponly=True, samesite="Lax", secure=request.is_secure
    )
    return answer


def _kind_of_database() -> str:
    return pools.DATABASE.partition(":")[0].partition("+")[0]


_NOBODY = generate_password_hash(secrets.token_hex(16))
