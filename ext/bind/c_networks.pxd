"""Mirrors networks.h, proxy.h and the peers of sock.h."""

from libc.stdint cimport uint16_t, uint8_t


cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"


cdef extern from "sock.h" nogil:
    enum:
        FF_PEER_TEXT_MAX

    struct ff_peer:
        uint8_t address[16]
        uint16_t port
        uint16_t family

    size_t ff_peer_text(const ff_peer *peer, char *out)
    c_bool ff_peer_read(const char *text, size_t n, ff_peer *out)


cdef extern from "networks.h" nogil:
    struct ff_networks:
        pass

    int ff_networks_add(ff_networks *networks, const char *text, size_t n)
    void ff_networks_close(ff_networks *networks)
    c_bool ff_networks_has(const ff_networks *networks, const ff_peer *peer)


cdef extern from "proxy.h" nogil:
    enum ff_proxy_mode:
        FF_PROXY_OFF
