// SPDX-License-Identifier: GPL-2.0
/* What a guest sees of its memory while pages are merged under it. */
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/glue.h"

#define PAGES 512
#define SIZE (PAGES * ESX_PAGE)

struct guest {
	struct vmm vmm;
	uint32_t first_value;
	uint32_t wrong;
	volatile bool done;
	pthread_t thread;
};

/* The lower half is written all the time, all pages alike; the upper stays. */
static const struct vmm_job upper = {
	.gpa = VMM_RAM + SIZE / 2, .pages = PAGES / 2, .value = 0x5a5a0000,
};

static void *churn(void *arg)
{
	struct guest *guest = arg;
	struct vmm_job job = {
		.gpa = VMM_RAM, .pages = PAGES / 2, .value = guest->first_value, .rounds = 4,
	};
	uint64_t repeats = tap_scaled(40, 15);

	vmm_fill(&guest->vmm, 0, &upper);
	for (uint64_t i = 0; i < repeats && !guest->wrong; i++) {
		guest->wrong = vmm_churn(&guest->vmm, 0, &job);
		guest->wrong += vmm_check(&guest->vmm, 0, &upper);
		job.value += job.rounds;
	}
	guest->done = true;
	return NULL;
}

static void start_guest(struct guest *guest, const char *name, uint32_t first_value)
{
	memset(guest, 0, sizeof(*guest));
	guest->first_value = first_value;
	vmm_start(&guest->vmm, glue_memory(name, PAGES), SIZE);
	CHECK_EQ(pthread_create(&guest->thread, NULL, churn, guest), 0);
}

static void check_guest(struct guest *guest)
{
	CHECK_EQ(pthread_join(guest->thread, NULL), 0);
	CHECK_EQ(guest->wrong, 0);
	CHECK_EQ(vmm_check(&guest->vmm, 0, &upper), 0);
}

static void merging_is_not_seen(void)
{
	uint64_t merged = 0;
	struct guest guest;

	start_guest(&guest, "vm/ram", 1);
	while (!guest.done)
		merged += esx_merge_dir("vm").merged;
	check_guest(&guest);
	CHECK(merged >= PAGES / 2 - 1);
	CHECK(esx_get_number(esx_vm_knob("vm", "cow_breaks")) > 0);
}

static void merging_across_guests_is_not_seen(void)
{
	uint64_t merged = 0;
	struct guest a, b;

	start_guest(&a, "a/ram", 1);
	start_guest(&b, "b/ram", 1);
	esx_set(esx_vm_knob("a", "group"), "both");
	esx_set(esx_vm_knob("b", "group"), "both");
	while (!a.done || !b.done)
		merged += esx_merge_dir("a").merged + esx_merge_dir("b").merged;
	check_guest(&a);
	check_guest(&b);
	CHECK(merged >= PAGES - 2);
}

static void scanner_is_not_seen(void)
{
	struct guest guest;

	start_guest(&guest, "vm/ram", 1);
	esx_scanner(true);
	check_guest(&guest);
	esx_wait_scans(2);
	CHECK(esx_get_number(esx_vm_knob("vm", "shared_bytes")) > 0);
	CHECK_EQ(vmm_check(&guest.vmm, 0, &upper), 0);
}

static void punched_pages_read_as_zero(void)
{
	const struct vmm_job zero = { .gpa = VMM_RAM, .pages = PAGES / 2 };
	const struct vmm_job lower = { .gpa = VMM_RAM, .pages = PAGES / 2, .value = 7 };
	char *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_start(&vmm, memory, SIZE);
	vmm_fill(&vmm, 0, &upper);
	for (int i = 0; i < 20; i++) {
		vmm_fill(&vmm, 0, &lower);
		if (i % 2)
			esx_merge_dir("vm");
		CHECK_OK(madvise(memory, SIZE / 2, MADV_REMOVE));
		CHECK_EQ(vmm_check(&vmm, 0, &zero), 0);
		CHECK_EQ(vmm_check(&vmm, 0, &upper), 0);
	}
}

static void vmm_and_guest_see_the_same(void)
{
	const struct vmm_job one = { .gpa = VMM_RAM, .pages = PAGES, .value = 1 };
	const struct vmm_job two = { .gpa = VMM_RAM, .pages = PAGES, .value = 2 };
	uint32_t *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_start(&vmm, memory, SIZE);
	for (int round = 0; round < 20; round++) {
		vmm_fill(&vmm, 0, &one);
		esx_merge_dir("vm");
		for (size_t i = 0; i < SIZE / sizeof(*memory); i++)
			CHECK_EQ(memory[i], 1);
		CHECK_EQ(vmm_check(&vmm, 0, &one), 0);
		esx_merge_dir("vm");
		for (size_t i = 0; i < SIZE / sizeof(*memory); i++)
			memory[i] = 2;
		CHECK_EQ(vmm_check(&vmm, 0, &two), 0);
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(merging_is_not_seen),
	TAP_CASE(merging_across_guests_is_not_seen),
	TAP_CASE(scanner_is_not_seen),
	TAP_CASE(punched_pages_read_as_zero),
	TAP_CASE(vmm_and_guest_see_the_same),
};

GLUE_MAIN(cases)
