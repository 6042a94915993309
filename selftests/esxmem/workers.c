// SPDX-License-Identifier: GPL-2.0
/*
 * Any number of threads scan one pass together: they find all there is to be
 * found, and come and go while it is under way.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

/* A thread takes 64 MB of a file at a time: so that all have work, many files. */
#define FILES 8UL
#define FILE_PAGES 512UL
#define PAGES (FILES * FILE_PAGES)

struct memory {
	int fds[FILES];
	char *maps[FILES];
	uint64_t ids[PAGES];
};

static char *page_at(const struct memory *m, size_t page)
{
	return m->maps[page / FILE_PAGES] + page % FILE_PAGES * ESX_PAGE;
}

/* Numbers above 10,000 occur once, below twice or so, 0 is zeros. */
static void fill(struct memory *m, uint64_t seed)
{
	struct rand r = { seed };

	for (size_t i = 0; i < PAGES; i++) {
		uint64_t draw = rand_below(&r, 20);

		m->ids[i] = draw == 0 ? 0 :
			    draw < 7  ? 10000 + i :
					1 + rand_below(&r, PAGES / 4);
		esx_fill(page_at(m, i), m->ids[i]);
	}
}

static struct memory *make_memory(uint64_t seed)
{
	struct memory *m = calloc(1, sizeof(*m));
	char name[16];

	CHECK(m);
	for (size_t f = 0; f < FILES; f++) {
		snprintf(name, sizeof(name), "vm/ram%zu", f);
		m->fds[f] = esx_file(name, FILE_PAGES * ESX_PAGE);
		m->maps[f] = esx_map(m->fds[f], FILE_PAGES * ESX_PAGE, 0);
	}
	fill(m, seed);
	return m;
}

static void expect_contents(const struct memory *m)
{
	for (size_t i = 0; i < PAGES; i++)
		CHECK_MSG(esx_has(page_at(m, i), m->ids[i]),
			  "page %zu has other contents", i);
}

static size_t nr_missed(const struct memory *m)
{
	unsigned int *times = calloc(10000 + PAGES, sizeof(*times));
	uint8_t states[FILE_PAGES];
	size_t missed = 0, file;

	CHECK(times);
	for (size_t i = 0; i < PAGES; i++)
		times[m->ids[i]]++;
	for (size_t i = 0; i < PAGES; i++) {
		file = i / FILE_PAGES;
		if (i % FILE_PAGES == 0)
			esx_states(m->fds[file], 0, FILE_PAGES, states);
		if (!m->ids[i])
			missed += states[i % FILE_PAGES] != ESXMEM_PAGE_ZERO;
		else if (times[m->ids[i]] > 1)
			missed += states[i % FILE_PAGES] != ESXMEM_PAGE_SHARED;
	}
	free(times);
	return missed;
}

static void set_workers(unsigned int nr)
{
	esx_set_number(ESX_SYSFS "/share/workers", nr);
}

/* What the threads have in hand when they are stopped they may finish. */
static void wait_for_rest(void)
{
	uint64_t now = esx_figure("scanned_pages"), before;

	esx_scanner(false);
	do {
		before = now;
		usleep(100000);
		now = esx_figure("scanned_pages");
	} while (now != before);
}

static void check_recall(unsigned int workers, const char *order, uint64_t seed)
{
	struct memory *m = make_memory(tap_seed(seed));

	esx_set(ESX_SYSFS "/share/order", order);
	set_workers(workers);
	esx_scanner(true);
	esx_wait_scans(2);
	CHECK_EQ(nr_missed(m), 0);
	expect_contents(m);
	/* A page written to under its eyes may be broken twice, and left alone. */
	wait_for_rest();
	fill(m, seed + 1000);
	esx_scanner(true);
	esx_wait_scans(2);
	CHECK_EQ(nr_missed(m), 0);
	expect_contents(m);
	esx_audit_clean();
}

static void two_workers_find_all_duplicates(void)
{
	check_recall(2, "sequential", 101);
}

static void four_workers_find_all_duplicates_at_random(void)
{
	check_recall(4, "random", 102);
}

static void expect_threads(unsigned int nr)
{
	CHECK_EQ(esx_scand().threads, nr);
}

