"""Which peers are believed; networks.pyi says what each name does."""

from cpython.pycapsule cimport PyCapsule_New
from libc.errno cimport EINVAL

from c_networks cimport (
    ff_networks,
    ff_networks_add,
    ff_networks_close,
    ff_networks_has,
    ff_peer,
    ff_peer_read,
)
from check cimport check


cdef class Networks:
    cdef ff_networks core

    def __init__(self, str text):
        cdef bytes octets
        cdef int r
        ff_networks_close(&self.core)
        for item in text.split(","):
            item = item.strip()
            if not item:
                continue
            octets = item.encode()
            r = ff_networks_add(&self.core, octets, len(octets))
            if r == -EINVAL:
                raise ValueError(item)
            check(r)

    def __dealloc__(self):
        ff_networks_close(&self.core)

    def __contains__(self, str peer):
        cdef bytes octets = peer.encode()
        cdef ff_peer who
        who.family = 0
        if octets != b"unix" and not ff_peer_read(octets, len(octets), &who):
            raise ValueError(f"{peer!r} is no address")
        return ff_networks_has(&self.core, &who)

    @property
    def _capsule(self):
        # Lives as long as this object, which the Lane made from it keeps.
        return PyCapsule_New(&self.core, "fastfork.networks", NULL)
