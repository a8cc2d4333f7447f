/* SPDX-License-Identifier: MIT */
/*
 * Fuzz target "options": the hypervisor's command line, with the handlers of every option and the
 * hypervisor's own string functions. What was set once is set the same the second time, and looking
 * for the early options alone sets nothing else and says nothing.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "boot/cmdline.h"
#include "hooks.h"
#include "lib/machine.h"
#include "lib/printk.h"

bool opt_noreboot, opt_smep, opt_smap, trace_on;

static unsigned lines;

/* The log has a lock. */
void hook_shared_access(void)
{
}

/* In place of the serial port (by the linker): what printk() writes, line by line. */
void __wrap_uart_write(const char *text, size_t bytes);
void __wrap_uart_write(const char *text, size_t bytes)
{
    lines += bytes && text[bytes - 1] == '\n';
    if (fuzz_verbose)
        fwrite(text, 1, bytes, stderr);
}

static void run(const char *text)
{
    const struct boot_options none = { 0 };
    struct boot_options first;

    boot_options = none;
    lines = 0;
    cmdline_early(text);
    fuzz_assert(!lines);
    fuzz_assert(!boot_options.dom0_bytes && !boot_options.dom0_percent && !boot_options.domu);
    cmdline_parse(text);
    first = boot_options;
    fuzz_assert(first.dom0_percent <= 100 && first.dom0_min >= 0 && first.dom0_max >= 0);
    fuzz_assert(first.gnttab_frames <= GRANT_FRAMES_MOST);
    cmdline_parse(text);
    fuzz_assert(
        first.dom0_bytes == boot_options.dom0_bytes && first.dom0_min == boot_options.dom0_min &&
        first.dom0_max == boot_options.dom0_max &&
        first.dom0_percent == boot_options.dom0_percent && first.domu == boot_options.domu &&
        first.gnttab_frames == boot_options.gnttab_frames &&
        first.tsc_stable == boot_options.tsc_stable &&
        first.console_none == boot_options.console_none);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    memcpy(text, data, size);
    text[size] = 0;
    run(text);
    free(text);
    fuzz_count(1);
    return 0;
}

void fuzz_describe(const uint8_t *data, size_t size)
{
    fuzz_verbose = true;
    fprintf(stderr, "\"%.*s\"\n", (int)size, (const char *)data);
    (void)LLVMFuzzerTestOneInput(data, size);
    fprintf(stderr, "dom0_mem %ld bytes, %u %%, min %ld, max %ld%s%s\n", boot_options.dom0_bytes,
            boot_options.dom0_percent, boot_options.dom0_min, boot_options.dom0_max,
            boot_options.domu ? ", domu" : "", boot_options.console_none ? ", no console" : "");
    fuzz_verbose = false;
}
