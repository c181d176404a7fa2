"""Octets of the wire become str, and back, one code point for each octet (PEP 3333: latin-1)."""

from libc.string cimport memcpy


cdef extern from "Python.h":
    enum:
        PyUnicode_1BYTE_KIND

    object PyUnicode_New(Py_ssize_t size, Py_UCS4 maxchar)
    object PyUnicode_DecodeLatin1(const char *octets, Py_ssize_t size, const char *errors)
    void *PyUnicode_DATA(object text)
    int PyUnicode_KIND(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)


cdef inline object ascii(const char *octets, Py_ssize_t n):
    """The caller knows that all of them are ASCII."""
    text = PyUnicode_New(n, 127)
    memcpy(PyUnicode_DATA(text), octets, n)
    return text


cdef inline object latin1(const char *octets, Py_ssize_t n):
    return PyUnicode_DecodeLatin1(octets, n, NULL)


cdef inline object decimal(unsigned int number):
    cdef char digits[10]
    cdef int at = 10
    while at == 10 or number > 0:
        at -= 1
        digits[at] = 48 + number % 10
        number //= 10
    return ascii(digits + at, 10 - at)


cdef inline const char *octets(object text, Py_ssize_t *n) noexcept:
    """Lend the octets of *text*; NULL when it is no str, or has a character beyond latin-1."""
    if not isinstance(text, str) or PyUnicode_KIND(text) != PyUnicode_1BYTE_KIND:
        return NULL
    n[0] = PyUnicode_GET_LENGTH(text)
    return <const char *>PyUnicode_DATA(text)
