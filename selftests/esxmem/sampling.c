// SPDX-License-Identifier: GPL-2.0
/*
 * Sampling by unmapping, with plain processes.  The sampler is led by hand, so
 * that a period covers what the case does and nothing else.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define STEP "/sys/kernel/debug/esxmem/sample"
#define PAGES 1000UL
#define SIZE (PAGES * ESX_PAGE)

static void step(const char *what)
{
	esx_set(STEP, what);
}

static uint64_t figure(const char *name)
{
	return esx_get_number(esx_vm_knob("vm", name));
}

static void set_pages(unsigned int nr)
{
	esx_set_number(ESX_SYSFS "/tax/sample_pages", nr);
}

static void expect_tally(uint64_t sampled, uint64_t touched, uint64_t coarse)
{
	CHECK_EQ(figure("sampled_pages"), sampled);
	CHECK_EQ(figure("touched_pages"), touched);
	CHECK_EQ(figure("touched_coarse_pages"), coarse);
	/* There is no guest from which it could be told apart. */
	CHECK_EQ(figure("touched_host_pages"), 0);
}

/* A file all of whose pages were written to. */
static char *filled_file(const char *name, size_t pages)
{
	int fd = esx_file(name, pages * ESX_PAGE);
	char *map = esx_map(fd, pages * ESX_PAGE, 0);

	for (size_t i = 0; i < pages; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	close(fd);
	return map;
}

static void touch(volatile char *map, size_t first, size_t nr, size_t stride)
{
	for (size_t i = 0; i < nr; i++)
		(void)map[(first + i * stride) * ESX_PAGE];
}

static void all_pages_of_a_busy_vm_are_touched(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	touch(map, 0, PAGES, 1);
	step("end");
	expect_tally(PAGES, PAGES, 0);
	CHECK_EQ(figure("active_bytes"), SIZE);
	CHECK_EQ(figure("sample_periods"), 1);
}

static void no_page_of_an_idle_vm_is_touched(void)
{
	filled_file("vm/ram", PAGES);
	set_pages(4096);
	step("begin");
	step("end");
	expect_tally(PAGES, 0, 0);
	CHECK_EQ(figure("active_bytes"), 0);
}

static void touched_pages_are_counted_exactly_when_all_are_sampled(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	touch(map, 3, 123, 5);
	/* Again, and by writing. */
	touch(map, 3, 123, 5);
	map[3 * ESX_PAGE] = 1;
	step("end");
	expect_tally(PAGES, 123, 0);
	CHECK_EQ(figure("active_bytes"), 123 * ESX_PAGE);
}

/* Half of 1000 pages, half of which are touched: a standard deviation is 8. */
static void sample_shows_the_fraction(void)
{
	char *map = filled_file("vm/ram", PAGES);
	uint64_t touched;

	set_pages(PAGES / 2);
	step("begin");
	touch(map, 0, PAGES / 2, 2);
	step("end");
	CHECK_EQ(figure("sampled_pages"), PAGES / 2);
	touched = figure("touched_pages");
	/* Seven of them: once in 400 billion runs it is more. */
	CHECK(touched >= 194 && touched <= 306);
	CHECK_EQ(figure("active_bytes"), 2 * touched * ESX_PAGE);
}

static void all_or_nothing_shows_in_any_sample(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(10);
	step("begin");
	step("end");
	expect_tally(10, 0, 0);
	step("begin");
	touch(map, 0, PAGES, 1);
	step("end");
	expect_tally(10, 10, 0);
}

static void sampled_page_costs_one_fault(void)
{
	char *map = filled_file("vm/ram", PAGES);
	uint64_t faults;

	set_pages(10);
	step("begin");
	faults = figure("faults");
	touch(map, 0, PAGES, 1);
	touch(map, 0, PAGES, 1);
	CHECK_EQ(figure("faults") - faults, 10);
	step("end");
}

static void touches_so_far_are_seen_before_the_end(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	step("end");
	step("begin");
	touch(map, 0, 400, 1);
	CHECK_EQ(figure("touched_pages"), 0);
	step("look");
	expect_tally(PAGES, 400, 0);
	/* Three quarters of what was seen so far. */
	CHECK_EQ(figure("active_now_bytes"), 300 * ESX_PAGE);
	CHECK_EQ(figure("active_bytes"), 300 * ESX_PAGE);
	CHECK_EQ(figure("active_fast_bytes"), 0);
	step("end");
	CHECK_EQ(figure("active_fast_bytes"), 300 * ESX_PAGE);
	CHECK_EQ(figure("active_slow_bytes"), 100 * ESX_PAGE);
}

static void estimates_fade_as_in_the_paper(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	touch(map, 0, PAGES, 1);
	step("end");
	step("begin");
	step("end");
	CHECK_EQ(figure("active_slow_bytes"), 750 * ESX_PAGE);
	CHECK_EQ(figure("active_fast_bytes"), 250 * ESX_PAGE);
	CHECK_EQ(figure("active_bytes"), 750 * ESX_PAGE);
}

static void new_vm_counts_as_active(void)
{
	filled_file("vm/ram", PAGES);
	CHECK_EQ(figure("active_bytes"), SIZE);
	CHECK_EQ(figure("sample_periods"), 0);
	step("begin");
	CHECK_EQ(figure("active_bytes"), SIZE);
}

static void all_files_of_a_vm_are_sampled(void)
{
	char *low = filled_file("vm/low", 100);
	char *high = filled_file("vm/high", 200);

	filled_file("other/ram", 50);
	set_pages(4096);
	step("begin");
	touch(low, 10, 10, 1);
	touch(high, 150, 50, 1);
	step("end");
	expect_tally(300, 60, 0);
}

static void pages_never_written_are_idle(void)
{
	int fd = esx_file("vm/ram", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	set_pages(4096);
	step("begin");
	for (size_t i = 0; i < 100; i++)
		map[i * ESX_PAGE] = 1;
	step("end");
	expect_tally(PAGES, 100, 0);
}

static void shared_pages_are_sampled_too(void)
{
	int fd = esx_file("vm/ram", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, 7);
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
	touch(map, 0, PAGES, 1);
	set_pages(4096);
	step("begin");
	touch(map, 0, 77, 1);
	step("end");
	expect_tally(PAGES, 77, 0);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(map + i * ESX_PAGE, 7));
}

/* Of 2 MB that are mapped at once, all or nothing is known to be touched. */
static void large_pages_count_as_coarse(void)
{
	volatile char *map;
	int fd;

	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = esx_file("vm/ram", 2 * ESX_HUGE);
	map = esx_map_huge(fd, 2 * ESX_HUGE);
	map[0] = 1;
	map[ESX_HUGE] = 1;
	if (figure("huge_bytes") != 2 * ESX_HUGE)
		FAIL("no large pages were to be had");
	set_pages(4096);
	step("begin");
	(void)map[5 * ESX_PAGE];
	step("end");
	expect_tally(2 * ESX_HUGE_PAGES, ESX_HUGE_PAGES, ESX_HUGE_PAGES);
	CHECK_EQ(figure("active_bytes"), ESX_HUGE);
	CHECK_EQ(figure("active_coarse_bytes"), ESX_HUGE);
	CHECK_EQ(figure("huge_bytes"), 2 * ESX_HUGE);
}

/* However many samples lie in 2 MB, they cost it one unmapping. */
static void large_page_is_unmapped_once(void)
{
	volatile char *map;
	uint64_t ranges;
	int fd;

	esx_set(ESX_SYSFS "/large_pages", "always");
	fd = esx_file("vm/ram", ESX_HUGE);
	map = esx_map_huge(fd, ESX_HUGE);
	map[0] = 1;
	set_pages(4096);
	ranges = esx_figure("unmap_ranges");
	step("begin");
	CHECK_EQ(esx_figure("unmap_ranges") - ranges, 1);
}

static void zero(char *map, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		esx_fill(map + i * ESX_PAGE, 0);
}

static void expect_discounted(uint64_t touched, uint64_t zeroed, uint64_t freed)
{
	expect_tally(PAGES, touched, 0);
	CHECK_EQ(figure("touched_zeroed_pages"), zeroed);
	CHECK_EQ(figure("touched_freed_pages"), freed);
	CHECK_EQ(figure("active_raw_bytes"), touched * ESX_PAGE);
	CHECK_EQ(figure("active_bytes"), (touched - zeroed - freed) * ESX_PAGE);
}

/* As the paper's zero-page thread does. */
static void zeroing_everything_is_no_spike(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	zero(map, PAGES);
	step("end");
	expect_discounted(PAGES, PAGES, 0);
}

static void zeroing_everything_is_a_spike_without_the_discount(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	esx_set(ESX_SYSFS "/tax/sample_discount", "0");
	step("begin");
	zero(map, PAGES);
	step("look");
	step("end");
	CHECK_EQ(figure("touched_zeroed_pages"), PAGES);
	CHECK_EQ(figure("active_bytes"), SIZE);
	CHECK_EQ(figure("active_raw_bytes"), SIZE);
	/* What was seen is not forgotten: the knob chooses. */
	esx_set(ESX_SYSFS "/tax/sample_discount", "1");
	CHECK_EQ(figure("active_bytes"), 0);
	CHECK_EQ(figure("active_fast_bytes"), 0);
	CHECK_EQ(figure("active_raw_bytes"), SIZE);
}

/* While the period is under way, too. */
static void zeroing_is_discounted_before_the_end(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	touch(map, 0, 100, 1);
	step("end");
	step("begin");
	zero(map, PAGES);
	step("look");
	CHECK_EQ(figure("touched_pages"), PAGES);
	CHECK_EQ(figure("active_bytes"), 100 * ESX_PAGE);
	/* (100 + 3 * 1000) / 4 */
	CHECK_EQ(figure("active_raw_bytes"), 775 * ESX_PAGE);
	step("end");
}

static void what_is_used_beside_zeroing_counts(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	zero(map, 600);
	touch(map, 700, 200, 1);
	step("end");
	expect_discounted(800, 600, 0);
}

/* A working set of zeros: not counted once, and never again overlooked. */
static void zeros_in_use_count(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	zero(map, PAGES);
	step("end");
	expect_discounted(PAGES, PAGES, 0);
	step("begin");
	zero(map, PAGES);
	step("end");
	CHECK_EQ(figure("touched_zeroed_pages"), 0);
	CHECK_EQ(figure("active_fast_bytes"), PAGES * 3 / 4 * ESX_PAGE);
}

/* Nor when their frames were given up in between. */
static void zeros_in_use_that_are_shared_count(void)
{
	int fd = esx_file("vm/ram", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	zero(map, PAGES);
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_ZERO), PAGES);
	set_pages(4096);
	step("begin");
	zero(map, PAGES);
	step("end");
	expect_discounted(PAGES, 0, 0);
}

