"""A negative errno of the core becomes an OSError."""

from libc cimport errno


cdef extern from "Python.h":
    object PyErr_SetFromErrno(object kind)


cdef inline int check(int r) except -1:
    """Pass a C result through; raise OSError (the matching subclass) for a negative errno."""
    if r < 0:
        errno.errno = -r
        PyErr_SetFromErrno(OSError)
    return r
