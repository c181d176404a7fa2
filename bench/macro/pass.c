/* How long does a pass of the master take that takes back, or recovers, thousands of connections?
 * Master and lanes are in this process, as in the tests of the core (tests/core/stage.h). */
#include "stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS = 5000, BATCH = 50 };

static int client[CONNECTIONS];

/* As many connections as there may be, all idle at lane 0. */
static struct stage *open_idle(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    struct stage *s = stage_open(CONNECTIONS, 1);
    s->d->part_us = FF_PART_US;
    for (int i = 0; i < CONNECTIONS; i++) {
        client[i] = stage_connect(s);
        stage_send(client[i], "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        while (i % BATCH == BATCH - 1 && s->answered[0] <= i) {
            atomic_store(&s->d->page->lane[0].service_us, 0);
            stage_step(s);
        }
    }
    return s;
}

static void close_all(struct stage *s)
{
    for (int i = 0; i < CONNECTIONS; i++)
        close(client[i]);
    stage_close(s);
}

/* What this thread has had of a processor: on a machine that is shared it waits for one, too. */
static int64_t cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void tell(const char *what, int64_t longest_us, int passes)
{
    printf("%-10s %d connections %8.2f ms %6d passes\n", what, CONNECTIONS,
           (double)longest_us / 1000, passes);
}

static void take_back(void)
{
    struct stage *s = open_idle();
    int64_t longest_us = 0;
    int ready[FF_POLLER_BATCH], passes = 0;
    atomic_store(&s->d->page->lane[0].busy_since_us, 1);
    s->d->busy_us = 1;
    for (; s->d->escrow.list[0].count > 0; passes++) {
        int64_t began_us = cpu_us();
        ff_dispatcher_wait(s->d, 0, ready);
        if (cpu_us() - began_us > longest_us)
            longest_us = cpu_us() - began_us;
    }
    tell("take back", longest_us, passes);
    close_all(s);
}

/* The passes happen inside of recovery: the time of all of it, for each part that it had. */
static void recover(void)
{
    struct stage *s = open_idle();
    ff_lane_free(s->lane[0]);
    s->lane[0] = NULL;
    uint64_t looks = atomic_load(&s->d->page->looks);
    int64_t began_us = cpu_us();
    ff_recovery_run(s->d, &(uint16_t){0}, 1, false);
    int passes = (int)(atomic_load(&s->d->page->looks) - looks) + 1;
    tell("recover*", (cpu_us() - began_us) / passes, passes);
    close_all(s);
    puts("* the mean");
}

int main(void)
{
    take_back();
    recover();
    return 0;
}
