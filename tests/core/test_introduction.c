/* A relay says at the start of a connection whom it speaks for; whatever happens to the
 * connection then, it says so once. */
#include "check.h"
#include "stage.h"

#include <string.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define LINE "PROXY TCP4 1.2.3.4 5.6.7.8 1111 80\r\n"

static struct stage *open_stage(enum ff_proxy_mode mode, const char *relay, int lanes)
{
    struct stage *s = stage_open(8, lanes);
    s->proxy = mode;
    ff_networks_add(&s->relays, relay, strlen(relay));
    for (int i = 0; i < lanes; i++) {
        ff_lane_free(s->lane[i]);
        stage_sit(s, i);
    }
    return s;
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), k = strlen(tail);
    return n >= k && strcmp(text + n - k, tail) == 0;
}

static bool is_client(const struct stage *s, uint8_t first, uint16_t port)
{
    const struct ff_conn_line *line = &s->d->page->conn[1];
    return line->client.address[0] == first && (port == 0 || line->client.port == port) &&
           line->peer.address[0] == 127;
}

TEST(the_client_that_a_relay_names_is_known_from_its_first_request_on)
{
    struct stage *s = open_stage(FF_PROXY_V1, "127.0.0.1", 1);
    int client = stage_connect(s);
    stage_send(client, LINE GET("/1") GET("/2"));
    CHECK(ends_with(stage_read(s, client), "0 /2") && is_client(s, 1, 1111));
    stage_send(client, GET("/3"));
    CHECK(ends_with(stage_read(s, client), "0 /3") && is_client(s, 1, 1111));
    close(client);
    stage_close(s);
}

TEST(the_header_may_come_in_any_pieces)
{
    static const char text[] = LINE GET("/1");
    for (size_t i = 1; i < sizeof(text) - 1; i++) {
        struct stage *s = open_stage(FF_PROXY_AUTO, "127.0.0.1", 1);
        char part[sizeof(text)] = "";
        int client = stage_connect(s);
        memcpy(part, text, i);
        stage_send(client, part);
        CHECK(stage_read(s, client)[0] == '\0');
        stage_send(client, text + i);
        CHECK(ends_with(stage_read(s, client), "0 /1") && is_client(s, 1, 1111));
        close(client);
        stage_close(s);
    }
}

TEST(a_second_header_is_no_request)
{
    struct stage *s = open_stage(FF_PROXY_V1, "127.0.0.1", 1);
    int client = stage_connect(s);
    stage_send(client, LINE LINE GET("/1"));
    CHECK(strncmp(stage_read(s, client), "HTTP/1.1 400", 12) == 0);
    close(client);
    stage_close(s);
}

TEST(a_missing_or_wrong_header_ends_the_connection)
{
    static const char *const wrong[] = {GET("/1"), "PROXY TCP4 x y 1 2\r\n" GET("/1"), "G"};
    for (size_t i = 0; i < 3; i++) {
        struct stage *s = open_stage(FF_PROXY_V1, "127.0.0.1", 1);
        int client = stage_connect(s);
        stage_send(client, wrong[i]);
        CHECK(strncmp(stage_read(s, client), "HTTP/1.1 400", 12) == 0);
        CHECK(stage_is_ended(s, client));
        close(client);
        stage_close(s);
    }
}

TEST(who_is_no_relay_speaks_for_itself)
{
    struct stage *s = open_stage(FF_PROXY_V1, "10.0.0.0/8", 1);
    int client = stage_connect(s), other = stage_connect(s);
    stage_send(client, GET("/1"));
    CHECK(ends_with(stage_read(s, client), "0 /1") && is_client(s, 127, 0));
    stage_send(other, LINE GET("/1"));
    CHECK(strncmp(stage_read(s, other), "HTTP/1.1 400", 12) == 0);
    close(client);
    close(other);
    stage_close(s);
}

TEST(a_client_that_was_named_is_remembered_by_a_replacement)
{
    struct stage *s = open_stage(FF_PROXY_V1, "127.0.0.1", 1);
    int client = stage_connect(s);
    stage_send(client, LINE);
    CHECK(stage_read(s, client)[0] == '\0' && is_client(s, 1, 1111));
    CHECK(stage_kill(s, 0) == 0);
    stage_sit(s, 0);
    stage_send(client, GET("/1"));
    CHECK(ends_with(stage_read(s, client), "0 /1") && is_client(s, 1, 1111));
    close(client);
    stage_close(s);
}

TEST(half_a_header_that_a_dead_worker_had_read_is_completed_by_another)
{
    struct stage *s = open_stage(FF_PROXY_V1, "127.0.0.1", 1);
    int client = stage_connect(s);
    stage_send(client, "PROXY TCP4 1.2");
    CHECK(stage_read(s, client)[0] == '\0');
    CHECK(stage_kill(s, 0) == 0);
    stage_sit(s, 0);
    stage_send(client, ".3.4 5.6.7.8 1111 80\r\n" GET("/1"));
    CHECK(ends_with(stage_read(s, client), "0 /1") && is_client(s, 1, 1111));
    close(client);
    stage_close(s);
}

TEST(a_request_behind_a_header_is_run_again_without_it)
{
    struct stage *s = open_stage(FF_PROXY_V1, "127.0.0.1", 2);
    int client = stage_connect(s);
    stage_send(client, LINE GET("/hold"));
    CHECK(stage_read(s, client)[0] == '\0');
    int victim = s->held[0] ? 0 : 1;
    CHECK(s->held[victim]);
    CHECK(stage_kill(s, victim) == 0);
    stage_run(s);
    CHECK(s->held[1 - victim] && is_client(s, 1, 1111));
    close(client);
    stage_close(s);
}
