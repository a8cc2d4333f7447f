/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's command line: one table of names and what each does with its value. An option
 * that is not in the table, or whose value its handler refuses, is reported and has no effect.
 *
 * Booleans take the spellings of Xen: name, no-name, name=yes|on|true|enable|1,
 * name=no|off|false|disable|0.
 */
#include "boot/cmdline.h"

#include "lib/machine.h"
#include "lib/printk.h"
#include "lib/string.h"
#include "lib/uart.h"

#define WORD_MAX  256u
#define VCPUS_MAX 8192u

struct boot_options boot_options = { .vcpus = 1 };

static bool bool_parse(const char *value, bool *result)
{
    static const char *const yes[] = { "", "yes", "on", "true", "enable", "1" };
    static const char *const no[] = { "no", "off", "false", "disable", "0" };

    for (unsigned i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (!strcmp(value, yes[i]))
            return *result = true;
    for (unsigned i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
        if (!strcmp(value, no[i])) {
            *result = false;
            return true;
        }
    }
    return false;
}

/* Shift of the size's suffix at *end, which is passed over; none means KiB. */
static unsigned suffix_shift(const char **end)
{
    static const char letters[] = "BKMGT";
    const char *found = **end ? strchr(letters, **end & ~0x20) : 0;

    if (!found || !*found)
        return 10;
    ++*end;
    return (unsigned)(found - letters) * 10;
}

/* <number>[BKMGT] at the start of text; *end past it. */
static bool size_prefix_parse(const char *text, const char **end, uint64_t *bytes)
{
    uint64_t number = strtoul(text, end, 0);
    unsigned shift;

    if (*end == text)
        return false;
    shift = suffix_shift(end);
    *bytes = number << shift;
    return number <= (uint64_t)INT64_MAX >> shift;
}

bool size_parse(const char *text, uint64_t *bytes)
{
    const char *end;

    return size_prefix_parse(text, &end, bytes) && !*end;
}

/* dom0_mem=: <size>, -<size>, [<size>+]<n>%, min:<size>, max:<size>, separated by commas. */
static bool dom0_mem_item(const char *text)
{
    const char *end = text;
    bool minus = *text == '-';
    uint64_t bytes = 0;

    if (!strncmp(text, "min:", 4) || !strncmp(text, "max:", 4)) {
        if (!size_parse(text + 4, &bytes))
            return false;
        *(text[1] == 'i' ? &boot_options.dom0_min : &boot_options.dom0_max) = (int64_t)bytes;
        return true;
    }
    if (text[strlen(text) - 1] == '%') {
        const char *percent = strchr(text, '+');
        unsigned long n;

        if (percent && (!size_prefix_parse(text, &end, &bytes) || end != percent))
            return false;
        percent = percent ? percent + 1 : text;
        n = strtoul(percent, &end, 10);
        if (end == percent || strcmp(end, "%") || n > 100)
            return false;
        boot_options.dom0_percent = (unsigned)n;
    } else if (size_parse(text + minus, &bytes)) {
        boot_options.dom0_percent = 0;
    } else {
        return false;
    }
    boot_options.dom0_bytes = minus ? -(int64_t)bytes : (int64_t)bytes;
    return true;
}

/* Calls item for each part of a list separated by commas. False if one is empty or refused. */
static bool list_parse(const char *value, bool (*item)(const char *text))
{
    char part[WORD_MAX];

    for (;;) {
        const char *comma = strchr(value, ',');
        size_t length = comma ? (size_t)(comma - value) : strlen(value);

        if (!length || length >= sizeof(part))
            return false;
        memcpy(part, value, length);
        part[length] = 0;
        if (!item(part))
            return false;
        if (!comma)
            return true;
        value = comma + 1;
    }
}

static bool dom0_mem_set(const char *value)
{
    return list_parse(value, dom0_mem_item);
}

static bool console_serial;

/*
 * Only the serial port is there; a VGA console may be named beside it, as command lines for Xen do.
 */
static bool console_item(const char *text)
{
    if (!strncmp(text, "com1", 4) && (!text[4] || !strcmp(text + 4, "H") || !strcmp(text + 4, "L")))
        console_serial = true;
    else if (strcmp(text, "vga") && strcmp(text, "none"))
        return false;
    return true;
}

static bool console_set(const char *value)
{
    console_serial = false;
    if (!list_parse(value, console_item)) {
        boot_options.console_none = false;
        return false;
    }
    boot_options.console_none = !console_serial;
    return true;
}

static bool loglvl_set(const char *value)
{
    return printk_set_levels(value, false);
}

static bool guest_loglvl_set(const char *value)
{
    return printk_set_levels(value, true);
}

/* There is one CPU, and the serial line is always written through: what these ask for is so. */
static bool maxcpus_set(const char *value)
{
    const char *end;
    unsigned long n = strtoul(value, &end, 10);

    return end != value && !*end && n >= 1;
}

/*
 * dom0_max_vcpus=: <n>, <min>-<max>, <min>- or -<max>. The machine has one CPU, so that it is the
 * least number that decides.
 */
static bool vcpus_set(const char *value)
{
    unsigned long least = 1, most = VCPUS_MAX;
    const char *end = value;

    if (*value != '-') {
        least = most = strtoul(value, &end, 0);
        if (end == value)
            return false;
    }
    if (*end == '-') {
        value = end + 1;
        most = VCPUS_MAX;
        end = value;
        if (*value)
            most = strtoul(value, &end, 0);
    }
    if (*end || most < 1 || least > VCPUS_MAX)
        return false;
    boot_options.vcpus = (unsigned)(least < 1 ? 1 : least > most ? most : least);
    return true;
}

/* The places of these words are the values of enum books_when. */
static bool audit_set(const char *value)
{
    static const char *const words[] = { "off", "exit", "each" };

    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (!strcmp(value, words[i])) {
            boot_options.audit = i;
            return true;
        }
    }
    return false;
}

