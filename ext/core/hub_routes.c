#include "hub_routes.h"

#include <errno.h>
#include <string.h>

enum { GONE = FF_HUB_LINKS, DOWN = 0, REPLIES = 1, BULK_ROOM = 256 * 1024 };

void ff_hub_touch(struct ff_hub *h, uint32_t i)
{
    if (i == FF_HUB_MASTER || h->link[i]->is_dirty)
        return;
    h->link[i]->is_dirty = true;
    h->dirty++;
}

/* Puts a frame into an outbox of link `i`. */
static int put(struct ff_hub *h, uint32_t i, int which, const struct ff_frame *f, const char *topic,
               const char *part)
{
    enum ff_overflow policy =
        which == REPLIES || f->kind == FF_FRAME_REQUEST || h->policy == FF_OVERFLOW_BLOCK
            ? FF_OVERFLOW_DROP_NEW
            : h->policy;
    int r = ff_outbox_add(&h->link[i]->out[which], policy, f, topic, part, h->now_ms);
    if (r == 0)
        ff_hub_touch(h, i);
    return r;
}

/* Whether whoever sends `f` to link `i` should wait: it is behind, and reads. */
static bool is_behind(const struct ff_hub *h, uint32_t i, int which, const struct ff_frame *f)
{
    const struct ff_outbox *o = &h->link[i]->out[which];
    size_t n = sizeof(*f) + f->size;
    bool is_part = f->total > FF_FRAME_PART;
    bool has_room = is_part ? ff_buffer_len(&o->bytes) < BULK_ROOM : ff_outbox_has_room(o, n);
    return !has_room && (i == FF_HUB_MASTER || h->now_ms - o->moved_ms < FF_HUB_DEAF_MS);
}

/* ---- publications ---- */

static bool is_listed(const struct ff_buffer *list, const char *topic, size_t n, bool is_exact)
{
    const char *at = list->data + list->start, *end = list->data + list->end;
    for (; at < end; at += 1 + (unsigned char)*at) {
        size_t size = (unsigned char)*at;
        if (is_exact ? size == n && memcmp(at + 1, topic, n) == 0
                     : ff_frame_matches(at + 1, size, topic, n))
            return true;
    }
    return false;
}

/* Which links subscribed to a topic; found once for each topic and change of patterns. */
static const uint64_t *subscribers(struct ff_hub *h, const char *topic, uint8_t n)
{
    uint32_t hash = 2166136261;
    for (uint8_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)topic[i]) * 16777619;
    struct ff_hub_route *route = &h->route[(hash ^ hash >> 16) % FF_HUB_ROUTES];
    if (route->version == h->version && route->size == n && memcmp(route->topic, topic, n) == 0)
        return route->links;
    route->version = h->version;
    route->size = n;
    memcpy(route->topic, topic, n);
    memset(route->links, 0, sizeof(route->links));
    for (uint32_t i = 0; i < FF_HUB_LINKS; i++)
        if (h->link[i] && is_listed(&h->link[i]->patterns, topic, n, false))
            route->links[i / 64] |= UINT64_C(1) << i % 64;
    return route->links;
}

/* The next link in the set from `i` on, or FF_HUB_LINKS. */
static uint32_t next_of(const uint64_t *links, uint32_t i)
{
    while (i < FF_HUB_LINKS) {
        uint64_t word = links[i / 64] >> i % 64;
        if (word)
            return i + (uint32_t)__builtin_ctzll(word);
        i = (i / 64 + 1) * 64;
    }
    return FF_HUB_LINKS;
}

/* To the bridge, unless it comes from there: with a number, so that one that is dropped is missed.
 */
static void put_across(struct ff_hub *h, const struct ff_frame *f, const char *topic,
                       const char *part)
{
    struct ff_frame numbered = *f;
    if (f->link == FF_HUB_BRIDGE)
        return;
    h->across += ff_frame_is_last(f);
    numbered.id = h->across;
    put(h, FF_HUB_BRIDGE, DOWN, &numbered, topic, part);
}

static bool publish(struct ff_hub *h, const struct ff_frame *f, const char *topic, const char *part,
                    bool may_wait)
{
    const uint64_t *links = subscribers(h, topic, f->topic_size);
    for (uint32_t i = next_of(links, 0); may_wait && i < FF_HUB_LINKS; i = next_of(links, i + 1))
        if (is_behind(h, i, DOWN, f))
            return false;
    for (uint32_t i = next_of(links, 0); i < FF_HUB_LINKS; i = next_of(links, i + 1))
        if (i == FF_HUB_BRIDGE)
            put_across(h, f, topic, part);
        else
            put(h, i, DOWN, f, topic, part);
    return true;
}

/* ---- to one ---- */