static void there_are_as_many_threads_as_workers(void)
{
	static const unsigned int table[] = { 1, 4, 2, 3, 64, 1 };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		set_workers(table[i]);
		expect_threads(table[i]);
	}
	CHECK_ERRNO(esx_try_write(ESX_SYSFS "/share/workers", "0", 1), EINVAL);
	expect_threads(1);
}

static void change_workers(const struct memory *m, struct rand *r)
{
	uint64_t rounds = tap_scaled(100, 40);

	for (uint64_t i = 0; i < rounds; i++) {
		set_workers(1 + rand_below(r, 4));
		if (rand_below(r, 4) == 0) {
			esx_set(ESX_SYSFS "/share/run", "0");
			set_workers(1 + rand_below(r, 4));
			esx_set(ESX_SYSFS "/share/run", "1");
		}
		/* Some to do for each. */
		for (size_t n = 0; n < 32; n++) {
			size_t page = rand_below(r, PAGES);

			esx_fill(page_at(m, page), m->ids[page]);
		}
	}
}

static void workers_come_and_go_while_scanning(void)
{
	struct memory *m = make_memory(tap_seed(103));
	struct rand r = { 103 };

	esx_scanner(true);
	change_workers(m, &r);
	expect_contents(m);
	esx_audit_clean();
	set_workers(2);
	expect_threads(2);
	esx_wait_scans(2);
	/* What was broken more than once may still be left alone. */
	esx_merge_dir("vm");
	CHECK_EQ(nr_missed(m), 0);
	expect_contents(m);
}

struct turning {
	struct memory *m;
	_Atomic unsigned int done;
};

static void turn_knobs(void *arg, unsigned int index)
{
	struct turning *t = arg;
	struct rand r = { 500 + index };
	uint64_t rounds = tap_scaled(150, 60);

	for (uint64_t i = 0; i < rounds; i++) {
		if (index == 0)
			set_workers(1 + rand_below(&r, 4));
		else if (index == 1)
			esx_set(ESX_SYSFS "/share/run", i % 2 ? "1" : "0");
		else
			esx_set(ESX_SYSFS "/share/order",
				i % 2 ? "random" : "sequential");
		if (i % 8 == 0)
			esx_merge(t->m->fds[i % FILES], 0, 0);
	}
	t->done++;
}

static void three_turn_the_knobs_at_once(void)
{
	struct turning t = { .m = make_memory(tap_seed(104)) };

	esx_scanner(true);
	host_parallel(3, turn_knobs, &t);
	CHECK_EQ(t.done, 3);
	esx_set(ESX_SYSFS "/share/run", "1");
	set_workers(3);
	expect_threads(3);
	esx_wait_scans(2);
	CHECK_EQ(nr_missed(t.m), 0);
	expect_contents(t.m);
}

/* Files that go while several work on them. */
static void files_go_while_workers_scan(void)
{
	uint64_t rounds = tap_scaled(20, 8);
	char name[32];

	set_workers(4);
	esx_scanner(true);
	for (uint64_t i = 0; i < rounds; i++) {
		for (size_t f = 0; f < 4; f++) {
			int fd;
			char *map;

			snprintf(name, sizeof(name), "vm%zu/ram", f);
			fd = esx_file(name, 64 * ESX_PAGE);
			map = esx_map(fd, 64 * ESX_PAGE, 0);
			for (size_t p = 0; p < 64; p++)
				esx_fill(map + p * ESX_PAGE, 1 + p % 16);
			CHECK_OK(munmap(map, 64 * ESX_PAGE));
			close(fd);
		}
		for (size_t f = 0; f < 4; f++)
			CHECK_OK(esx_remove_tree(esx_path("vm%zu", f)));
	}
	esx_wait_scans(1);
}

static const struct tap_case cases[] = {
	TAP_CASE(there_are_as_many_threads_as_workers),
	TAP_CASE_CPUS(two_workers_find_all_duplicates, 2),
	TAP_CASE_CPUS(four_workers_find_all_duplicates_at_random, 2),
	TAP_CASE(workers_come_and_go_while_scanning),
	TAP_CASE(three_turn_the_knobs_at_once),
	TAP_CASE(files_go_while_workers_scan),
};

ESX_MAIN(cases)
