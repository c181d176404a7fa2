/* Any octets: no crash, nothing is read behind them; however they arrive the result is the same. */
#include "proxy.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(fact)                                                                                 \
    do {                                                                                           \
        if (!(fact))                                                                               \
            abort();                                                                               \
    } while (0)

static int read_exact(const uint8_t *data, size_t n, enum ff_proxy_mode mode, struct ff_peer *out)
{
    char *exact = malloc(n > 0 ? n : 1);
    MUST(exact);
    memcpy(exact, data, n);
    memset(out, 0, sizeof(*out));
    int r = ff_proxy_read(exact, n, mode, out);
    free(exact);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ff_peer whole, part;
    if (size < 1)
        return 0;
    enum ff_proxy_mode mode = FF_PROXY_V1 + data[0] % 3;
    data++, size--;
    int r = read_exact(data, size, mode, &whole);
    MUST(r <= (int)size && r <= FF_PROXY_MAX);
    MUST(whole.family == 0 || whole.family == 4 || whole.family == 6);
    for (size_t n = 0; n < size && n < 200; n++) {
        int early = read_exact(data, n, mode, &part);
        if (early == 0) {
            MUST(r <= 0 || n < (size_t)r);
            MUST(part.family == 0);
        } else { /* it was decided before the end: for good */
            MUST(early == r && memcmp(&part, &whole, sizeof(part)) == 0);
        }
    }
    return 0;
}
