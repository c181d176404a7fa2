"""What primary and workers say to each other, beside the bus that is everybody's."""

from __future__ import annotations

MESSAGE = "fastfork.cluster.message"
"""Topic of what `send` says."""

NOTE = "fastfork.cluster.note"
"""Topic of what they say among themselves: a word."""

ONLINE = "online"
"""From a worker: its program begins."""

LEFT = "left"
"""From a worker: it serves no more."""

LEAVE = "leave"
"""To a worker that does not serve: it is to end."""

LISTEN = "fastfork.cluster.listen"
"""Request of a worker: let it have connections from these addresses."""

GOODBYE = "fastfork.cluster.goodbye"
"""Request of a worker: has all been heard that it said?"""

DISCONNECT = "fastfork.cluster.disconnect"
"""Request of a worker: nothing more for it, it wants to leave."""