/* As a guest does that clears its memory when it boots. */
static void zeros_written_into_holes_are_discounted(void)
{
	int fd = esx_file("vm/ram", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	set_pages(4096);
	step("begin");
	zero(map, PAGES);
	map[5 * ESX_PAGE] = 1;
	step("end");
	expect_discounted(PAGES, PAGES - 1, 0);
}

static void freed_pages_are_discounted(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	touch(map, 0, 500, 1);
	step("look");
	CHECK_OK(madvise(map, 300 * ESX_PAGE, MADV_REMOVE));
	step("end");
	expect_discounted(500, 0, 300);
}

static void fallback_is_told(void)
{
	uint64_t before = esx_get_number(ESX_SYSFS "/tax/sample_fallbacks");

	filled_file("vm/ram", 10);
	step("begin");
	CHECK(!strcmp(esx_get(esx_vm_knob("vm", "sample_method")), "unmap"));
	CHECK_EQ(esx_get_number(ESX_SYSFS "/tax/sample_fallbacks"), before + 1);
	esx_set(ESX_SYSFS "/tax/sample_method", "unmap");
	step("begin");
	CHECK_EQ(esx_get_number(ESX_SYSFS "/tax/sample_fallbacks"), before + 1);
}

static void contents_survive_sampling(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	for (int i = 0; i < 20; i++) {
		step("begin");
		touch(map, i, 40, 20);
		step("end");
	}
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(map + i * ESX_PAGE, i + 1));
}

