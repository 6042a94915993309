// SPDX-License-Identifier: GPL-2.0
/*
 * Pages that change between being hashed and being compared.
 *
 * A flipper changes pages among a few contents, each of which another, resting
 * file holds as well, while everything is being merged.  What the flipper wrote
 * last has to be there when it comes again: a wrong merge shows as another of
 * the contents.  The mismatch counters prove that pages did change in between.
 */
#include <sched.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/esx.h"

#define VALUES 4
#define PAGES 64
#define FLIPPERS 2
#define MERGERS 2
#define FIRST_WORD 3
#define LAST_WORD 511

struct flips {
	char *map;
	int flipping_fd, resting_fd;
	uint64_t flips_wanted, merges_wanted;
	_Atomic uint64_t flips, merges, changed, merged;
	_Atomic unsigned int flipping;
	uint64_t seed;
};

/*
 * All contents are the same but for the first and the last word, so that a
 * page half written is none of them and a flip takes two stores.
 */
static void set_value(char *page, uint64_t value)
{
	volatile uint64_t *words = (uint64_t *)page;

	words[FIRST_WORD] = value + 1;
	words[LAST_WORD] = value + 1;
}

static void expect_value(const char *page, uint64_t value, size_t number)
{
	const volatile uint64_t *words = (const uint64_t *)page;
	uint64_t first = words[FIRST_WORD], last = words[LAST_WORD];

	CHECK_MSG(first == value + 1 && last == value + 1,
		  "page %zu holds %llu and %llu, %llu was written", number,
		  (unsigned long long)first, (unsigned long long)last,
		  (unsigned long long)value + 1);
}

/* The window has to be hit; give up at some point if it cannot be. */
static bool enough(const struct flips *f)
{
	return f->flips >= f->flips_wanted && f->merges >= f->merges_wanted &&
	       (f->changed || f->flips >= 50 * f->flips_wanted);
}

static void flip(struct flips *f, unsigned int index)
{
	struct rand r = { f->seed + index };
	unsigned int share = PAGES / FLIPPERS;
	uint64_t now[PAGES / FLIPPERS] = {};
	char *pages = f->map + index * share * ESX_PAGE;

	while (!enough(f)) {
		for (int i = 0; i < 1000; i++) {
			size_t page = rand_below(&r, share);
			char *at = pages + page * ESX_PAGE;

			expect_value(at, now[page], index * share + page);
			now[page] = rand_below(&r, VALUES);
			set_value(at, now[page]);
		}
		f->flips += 1000;
		/* Where CPUs are few, the mergers wait for theirs. */
		sched_yield();
	}
	for (size_t page = 0; page < share; page++)
		expect_value(pages + page * ESX_PAGE, now[page],
			     index * share + page);
	f->flipping--;
}

/*
 * Merging in step with the flips: after each pass all pages are broken once,
 * and flip freely from then on.
 */
static void merge(struct flips *f)
{
	uint64_t flips_per_merge = f->flips_wanted / f->merges_wanted;

	while (f->flipping) {
		struct esxmem_merge m = esx_merge(f->flipping_fd, 0, 0);

		f->changed += m.changed;
		f->merged += m.merged;
		f->merges++;
		esx_merge(f->resting_fd, 0, 0);
		while (f->flipping && f->flips < f->merges * flips_per_merge)
			usleep(100);
	}
}

static void flips_thread(void *arg, unsigned int index)
{
	if (index < FLIPPERS)
		flip(arg, index);
	else
		merge(arg);
}

static void fill_base(char *map, size_t pages)
{
	for (size_t i = 0; i < pages; i++) {
		esx_fill(map + i * ESX_PAGE, 42);
		set_value(map + i * ESX_PAGE, i % VALUES);
	}
}

static void expect_base(const char *map, size_t pages)
{
	char page[ESX_PAGE];

	for (size_t i = 0; i < pages; i++) {
		esx_fill(page, 42);
		set_value(page, i % VALUES);
		CHECK_MSG(!memcmp(page, map + i * ESX_PAGE, ESX_PAGE),
			  "resting page %zu has changed", i);
	}
}

