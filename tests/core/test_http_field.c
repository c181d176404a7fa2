#include "check.h"
#include "http_request.h"

#include <string.h>

static struct ff_http_request req;

static int parse(const char *head)
{
    static const struct ff_http_limits limits = {16384, 8190, 8190, 100, false};
    return ff_http_request_parse(head, strlen(head), &limits, &req);
}

TEST(there_is_one_content_type)
{
    CHECK(parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\n\r\n") == FF_HTTP_DONE);
    CHECK(parse("POST / HTTP/1.1\r\nHost: a\r\nContent-Type: a/b\r\ncontent-type: a/b\r\n\r\n") ==
          400);
}

TEST(a_method_that_fills_the_line_is_not_implemented)
{
    char head[9000];
    memset(head, 'A', sizeof(head) - 1);
    head[sizeof(head) - 1] = '\0';
    CHECK(parse(head) == 501);
    head[100] = '\0';
    CHECK(parse(head) == FF_HTTP_MORE);
}

TEST(a_target_may_say_https)
{
    CHECK(parse("GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n") == FF_HTTP_DONE && req.is_https);
    CHECK(parse("GET HTTPS://a HTTP/1.1\r\nHost: a\r\n\r\n") == FF_HTTP_DONE && req.is_https);
    CHECK(parse("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n") == FF_HTTP_DONE && !req.is_https);
    CHECK(parse("GET httpss://a/ HTTP/1.1\r\nHost: a\r\n\r\n") == 400);
}
