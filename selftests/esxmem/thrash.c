// SPDX-License-Identifier: GPL-2.0
/*
 * Pages whose sharing is broken again and again: they are merged a few times,
 * then left alone for longer and longer, and come back when they hold still.
 */
#include <stdio.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 32UL
#define SIZE (PAGES * ESX_PAGE)
/* How often a break is forgiven. */
#define BACK_OFF 16

struct hot {
	int fd;
	char *map;
	/* Merges of pages that the case saw broken. */
	unsigned int merges[PAGES];
};

static char *page_at(const struct hot *h, size_t page)
{
	return h->map + page * ESX_PAGE;
}

/* Pairs of equal pages; each round has contents of its own. */
static uint64_t id_of(size_t page, unsigned int round)
{
	return 1 + round * PAGES + page / 2;
}

static struct hot make_hot(void)
{
	struct hot h = { .fd = esx_file("vm/ram", SIZE) };

	h.map = esx_map(h.fd, SIZE, 0);
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(page_at(&h, i), id_of(i, 0));
	esx_scanner(true);
	return h;
}

static bool is_shared(const struct hot *h, size_t page)
{
	return esx_state(h->fd, page) == ESXMEM_PAGE_SHARED;
}

static size_t nr_shared(const struct hot *h)
{
	return esx_count(h->fd, 0, PAGES, ESXMEM_PAGE_SHARED);
}

/* Writes to all pages; who is shared is broken by that. */
static void rewrite(struct hot *h, unsigned int round)
{
	for (size_t i = 0; i < PAGES; i++) {
		CHECK_MSG(esx_has(page_at(h, i), id_of(i, round - 1)),
			  "page %zu in round %u", i, round);
		h->merges[i] += is_shared(h, i);
		esx_fill(page_at(h, i), id_of(i, round));
	}
}

static void hot_pages_are_merged_a_few_times_in_twenty_passes(void)
{
	struct hot h = make_hot();
	uint64_t start = esx_figure("full_scans"), merged;
	unsigned int round = 0, most = 0;
	const char *path;

	merged = esx_get_number(esx_vm_knob("vm", "merged_pages"));
	while (esx_figure("full_scans") < start + 20) {
		esx_wait_scans(0);
		rewrite(&h, ++round);
	}
	path = esx_vm_knob("vm", "merged_pages");
	merged = esx_get_number(path) - merged;
	for (size_t i = 0; i < PAGES; i++)
		most = h.merges[i] > most ? h.merges[i] : most;
	tap_note("%u rounds, %llu merges of %lu pages, %u of one at the most",
		 round, (unsigned long long)merged, PAGES, most);
	CHECK(round >= 10);
	CHECK(merged <= 4 * PAGES);
	CHECK(most <= 4);
}

/* Shares and breaks all pages once; leaves contents number @round. */
static void break_once(struct hot *h, unsigned int round)
{
	esx_wait_scans(2);
	CHECK_EQ(nr_shared(h), PAGES);
	rewrite(h, round);
}

static uint64_t passes_until_shared(struct hot *h, unsigned int limit)
{
	uint64_t start = esx_figure("full_scans"), now = start;

	while (nr_shared(h) < PAGES) {
		now = esx_figure("full_scans");
		CHECK_MSG(now - start <= limit,
			  "%zu of %lu pages are shared %llu passes later",
			  nr_shared(h), PAGES, (unsigned long long)(now - start));
		esx_wait_scans(0);
	}
	return now - start;
}

static void a_page_broken_once_is_merged_at_once(void)
{
	struct hot h = make_hot();
	uint64_t left = esx_figure("backed_off_pages");

	break_once(&h, 1);
	esx_wait_scans(2);
	CHECK_EQ(nr_shared(&h), PAGES);
	CHECK_EQ(esx_figure("backed_off_pages"), left);
}

/* From the second break on a page has to stay the same from pass to pass. */
static void pages_broken_twice_come_back_when_they_settle(void)
{
	struct hot h = make_hot();

	break_once(&h, 1);
	break_once(&h, 2);
	passes_until_shared(&h, 4);
	for (size_t i = 0; i < PAGES; i++)
		CHECK(esx_has(page_at(&h, i), id_of(i, 2)));
}

static void breaks_are_forgiven_in_time(void)
{
	struct hot h = make_hot();

	break_once(&h, 1);
	break_once(&h, 2);
	passes_until_shared(&h, BACK_OFF + 1);
	/* Each 16th pass forgives one. */
	esx_wait_scans(2 * BACK_OFF);
	rewrite(&h, 3);
	esx_wait_scans(2);
	CHECK_EQ(nr_shared(&h), PAGES);
}

/* Who asks for a merge gets it. */
static void a_call_merges_pages_that_back_off(void)
{
	struct hot h = make_hot();

	esx_scanner(false);
	for (unsigned int round = 1; round <= 6; round++) {
		esx_merge(h.fd, 0, 0);
		CHECK_EQ(nr_shared(&h), PAGES);
		rewrite(&h, round);
	}
	esx_merge(h.fd, 0, 0);
	CHECK_EQ(nr_shared(&h), PAGES);
}

/* The file's pages are others after a punch. */
static void a_punched_page_is_new(void)
{
	struct hot h = make_hot();

	break_once(&h, 1);
	break_once(&h, 2);
	CHECK_OK(ftruncate(h.fd, 0));
	CHECK_OK(ftruncate(h.fd, SIZE));
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(page_at(&h, i), id_of(i, 3));
	esx_wait_scans(2);
	CHECK_EQ(nr_shared(&h), PAGES);
}

static const struct tap_case cases[] = {
	TAP_CASE(hot_pages_are_merged_a_few_times_in_twenty_passes),
	TAP_CASE(a_page_broken_once_is_merged_at_once),
	TAP_CASE(pages_broken_twice_come_back_when_they_settle),
	TAP_CASE(breaks_are_forgiven_in_time),
	TAP_CASE(a_call_merges_pages_that_back_off),
	TAP_CASE(a_punched_page_is_new),
};

ESX_MAIN(cases)
