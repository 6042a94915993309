// SPDX-License-Identifier: GPL-2.0
/*
 * An instruction that reads a page and then writes to it never ended: it mapped
 * a shared page for reading again each time that its write had unmapped it.
 */
#include <unistd.h>

#include "lib/esx.h"

/* Not a measure of speed: an instruction that does not end is killed. */
#define PATIENCE_S 120

/* Copies a byte of the page to its next one, in one instruction. */
static void copy_within(char *page)
{
	char *from = page, *to = page + 1;
	size_t count = 1;

	__asm__ volatile("cld; rep movsb"
			 : "+S"(from), "+D"(to), "+c"(count)
			 :
			 : "memory");
}

static void expect_copied(char *page, char first, char third)
{
	alarm(PATIENCE_S);
	copy_within(page);
	alarm(0);
	CHECK_EQ(page[0], first);
	CHECK_EQ(page[1], first);
	CHECK_EQ(page[2], third);
}

static void copying_within_a_shared_page_ends(void)
{
	int fd = esx_file("f", 4 * ESX_PAGE);
	char *map = esx_map(fd, 4 * ESX_PAGE, 0), first, third;

	for (size_t i = 0; i < 4; i++)
		esx_fill(map + i * ESX_PAGE, i < 2 ? 7 : 0);
	first = map[0];
	third = map[2];
	esx_merge(fd, 0, 0);
	CHECK_EQ(esx_count(fd, 0, 2, ESXMEM_PAGE_SHARED), 2);
	CHECK_EQ(esx_count(fd, 2, 2, ESXMEM_PAGE_ZERO), 2);
	expect_copied(map, first, third);
	expect_copied(map + 2 * ESX_PAGE, 0, 0);
	CHECK(esx_has(map + ESX_PAGE, 7));
}

static void copying_within_a_hole_ends(void)
{
	char *map = esx_map(esx_file("f", 4 * ESX_HUGE), 4 * ESX_HUGE, 0);

	expect_copied(map + ESX_PAGE, 0, 0);
	expect_copied(map + 5 * ESX_PAGE, 0, 0);
	esx_set(ESX_SYSFS "/large_pages", "always");
	expect_copied(map + 2 * ESX_HUGE, 0, 0);
}

static const struct tap_case cases[] = {
	TAP_CASE(copying_within_a_shared_page_ends),
	TAP_CASE(copying_within_a_hole_ends),
};

ESX_MAIN(cases)
