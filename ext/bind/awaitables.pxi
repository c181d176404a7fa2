"""What `receive` and `send` return when nothing has to be waited for; for `include`."""

cimport cython


@cython.final
@cython.no_gc
cdef class Done:
    """Awaiting it gives None at once. There is one, as it knows nothing."""

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        raise StopIteration


@cython.final
@cython.freelist(8)
cdef class Given:
    """Awaiting it gives a message at once."""

    cdef object message

    def __await__(self):
        return self

    def __iter__(self):
        return self

    def __next__(self):
        message, self.message = self.message, None
        raise StopIteration(message)


cdef Done DONE = Done.__new__(Done)


cdef inline Given given(message):
    cdef Given it = Given.__new__(Given)
    it.message = message
    return it


cdef inline int wake(future, result) except -1:
    """Let who awaits *future* go on, unless it has gone away meanwhile."""
    if not future.done():
        future.set_result(result)
    return 0
