"""Who gets a connection, beyond this machine: the ways to choose, simulated, with the price of a hand-off.

Connections arrive by chance and bring one request each; nine of ten are short, one takes ten times as long.
A dispatcher pays for each, one after the other. check.py holds the same against real servers.
"""

from __future__ import annotations

import heapq
import random
from collections import deque

OVERDUE, SHORT, WINDOW, WINDOW_MAX, LOOK = 2e-3, 4e-3, 1e-3, 64, 5e-5
"""Seconds: an overdue and a short request; what a lane may hold, so many at most; until a master looks."""

HANDOFF = 8e-6
"""Seconds of a master's core for a connection; the report measures it (scenario handoff)."""

Job = tuple[float, float]
"""When it comes, and what it takes."""


def arrivals(rate: float, mean: float, *, count: int, seed: int = 1) -> list[Job]:
    """Return jobs that come *rate* times a second and take *mean* seconds."""
    chance, now, jobs = random.Random(seed), 0.0, []
    for _ in range(count):
        now += chance.expovariate(rate)
        jobs.append((now, mean / 1.9 * (10 if chance.random() < 0.1 else 1)))
    return jobs


def dispatched(jobs: list[Job], handoff: float, dispatchers: int = 1) -> list[float]:
    """Return when each is through one of the dispatchers, that take them as they come."""
    ready = [0.0] * dispatchers  # the last ones are when each dispatcher is free
    for at, _ in jobs:
        ready.append(max(at, ready[-dispatchers]) + handoff)
    return ready[dispatchers:]


def one_queue(jobs: list[Job], ready: list[float], workers: int) -> list[float]:
    """Return the waits when whoever is free takes the next: nothing is better."""
    free, waits = [0.0] * workers, []
    for (at, takes), now in zip(jobs, ready, strict=True):
        start = max(now, free[0])
        heapq.heapreplace(free, start + takes)
        waits.append(start - at)
    return waits


def pushed(jobs: list[Job], ready: list[float], workers: int, policy: str) -> list[float]:
    """Return the waits when each is given away at once: "round robin", "random", or to the least loaded.

    "least 0.01" knows the loads of 0.01 s ago, and what it gave since.
    """
    chance, free, waits, looked = random.Random(2), [0.0] * workers, [], -1.0
    known, ends = [0] * workers, [deque[float]() for _ in range(workers)]
    kind, _, stale = policy.partition(" ")
    for turn, ((at, takes), now) in enumerate(zip(jobs, ready, strict=True)):
        chosen = chance.randrange(workers) if kind == "random" else turn % workers
        if kind == "least":
            if now - looked >= float(stale):
                looked = now
                for worker, queue in enumerate(ends):
                    while queue and queue[0] <= now:
                        queue.popleft()
                    known[worker] = len(queue)
            chosen = known.index(min(known))
            known[chosen] += 1
        start = max(now, free[chosen])
        free[chosen] = start + takes
        ends[chosen].append(free[chosen])
        waits.append(start - at)
    return waits


class Master:
    """Deals as fastfork does: in turn to lanes with credit; what is behind an overdue request comes back."""

    def __init__(self, jobs: list[Job], ready: list[float], workers: int) -> None:
        mean = sum(takes for _, takes in jobs) / len(jobs)
        self.window = max(1, min(WINDOW_MAX, int(WINDOW / mean)))
        self.rooms = (self.window, 2) if mean < SHORT else (self.window,)
        self.jobs, self.workers, self.cursor = jobs, workers, 0
        self.waiting, self.waits = deque[int](), [0.0] * len(jobs)
        self.lanes, self.began = [deque[int]() for _ in range(workers)], [0.0] * workers
        self.events = [(now, -1, job) for job, now in enumerate(ready)]  # (when, lane, job)

    def play(self) -> list[float]:
        """Return the waits."""
        while self.events:
            now, lane, job = heapq.heappop(self.events)
            if lane >= 0:
                self.finish(lane, job, now)
            elif job >= 0:
                self.waiting.append(job)
            while self.waiting and self.deal(now):
                pass
        return self.waits

    def finish(self, lane: int, job: int, now: float) -> None:
        """Go on with the next one of *lane*; job -1: its request is overdue by now, if it still runs."""
        queue = self.lanes[lane]
        if job < 0:
            while len(queue) > 1 and now - self.began[lane] >= OVERDUE - 1e-9:
                self.waiting.appendleft(queue.pop())
            return
        queue.popleft()
        if queue:
            self.run(lane, now)
        if self.waiting:
            heapq.heappush(self.events, (now + LOOK, -1, -1))

    def deal(self, now: float) -> bool:
        """Give the first one away; without credit, behind a short request that is not overdue."""
        for most in self.rooms:
            for lane in (
                turn % self.workers for turn in range(self.cursor, self.cursor + self.workers)
            ):
                queue = self.lanes[lane]
                if len(queue) < most and not (queue and now - self.began[lane] >= OVERDUE):
                    queue.append(self.waiting.popleft())
                    self.cursor = lane + 1
                    if len(queue) == 1:
                        self.run(lane, now)
                    return True
        return False

    def run(self, lane: int, now: float) -> None:
        """Begin the first one of *lane*."""
        job = self.lanes[lane][0]
        came, takes = self.jobs[job]
        self.began[lane], self.waits[job] = now, now - came
        heapq.heappush(self.events, (now + takes, lane, job))
        if takes > OVERDUE:
            heapq.heappush(self.events, (now + OVERDUE, lane, -1))


def grouped(jobs: list[Job], workers: int, groups: int, handoff: float) -> list[float]:
    """Return the waits when a connection belongs, by chance, to one of *groups* masters and its workers."""
    chance, shares = random.Random(3), [list[Job]() for _ in range(groups)]
    for job in jobs:
        shares[chance.randrange(groups)].append(job)
    each = workers // groups
    played = (Master(one, dispatched(one, handoff), each).play() for one in shares if one)
    return [wait for waits in played for wait in waits]


def at(waits: list[float], part: float) -> float:
    """Return a percentile."""
    return sorted(waits)[min(len(waits) - 1, int(part * len(waits)))]
