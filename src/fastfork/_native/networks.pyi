"""Which peers are believed."""

class Networks:
    """A list of addresses and networks."""

    def __init__(self, text: str) -> None:
        """Read *text*: addresses, networks (10.0.0.0/8), "*" or "unix", with commas between.

        Raises ValueError with the item that is none of these, or a network with bits behind its prefix.
        """

    def __contains__(self, peer: str) -> bool:
        """Whether *peer*, an address or "unix", is in the list. Raises ValueError if it is neither."""
