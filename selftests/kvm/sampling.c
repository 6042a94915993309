// SPDX-License-Identifier: GPL-2.0
/*
 * Sampling of guests.  The sampler is led by hand, all pages are sampled, and
 * every access of the guest is known.  Clearing accessed bits flushes no TLB: as
 * in young.c one access in sixteen may be missed where a page's translation may
 * still be held.
 */
#include <unistd.h>

#include "lib/glue.h"

#define STEP "/sys/kernel/debug/esxmem/sample"
#define PAGES 4096
#define SIZE (PAGES * ESX_PAGE)
#define PART 512

static const struct vmm_job whole = { .gpa = VMM_RAM, .pages = PAGES, .value = 1, .step = 1 };
static const struct vmm_job part = { .gpa = VMM_RAM, .pages = PART };

static void step(const char *what)
{
	esx_set(STEP, what);
}

static uint64_t figure(const char *name)
{
	return esx_get_number(esx_vm_knob("vm", name));
}

static void expect_touched(uint64_t pages)
{
	uint64_t touched = figure("touched_pages");

	CHECK_EQ(figure("sampled_pages"), PAGES);
	if (touched > pages || touched < pages - pages / 16)
		FAIL("%llu pages were touched, expected %llu", (unsigned long long)touched,
		     (unsigned long long)pages);
}

static volatile char *start_filled(struct vmm *vmm)
{
	char *memory = glue_memory("vm/ram", PAGES);

	esx_set(ESX_SYSFS "/tax/sample_pages", "4096");
	vmm_start(vmm, memory, SIZE);
	CHECK_OK(glue_attach(vmm->fd));
	vmm_fill(vmm, 0, &whole);
	return memory;
}

static void idle_guest_touches_nothing(void)
{
	struct vmm vmm;

	start_filled(&vmm);
	step("begin");
	step("end");
	CHECK(!strcmp(esx_get(esx_vm_knob("vm", "sample_method")), "young"));
	CHECK_EQ(figure("sampled_pages"), PAGES);
	CHECK_EQ(figure("touched_pages"), 0);
	CHECK_EQ(figure("active_bytes"), 0);
}

static void busy_guest_touches_everything(void)
{
	struct vmm vmm;

	start_filled(&vmm);
	step("begin");
	vmm_touch(&vmm, 0, &whole);
	step("end");
	expect_touched(PAGES);
	CHECK_EQ(figure("touched_coarse_pages"), 0);
}

static void part_that_is_touched_is_counted(void)
{
	struct vmm vmm;

	start_filled(&vmm);
	step("begin");
	vmm_touch(&vmm, 0, &part);
	step("look");
	expect_touched(PART);
	step("end");
	expect_touched(PART);
}

static void young_costs_the_guest_no_fault(void)
{
	uint64_t violations, faults;
	struct vmm vmm;

	start_filled(&vmm);
	violations = glue_violations("vm");
	faults = figure("faults");
	for (int i = 0; i < 5; i++) {
		step("begin");
		vmm_touch(&vmm, 0, &whole);
		step("end");
	}
	CHECK_EQ(figure("sample_periods"), 5);
	CHECK_EQ(glue_violations("vm"), violations);
	CHECK_EQ(figure("faults"), faults);
}

/* One accessed bit for 512 pages: all of them, and no others. */
static void large_page_counts_as_coarse(void)
{
	struct vmm_job one = { .gpa = VMM_RAM + ESX_HUGE + 5 * ESX_PAGE, .pages = 1 };
	struct vmm vmm;

	esx_set(ESX_SYSFS "/large_pages", "always");
	start_filled(&vmm);
	if (figure("huge_bytes") != SIZE)
		FAIL("no large pages were to be had");
	step("begin");
	CHECK_EQ(figure("touched_pages"), 0);
	vmm_touch(&vmm, 0, &one);
	step("look");
	CHECK_EQ(figure("touched_pages"), ESX_HUGE_PAGES);
	step("end");
	CHECK_EQ(figure("touched_pages"), ESX_HUGE_PAGES);
	CHECK_EQ(figure("touched_coarse_pages"), ESX_HUGE_PAGES);
	CHECK_EQ(figure("active_bytes"), ESX_HUGE);
	CHECK_EQ(figure("active_coarse_bytes"), ESX_HUGE);
}

/* By the method that sees them both. */
static void touches_of_the_vmm_are_told_apart(void)
{
	volatile char *memory;
	struct vmm vmm;

	memory = start_filled(&vmm);
	esx_set(ESX_SYSFS "/tax/sample_method", "unmap");
	step("begin");
	vmm_touch(&vmm, 0, &part);
	for (size_t i = 0; i < 100; i++)
		(void)memory[(PART + i) * ESX_PAGE];
	step("end");
	CHECK_EQ(figure("sampled_pages"), PAGES);
	CHECK_EQ(figure("touched_pages"), PART + 100);
	CHECK_EQ(figure("touched_host_pages"), 100);
	CHECK_EQ(figure("active_host_bytes"), 100 * ESX_PAGE);
}

static void clearing_all_bits_loses_no_touch(void)
{
	struct vmm vmm;

	start_filled(&vmm);
	step("begin");
	vmm_touch(&vmm, 0, &part);
	glue_clear_young();
	step("end");
	expect_touched(PART);
}

/* The sample against the truth: here they are of the same pages. */
static void sample_agrees_with_the_full_scan(void)
{
	struct vmm vmm;
	uint64_t young;

	start_filled(&vmm);
	step("begin");
	glue_clear_young();
	vmm_touch(&vmm, 0, &part);
	young = glue_young(getpid());
	step("end");
	CHECK_EQ(figure("touched_pages"), young);
}

static void guest_that_ends_while_sampled_is_let_go(void)
{
	struct vmm vmm;

	start_filled(&vmm);
	step("begin");
	vmm_touch(&vmm, 0, &part);
	step("look");
	vmm_destroy(&vmm);
	glue_wait_attached("vm", false);
	step("end");
	expect_touched(PART);
	/* Whoever uses the memory now is seen by faults. */
	step("begin");
	CHECK(!strcmp(esx_get(esx_vm_knob("vm", "sample_method")), "unmap"));
}

/* The wall's cap is a day: what ends these periods is time of the guest. */
static void periods_are_measured_in_time_of_the_guest(void)
{
	struct vmm vmm;

	start_filled(&vmm);
	esx_set(ESX_SYSFS "/tax/sample_wall_ms", "86400000");
	esx_set(ESX_SYSFS "/tax/sample_period_ms", "1");
	esx_set(ESX_SYSFS "/tax/sample_run", "1");
	while (figure("sample_periods") < 3)
		vmm_touch(&vmm, 0, &whole);
	esx_set(ESX_SYSFS "/tax/sample_run", "0");
}

static const struct tap_case cases[] = {
	TAP_CASE(idle_guest_touches_nothing),
	TAP_CASE(busy_guest_touches_everything),
	TAP_CASE(part_that_is_touched_is_counted),
	TAP_CASE(young_costs_the_guest_no_fault),
	TAP_CASE(large_page_counts_as_coarse),
	TAP_CASE(touches_of_the_vmm_are_told_apart),
	TAP_CASE(clearing_all_bits_loses_no_touch),
	TAP_CASE(sample_agrees_with_the_full_scan),
	TAP_CASE(guest_that_ends_while_sampled_is_let_go),
	TAP_CASE(periods_are_measured_in_time_of_the_guest),
};

GLUE_MAIN(cases)
