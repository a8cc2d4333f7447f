# SPDX-License-Identifier: MIT
# Odd kernels: one body in several forms, none of them on the guest library. odd-FORM.elf each.

ODD_BODY  := kernel.c console.c traps.c events.c cpu.c user.c grants.c entry.S
ODD_FORMS := section zero string bare
ODD_LINK_section := -DBASE=0 -DSTART=0x100000 -DELF_ENTRY=_start
ODD_LINK_zero    := -DBASE=0 -DSTART=0 -DELF_ENTRY=no_entry -DNOTES
ODD_LINK_string  := -DBASE=0xffffffff80000000 -DSTART=0x200000 -DELF_ENTRY=_start -DLEGACY
ODD_LINK_bare    := -DBASE=0xffffffff80000000 -DSTART=0x200000 -DELF_ENTRY=no_entry -DNOTES
ODD_ELFS  := $(ODD_FORMS:%=$(BUILD)/odd-%.elf)
ODD_OBJS  := $(call objs,tests/odd,$(ODD_BODY))

# The same code at any address; it neither saves nor uses the FPU.
$(ODD_OBJS): private GUEST_CFLAGS += -fpie -mcmodel=small -mgeneral-regs-only

$(BUILD)/tests/odd/%.lds: tests/odd/odd.lds.S tests/odd/odd.mk
	@mkdir -p $(@D)
	$(Q)$(CC) -E -P -x assembler-with-cpp $(ODD_LINK_$*) -o $@ $<
$(ODD_ELFS): $(BUILD)/odd-%.elf: $(ODD_OBJS) $(BUILD)/tests/odd/form_%.o $(BUILD)/tests/odd/%.lds
	$(call say,LD)
	$(Q)$(CC) $(GUEST_LDFLAGS) -T $(BUILD)/tests/odd/$*.lds -o $@ $(ODD_OBJS) $(BUILD)/tests/odd/form_$*.o

test: $(ODD_ELFS)
odd: $(ODD_ELFS) ## Build the odd kernels
.PHONY: odd