static void truncated_pages_do_no_harm(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	CHECK_OK(truncate(esx_path("vm/ram"), 10 * ESX_PAGE));
	touch(map, 0, 10, 1);
	step("end");
	expect_tally(PAGES, 10, 0);
	/* The part that was seen, of the size that is left. */
	CHECK(figure("active_bytes") <= 10 * ESX_PAGE);
}

static void vm_that_ends_while_sampled_is_forgotten(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	CHECK_OK(unlink(esx_path("vm/ram")));
	CHECK_OK(munmap(map, SIZE));
	step("look");
	step("end");
	/* The hook finds all frames given back. */
}

/* Stopping gives up the period: the next one has to begin anew. */
static void stopped_sampler_watches_nothing(void)
{
	char *map = filled_file("vm/ram", PAGES);

	set_pages(4096);
	step("begin");
	esx_set(ESX_SYSFS "/tax/sample_run", "0");
	touch(map, 0, PAGES, 1);
	step("end");
	expect_tally(PAGES, 0, 0);
	CHECK_EQ(figure("sample_periods"), 0);
}

static void sampler_works_by_itself(void)
{
	volatile char *map = filled_file("vm/ram", PAGES);

	esx_set(ESX_SYSFS "/tax/sample_wall_ms", "20");
	esx_set(ESX_SYSFS "/tax/sample_run", "1");
	/* For as long as it takes: nothing else ends the case. */
	while (figure("sample_periods") < 5 || !figure("touched_pages"))
		touch(map, 0, PAGES, 1);
	esx_set(ESX_SYSFS "/tax/sample_run", "0");
	CHECK(figure("active_bytes") <= SIZE);
}

