// SPDX-License-Identifier: GPL-2.0
/*
 * Accessed bits.  Clearing them flushes no TLB, so a processor may miss the
 * access to a page whose translation it still holds: the guest walks over more
 * pages than TLBs have room for, and one in sixteen may be missed.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/glue.h"

#define PAGES 8192
#define SIZE (PAGES * ESX_PAGE)
#define HALF (PAGES / 2)

static const struct vmm_job whole = { .gpa = VMM_RAM, .pages = PAGES, .value = 1, .step = 1 };
static const struct vmm_job half = { .gpa = VMM_RAM, .pages = HALF };

static void check_young(uint64_t pages)
{
	uint64_t young = glue_young(getpid());

	if (young > pages || young < pages - pages / 16)
		FAIL("%llu pages are young, expected %llu",
		     (unsigned long long)young, (unsigned long long)pages);
}

static void start_filled(struct vmm *vmm, void *memory)
{
	vmm_start(vmm, memory, SIZE);
	CHECK_OK(glue_attach(vmm->fd));
	vmm_fill(vmm, 0, &whole);
}

static void touched_pages_are_young(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	uint64_t violations;
	struct vmm vmm;

	start_filled(&vmm, memory);
	CHECK_EQ(glue_young(getpid()), PAGES);
	violations = glue_violations("vm");
	glue_clear_young();
	CHECK_EQ(glue_young(getpid()), 0);
	vmm_touch(&vmm, 0, &half);
	check_young(HALF);
	vmm_touch(&vmm, 0, &whole);
	check_young(PAGES);
	/* All without a fault. */
	CHECK_EQ(glue_violations("vm"), violations);
}

static void idle_guest_grows_old(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	start_filled(&vmm, memory);
	for (int i = 0; i < 3; i++) {
		glue_clear_young();
		CHECK_EQ(glue_young(getpid()), 0);
	}
}

/* One accessed bit for 512 pages. */
static void large_page_is_young_as_a_whole(void)
{
	struct vmm_job one = { .gpa = VMM_RAM + 5 * ESX_PAGE, .pages = 1 };
	void *memory;
	struct vmm vmm;

	esx_set(ESX_SYSFS "/large_pages", "always");
	memory = glue_memory("vm/ram", PAGES);
	start_filled(&vmm, memory);
	if (esx_get_number(esx_vm_knob("vm", "huge_bytes")) != SIZE)
		FAIL("no large pages were to be had");
	glue_clear_young();
	CHECK_EQ(glue_young(getpid()), 0);
	vmm_touch(&vmm, 0, &one);
	CHECK_EQ(glue_young(getpid()), ESX_HUGE_PAGES);
}

/* Two mappings of a file, each a slot: both are looked at, each for itself. */
static void second_mapping_is_looked_at(void)
{
	struct vmm_job second = { .gpa = VMM_RAM + (128UL << 20), .pages = HALF };
	int fd = esx_file("vm/ram", SIZE);
	struct vmm vmm;

	vmm_start(&vmm, esx_map(fd, SIZE, 0), SIZE);
	vmm_add_memory(&vmm, second.gpa, esx_map(fd, SIZE / 2, SIZE / 2), SIZE / 2);
	CHECK_OK(glue_attach(vmm.fd));
	vmm_fill(&vmm, 0, &whole);
	vmm_touch(&vmm, 0, &second);
	glue_clear_young();
	CHECK_EQ(glue_young(getpid()), 0);
	vmm_touch(&vmm, 0, &second);
	check_young(HALF);
}

/* KVM lets slots share addresses: an access by either counts, and once. */
static void overlapping_slots_count_once(void)
{
	struct vmm_job again = { .gpa = VMM_RAM + (128UL << 20), .pages = HALF };
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	start_filled(&vmm, memory);
	vmm_add_memory(&vmm, again.gpa, memory, SIZE);
	vmm_touch(&vmm, 0, &again);
	CHECK_EQ(glue_young(getpid()), PAGES);
	glue_clear_young();
	CHECK_EQ(glue_young(getpid()), 0);
	vmm_touch(&vmm, 0, &again);
	check_young(HALF);
}

/* A slot may cover a part of a mapping, and several mappings. */
static void slot_over_two_mappings_is_looked_at(void)
{
	char *place = CHECK_OK(mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	int low = esx_file("vm/low", SIZE / 2);
	int high = esx_file("vm/high", SIZE);
	struct vmm vmm;

	CHECK_OK(mmap(place, SIZE / 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, low, 0));
	CHECK_OK(mmap(place + SIZE / 2, SIZE / 2, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		      high, SIZE / 2));
	start_filled(&vmm, place);
	CHECK_EQ(glue_young(getpid()), PAGES);
	glue_clear_young();
	CHECK_EQ(glue_young(getpid()), 0);
	vmm_touch(&vmm, 0, &half);
	check_young(HALF);
}

static const struct tap_case cases[] = {
	TAP_CASE(touched_pages_are_young),
	TAP_CASE(idle_guest_grows_old),
	TAP_CASE(large_page_is_young_as_a_whole),
	TAP_CASE(second_mapping_is_looked_at),
	TAP_CASE(overlapping_slots_count_once),
	TAP_CASE(slot_over_two_mappings_is_looked_at),
};

GLUE_MAIN(cases)
