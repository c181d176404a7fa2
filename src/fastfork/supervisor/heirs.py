"""Slots and workers as values, for the next image of the master, and back. Pure."""

from __future__ import annotations

from collections import Counter

from fastfork.supervisor.inheritance import SlotLeft, WorkerLeft
from fastfork.supervisor.slots import Slot
from fastfork.supervisor.spawn import Worker


def slot_left(slot: Slot) -> SlotLeft:
    """Return what there is to know of *slot*, but its worker."""
    return SlotLeft(
        number=slot.number,
        lanes=slot.lanes,
        due=slot.due,
        starts=slot.starts,
        last_end=slot.last_end,
        ends=dict(slot.ends),
    )


def slot_from(left: SlotLeft) -> Slot:
    """Return the slot that `slot_left` was told of, without a worker."""
    slot = Slot(left.number, lanes=left.lanes)
    slot.due, slot.starts, slot.last_end = left.due, left.starts, left.last_end
    slot.ends = Counter(left.ends)
    return slot


def worker_left(slot: Slot, worker: Worker, *, is_leaving: bool) -> WorkerLeft:
    """Return what there is to know of a *worker* of *slot*."""
    return WorkerLeft(
        slot=slot.number,
        is_leaving=is_leaving,
        pid=worker.pid,
        lanes=worker.lanes,
        pidfd=worker.pidfd,
        verdict=worker.verdict,
        said=worker.said,
        generation=worker.generation,
        ready_at=worker.ready_at,
        deadline=worker.deadline,
        is_timed_out=worker.is_timed_out,
        is_killed=worker.is_killed,
        term=worker.term,
    )


def worker_from(left: WorkerLeft) -> Worker:
    """Return the worker that `worker_left` was told of."""
    worker = Worker(
        left.pid, lanes=left.lanes, pidfd=left.pidfd, verdict=left.verdict, said=left.said
    )
    worker.generation = left.generation
    worker.ready_at, worker.deadline = left.ready_at, left.deadline
    worker.is_timed_out, worker.is_killed = left.is_timed_out, left.is_killed
    worker.term = left.term
    return worker
