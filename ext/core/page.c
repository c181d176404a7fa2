#include "page.h"

#include "shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t size_of(uint32_t conns_max)
{
    return sizeof(struct ff_page) + ((size_t)conns_max + 1) * sizeof(struct ff_conn_line);
}

int ff_page_map(int fd, uint32_t conns_max, struct ff_page **out)
{
    if (conns_max == 0 || conns_max > FF_CONNS_MAX)
        return -EINVAL;
    void *map;
    int r = ff_shared_map(fd, size_of(conns_max), &map);
    if (r < 0)
        return r;
    struct ff_page *page = map;
    page->conns_max = conns_max;
    if (page->looks == 0)
        page->looks = 1;
    *out = page;
    return 0;
}

int ff_page_open(uint32_t conns_max, struct ff_page **out)
{
    return ff_page_map(-1, conns_max, out);
}

void ff_page_free(struct ff_page *page)
{
    if (page)
        munmap(page, size_of(page->conns_max));
}

enum { BLOCKS_SIZE = FF_LANES_MAX * FF_BLOCKS * FF_BLOCK };

int ff_blocks_map(int fd, char **out)
{
    void *map;
    int r = ff_shared_map(fd, BLOCKS_SIZE, &map);
    if (r == 0)
        *out = map;
    return r;
}

void ff_blocks_free(char *blocks)
{
    if (blocks)
        munmap(blocks, BLOCKS_SIZE);
}

void ff_blocks_detach(char *blocks, size_t used)
{
    size_t size = (size_t)FF_BLOCKS * FF_BLOCK, kept = used * FF_BLOCK;
    char *copy = malloc(kept + 1);
    if (copy)
        memcpy(copy, blocks, kept);
    if (!copy || mmap(blocks, size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        _exit(1); /* as below */
    memcpy(blocks, copy, kept);
    free(copy);
}

void ff_page_detach(struct ff_page *page)
{
    uint32_t conns_max = page->conns_max;
    if (mmap(page, size_of(conns_max), PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        _exit(1); /* better no child than one that writes into its parent's connections */
    page->conns_max = conns_max;
}