/* The link of a slot: of two workers the one that is ready, and of those the later one. */
static uint32_t link_of(const struct ff_hub *h, uint16_t slot)
{
    uint32_t best = slot == FF_SLOT_MASTER ? (uint32_t)FF_HUB_MASTER : (uint32_t)GONE;
    for (uint32_t i = 0; i < h->links && slot != FF_SLOT_MASTER; i++) {
        const struct ff_hub_link *link = h->link[i];
        if (link && link->slot == slot &&
            (best == GONE || link->is_ready > h->link[best]->is_ready ||
             (link->is_ready == h->link[best]->is_ready && link->joined > h->link[best]->joined)))
            best = i;
    }
    return best;
}

static bool send_to(struct ff_hub *h, const struct ff_frame *f, const char *topic, const char *part,
                    bool may_wait)
{
    uint32_t to = link_of(h, f->to);
    if (to == GONE)
        h->dropped += ff_frame_is_last(f);
    else if (may_wait && is_behind(h, to, DOWN, f))
        return false;
    else
        put(h, to, DOWN, f, topic, part);
    return true;
}

/* ---- requests ---- */

/* Ids of requests on their way: the place in the table, and how often it was used. */
static struct ff_hub_request *request_of(struct ff_hub *h, uint32_t id)
{
    struct ff_hub_request *q = &h->request[id & 0xffff];
    return (id & 0xffff) < h->requests && q->round == id >> 16 && q->to != GONE ? q : NULL;
}

static int new_request(struct ff_hub *h, uint32_t *id)
{
    uint32_t at = h->free_request; /* its place, plus one */
    if (at > 0)
        h->free_request = h->request[at - 1].next_free;
    else if (h->requests < FF_HUB_REQUESTS)
        at = ++h->requests;
    else
        return -EAGAIN;
    *id = (uint32_t)h->request[at - 1].round << 16 | (at - 1);
    return 0;
}

static void end_request(struct ff_hub *h, struct ff_hub_request *q)
{
    if (h->link[q->to])
        h->link[q->to]->working--;
    q->to = q->from = GONE;
    q->round++;
    q->next_free = h->free_request;
    h->free_request = (uint32_t)(q - h->request) + 1;
}

static void fail(struct ff_hub *h, uint32_t link, uint32_t id, enum ff_frame_failure why)
{
    struct ff_frame f = {.kind = FF_FRAME_FAIL, .flags = (uint8_t)why, .id = id};
    if (link != GONE && h->link[link])
        put(h, link, REPLIES, &f, NULL, NULL);
}

/* Who answers next: of those that do, the one with the fewest at hand, by turns; then the master,
 * then other servers. */
static uint32_t responder(struct ff_hub *h, uint32_t from, const char *name, size_t n)
{
    uint32_t best = GONE;
    for (uint32_t step = 1; step <= h->links; step++) {
        uint32_t i = (h->turn + step) % h->links;
        if (h->link[i] && is_listed(&h->link[i]->names, name, n, true) &&
            (best == GONE || h->link[i]->working < h->link[best]->working))
            best = i;
    }
    if (best != GONE)
        h->turn = best;
    else if (is_listed(&h->link[FF_HUB_MASTER]->names, name, n, true))
        best = FF_HUB_MASTER;
    else if (from != FF_HUB_BRIDGE && h->link[FF_HUB_BRIDGE] && h->link[FF_HUB_BRIDGE]->is_ready)
        best = FF_HUB_BRIDGE;
    return best;
}

static void begin_request(struct ff_hub *h, struct ff_frame *f, const char *topic)
{
    uint32_t id, to = responder(h, f->link, topic, f->topic_size);
    h->link[f->link]->bulk_to = UINT32_MAX;
    if (to == GONE || new_request(h, &id) < 0) {
        fail(h, f->link, f->id, to == GONE ? FF_FAIL_NOBODY : FF_FAIL_FULL);
        f->id = UINT32_MAX;
        return;
    }
    struct ff_hub_request *q = &h->request[id & 0xffff];
    q->from = f->link;
    q->to = (uint16_t)to;
    q->id = f->id;
    h->link[to]->working++;
    if (!ff_frame_is_last(f))
        h->link[f->link]->bulk_to = id;
    f->id = id;
}

static bool ask(struct ff_hub *h, struct ff_frame *f, const char *topic, const char *part,
                bool may_wait)
{
    uint32_t asked = f->id;
    if (f->offset == 0)
        begin_request(h, f, topic);
    else
        f->id = h->link[f->link]->bulk_to;
    struct ff_hub_request *q = request_of(h, f->id);
    if (!q || q->from != f->link)
        return true; /* it has failed already */
    if (may_wait && f->offset > 0 && is_behind(h, q->to, DOWN, f))
        return false;
    if (put(h, q->to, DOWN, f, topic, part) < 0) {
        fail(h, f->link, asked, FF_FAIL_FULL);
        end_request(h, q);
    }
    return true;
}

