#include "check.h"
#include "escrow.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ff_page *page;
static struct ff_escrow escrow;

static int open_all(uint32_t conns)
{
    return ff_page_open(conns, &page) < 0 || ff_escrow_open(&escrow, page) < 0;
}

static void close_all(void)
{
    ff_escrow_close(&escrow);
    ff_page_free(page);
}

static uint32_t admit(void)
{
    struct ff_peer peer = {.family = 4, .port = 1234};
    return ff_escrow_admit(&escrow, dup(0), &peer, 2, 1000);
}

TEST(a_new_connection_waits_and_its_line_tells_where_it_is_from)
{
    CHECK(open_all(4) == 0);
    uint32_t id = admit();
    CHECK(ff_escrow_is_in(&escrow, id, FF_LIST_WAITING));
    CHECK(page->conn[id].peer.port == 1234 && page->conn[id].listener == 2);
    CHECK(page->conn[id].client.port == 1234);
    CHECK(ff_word_state(page->conn[id].word) == FF_PARKED);
    close_all();
}

TEST(the_table_has_room_for_exactly_its_size)
{
    CHECK(open_all(3) == 0);
    for (int i = 0; i < 3; i++) {
        CHECK(ff_escrow_has_room(&escrow));
        CHECK(admit() == (uint32_t)i + 1);
    }
    CHECK(!ff_escrow_has_room(&escrow));
    ff_escrow_release(&escrow, 2, false);
    CHECK(ff_escrow_has_room(&escrow));
    CHECK(admit() == 2);
    close_all();
}

TEST(every_deal_has_a_generation_of_its_own)
{
    CHECK(open_all(1) == 0);
    uint32_t id = admit();
    uint64_t first = ff_escrow_deal(&escrow, id, 7, 0);
    CHECK(first == ff_word(FF_QUEUED, 7, 1) && ff_escrow_is_in(&escrow, id, 7));
    CHECK(ff_escrow_take(&escrow, id, 7, FF_QUEUED));
    uint64_t second = ff_escrow_deal(&escrow, id, 7, 0);
    CHECK(second != first);
    ff_escrow_release(&escrow, id, false);
    CHECK(admit() == id); /* the id is used again, the generation is not */
    uint64_t third = ff_escrow_deal(&escrow, id, 7, 0);
    CHECK(ff_word_generation(third) == 3);
    close_all();
}

TEST(what_a_lane_claimed_cannot_be_taken)
{
    CHECK(open_all(1) == 0);
    uint32_t id = admit();
    uint64_t word = ff_escrow_deal(&escrow, id, 0, 0);
    CHECK(!ff_escrow_take(&escrow, id, 1, FF_QUEUED));
    CHECK(ff_word_claim(&page->conn[id], word, ff_word_with(word, FF_RUNNING)));
    CHECK(!ff_escrow_take(&escrow, id, 0, FF_QUEUED));
    CHECK(!ff_escrow_take(&escrow, id, 0, FF_IDLE));
    close_all();
}

TEST(lists_keep_their_order_whatever_leaves_them)
{
    CHECK(open_all(4) == 0);
    uint32_t a = admit(), b = admit(), c = admit();
    ff_escrow_move(&escrow, b, FF_LIST_PARKED, 5);
    CHECK(escrow.list[FF_LIST_WAITING].first == a && escrow.entry[a].next == c);
    CHECK(escrow.list[FF_LIST_WAITING].last == c && escrow.list[FF_LIST_WAITING].count == 2);
    ff_escrow_move(&escrow, a, FF_LIST_PARKED, 6);
    CHECK(escrow.list[FF_LIST_PARKED].first == b && escrow.list[FF_LIST_PARKED].last == a);
    CHECK(escrow.entry[b].since_ms == 5);
    close_all();
}

TEST(what_has_waited_already_waits_first)
{
    CHECK(open_all(4) == 0);
    uint32_t a = admit(), b = admit(), c = admit();
    ff_escrow_deal(&escrow, c, 0, 0);
    ff_escrow_wait_first(&escrow, c, 0);
    CHECK(escrow.list[FF_LIST_WAITING].first == c && escrow.entry[c].next == a);
    CHECK(escrow.entry[a].prev == c && escrow.list[FF_LIST_WAITING].last == b);
    CHECK(escrow.entry[b].next == 0 && escrow.list[FF_LIST_WAITING].count == 3);
    ff_escrow_wait_first(&escrow, c, 0); /* it is the first already */
    CHECK(escrow.list[FF_LIST_WAITING].first == c && escrow.list[FF_LIST_WAITING].last == b);
    close_all();
}

TEST(release_ends_the_connection_although_others_hold_copies)
{
    int ends[2];
    char octet;
    struct ff_peer peer = {0};
    CHECK(open_all(1) == 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    int copy = dup(ends[0]);
    uint32_t id = ff_escrow_admit(&escrow, ends[0], &peer, 0, 0);
    ff_escrow_release(&escrow, id, false);
    CHECK(read(ends[1], &octet, 1) == 0);
    CHECK(fcntl(ends[0], F_GETFD) < 0);
    close(copy), close(ends[1]);
    close_all();
}

TEST(any_number_may_be_asked_for)
{
    CHECK(open_all(2) == 0);
    CHECK(!ff_escrow_is_in(&escrow, 0, 0) && !ff_escrow_is_in(&escrow, 99, 0));
    close_all();
}
