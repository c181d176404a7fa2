#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/sendfile.h>
#include <unistd.h>

/* For file systems without O_TMPFILE. */
static int open_named(const char *dir)
{
    char path[4096];
    int n = snprintf(path, sizeof(path), "%s/fastfork-XXXXXX", dir);
    if (n < 0 || (size_t)n >= sizeof(path))
        return -ENAMETOOLONG;
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return -errno;
    unlink(path);
    return fd;
}

static int open_unnamed(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0)
        return fd;
    /* EISDIR: the kernel knows no such flag */
    return errno == EOPNOTSUPP || errno == EISDIR ? open_named(dir) : -errno;
}

int ff_spool_append(struct ff_spool *s, const char *dir, const void *bytes, size_t n)
{
    const char *from = bytes;
    uint64_t end = s->end;
    if (!s->is_open) {
        int fd = open_unnamed(dir);
        if (fd < 0)
            return fd;
        *s = (struct ff_spool){.fd = fd, .is_open = true, .is_temporary = true};
        end = 0;
    }
    if (!s->is_temporary)
        return -EBADF;
    while (n > 0) {
        ssize_t written = pwrite(s->fd, from, n, (off_t)end);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -ENOSPC;
        from += written, n -= (size_t)written, end += (uint64_t)written;
    }
    s->end = end;
    return 0;
}

void ff_spool_lend(struct ff_spool *s, int file, uint64_t at, uint64_t n)
{
    ff_spool_close(s);
    *s = (struct ff_spool){.at = at, .end = at + n, .fd = file, .is_open = true, .is_lent = true};
}

int ff_spool_keep(struct ff_spool *s)
{
    int fd = s->is_lent ? fcntl(s->fd, F_DUPFD_CLOEXEC, 0) : s->fd;
    if (fd < 0)
        return -errno;
    s->fd = fd;
    s->is_lent = false;
    return 0;
}

static size_t at_most(const struct ff_spool *s, size_t n)
{
    return n < ff_spool_len(s) ? n : (size_t)ff_spool_len(s);
}

ssize_t ff_spool_read(struct ff_spool *s, void *to, size_t n)
{
    size_t wanted = at_most(s, n), got = 0;
    while (got < wanted) {
        ssize_t here = pread(s->fd, (char *)to + got, wanted - got, (off_t)s->at);
        if (here < 0 && errno == EINTR)
            continue;
        if (here <= 0)
            return here < 0 ? -errno : -EIO;
        got += (size_t)here;
        s->at += (uint64_t)here;
    }
    return (ssize_t)got;
}

ssize_t ff_spool_send(struct ff_spool *s, int to, size_t n)
{
    off_t at = (off_t)s->at;
    ssize_t sent = sendfile(to, s->fd, &at, at_most(s, n));
    if (sent <= 0)
        return sent == 0 ? -EIO : errno == EINTR ? -EAGAIN : -errno;
    s->at += (uint64_t)sent;
    return sent;
}

void ff_spool_close(struct ff_spool *s)
{
    if (s->is_open && !s->is_lent)
        close(s->fd);
    *s = (struct ff_spool){0};
}
