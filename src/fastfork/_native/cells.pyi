"""Numbers that all processes of a server share, each found by its name.

They are mapped when this module is first imported; processes that are forked afterwards have the same ones.
Every constructor raises OSError: EINVAL for an empty or too long name, ENOSPC if there are 1,024 names,
EEXIST if the name is one of another kind. Every call is safe in every thread and takes no lock.
"""

def sit(lane: int) -> None:
    """Count in the row of *lane* from now on, with the shares of gauges of the template, if any; once."""

def take_template() -> None:
    """In a process that workers are forked from: what gauges are set to is each worker's share, and not ours.

    Raises OSError.
    """

def give_back(lane: int | None) -> None:
    """Take the shares out of all gauges that the worker at *lane* had (None: at none): it is gone."""

def fd() -> int:
    """Return the descriptor behind the cells of this process: what its next image inherits."""

def inherit(fd: int) -> None:
    """Use the cells behind *fd*, which is taken, in place of those of this image; before any is made.

    Raises OSError: EINVAL if they are of another size.
    """

class Counter:
    """A number that only goes up."""

    def __init__(self, name: str) -> None:
        """Find the counter of that name, or make it."""

    def add(self, n: int = 1, /) -> None:
        """Add *n*, which is not negative (ValueError) and fits in 63 bits (OverflowError)."""

    @property
    def value(self) -> int:
        """What was added in all processes."""

class Gauge:
    """A number to which every process has a share."""

    def __init__(self, name: str) -> None:
        """Find the gauge of that name, or make it."""

    def add(self, n: int = 1, /) -> None:
        """Add *n* to the share of this process; it may be negative."""

    def set(self, n: int, /) -> None:
        """Make *n* the share of this process."""

    @property
    def value(self) -> int:
        """The sum of all shares."""

class Limit:
    """Lets one pass each *every_ns*, and *burst* at once after a rest."""

    def __init__(self, name: str, burst: int, every_ns: int) -> None:
        """Find the limit of that name, or make it."""

    def take(self) -> float:
        """Take one and return 0.0; or, taking none, the seconds until one may pass."""
