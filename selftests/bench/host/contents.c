// SPDX-License-Identifier: GPL-2.0
/* Which page of a data set holds what. */
#include <string.h>

#include <lib/esx.h>

#include "contents.h"

/* Numbers of contents that pages have in common are small, the others not. */
#define COMMON 1
#define UNIQUE (1UL << 32)
/* How many densities "slopes" has: 1, 2, 4 .. 256 pages of 512. */
#define NR_SLOPES 9

struct contents {
	const char *name;
	uint64_t (*of)(size_t page, size_t pages);
};

static uint64_t unique(size_t page, size_t pages)
{
	(void)pages;
	return UNIQUE + page;
}

static uint64_t pairs(size_t page, size_t pages)
{
	return UNIQUE + page % (pages / 2);
}

static uint64_t same(size_t page, size_t pages)
{
	(void)page;
	(void)pages;
	return COMMON;
}

/* Not always the same page of the 2 MB. */
static size_t turned(size_t page)
{
	return (page + page / ESX_HUGE_PAGES * 37) % ESX_HUGE_PAGES;
}

static uint64_t sparse(size_t page, size_t pages)
{
	return turned(page) ? unique(page, pages) : COMMON;
}

static uint64_t slopes(size_t page, size_t pages)
{
	size_t alike = 1UL << page / ESX_HUGE_PAGES % NR_SLOPES;

	return turned(page) < alike ? COMMON + turned(page) : unique(page, pages);
}

static const struct contents all[] = {
	{ "unique", unique }, { "pairs", pairs },   { "same", same },
	{ "sparse", sparse }, { "slopes", slopes },
};

const struct contents *contents_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (!strcmp(all[i].name, name))
			return &all[i];
	return NULL;
}

uint64_t contents_of(const struct contents *contents, size_t page, size_t pages, uint64_t seed)
{
	return contents->of(page, pages) + (seed << 40);
}
