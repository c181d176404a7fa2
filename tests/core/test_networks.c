#include "check.h"
#include "networks.h"

#include <errno.h>
#include <string.h>

/* Is `peer` in the list that has only `item`? -EINVAL: it is no item. */
static int has(const char *item, const char *peer)
{
    struct ff_networks list = {0};
    struct ff_peer who = {0};
    if (*peer && !ff_peer_read(peer, strlen(peer), &who))
        return -1000;
    int r = ff_networks_add(&list, item, strlen(item));
    if (r == 0)
        r = ff_networks_has(&list, &who);
    ff_networks_close(&list);
    return r;
}

TEST(an_address_is_itself_and_no_other)
{
    CHECK(has("10.0.0.1", "10.0.0.1") == 1 && has("10.0.0.1", "10.0.0.2") == 0);
    CHECK(has("::1", "::1") == 1 && has("::1", "0.0.0.1") == 0 && has("::1", "::2") == 0);
}

TEST(a_network_has_what_shares_its_prefix)
{
    CHECK(has("10.0.0.0/8", "10.255.0.1") == 1 && has("10.0.0.0/8", "11.0.0.1") == 0);
    CHECK(has("10.0.0.128/25", "10.0.0.129") == 1 && has("10.0.0.128/25", "10.0.0.127") == 0);
    CHECK(has("0.0.0.0/0", "1.2.3.4") == 1 && has("0.0.0.0/0", "::2") == 0);
    CHECK(has("2001:db8::/33", "2001:db8:7fff::1") == 1);
    CHECK(has("2001:db8::/33", "2001:db8:8000::1") == 0);
}

TEST(an_ipv4_address_is_the_same_one_written_in_ipv6)
{
    CHECK(has("10.0.0.0/8", "::ffff:10.1.2.3") == 1);
    CHECK(has("::ffff:10.0.0.0/104", "10.1.2.3") == 1 &&
          has("::ffff:10.0.0.0/104", "11.0.0.1") == 0);
    CHECK(has("::ffff:10.0.0.1", "10.0.0.1") == 1);
}

TEST(a_star_is_everybody_and_unix_is_whoever_comes_so)
{
    CHECK(has("*", "10.0.0.1") == 1 && has("*", "::1") == 1 && has("*", "") == 1);
    CHECK(has("unix", "") == 1 && has("unix", "10.0.0.1") == 0 && has("0.0.0.0/0", "") == 0);
}

TEST(what_names_no_network_is_refused)
{
    static const char *const wrong[] = {
        "",           "x",           "10.0.0",    "10.0.0.1/", "10.0.0.0/33",
        "10.0.0.1/8", "10.0.0.0/08", "::/129",    "010.0.0.1", "10.0.0.1:80",
        "[::1]:80",   "10.0.0.0/-1", "1.2.3.4/x", "::1%lo",    "1.2.3.4 ",
        "unix:",      "**",          "::1/64"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        CHECK(has(wrong[i], "10.0.0.1") == -EINVAL);
}

TEST(a_peer_is_read_with_and_without_its_port)
{
    static const struct {
        const char *text, *address;
        int port;
    } cases[] = {{"1.2.3.4", "1.2.3.4", 0},
                 {"1.2.3.4:80", "1.2.3.4", 80},
                 {"::1", "::1", 0},
                 {"[::1]", "::1", 0},
                 {"[2001:DB8::1]:65535", "2001:db8::1", 65535}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[FF_PEER_TEXT_MAX];
        struct ff_peer peer;
        CHECK(ff_peer_read(cases[i].text, strlen(cases[i].text), &peer));
        size_t n = ff_peer_text(&peer, text);
        CHECK(n == strlen(cases[i].address) && memcmp(text, cases[i].address, n) == 0);
        CHECK(peer.port == cases[i].port);
    }
}

TEST(what_is_no_peer_is_not_read)
{
    static const char *const wrong[] = {
        "",        ":",           "1.2.3.4:",    "1.2.3.4:65536", "[1.2.3.4]",
        "[::1",    "[::1]80",     "[::1]:",      "::1]",          "1.2.3.4:8a",
        "a.b.c.d", "1.2.3.4:80:", "1.2.3.4.5.6", "1:2",           "[]"};
    struct ff_peer peer;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        CHECK(!ff_peer_read(wrong[i], strlen(wrong[i]), &peer));
    CHECK(!ff_peer_read("::1\0", 4, &peer));
}
