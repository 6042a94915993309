// SPDX-License-Identifier: GPL-2.0
/*
 * How many of the pages that could share do share.
 *
 * An oracle that knows nothing of esxmem hashes every page of the memory,
 * sorts the hashes, and so knows which pages have a duplicate.  Of those that
 * held still, 99 % have to share a frame after two passes.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/esx.h"

#define FILES 2

struct memory {
	size_t pages; /* of each file */
	int fds[FILES];
	char *maps[FILES];
	struct rand rand;
};

struct seen {
	uint64_t hash;
	unsigned int file;
	size_t page;
};

static char *page_at(const struct memory *m, unsigned int file, size_t page)
{
	return m->maps[file] + page * ESX_PAGE;
}

/*
 * A third of the pages is unique, the rest has from 2 to some hundred copies;
 * one page in 20 is zero.
 */
static uint64_t draw_contents(struct memory *m, size_t serial)
{
	switch (rand_below(&m->rand, 20)) {
	case 0:
		return 0;
	case 1 ... 6:
		return 1000000 + serial; /* unique */
	case 7 ... 13:
		return 1 + rand_below(&m->rand, m->pages / 4);
	case 14 ... 18:
		return 500000 + rand_below(&m->rand, m->pages / 16);
	default:
		return 900000 + rand_below(&m->rand, 3);
	}
}

static void make_memory(struct memory *m, uint64_t seed)
{
	*m = (struct memory){ .pages = tap_scaled(4096, 2048),
			      .rand = { seed } };
	for (unsigned int f = 0; f < FILES; f++) {
		char name[16];

		snprintf(name, sizeof(name), "vm/ram%u", f);
		m->fds[f] = esx_file(name, m->pages * ESX_PAGE);
		m->maps[f] = esx_map_huge(m->fds[f], m->pages * ESX_PAGE);
		for (size_t i = 0; i < m->pages; i++)
			esx_fill(page_at(m, f, i),
				 draw_contents(m, f * m->pages + i));
	}
}

/* FNV-1a by words: nothing to do with the hash that esxmem uses. */
static uint64_t oracle_hash(const char *page)
{
	const uint64_t *words = (const uint64_t *)page;
	uint64_t hash = 0xcbf29ce484222325u;

	for (size_t i = 0; i < ESX_PAGE / 8; i++)
		hash = (hash ^ words[i]) * 0x100000001b3u;
	return hash;
}

static int by_hash(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return x->hash < y->hash ? -1 : x->hash > y->hash;
}

static struct seen *look_at_all(const struct memory *m)
{
	struct seen *seen = calloc(FILES * m->pages, sizeof(*seen));

	CHECK(seen);
	for (unsigned int f = 0; f < FILES; f++)
		for (size_t i = 0; i < m->pages; i++)
			seen[f * m->pages + i] = (struct seen){
				oracle_hash(page_at(m, f, i)), f, i
			};
	qsort(seen, FILES * m->pages, sizeof(*seen), by_hash);
	return seen;
}

/* Counts duplicates, and how many of them share; zero pages are apart. */
static void expect_recall(const struct memory *m, const char *when)
{
	size_t all = FILES * m->pages, duplicates = 0, shared = 0, wrong = 0;
	size_t zeros = 0, given_up = 0;
	struct seen *seen = look_at_all(m);
	uint8_t *states[FILES];

	for (unsigned int f = 0; f < FILES; f++) {
		states[f] = malloc(m->pages);
		esx_states(m->fds[f], 0, m->pages, states[f]);
	}
	for (size_t i = 0; i < all; i++) {
		const struct seen *s = &seen[i];
		uint8_t state = states[s->file][s->page];
		bool twin = (i && s[-1].hash == s->hash) ||
			    (i + 1 < all && s[1].hash == s->hash);

		if (esx_is_zero(page_at(m, s->file, s->page), ESX_PAGE)) {
			zeros++;
			given_up += state == ESXMEM_PAGE_ZERO;
		} else if (twin) {
			duplicates++;
			shared += state == ESXMEM_PAGE_SHARED;
		} else {
			wrong += state == ESXMEM_PAGE_SHARED;
		}
	}
	tap_note("%s: %zu of %zu duplicates shared, %zu of %zu zero pages given up, %zu lone pages on shared frames",
		 when, shared, duplicates, given_up, zeros, wrong);
	CHECK(duplicates > all / 4 && zeros > all / 40);
	CHECK(shared * 100 >= duplicates * 99);
	CHECK(given_up * 100 >= zeros * 99);
	free(seen);
}

/* Contents by number are not stored anywhere: the oracle's sum must hold. */
static uint64_t sum_of_all(const struct memory *m)
{
	uint64_t sum = 0;

	for (unsigned int f = 0; f < FILES; f++)
		for (size_t i = 0; i < m->pages; i++)
			sum += oracle_hash(page_at(m, f, i)) * (2 * i + f + 1);
	return sum;
}

static void two_calls(struct memory *m)
{
	(void)m;
	esx_merge_dir("vm");
	esx_merge_dir("vm");
}

static void two_scans(struct memory *m)
{
	(void)m;
	esx_wait_scans(2);
}

/* Of each tenth page a unique one becomes the duplicate of another unique one. */
static void make_late_duplicates(struct memory *m)
{
	for (size_t i = 0; i + 10 < m->pages; i += 10) {
		esx_fill(page_at(m, 0, i), 7000000 + i);
		esx_fill(page_at(m, 1, m->pages - 1 - i), 7000000 + i);
	}
}