static bool gnttab_frames_set(const char *value)
{
    const char *end;
    unsigned long n = strtoul(value, &end, 0);

    if (end == value || *end || n < 1 || n > GRANT_FRAMES_MOST)
        return false;
    boot_options.gnttab_frames = (unsigned)n;
    return true;
}

/* The TSC is what time is always counted by. Said, it means that guests may rely on it, too. */
static bool clocksource_set(const char *value)
{
    return boot_options.tsc_stable = !strcmp(value, "tsc");
}

static bool sync_console;

/* An option has either a flag, for booleans, or a handler of its value. */
static const struct option {
    const char *name;
    bool *flag;
    bool (*set)(const char *value);
    bool early;
} options[] = {
    { "console", 0, console_set, true },
    { "com1", 0, uart_parse, true },
    { "loglvl", 0, loglvl_set, false },
    { "guest_loglvl", 0, guest_loglvl_set, false },
    { "console_timestamps", 0, printk_set_timestamps, false },
    { "sync_console", &sync_console, 0, false },
    { "noreboot", &opt_noreboot, 0, false },
    { "dom0_mem", 0, dom0_mem_set, false },
    { "dom0_max_vcpus", 0, vcpus_set, false },
    { "audit", 0, audit_set, false },
    { "clocksource", 0, clocksource_set, false },
    { "gnttab_max_frames", 0, gnttab_frames_set, false },
    { "domu", &boot_options.domu, 0, false },
    { "trace", &trace_on, 0, false },
    { "smep", &opt_smep, 0, false },
    { "smap", &opt_smap, 0, false },
    { "maxcpus", 0, maxcpus_set, false },
};

static const struct option *option_find(const char *name, size_t length)
{
    for (unsigned i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (strlen(options[i].name) == length && !strncmp(options[i].name, name, length))
            return &options[i];
    return 0;
}

/* "no-name" turns a boolean off. */
static const struct option *option_negated(const char *word, size_t length)
{
    const struct option *o;

    if (length <= 3 || strncmp(word, "no-", 3))
        return 0;
    o = option_find(word + 3, length - 3);
    return o && o->flag ? o : 0;
}

static void option_apply(const char *word, bool early)
{
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const struct option *o = option_find(word, length), *negated = option_negated(word, length);
    const char *value = equals ? equals + 1 : "";
    bool good;

    if (early && !(o && o->early))
        return;
    if (negated && !equals) {
        *negated->flag = false;
        return;
    }
    if (!o) {
        printk(LOG_ALWAYS, "Unknown option \"%.*s\": ignored\n", (int)length, word);
        return;
    }
    good = o->flag ? bool_parse(value, o->flag) : o->set(value);
    if (!good && !early)
        printk(LOG_ALWAYS, "Option \"%s\": bad value \"%s\": ignored\n", o->name, value);
}

static void options_apply(const char *cmdline, bool early)
{
    char word[WORD_MAX];

    for (;;) {
        size_t length = 0;

        while (*cmdline == ' ' || *cmdline == '\t')
            cmdline++;
        if (!*cmdline)
            return;
        while (cmdline[length] && cmdline[length] != ' ' && cmdline[length] != '\t')
            length++;
        strlcpy(word, cmdline, length < sizeof(word) ? length + 1 : sizeof(word));
        cmdline += length;
        if (length < sizeof(word))
            option_apply(word, early);
        else if (!early)
            printk(LOG_ALWAYS, "Option \"%.40s...\" is too long: ignored\n", word);
    }
}

void cmdline_early(const char *cmdline)
{
    options_apply(cmdline, true);
}

void cmdline_parse(const char *cmdline)
{
    options_apply(cmdline, false);
}
