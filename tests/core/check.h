/* check: the test framework of the C units. One binary per unit, tests run in order, first
 * failed CHECK ends its test; the exit code counts failures. Built with ASan and UBSan by
 * tests/core/Makefile. */
#ifndef FF_CHECK_H
#define FF_CHECK_H

#include <stdio.h>
#include <stdlib.h>

struct check_case {
    const char *name;
    void (*run)(void);
    struct check_case *next;
};

extern struct check_case *check_first, **check_last;
extern int check_failed;

#define TEST(test_name)                                                                            \
    static void test_name(void);                                                                   \
    __attribute__((constructor)) static void test_name##_add(void)                                 \
    {                                                                                              \
        static struct check_case c = {#test_name, test_name, NULL};                                \
        *check_last = &c, check_last = &c.next;                                                    \
    }                                                                                              \
    static void test_name(void)

#define CHECK(fact)                                                                                \
    do {                                                                                           \
        if (!(fact)) {                                                                             \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #fact);                   \
            check_failed = 1;                                                                      \
            return;                                                                                \
        }                                                                                          \
    } while (0)

/* Copies `n` bytes to the end of a page that is followed by an unreadable one, so that reading
 * one byte too many is a crash. Freed with the process. */
char *check_guarded(const void *bytes, size_t n);

#endif
