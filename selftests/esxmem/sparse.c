// SPDX-License-Identifier: GPL-2.0
/*
 * What is not there costs the scanner nothing: a file of 1 TiB with one page in
 * it is a file of one page.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

#define SPARSE_SIZE (1UL << 40)
#define PASSES 4

static void make_sparse(uint64_t size)
{
	int fd = esx_file("vm/sparse", size);
	char page[ESX_PAGE];

	esx_fill(page, 1);
	CHECK_EQ(pwrite(fd, page, ESX_PAGE, size / 2 + 5 * ESX_PAGE), ESX_PAGE);
}

static void set_order(const char *order)
{
	esx_set(ESX_SYSFS "/share/order", order);
}

/* Pages visited in some passes, none of which is the first. */
static void check_visits(const char *order)
{
	uint64_t scanned, passes;

	set_order(order);
	make_sparse(SPARSE_SIZE);
	esx_scanner(true);
	esx_wait_scans(2);
	/* Read in the order that makes the count of passes an upper limit. */
	passes = esx_figure("full_scans");
	scanned = esx_figure("scanned_pages");
	esx_wait_scans(PASSES);
	scanned = esx_figure("scanned_pages") - scanned;
	passes = esx_figure("full_scans") - passes;
	tap_note("%llu pages in %llu passes", (unsigned long long)scanned,
		 (unsigned long long)passes);
	CHECK(scanned >= PASSES);
	CHECK(scanned <= passes + 1);
}

static void a_pass_visits_the_one_page_in_order(void)
{
	check_visits("sequential");
}

static void a_pass_visits_the_one_page_at_random(void)
{
	check_visits("random");
}

/* CPU time of the scanner for a pass. */
static uint64_t time_of_pass(void)
{
	uint64_t run = esx_scand().run_ns, passes = esx_figure("full_scans");

	esx_wait_scans(PASSES);
	passes = esx_figure("full_scans") - passes;
	return (esx_scand().run_ns - run) / passes;
}

#define FILLED 4096UL

static uint64_t time_to_fill_and_scan(void)
{
	int fd = esx_file("vm/filled", FILLED * ESX_PAGE);
	char *map = esx_map(fd, FILLED * ESX_PAGE, 0);
	uint64_t run;

	esx_scanner(false);
	for (size_t i = 0; i < FILLED; i++)
		esx_fill(map + i * ESX_PAGE, 100 + i);
	run = esx_scand().run_ns;
	esx_scanner(true);
	esx_wait_scans(1);
	return esx_scand().run_ns - run;
}

static void check_time(const char *order)
{
	/* Checkers make a look at what is not there as dear as a page. */
	uint64_t size = tap_scaled(SPARSE_SIZE, SPARSE_SIZE / 8);
	uint64_t sparse, filled;

	set_order(order);
	make_sparse(size);
	esx_scanner(true);
	esx_wait_scans(2);
	sparse = time_of_pass();
	filled = time_to_fill_and_scan();
	tap_note("%llu us for a pass over %llu GiB with a page, %llu us to scan %lu pages",
		 (unsigned long long)sparse / 1000,
		 (unsigned long long)size >> 30,
		 (unsigned long long)filled / 1000, FILLED);
	if (!filled)
		tap_skip("config: threads are not timed");
	CHECK(sparse < filled);
}

static void a_pass_in_order_takes_less_than_4096_pages(void)
{
	check_time("sequential");
}

static void a_pass_at_random_takes_less_than_4096_pages(void)
{
	check_time("random");
}

static const struct tap_case cases[] = {
	TAP_CASE(a_pass_visits_the_one_page_in_order),
	TAP_CASE(a_pass_visits_the_one_page_at_random),
	TAP_CASE(a_pass_in_order_takes_less_than_4096_pages),
	TAP_CASE(a_pass_at_random_takes_less_than_4096_pages),
};

ESX_MAIN(cases)
