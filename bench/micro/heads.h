/* heads: requests as clients send them, for what counts the parser's instructions. */
#ifndef HEADS_H
#define HEADS_H

#include "http_request.h"

static const char HELLO[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n";

static const char BROWSER[] =
    "GET /en-US/docs/Web/HTTP/Headers?query=value&other=1 HTTP/1.1\r\n"
    "Host: developer.example.org\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/126.0.0.0 Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Referer: https://developer.example.org/en-US/docs/Web/HTTP\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; _ga=GA1.2.1234567890\r\n"
    "Upgrade-Insecure-Requests: 1\r\n"
    "Sec-Fetch-Dest: document\r\n"
    "Sec-Fetch-Mode: navigate\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-User: ?1\r\n"
    "\r\n";

static const struct ff_http_limits LIMITS = {
    .head = 16384, .line = 8190, .field = 8190, .fields = 100};

#endif
