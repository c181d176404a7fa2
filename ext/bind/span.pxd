"""Which part of a file on disk an open file object stands for."""


cdef inline object span_of(filelike):
    """Return (descriptor, offset, length) if the kernel can send the rest of it, else None."""
    import os
    from io import BufferedReader, FileIO
    from stat import S_ISREG

    # A gzip file has a descriptor too, of other octets: only types that add nothing will do.
    raw = filelike.raw if type(filelike) is BufferedReader else filelike
    if type(raw) is not FileIO:
        return None
    status = os.fstat(raw.fileno())
    if not S_ISREG(status.st_mode) or status.st_blocks == 0:  # /proc and /sys tell no true size
        return None
    offset = filelike.tell()
    return raw.fileno(), offset, max(status.st_size - offset, 0)