static bool answer(struct ff_hub *h, struct ff_frame *f, const char *part, bool may_wait)
{
    struct ff_hub_request *q = request_of(h, f->id);
    if (!q || q->to != f->link)
        return true; /* it was given up, or never asked */
    if (q->from != GONE) {
        if (may_wait && is_behind(h, q->from, REPLIES, f))
            return false;
        f->id = q->id;
        put(h, q->from, REPLIES, f, NULL, part);
    }
    if (ff_frame_is_last(f))
        end_request(h, q);
    return true;
}

/* ---- who leads ---- */

static void elect(struct ff_hub *h)
{
    struct ff_frame f = {.kind = FF_FRAME_LEAD};
    for (uint32_t i = 0; h->leader < 0 && i < h->links; i++)
        if (h->link[i] && h->link[i]->is_candidate && put(h, i, DOWN, &f, NULL, NULL) == 0)
            h->leader = (int)i;
}

static void stand(struct ff_hub *h, uint32_t i, bool is_candidate)
{
    h->link[i]->is_candidate = is_candidate && i != FF_HUB_MASTER;
    if (!is_candidate && h->leader == (int)i)
        h->leader = -1;
    elect(h);
}

void ff_hub_forget(struct ff_hub *h, uint32_t i)
{
    h->version++;
    for (uint32_t at = 0; at < h->requests; at++) {
        struct ff_hub_request *q = &h->request[at];
        if (q->to == i) {
            fail(h, q->from, q->id, FF_FAIL_DIED);
            end_request(h, q);
        } else if (q->from == i) {
            q->from = GONE;
        }
    }
    if (h->leader == (int)i)
        h->leader = -1;
    elect(h);
}

/* ---- the bridge ---- */

/* Tells the bridge that a name is responded to here. */
static void tell_name(struct ff_hub *h, const char *name, uint8_t n)
{
    struct ff_frame f = {.kind = FF_FRAME_RESPOND, .size = n, .topic_size = n};
    if (h->link[FF_HUB_BRIDGE] && h->link[FF_HUB_BRIDGE]->is_ready)
        put(h, FF_HUB_BRIDGE, DOWN, &f, name, NULL);
}

static void tell_names(struct ff_hub *h)
{
    for (uint32_t i = 0; i < FF_HUB_LINKS; i++) {
        const struct ff_buffer *names = h->link[i] ? &h->link[i]->names : NULL;
        if (names)
            for (const char *at = names->data + names->start; at < names->data + names->end;
                 at += 1 + (unsigned char)*at)
                tell_name(h, at + 1, (unsigned char)*at);
    }
}

/* ---- all of them ---- */

static void enlist(struct ff_hub *h, struct ff_buffer *list, const char *topic, uint8_t n)
{
    if (ff_buffer_len(list) + n < FF_FRAME_PART && ff_buffer_reserve(list, 1 + (size_t)n) == 0) {
        ff_buffer_append(list, &n, 1);
        ff_buffer_append(list, topic, n);
    }
    h->version++;
}

bool ff_hub_route(struct ff_hub *h, struct ff_frame *f, const char *topic, const char *part,
                  bool may_wait)
{
    struct ff_hub_link *link = h->link[f->link];
    switch (f->kind) {
    case FF_FRAME_PUBLISH:
        return publish(h, f, topic, part, may_wait);
    case FF_FRAME_SEND:
        return send_to(h, f, topic, part, may_wait);
    case FF_FRAME_REQUEST:
        return ask(h, f, topic, part, may_wait);
    case FF_FRAME_REPLY:
    case FF_FRAME_FAIL:
        f->size -= f->topic_size;
        f->topic_size = 0;
        return answer(h, f, part, may_wait);
    case FF_FRAME_SUBSCRIBE:
        enlist(h, &link->patterns, topic, f->topic_size);
        return true;
    case FF_FRAME_RESPOND:
        enlist(h, &link->names, topic, f->topic_size);
        tell_name(h, topic, f->topic_size);
        return true;
    case FF_FRAME_READY:
        link->is_ready = true;
        if (f->link == FF_HUB_BRIDGE)
            tell_names(h);
        return true;
    case FF_FRAME_DROPPED:
        h->dropped += f->id;
        return true;
    default:
        if (f->kind != FF_FRAME_LEAD)
            stand(h, f->link, f->kind == FF_FRAME_CANDIDATE);
        return true;
    }
}

int ff_hub_say(struct ff_hub *h, struct ff_frame *f, const void *topic, const void *part)
{
    f->link = FF_HUB_MASTER;
    f->slot = FF_SLOT_MASTER;
    bool is_passed = ff_hub_route(h, f, topic, part, false);
    h->passed += f->kind <= FF_FRAME_REPLY && ff_frame_is_last(f);
    ff_hub_flush(h);
    return is_passed ? 0 : -EAGAIN;
}
