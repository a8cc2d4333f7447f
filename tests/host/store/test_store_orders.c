/* SPDX-License-Identifier: MIT */
/*
 * What is typed at the store's console: lines as they grow, and what they do to control/shutdown.
 */
#include "talk.h"

#include <string.h>

#include "orders.h"

static struct order order;
static char echoed[256];

/* Types all of it.  Result: the last answer. */
static const char *type(const char *text)
{
    const char *answer = NULL;
    size_t shown = 0;

    for (; *text; text++) {
        char echo;
        const char *now = order_byte(&order, *text, &echo);

        answer = now ? now : answer;
        if (echo)
            echoed[shown++] = echo;
    }
    echoed[shown] = 0;
    return answer;
}

static void asks_a_domain(void **state)
{
    (void)state;
    DONE(1, XS_WATCH, 0, "control/shutdown\0t\0");
    EVENT(1, "control/shutdown\0t\0");
    assert_string_equal(type("poweroff 1\r"), "asked\n");
    assert_string_equal(echoed, "poweroff 1\n");
    EVENT(1, "control/shutdown\0t\0");
    OKAY(1, XS_READ, 0, "control/shutdown\0", "poweroff");
    OKAY(0, XS_GET_PERMS, 0, "/local/domain/1/control/shutdown\0", "n1\0");
    DONE(1, XS_WRITE, 0, "control/shutdown\0"); /* heard: it writes it empty */
    EVENT(1, "control/shutdown\0t\0");
    assert_string_equal(type("reboot 1\n"), "asked\n");
    OKAY(1, XS_READ, 0, "control/shutdown\0", "reboot");
    assert_string_equal(type("halt 2\n"), "asked\n");
    OKAY(2, XS_READ, 0, "control/shutdown\0", "halt");
}

static void mistakes(void **state)
{
    static const char *const wrong[] = { "poweroff", "poweroff ",   "poweroff x",  "poweroff 1 ",
                                         "1",        "poweroff -1", "poweroff  1", "suspend 1",
                                         "help",     "poweroff1",   "poweroff 1x", " 1" };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        type(wrong[i]);
        assert_non_null(strstr(type("\r"), "poweroff N"));
    }
    assert_string_equal(type("\r"), "");
    assert_string_equal(type("poweroff 9\r"), "no such domain\n");
    assert_string_equal(type("poweroff 65537\r"), "no such domain\n");
    OKAY(1, XS_READ, 0, "control/shutdown\0", "");
}

static void a_line_as_it_grows(void **state)
{
    (void)state;
    assert_string_equal(type("\b\x7f"
                             "halo\b\x7f"
                             "lt 1\x01\x1b\r"),
                        "asked\n");
    assert_string_equal(echoed, "halo\b\blt 1\n");
    OKAY(1, XS_READ, 0, "control/shutdown\0", "halt");
    for (unsigned i = 0; i < 1000; i++)
        assert_null(type("x"));
    assert_int_equal(order.length, ORDER_MAX - 1);
    assert_non_null(type("\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(asks_a_domain, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(mistakes, talk_setup, talk_teardown),
        cmocka_unit_test_setup_teardown(a_line_as_it_grows, talk_setup, talk_teardown),
    };

    return cmocka_run_group_tests_name("store: orders", tests, NULL, NULL);
}