/* Nothing but the two words may differ from the base. */
static void expect_flipped(const char *map)
{
	char page[ESX_PAGE];

	for (size_t i = 0; i < PAGES; i++) {
		const uint64_t *words = (const uint64_t *)(map + i * ESX_PAGE);

		esx_fill(page, 42);
		CHECK(words[FIRST_WORD] == words[LAST_WORD]);
		set_value(page, words[FIRST_WORD] - 1);
		CHECK_MSG(!memcmp(page, words, ESX_PAGE),
			  "flipped page %zu has other contents", i);
	}
}

static void run_flips(uint64_t flips_wanted, uint64_t merges_wanted)
{
	static struct flips f;
	uint64_t mismatches = esx_info().hash_mismatches;
	char *resting;

	f.seed = tap_seed(31);
	f.flips_wanted = flips_wanted;
	f.merges_wanted = merges_wanted;
	f.flipping = FLIPPERS;
	f.flipping_fd = esx_file("flipping", PAGES * ESX_PAGE);
	f.resting_fd = esx_file("resting", PAGES * ESX_PAGE);
	f.map = esx_map(f.flipping_fd, PAGES * ESX_PAGE, 0);
	resting = esx_map(f.resting_fd, PAGES * ESX_PAGE, 0);
	fill_base(resting, PAGES);
	for (size_t i = 0; i < PAGES; i++) {
		esx_fill(f.map + i * ESX_PAGE, 42);
		set_value(f.map + i * ESX_PAGE, 0);
	}
	host_parallel(FLIPPERS + MERGERS, flips_thread, &f);
	mismatches = esx_info().hash_mismatches - mismatches;
	tap_note("%llu flips, %llu merge calls, %llu merged, %llu changed while looked at, %llu hash mismatches",
		 (unsigned long long)f.flips, (unsigned long long)f.merges,
		 (unsigned long long)f.merged, (unsigned long long)f.changed,
		 (unsigned long long)mismatches);
	expect_flipped(f.map);
	expect_base(resting, PAGES);
	CHECK(f.merged > 0);
	CHECK(f.changed + mismatches > 0);
}

static void no_wrong_merge_in_millions_of_flips(void)
{
	run_flips(tap_scaled(4000000, 1000000), tap_scaled(250, 80));
}

static void no_wrong_merge_with_the_scanner_too(void)
{
	esx_scanner(true);
	/* The scanner does most of the merging. */
	run_flips(tap_scaled(1000000, 300000), 20);
}

/* The zero page is one of the contents: flipping to and from nothing. */
static void zero_thread(void *arg, unsigned int index)
{
	struct flips *f = arg;
	struct rand r = { f->seed };
	bool full[PAGES] = {};

	while (index && f->flipping) {
		f->changed += esx_merge(f->flipping_fd, 0, 0).changed;
		f->merges++;
		/* Nearly each flip after this has to break something. */
		usleep(1000);
	}
	while (!index && (f->flips < f->flips_wanted ||
			  f->merges < f->merges_wanted)) {
		size_t page = rand_below(&r, PAGES);
		volatile uint64_t *word =
			(uint64_t *)(f->map + page * ESX_PAGE + 8);

		CHECK_MSG(*word == full[page], "page %zu: %llu", page,
			  (unsigned long long)*word);
		full[page] = !full[page];
		*word = full[page];
		f->flips++;
	}
	if (!index)
		f->flipping = 0;
}

static void no_write_to_a_page_being_given_up_as_zero_is_lost(void)
{
	static struct flips f;

	f.seed = tap_seed(32);
	f.flips_wanted = tap_scaled(20000, 5000);
	f.merges_wanted = 100;
	f.flipping = 1;
	f.flipping_fd = esx_file("flipping", PAGES * ESX_PAGE);
	f.map = esx_map(f.flipping_fd, PAGES * ESX_PAGE, 0);
	host_parallel(2, zero_thread, &f);
	tap_note("%llu flips, %llu merge calls, %llu changed",
		 (unsigned long long)f.flips, (unsigned long long)f.merges,
		 (unsigned long long)f.changed);
}

static const struct tap_case cases[] = {
	/* One CPU does not leave the kernel between hash and compare. */
	TAP_CASE_CPUS(no_wrong_merge_in_millions_of_flips, 2),
	TAP_CASE_CPUS(no_wrong_merge_with_the_scanner_too, 2),
	TAP_CASE(no_write_to_a_page_being_given_up_as_zero_is_lost),
};

ESX_MAIN(cases)
