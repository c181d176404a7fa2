#include "check.h"
#include "flusher.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = 900 * 1024, READERS = 8 };

struct reader {
    struct ff_work work;
    struct ff_conn conn;
    int client;
};

static int wake[2];

static void must(bool fact)
{
    if (!fact)
        abort();
}

static struct ff_flusher *open_flusher(int64_t write_ms)
{
    int64_t wait_ms[FF_DEADLINE_CLASSES] = {[FF_WAIT_WRITE] = write_ms};
    struct ff_flusher *f = NULL;
    must(pipe(wake) == 0 && ff_flusher_open(wait_ms, 0, wake[1], &f) == 0);
    return f;
}

static void close_flusher(struct ff_flusher *f)
{
    ff_flusher_free(f);
    close(wake[0]), close(wake[1]);
}

/* A connection with more to send than its socket takes. */
static struct reader *open_reader(void)
{
    struct reader *r = calloc(1, sizeof(*r));
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    r->client = pair[1];
    r->conn = (struct ff_conn){.fd = pair[0], .work = &r->work};
    must(ff_buffer_reserve(&r->work.out, SIZE) == 0);
    for (int i = 0; i < SIZE; i++)
        ff_buffer_head(&r->work.out)[i] = (char)(i % 251);
    r->work.out.end = SIZE;
    return r;
}

static void close_reader(struct reader *r)
{
    ff_buffer_close(&r->work.out);
    close(r->conn.fd), close(r->client);
    free(r);
}

/* Reads up to `n` octets and checks them; how many came before nothing more did for a second. */
static size_t read_some(struct reader *r, size_t from, size_t n)
{
    char part[65536];
    size_t got = 0;
    struct pollfd p = {.fd = r->client, .events = POLLIN};
    while (got < n && poll(&p, 1, 1000) == 1) {
        ssize_t here = read(r->client, part, sizeof(part) < n - got ? sizeof(part) : n - got);
        if (here <= 0)
            break;
        for (ssize_t i = 0; i < here; i++)
            if (part[i] != (char)((from + got + (size_t)i) % 251))
                return 0;
        got += (size_t)here;
    }
    return got;
}

static struct ff_conn *wait_for_one(struct ff_flusher *f, int *result)
{
    char octet;
    must(read(wake[0], &octet, 1) == 1);
    return ff_flusher_take(f, result);
}

TEST(an_answer_goes_out_as_its_client_reads_and_comes_back)
{
    struct ff_flusher *f = open_flusher(60000);
    struct reader *r = open_reader();
    int result = 1;
    CHECK(ff_flusher_take(f, &result) == NULL);
    CHECK(ff_flusher_give(f, &r->conn) == 0);
    CHECK(read_some(r, 0, SIZE) == SIZE);
    CHECK(wait_for_one(f, &result) == &r->conn && result == 0);
    CHECK(ff_buffer_len(&r->work.out) == 0 && r->conn.sent == SIZE);
    close_reader(r);
    close_flusher(f);
}

TEST(many_are_sent_side_by_side)
{
    struct ff_flusher *f = open_flusher(60000);
    struct reader *r[READERS];
    int result, done = 0;
    for (int i = 0; i < READERS; i++) {
        r[i] = open_reader();
        CHECK(ff_flusher_give(f, &r[i]->conn) == 0);
    }
    for (int i = READERS - 1; i >= 0; i--)
        CHECK(read_some(r[i], 0, SIZE) == SIZE);
    while (done < READERS && wait_for_one(f, &result))
        done++;
    CHECK(done == READERS);
    for (int i = 0; i < READERS; i++)
        close_reader(r[i]);
    close_flusher(f);
}

TEST(a_client_that_reads_nothing_comes_back_timed_out)
{
    struct ff_flusher *f = open_flusher(30);
    struct reader *r = open_reader();
    int result = 0;
    CHECK(ff_flusher_give(f, &r->conn) == 0);
    CHECK(wait_for_one(f, &result) == &r->conn && result == -ETIMEDOUT);
    close_reader(r);
    close_flusher(f);
}

TEST(a_client_that_is_gone_comes_back_broken)
{
    struct ff_flusher *f = open_flusher(60000);
    struct reader *r = open_reader();
    int result = 0;
    shutdown(r->client, SHUT_RD);
    CHECK(ff_flusher_give(f, &r->conn) == 0);
    CHECK(wait_for_one(f, &result) == &r->conn && result == -EPIPE);
    close_reader(r);
    close_flusher(f);
}

TEST(what_it_holds_at_its_end_is_the_lanes_again)
{
    struct ff_flusher *f = open_flusher(60000);
    struct reader *r = open_reader();
    CHECK(ff_flusher_give(f, &r->conn) == 0);
    CHECK(read_some(r, 0, 1000) == 1000);
    close_flusher(f);
    CHECK(ff_buffer_len(&r->work.out) + r->conn.sent == SIZE && r->conn.sent >= 1000);
    close_reader(r);
}
