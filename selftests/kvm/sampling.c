// SPDX-License-Identifier: GPL-2.0
/*
 * Sampling of guests.  The sampler is led by hand, all pages are sampled, and
 * every access of the guest is known.  Clearing accessed bits flushes no TLB: as
 * in young.c one access in sixteen may be missed where a page's translation may
 * still be held.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
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

static void expect_host(uint64_t guest, uint64_t host)
{
	CHECK_EQ(figure("touched_host_pages"), host);
	expect_touched(guest + host);
	CHECK_EQ(figure("active_host_bytes"), host * ESX_PAGE);
}

static void read_pages(volatile char *memory, size_t first, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		(void)memory[(first + i) * ESX_PAGE];
}

static void check_told_apart(const char *method)
{
	volatile char *memory;
	struct vmm vmm;

	memory = start_filled(&vmm);
	esx_set(ESX_SYSFS "/tax/sample_method", method);
	step("begin");
	CHECK(!strcmp(esx_get(esx_vm_knob("vm", "sample_method")), method));
	vmm_touch(&vmm, 0, &part);
	read_pages(memory, PART, 100);
	step("end");
	expect_host(PART, 100);
}

static void touches_of_the_vmm_are_told_apart(void)
{
	check_told_apart("young");
}

static void touches_of_the_vmm_are_told_apart_by_unmapping(void)
{
	check_told_apart("unmap");
}

/* What the guest touches, too, is not the VMM's alone. */
static void pages_of_both_are_the_guests(void)
{
	volatile char *memory;
	struct vmm vmm;

	memory = start_filled(&vmm);
	step("begin");
	read_pages(memory, 0, PART);
	step("look");
	expect_touched(PART);
	CHECK_EQ(figure("touched_host_pages"), PART);
	vmm_touch(&vmm, 0, &part);
	step("end");
	CHECK_EQ(figure("touched_pages"), PART);
	if (figure("touched_host_pages") > PART / 16)
		FAIL("%llu pages are the VMM's alone",
		     (unsigned long long)figure("touched_host_pages"));
}

static void check_faults_of_the_guest(void)
{
	struct vmm vmm;
	void *memory;

	esx_set(ESX_SYSFS "/tax/sample_pages", "4096");
	memory = glue_memory("vm/ram", PAGES);
	vmm_start(&vmm, memory, SIZE);
	CHECK_OK(glue_attach(vmm.fd));
	step("begin");
	vmm_fill(&vmm, 0, &whole);
	step("end");
	CHECK_EQ(figure("touched_pages"), PAGES);
	CHECK_EQ(figure("touched_host_pages"), 0);
}

/* They fill the VMM's page tables, where the bit is set as by an access. */
static void faults_of_the_guest_are_not_the_vmms(void)
{
	esx_set(ESX_SYSFS "/large_pages", "never");
	check_faults_of_the_guest();
}

static void faults_of_the_guest_on_large_pages_are_not_the_vmms(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	check_faults_of_the_guest();
}

/* The kernel copies through the VMM's page tables, as vhost's threads do. */
static void system_calls_count_as_the_vmms(void)
{
	int random = CHECK_OK(open("/dev/urandom", O_RDONLY | O_CLOEXEC));
	struct vmm vmm;
	char *memory;

	memory = (char *)start_filled(&vmm);
	step("begin");
	CHECK_EQ(read(random, memory + PART * ESX_PAGE, 50 * ESX_PAGE), 50 * ESX_PAGE);
	step("end");
	expect_host(0, 50);
}

/* What was seen in one period is cleared for the next one. */
static void touch_of_the_vmm_counts_in_its_period(void)
{
	volatile char *memory;
	struct vmm vmm;

	memory = start_filled(&vmm);
	step("begin");
	read_pages(memory, 0, 100);
	step("end");
	CHECK_EQ(figure("touched_host_pages"), 100);
	step("begin");
	step("end");
	CHECK_EQ(figure("touched_pages"), 0);
}

/* By way of any mapping of the file, a memory slot on it or not. */
static void second_mapping_of_the_vmm_is_looked_at(void)
{
	volatile char *second;
	struct vmm vmm;
	int fd;

	start_filled(&vmm);
	fd = CHECK_OK(open(esx_path("vm/ram"), O_RDWR | O_CLOEXEC));
	second = esx_map(fd, PART * ESX_PAGE, PART * ESX_PAGE);
	step("begin");
	read_pages(second, 10, 20);
	step("end");
	expect_host(0, 20);
}

static void start_large(struct vmm *vmm, volatile char **memory)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	*memory = start_filled(vmm);
	if (figure("huge_bytes") != SIZE)
		FAIL("no large pages were to be had");
}

/* One accessed bit of the VMM's for 512 pages. */
static void vmm_in_a_large_page_counts_as_coarse(void)
{
	volatile char *memory;
	struct vmm vmm;

	start_large(&vmm, &memory);
	step("begin");
	CHECK_EQ(figure("touched_pages"), 0);
	(void)memory[ESX_HUGE + 5 * ESX_PAGE];
	step("end");
	CHECK_EQ(figure("touched_pages"), ESX_HUGE_PAGES);
	CHECK_EQ(figure("touched_host_pages"), ESX_HUGE_PAGES);
	CHECK_EQ(figure("touched_coarse_pages"), ESX_HUGE_PAGES);
}

