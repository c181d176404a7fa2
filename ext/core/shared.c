#include "shared.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int ff_shared_open(const char *name, int *out)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    *out = fd;
    return 0;
}

int ff_shared_map(int fd, size_t size, void **out)
{
    struct stat there = {.st_size = 0};
    if (fd >= 0 && fstat(fd, &there) < 0)
        return -errno;
    if (there.st_size > 0 && (size_t)there.st_size != size)
        return -EINVAL;
    if (fd >= 0 && there.st_size == 0 && ftruncate(fd, (off_t)size) < 0)
        return -errno;
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);
    if (map == MAP_FAILED)
        return -errno;
    *out = map;
    return 0;
}
