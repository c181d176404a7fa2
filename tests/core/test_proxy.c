#include "check.h"
#include "proxy.h"

#include <errno.h>
#include <string.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"
#define TCP4 "\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\x12\x34\0\x50"

static struct ff_peer client;

static int read_mode(const char *octets, size_t n, enum ff_proxy_mode mode)
{
    client = (struct ff_peer){.family = 4, .address = {9, 9, 9, 9}, .port = 9};
    return ff_proxy_read(check_guarded(octets, n), n, mode, &client);
}

static int line(const char *text)
{
    return read_mode(text, strlen(text), FF_PROXY_V1);
}

#define BINARY(octets) read_mode(octets, sizeof(octets) - 1, FF_PROXY_V2)

static bool is_client(const char *address, int port)
{
    char text[FF_PEER_TEXT_MAX];
    size_t n = ff_peer_text(&client, text);
    return n == strlen(address) && memcmp(text, address, n) == 0 && client.port == port;
}

TEST(a_line_names_the_client)
{
    CHECK(line("PROXY TCP4 1.2.3.4 5.6.7.8 56324 443\r\nGET") == 38 && is_client("1.2.3.4", 56324));
    CHECK(line("PROXY TCP6 2001:db8::1 ::1 1 0\r\n") == 32 && is_client("2001:db8::1", 1));
}

TEST(unknown_keeps_the_address_of_the_socket)
{
    CHECK(line("PROXY UNKNOWN\r\n") == 15 && is_client("9.9.9.9", 9));
    CHECK(line("PROXY UNKNOWN ffff:f...f:ffff x 65535 65535\r\n") == 45 && is_client("9.9.9.9", 9));
}

TEST(a_line_that_is_not_exactly_one_is_refused)
{
    static const char *const wrong[] = {"GET / HTTP/1.1\r\n",
                                        "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                                        "PROXY\r\n",
                                        "PROXY \r\n",
                                        "PROXY TCP5 1.2.3.4 5.6.7.8 1 2\r\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
                                        "PROXY TCP4 1.2.3.4  5.6.7.8 1 2\r\n",
                                        "PROXY  TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
                                        "PROXY TCP4 ::1 ::1 1 2\r\n",
                                        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
                                        "PROXY TCP4 1.2.3.4:5 5.6.7.8 1 2\r\n",
                                        "PROXY TCP4 1.2.3.4:0 5.6.7.8 1 2\r\n",
                                        "PROXY TCP6 [::1] ::1 1 2\r\n",
                                        "PROXY TCP4 01.2.3.4 5.6.7.8 1 2\r\n",
                                        "PROXY UNKNOWNS\r\n",
                                        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        CHECK(line(wrong[i]) == -EPROTO && is_client("9.9.9.9", 9));
}

TEST(a_line_ends_within_107_octets)
{
    char text[200];
    memset(text, 'x', sizeof(text));
    memcpy(text, "PROXY UNKNOWN ", 14);
    CHECK(read_mode(text, 106, FF_PROXY_V1) == 0 && read_mode(text, 107, FF_PROXY_V1) == -EPROTO);
    memcpy(text + 105, "\r\n", 2);
    CHECK(read_mode(text, 200, FF_PROXY_V1) == 107);
}

TEST(binary_names_the_client)
{
    CHECK(BINARY(V2 TCP4) == 28 && is_client("1.2.3.4", 0x1234));
    CHECK(BINARY(V2 "\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"
                    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\x07\0\x50") == 52 &&
          is_client("2001:db8::1", 7));
}

TEST(what_follows_the_addresses_is_skipped)
{
    CHECK(BINARY(V2 "\x21\x11\0\x10\x01\x02\x03\x04\x05\x06\x07\x08\x12\x34\0\x50\x04\0\1x") == 32);
    CHECK(is_client("1.2.3.4", 0x1234));
}

TEST(local_and_other_families_keep_the_address_of_the_socket)
{
    CHECK(BINARY(V2 "\x20\0\0\0") == 16 && is_client("9.9.9.9", 9));
    CHECK(BINARY(V2 "\x20\x11\0\x0c\1\2\3\4\5\6\7\x08\1\2\3\4") == 28 && is_client("9.9.9.9", 9));
    CHECK(BINARY(V2 "\x21\0\0\3abc") == 19 && is_client("9.9.9.9", 9));
    CHECK(BINARY(V2 "\x21\x12\0\0") == 16 && is_client("9.9.9.9", 9));
}

TEST(binary_that_is_wrong_is_refused)
{
    CHECK(BINARY("\r\n\r\n\0\r\nQUIT\r") == -EPROTO);
    CHECK(BINARY(V2 "\x11\x11\0\x0c") == -EPROTO && BINARY(V2 "\x22\x11\0\x0c") == -EPROTO);
    CHECK(BINARY(V2 "\x21\x41\0\x0c") == -EPROTO && BINARY(V2 "\x21\x13\0\x0c") == -EPROTO);
    CHECK(BINARY(V2 "\x21\x11\0\x0b") == -EPROTO && BINARY(V2 "\x21\x21\0\x23") == -EPROTO);
    CHECK(BINARY(V2 "\x21\x11\x0f\xf0") == 0 && BINARY(V2 "\x21\x11\x0f\xf1") == -EPROTO);
}

TEST(every_beginning_needs_more)
{
    static const char text[] = "PROXY TCP4 1.2.3.4 5.6.7.8 56324 443\r\n", octets[] = V2 TCP4;
    for (size_t n = 0; n < sizeof(text) - 1; n++)
        CHECK(read_mode(text, n, FF_PROXY_AUTO) == 0 && is_client("9.9.9.9", 9));
    for (size_t n = 0; n < sizeof(octets) - 1; n++)
        CHECK(read_mode(octets, n, FF_PROXY_AUTO) == 0 && is_client("9.9.9.9", 9));
}

TEST(only_the_version_that_is_agreed_upon_is_read)
{
    static const char text[] = "PROXY UNKNOWN\r\n", octets[] = V2 "\x20\0\0\0";
    CHECK(read_mode(text, 15, FF_PROXY_V2) == -EPROTO && read_mode(text, 15, FF_PROXY_AUTO) == 15);
    CHECK(read_mode(octets, 16, FF_PROXY_V1) == -EPROTO);
    CHECK(read_mode(octets, 16, FF_PROXY_AUTO) == 16);
}