static void measure(void (*two_passes)(struct memory *m), uint64_t seed)
{
	struct memory m;
	uint64_t sum;

	make_memory(&m, tap_seed(seed));
	sum = sum_of_all(&m);
	two_passes(&m);
	expect_recall(&m, "from the start");
	CHECK(sum_of_all(&m) == sum);
	make_late_duplicates(&m);
	sum = sum_of_all(&m);
	two_passes(&m);
	expect_recall(&m, "equal late");
	CHECK(sum_of_all(&m) == sum);
}

static void merge_calls_find_all_duplicates(void)
{
	measure(two_calls, 41);
}

static void sequential_scanner_finds_all_duplicates(void)
{
	esx_set(ESX_SYSFS "/share/order", "sequential");
	esx_scanner(true);
	measure(two_scans, 42);
}

static void random_scanner_finds_all_duplicates(void)
{
	esx_set(ESX_SYSFS "/share/order", "random");
	esx_scanner(true);
	measure(two_scans, 43);
}

static void duplicates_in_large_pages_are_found(void)
{
	esx_set(ESX_SYSFS "/large_pages", "always");
	esx_set(ESX_SYSFS "/share/break_large", "always");
	esx_scanner(true);
	measure(two_scans, 44);
}

static void one_merge_call_finds_all_that_hold_still(void)
{
	struct memory m;

	make_memory(&m, tap_seed(45));
	esx_merge_dir("vm");
	expect_recall(&m, "after one call");
}

/* Pages being written must not keep the others from being found. */
static void a_busy_neighbour_does_not_spoil_it(void)
{
	struct memory m;
	int busy = esx_file("vm/busy", 256 * ESX_PAGE);
	volatile char *map = esx_map(busy, 256 * ESX_PAGE, 0);
	pid_t child;

	make_memory(&m, tap_seed(46));
	child = fork();
	if (!child) {
		for (unsigned int n = 0;; n++)
			map[n % 256 * ESX_PAGE + n % ESX_PAGE] = n;
	}
	esx_scanner(true);
	esx_wait_scans(2);
	expect_recall(&m, "beside a busy file");
	kill(child, SIGKILL);
}

static void a_limited_scanner_stays_within_its_rate(void)
{
	struct memory m;
	struct timespec start, end;
	uint64_t before, scanned, elapsed_ms, limit;

	make_memory(&m, tap_seed(47));
	esx_set(ESX_SYSFS "/share/pages_per_second", "1000");
	esx_set(ESX_SYSFS "/share/cpu_percent", "100");
	clock_gettime(CLOCK_MONOTONIC, &start);
	before = esx_info().pages_scanned;
	esx_set(ESX_SYSFS "/share/run", "1");
	usleep(3000000);
	scanned = esx_info().pages_scanned - before;
	clock_gettime(CLOCK_MONOTONIC, &end);
	esx_set(ESX_SYSFS "/share/run", "0");
	elapsed_ms = (end.tv_sec - start.tv_sec) * 1000 +
		     (end.tv_nsec - start.tv_nsec) / 1000000;
	/* A second's worth more, for however the scanner cuts its time. */
	limit = 1000 + elapsed_ms;
	tap_note("%llu pages in %llu ms", (unsigned long long)scanned,
		 (unsigned long long)elapsed_ms);
	CHECK(scanned <= limit);
	CHECK(scanned > 0);
}

/* What it has in hand when it is stopped it may finish. */
static uint64_t wait_for_rest(void)
{
	uint64_t now = esx_info().pages_scanned, before;

	do {
		before = now;
		usleep(200000);
		now = esx_info().pages_scanned;
	} while (now != before);
	return now;
}

static void a_stopped_scanner_scans_nothing(void)
{
	struct memory m;
	uint64_t before;

	make_memory(&m, tap_seed(48));
	esx_scanner(true);
	esx_wait_scans(1);
	esx_scanner(false);
	before = wait_for_rest();
	make_late_duplicates(&m);
	usleep(500000);
	CHECK_EQ(esx_info().pages_scanned, before);
}

static void a_rewritten_page_is_found_again(void)
{
	struct memory m;

	make_memory(&m, tap_seed(49));
	esx_scanner(true);
	for (int round = 0; round < 3; round++) {
		esx_wait_scans(2);
		make_late_duplicates(&m);
		for (size_t i = 0; i < m.pages; i += 7)
			esx_fill(page_at(&m, 0, i), 8000000 + round + i % 49);
	}
	esx_wait_scans(2);
	expect_recall(&m, "after rewriting");
}

static const struct tap_case cases[] = {
	TAP_CASE(merge_calls_find_all_duplicates),
	TAP_CASE(one_merge_call_finds_all_that_hold_still),
	TAP_CASE(sequential_scanner_finds_all_duplicates),
	TAP_CASE(random_scanner_finds_all_duplicates),
	TAP_CASE(duplicates_in_large_pages_are_found),
	TAP_CASE(a_busy_neighbour_does_not_spoil_it),
	TAP_CASE(a_rewritten_page_is_found_again),
	TAP_CASE(a_limited_scanner_stays_within_its_rate),
	TAP_CASE(a_stopped_scanner_scans_nothing),
};

ESX_MAIN(cases)
