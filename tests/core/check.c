#define _GNU_SOURCE
#include "check.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct check_case *check_first, **check_last = &check_first;
int check_failed;

char *check_guarded(const void *bytes, size_t n)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t body = (n + page) / page * page;
    char *map = mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + body, page, PROT_NONE) < 0)
        abort();
    if (n > 0)
        memcpy(map + body - n, bytes, n);
    return map + body - n;
}

int main(void)
{
    int failures = 0, runs = 0;
    for (struct check_case *c = check_first; c; c = c->next, runs++) {
        check_failed = 0;
        alarm(60); /* a test that hangs ends the binary */
        c->run();
        if (check_failed)
            fprintf(stderr, "FAILED %s\n", c->name), failures++;
    }
    printf("%d passed, %d failed\n", runs - failures, failures);
    return failures > 0;
}
