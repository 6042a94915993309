// SPDX-License-Identifier: GPL-2.0
/*
 * A page whose twin was filed anew, by somebody who had found an old hint of
 * it, never met it: a third page merged with the twin alone, and the first was
 * known to be clean and not looked at again.
 */
#include "lib/esx.h"

#define SIZE (2 * ESX_HUGE)
/* In the order of visits; the twin is in another region. */
#define FIRST 0
#define OLD 1
#define THIRD 2
#define TWIN ESX_HUGE_PAGES

#define OLD_ID 100
#define ID 200

static char *page_at(char *map, size_t page)
{
	return map + page * ESX_PAGE;
}

static int make_pages(void)
{
	int fd = esx_file("f", SIZE);
	char *map = esx_map(fd, SIZE, 0);

	esx_scanner(false);
	esx_fill(page_at(map, TWIN), OLD_ID);
	CHECK_EQ(esx_merge(fd, 0, 0).hints, 1);
	esx_fill(page_at(map, TWIN), ID);
	esx_fill(page_at(map, FIRST), ID);
	/* Finds what the twin was. */
	esx_fill(page_at(map, OLD), OLD_ID);
	esx_fill(page_at(map, THIRD), ID);
	return fd;
}

static void expect_all_shared(int fd)
{
	CHECK_EQ(esx_state(fd, TWIN), ESXMEM_PAGE_SHARED);
	CHECK_EQ(esx_state(fd, THIRD), ESXMEM_PAGE_SHARED);
	CHECK_EQ(esx_state(fd, FIRST), ESXMEM_PAGE_SHARED);
	CHECK_EQ(esx_state(fd, OLD), ESXMEM_PAGE_PRIVATE);
}

static void merge_calls_leave_no_twin_behind(void)
{
	int fd = make_pages();

	esx_merge(fd, 0, 0);
	esx_merge(fd, 0, 0);
	expect_all_shared(fd);
}

static void the_scanner_leaves_no_twin_behind(void)
{
	int fd = make_pages();

	esx_scanner(true);
	esx_wait_scans(3);
	expect_all_shared(fd);
}

static const struct tap_case cases[] = {
	TAP_CASE(merge_calls_leave_no_twin_behind),
	TAP_CASE(the_scanner_leaves_no_twin_behind),
};

ESX_MAIN(cases)
