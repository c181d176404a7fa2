"""Who is at the other end, as text."""

from libc.string cimport memcmp

from c_networks cimport FF_PEER_TEXT_MAX, ff_peer, ff_peer_text
from text cimport ascii


cdef inline object address_of(const ff_peer *peer):
    """Return the address without its port; empty for a unix socket."""
    cdef char text[FF_PEER_TEXT_MAX]
    return ascii(text, ff_peer_text(peer, text))


cdef inline bint is_same_host(const ff_peer *one, const ff_peer *other) noexcept:
    return one.family == other.family and memcmp(
        one.address, other.address, sizeof(one.address)
    ) == 0