static void garbage_steps_are_refused(void)
{
	static const char *const texts[] = { "", "x", "beginn", "Begin", "begin end", "-1",
					     "a word that is much too long" };

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (!*texts[i])
			CHECK_ERRNO(esx_try_write(STEP, "\n", 1), EINVAL);
		else
			CHECK_ERRNO(esx_try_write(STEP, texts[i], strlen(texts[i])), EINVAL);
	}
}

static void make_and_remove(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		char *map = filled_file("vm/ram", 64);

		CHECK_OK(munmap(map, 64 * ESX_PAGE));
		CHECK_OK(unlink(esx_path("vm/ram")));
		CHECK_OK(rmdir(esx_path("vm")));
	}
}

/* VMs come and go, are truncated and punched, while they are sampled. */
static void sampling_races_with_the_end_of_vms(void)
{
	int rounds = tap_scaled(300, 60);
	pid_t child;
	int status;

	esx_set(ESX_SYSFS "/tax/sample_wall_ms", "1");
	esx_set(ESX_SYSFS "/tax/sample_run", "1");
	child = fork();
	if (!child) {
		make_and_remove(rounds);
		_exit(0);
	}
	while (!waitpid(child, &status, WNOHANG)) {
		step("begin");
		step("look");
		step("end");
	}
	CHECK_EQ(status, 0);
	esx_set(ESX_SYSFS "/tax/sample_run", "0");
}

static const struct tap_case cases[] = {
	TAP_CASE(all_pages_of_a_busy_vm_are_touched),
	TAP_CASE(no_page_of_an_idle_vm_is_touched),
	TAP_CASE(touched_pages_are_counted_exactly_when_all_are_sampled),
	TAP_CASE(sample_shows_the_fraction),
	TAP_CASE(all_or_nothing_shows_in_any_sample),
	TAP_CASE(sampled_page_costs_one_fault),
	TAP_CASE(touches_so_far_are_seen_before_the_end),
	TAP_CASE(estimates_fade_as_in_the_paper),
	TAP_CASE(new_vm_counts_as_active),
	TAP_CASE(all_files_of_a_vm_are_sampled),
	TAP_CASE(pages_never_written_are_idle),
	TAP_CASE(shared_pages_are_sampled_too),
	TAP_CASE(large_pages_count_as_coarse),
	TAP_CASE(large_page_is_unmapped_once),
	TAP_CASE(zeroing_everything_is_no_spike),
	TAP_CASE(zeroing_everything_is_a_spike_without_the_discount),
	TAP_CASE(zeroing_is_discounted_before_the_end),
	TAP_CASE(what_is_used_beside_zeroing_counts),
	TAP_CASE(zeros_in_use_count),
	TAP_CASE(zeros_in_use_that_are_shared_count),
	TAP_CASE(zeros_written_into_holes_are_discounted),
	TAP_CASE(freed_pages_are_discounted),
	TAP_CASE(fallback_is_told),
	TAP_CASE(contents_survive_sampling),
	TAP_CASE(truncated_pages_do_no_harm),
	TAP_CASE(vm_that_ends_while_sampled_is_forgotten),
	TAP_CASE(stopped_sampler_watches_nothing),
	TAP_CASE(sampler_works_by_itself),
	TAP_CASE(garbage_steps_are_refused),
	TAP_CASE(sampling_races_with_the_end_of_vms),
};

ESX_MAIN(cases)
