#include "check.h"
#include "http_forwarded.h"

#include <string.h>

static const struct ff_http_limits limits = {16384, 8190, 8190, 100, false};

static char head[2048];
static struct ff_http_forwarded said;

/* Reads the fields `lines`, as they come from a proxy that is trusted beside 10.0.0.0/8. */
static int forwarded(const char *lines)
{
    struct ff_networks trusted = {0};
    struct ff_http_request request;
    snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    ff_networks_add(&trusted, "10.0.0.0/8", 10);
    int r = ff_http_request_parse(head, strlen(head), &limits, &request);
    if (r == FF_HTTP_DONE)
        r = request.is_forwarded ? ff_http_forwarded_read(head, &request, &trusted, &said) : -1;
    ff_networks_close(&trusted);
    return r;
}

static bool is_client(const char *lines, const char *address, int port)
{
    char text[FF_PEER_TEXT_MAX];
    if (forwarded(lines) != FF_HTTP_DONE)
        return false;
    size_t n = said.client.family ? ff_peer_text(&said.client, text) : 0;
    return n == strlen(address) && memcmp(text, address, n) == 0 && said.client.port == port;
}

static bool is_host(const char *lines, const char *host, const char *name, int port)
{
    return forwarded(lines) == FF_HTTP_DONE && said.host.len == strlen(host) &&
           memcmp(head + said.host.at, host, said.host.len) == 0 && said.name.len == strlen(name) &&
           memcmp(head + said.name.at, name, said.name.len) == 0 && said.port == port;
}

TEST(a_request_without_such_fields_is_not_looked_at)
{
    CHECK(forwarded("X-Forwarded: a\r\nForwarded: for=1.2.3.4\r\n") == -1);
}

TEST(the_client_is_the_right_most_address_that_is_not_trusted)
{
    CHECK(is_client("X-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4", 0));
    CHECK(is_client("X-Forwarded-For: 6.6.6.6, 1.2.3.4\r\n", "1.2.3.4", 0));
    CHECK(is_client("X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.9\r\n", "1.2.3.4", 0));
    CHECK(is_client("X-Forwarded-For: 6.6.6.6, 1.2.3.4 ,10.1.1.1,, 10.0.0.9,\r\n", "1.2.3.4", 0));
    CHECK(is_client("X-Forwarded-For: 2001:DB8::1\r\n", "2001:db8::1", 0));
    CHECK(is_client("X-Forwarded-For: 1.2.3.4:567\r\n", "1.2.3.4", 567));
    CHECK(is_client("X-Forwarded-For: [::2]:567\r\n", "::2", 567));
}

TEST(several_lines_are_one_list)
{
    CHECK(is_client("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: 1.2.3.4\r\n", "1.2.3.4", 0));
    CHECK(is_client("X-Forwarded-For: 1.2.3.4\r\nB: c\r\nX-Forwarded-For: 10.0.0.1\r\n", "1.2.3.4",
                    0));
}

TEST(when_all_are_trusted_it_is_the_left_most)
{
    CHECK(is_client("X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n", "10.0.0.1", 0));
}

TEST(what_the_client_says_left_of_its_address_is_never_read)
{
    CHECK(is_client("X-Forwarded-For: <script>, 1.2.3.4\r\n", "1.2.3.4", 0));
    CHECK(is_client("X-Forwarded-For: \xff\r\nX-Forwarded-For: 1.2.3.4\r\n", "1.2.3.4", 0));
}

TEST(a_hop_that_is_no_address_ends_the_walk)
{
    CHECK(is_client("X-Forwarded-For: 1.2.3.4, unknown, 10.0.0.1\r\n", "10.0.0.1", 0));
    CHECK(is_client("X-Forwarded-For: 1.2.3.4, x, 10.0.0.1\r\n", "10.0.0.1", 0));
    CHECK(is_client("X-Forwarded-For: 1.2.3.4, _hidden\r\n", "", 0));
    CHECK(is_client("X-Forwarded-For: \"1.2.3.4\"\r\n", "", 0));
    CHECK(is_client("X-Forwarded-For: 1.2.3\r\n", "", 0));
    CHECK(is_client("X-Forwarded-For: \r\n", "", 0));
}

TEST(the_scheme_is_said_once_or_alike)
{
    CHECK(forwarded("X-Forwarded-Proto: https\r\n") == 1 && said.scheme == FF_SCHEME_HTTPS);
    CHECK(forwarded("X-Forwarded-Proto: HTTP\r\n") == 1 && said.scheme == FF_SCHEME_HTTP);
    CHECK(forwarded("X-Forwarded-Proto: wss, https\r\n") == 1 && said.scheme == FF_SCHEME_HTTPS);
    CHECK(forwarded("X-Forwarded-Proto:\r\n") == 1 && said.scheme == FF_SCHEME_UNSAID);
    CHECK(forwarded("X-Forwarded-Proto: https, http\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Proto: ftp\r\n") == 400);
}

TEST(the_host_is_said_once_or_alike_and_is_well_formed)
{
    CHECK(is_host("X-Forwarded-Host: b.example\r\n", "b.example", "b.example", 0));
    CHECK(is_host("X-Forwarded-Host: b:81\r\n", "b:81", "b", 81));
    CHECK(is_host("X-Forwarded-Host: [::1]:81, [::1]:81\r\n", "[::1]:81", "[::1]", 81));
    CHECK(is_host("X-Forwarded-Host: [::1]\r\n", "[::1]", "[::1]", 0));
    CHECK(is_host("X-Forwarded-Host: b:\r\n", "b:", "b", 0));
    CHECK(forwarded("X-Forwarded-Host: b, c\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Host: b/c\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Host: :80\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Host: b:99999\r\n") == 400);
}

TEST(the_port_is_a_number_and_wins_over_the_one_of_the_host)
{
    CHECK(forwarded("X-Forwarded-Port: 8443\r\n") == 1 && said.port == 8443);
    CHECK(is_host("X-Forwarded-Host: b:81\r\nX-Forwarded-Port: 82\r\n", "b:81", "b", 82));
    CHECK(forwarded("X-Forwarded-Port: 80, 81\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Port: 0\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Port: 65536\r\n") == 400);
    CHECK(forwarded("X-Forwarded-Port: +80\r\n") == 400);
}
