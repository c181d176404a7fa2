"""Flask: fastfork serve examples.flask_app:app -w 4

A connection for each worker is opened in a hook, not at import: workers are forked from the process that has
imported this.
"""

from __future__ import annotations

import sqlite3

from flask import Flask, g, request

import fastfork

app = Flask(__name__)
database: sqlite3.Connection


@fastfork.on_worker_start
def open_database(slot: int) -> None:
    """Open what this worker needs; what this raises stops the start."""
    global database
    database = sqlite3.connect(":memory:", check_same_thread=False)


@fastfork.on_worker_stop
def close_database(slot: int) -> None:
    """Close it when the last request is done."""
    database.close()


@app.before_request
def who() -> None:
    """Note who serves."""
    g.slot = fastfork.worker_slot()


@app.get("/")
def index() -> str:
    """Compute a thing in the database."""
    (answer,) = database.execute("select 6 * 7").fetchone()
    return f"Flask, worker {g.slot}: {answer}\n"


@app.post("/echo")
def echo() -> dict[str, object]:
    """Give a JSON body back."""
    return {"slot": g.slot, "said": request.get_json()}
