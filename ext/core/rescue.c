#include "rescue.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { ESTABLISHED = 1, CLOSE_WAIT = 8 }; /* tcpi_state */

enum ff_rescue ff_rescue_decide(const struct ff_rescue_facts *facts, const struct ff_base **holds)
{
    uint64_t planned = facts->progress >> FF_PROGRESS_PLAN_SHIFT;
    *holds = &facts->base;
    if (facts->progress & FF_PROGRESS_RAW || !facts->is_known || facts->sent < facts->base.tx ||
        facts->received < facts->base.rx)
        return FF_RESCUE_CUT;
    bool is_answered = planned > 0 && facts->sent == facts->base.tx + planned;
    if (is_answered) {
        if (facts->received < facts->next.rx)
            return FF_RESCUE_CUT;
        if (facts->progress & FF_PROGRESS_CLOSING)
            return FF_RESCUE_END;
        *holds = &facts->next; /* what stands behind it is the next request, and not begun */
        return facts->received == facts->next.rx ? FF_RESCUE_PARK : FF_RESCUE_REPLAY;
    }
    if (facts->sent != facts->base.tx)
        return FF_RESCUE_CUT;
    if (facts->received == facts->base.rx)
        return FF_RESCUE_PARK;
    bool is_begun = facts->progress & FF_PROGRESS_BEGUN;
    if (is_begun &&
        (facts->progress & FF_PROGRESS_UNSAFE || !facts->may_replay || facts->is_poison))
        return FF_RESCUE_REFUSE;
    return FF_RESCUE_REPLAY;
}

bool ff_rescue_is_poison(unsigned deaths, unsigned blamed, bool is_to_blame)
{
    return (is_to_blame && blamed > 0) || deaths >= FF_DEATHS_MAX;
}

static bool info_of(int fd, struct tcp_info *info)
{
    socklen_t len = sizeof(*info);
    memset(info, 0, sizeof(*info));
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0 &&
           (info->tcpi_state == ESTABLISHED || info->tcpi_state == CLOSE_WAIT);
}

static bool ask_kernel(int fd, struct ff_rescue_facts *facts)
{
    struct tcp_info before, after;
    int queued = 0;
    do { /* more may arrive between the calls */
        if (!info_of(fd, &before) || ioctl(fd, SIOCINQ, &queued) < 0 || !info_of(fd, &after))
            return false;
    } while (before.tcpi_bytes_received != after.tcpi_bytes_received ||
             before.tcpi_state != after.tcpi_state);
    uint64_t fin = after.tcpi_state == CLOSE_WAIT; /* it counts as an octet */
    facts->received = (uint64_t)after.tcpi_bytes_received - (uint64_t)queued - fin;
    facts->sent = (uint64_t)after.tcpi_bytes_sent - (uint64_t)after.tcpi_bytes_retrans +
                  after.tcpi_notsent_bytes;
    return true;
}

static bool is_unix(int fd)
{
    int domain = 0;
    socklen_t len = sizeof(domain);
    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

void ff_rescue_ask(int fd, const struct ff_conn_line *line, struct ff_rescue_facts *facts)
{
    facts->is_known = ask_kernel(fd, facts);
    if (facts->is_known || !is_unix(fd))
        return;
    /* nothing is under way between the socket and what was told of it: reading or sending */
    uint64_t open = FF_PROGRESS_READ | FF_PROGRESS_SENT | ~(uint64_t)0 << FF_PROGRESS_PLAN_SHIFT;
    facts->is_known = !(facts->progress & open);
    facts->received = line->begun_rx;
    facts->sent = facts->base.tx;
}
