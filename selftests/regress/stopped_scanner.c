// SPDX-License-Identifier: GPL-2.0
/*
 * The write of 0 to share/run returned while a thread still worked on a region:
 * who asked for a merge then found pages locked, and they were not merged.
 */
#include <stdio.h>
#include <unistd.h>

#include "lib/esx.h"

#define PAGES 512UL
#define SIZE (PAGES * ESX_PAGE)
#define ROUNDS 400

/* Pairs of equal pages; each round has contents of its own. */
static void fill(char *map, unsigned int round)
{
	for (size_t i = 0; i < PAGES; i++)
		esx_fill(map + i * ESX_PAGE, 1 + round * PAGES + i / 2);
}

static void a_stopped_scanner_holds_no_page(void)
{
	int fd = esx_file("vm/ram", SIZE);
	char *map = esx_map(fd, SIZE, 0);
	uint64_t hashed = esx_figure("hashed_pages"), seen = 0;
	struct rand r = { 1 };

	esx_scanner(false);
	for (unsigned int round = 0; round < tap_scaled(ROUNDS, ROUNDS / 8); round++) {
		struct esxmem_merge merge;

		fill(map, round);
		esx_set(ESX_SYSFS "/share/run", "1");
		usleep(rand_below(&r, 2000));
		esx_set(ESX_SYSFS "/share/run", "0");
		seen += esx_figure("hashed_pages") > hashed;
		merge = esx_merge(fd, 0, 0);
		CHECK_EQ(merge.busy, 0);
		CHECK_EQ(esx_count(fd, 0, PAGES, ESXMEM_PAGE_SHARED), PAGES);
		hashed = esx_figure("hashed_pages");
	}
	/* Else the scanner was stopped before it began, each time. */
	CHECK(seen > 0);
}

static const struct tap_case cases[] = {
	TAP_CASE(a_stopped_scanner_holds_no_page),
};

ESX_MAIN(cases)