/* Where the VMM maps 2 MB by 4 KB, each page has its own. */
static void vmm_in_a_part_of_a_large_page_counts_once(void)
{
	volatile char *memory, *skewed;
	struct vmm vmm;
	int fd;

	start_large(&vmm, &memory);
	fd = CHECK_OK(open(esx_path("vm/ram"), O_RDWR | O_CLOEXEC));
	/* At a multiple of 2 MB, but what is there is not one of the file's. */
	skewed = CHECK_OK(mmap(esx_map_huge(fd, ESX_HUGE), ESX_HUGE, PROT_READ,
			       MAP_SHARED | MAP_FIXED, fd, 3 * ESX_PAGE));
	step("begin");
	(void)skewed[7 * ESX_PAGE];
	step("end");
	CHECK_EQ(figure("touched_pages"), 1);
	CHECK_EQ(figure("touched_host_pages"), 1);
}

struct churn {
	int fd;
	bool stop;
};

static void *churn_mappings(void *arg)
{
	struct churn *churn = arg;

	while (!__atomic_load_n(&churn->stop, __ATOMIC_RELAXED)) {
		char *map = esx_map_huge(churn->fd, SIZE);

		for (size_t i = 0; i < PAGES; i += 16)
			map[i * ESX_PAGE] = i;
		CHECK_OK(munmap(map + ESX_HUGE, ESX_HUGE));
		CHECK_OK(madvise(map + 2 * ESX_HUGE, ESX_HUGE, MADV_DONTNEED));
		CHECK_OK(mprotect(map + 3 * ESX_HUGE, 5 * ESX_PAGE, PROT_READ));
		CHECK_OK(madvise(map + 4 * ESX_HUGE, ESX_HUGE, MADV_REMOVE));
		CHECK_OK(munmap(map, SIZE));
	}
	return NULL;
}

/* Page tables come, go and change between 4 KB and 2 MB while they are looked at. */
static void looking_races_with_changes_of_mappings(void)
{
	int rounds = tap_scaled(400, 60);
	struct churn churn = {};
	pthread_t thread;
	struct vmm vmm;

	esx_set(ESX_SYSFS "/large_pages", "always");
	esx_set(ESX_SYSFS "/tax/sample_pages", "512");
	churn.fd = esx_file("vm/ram", SIZE);
	vmm_start(&vmm, esx_map_huge(churn.fd, SIZE), SIZE);
	CHECK_OK(glue_attach(vmm.fd));
	CHECK_EQ(pthread_create(&thread, NULL, churn_mappings, &churn), 0);
	for (int i = 0; i < rounds; i++) {
		step("begin");
		step("look");
		step("end");
	}
	__atomic_store_n(&churn.stop, true, __ATOMIC_RELAXED);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* The paper's zero-page thread, beside some use. */
static void guest_that_zeroes_its_memory_shows_no_spike(void)
{
	const struct vmm_job zero = { .gpa = VMM_RAM + PART * ESX_PAGE, .pages = PAGES - PART };
	uint64_t active;
	struct vmm vmm;

	start_filled(&vmm);
	step("begin");
	vmm_fill(&vmm, 0, &zero);
	vmm_touch(&vmm, 0, &part);
	step("end");
	expect_touched(PAGES);
	active = figure("active_bytes") / ESX_PAGE;
	if (active > PART || active < PART - PART / 16)
		FAIL("%llu pages are active", (unsigned long long)active);
	CHECK_EQ(figure("touched_zeroed_pages"), figure("touched_pages") - active);
	CHECK_EQ(figure("active_raw_bytes"), figure("touched_pages") * ESX_PAGE);
	esx_set(ESX_SYSFS "/tax/sample_discount", "0");
	CHECK_EQ(figure("active_bytes"), figure("touched_pages") * ESX_PAGE);
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
	TAP_CASE(touches_of_the_vmm_are_told_apart_by_unmapping),
	TAP_CASE(pages_of_both_are_the_guests),
	TAP_CASE(faults_of_the_guest_are_not_the_vmms),
	TAP_CASE(faults_of_the_guest_on_large_pages_are_not_the_vmms),
	TAP_CASE(system_calls_count_as_the_vmms),
	TAP_CASE(touch_of_the_vmm_counts_in_its_period),
	TAP_CASE(second_mapping_of_the_vmm_is_looked_at),
	TAP_CASE(vmm_in_a_large_page_counts_as_coarse),
	TAP_CASE(vmm_in_a_part_of_a_large_page_counts_once),
	TAP_CASE(looking_races_with_changes_of_mappings),
	TAP_CASE(guest_that_zeroes_its_memory_shows_no_spike),
	TAP_CASE(clearing_all_bits_loses_no_touch),
	TAP_CASE(sample_agrees_with_the_full_scan),
	TAP_CASE(guest_that_ends_while_sampled_is_let_go),
	TAP_CASE(periods_are_measured_in_time_of_the_guest),
};

GLUE_MAIN(cases)
