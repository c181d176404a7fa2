/* Any field values: no crash, nothing is read beyond the head, and what is said is well-formed. */
#include "http_forwarded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(fact)                                                                                 \
    do {                                                                                           \
        if (!(fact))                                                                               \
            abort();                                                                               \
    } while (0)

/* The input is the fields of a head: "\n" ends one, the first octet says which it is. */
static size_t make_head(const uint8_t *data, size_t size, char *head)
{
    static const char *const names[] = {
        "X-Forwarded-For: ", "X-Forwarded-Proto: ", "X-Forwarded-Host: ", "X-Forwarded-Port: "};
    size_t n = (size_t)sprintf(head, "GET / HTTP/1.1\r\nHost: a\r\n");
    bool is_first = true;
    for (size_t i = 0; i < size; i++) {
        if (is_first)
            n += (size_t)sprintf(head + n, "%s", names[data[i] % 4]);
        is_first = data[i] == '\n';
        if (is_first)
            head[n++] = '\r';
        head[n++] = (char)data[i];
    }
    n += (size_t)sprintf(head + n, "\r\n\r\n");
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct ff_http_limits limits = {16384, 8190, 8190, 128, false};
    static char head[65536];
    struct ff_http_request request;
    struct ff_http_forwarded said;
    struct ff_networks trusted = {0};
    if (size > 2048)
        return 0;
    size_t n = make_head(data, size, head);
    char *exact = malloc(n);
    MUST(exact);
    memcpy(exact, head, n);
    MUST(ff_networks_add(&trusted, "10.0.0.0/8", 10) == 0);
    if (ff_http_request_parse(exact, n, &limits, &request) == FF_HTTP_DONE &&
        request.is_forwarded &&
        ff_http_forwarded_read(exact, &request, &trusted, &said) == FF_HTTP_DONE) {
        MUST(said.scheme <= FF_SCHEME_HTTPS && said.client.family % 2 == 0);
        MUST(said.host.at + said.host.len <= n && said.name.len <= said.host.len);
        MUST((said.host.len > 0) == (said.name.len > 0));
    }
    ff_networks_close(&trusted);
    free(exact);
    return 0;
}
