// SPDX-License-Identifier: GPL-2.0
/*
 * The four states of the host's memory: arithmetic.  (Paper, section 6.3.)
 *
 * Each state has a threshold.  When less is free than the threshold of a worse
 * state, that state begins, at once the worst for which this holds.  A state ends
 * when the threshold of the state above it is passed by a margin.  So between two
 * thresholds it depends on where one comes from, and a host at a threshold does not
 * go back and forth.  With the paper's numbers:
 *
 *	state	begins below	ends at, without the margin
 *	soft	4 %		6 %
 *	hard	2 %		4 %
 *	low	1 %		2 %
 *
 * The state with the first threshold, high, begins nowhere: its threshold is where
 * soft ends.
 *
 * Invariant: what ends a state never begins it.  The threshold that begins it is
 * below the one above it, and margins are added to what ends it alone.
 */
#include <linux/kernel.h>
#include <linux/math64.h>

#include "../compat.h"
#include "level.h"

/* 4 GB in pages. */
#define BAND		(1ULL << 20)
/* More pages than can be addressed. */
#define MAX_PAGES	(1ULL << 52)
/* Resolution of a comparison of shortages. */
#define EASE_UNIT	(1ULL << 20)

const char *const esx_level_names[ESX_NR_LEVELS] = {
	[ESX_LEVEL_HIGH] = "high",
	[ESX_LEVEL_SOFT] = "soft",
	[ESX_LEVEL_HARD] = "hard",
	[ESX_LEVEL_LOW] = "low",
};

const char *const esx_scale_names[ESX_NR_SCALES] = {
	[ESX_SCALE_LINEAR] = "linear",
	[ESX_SCALE_SLIDING] = "sliding",
};

/* ESXi's minFree: so many per cent of the first so many pages, and so on. */
static const struct {
	u64 pages;
	u32 percent;
} bands[] = {
	{ BAND, 6 },
	{ 2 * BAND, 4 },
	{ 4 * BAND, 2 },
	{ U64_MAX, 1 },
};

/* ESXi's thresholds in per cent of minFree. */
static const u32 sliding_percent[ESX_NR_LEVELS] = {
	[ESX_LEVEL_HIGH] = 100,
	[ESX_LEVEL_SOFT] = 64,
	[ESX_LEVEL_HARD] = 32,
	[ESX_LEVEL_LOW] = 16,
};

/**
 * esx_level_params_are_sane() - can states be told by these?
 * @params: what somebody wants
 *
 * Return: false when one is out of range, or the thresholds do not descend.
 */
bool esx_level_params_are_sane(const struct esx_level_params *params)
{
	unsigned int i;

	if (params->scale >= ESX_NR_SCALES || params->margin_percent > ESX_LEVEL_MAX_MARGIN ||
	    params->pm[ESX_LEVEL_HIGH] > ESX_LEVEL_MAX_PM)
		return false;
	for (i = 1; i < ESX_NR_LEVELS; i++) {
		if (params->pm[i] >= params->pm[i - 1])
			return false;
	}
	return true;
}
ESX_EXPORT_FOR_TESTS(esx_level_params_are_sane);

/* In hundredths of a page. */
static u64 min_free_hundredths(u64 total)
{
	u64 pages, sum = 0;
	unsigned int i;

	total = min(total, MAX_PAGES);
	for (i = 0; i < ARRAY_SIZE(bands); i++) {
		pages = min(total, bands[i].pages);
		sum += pages * bands[i].percent;
		total -= pages;
	}
	return sum;
}

/**
 * esx_level_min_free() - ESXi's minFree
 * @total: the host's memory in pages
 *
 * Return: 6 % of the first 4 GB, 4 % of the next 8, 2 % of the next 16 and 1 % of
 * the rest, in pages.
 */
u64 esx_level_min_free(u64 total)
{
	return div_u64(min_free_hundredths(total), 100);
}
ESX_EXPORT_FOR_TESTS(esx_level_min_free);

static u64 fall_mark(const struct esx_level_params *params, enum esx_level level, u64 total)
{
	if (params->scale == ESX_SCALE_SLIDING)
		return mul_u64_u32_div(min_free_hundredths(total), sliding_percent[level], 10000);
	return mul_u64_u32_div(total, params->pm[level], 1000);
}

/* How far from short, on a scale that all of memory's states share. */
static u64 ease(const struct esx_memory *memory, const struct esx_level_params *params)
{
	u64 mark = clamp(fall_mark(params, ESX_LEVEL_HIGH, memory->total), 1ULL, MAX_PAGES);

	/* Beyond twice the mark no state depends on it, whatever the margin. */
	return mul_u64_u64_div_u64(min(memory->free, 2 * mark), EASE_UNIT, mark);
}

/**
 * esx_level_memory() - how much memory is there, and how much is free?
 * @supply: what there is
 * @params: the thresholds
 *
 * Each of the two is to be measured by itself: little is left of a small pool long
 * before the host is short, and a host that is short is so by its own size.  All
 * thresholds grow and shrink with that of high, so whoever has less for it is in the
 * worse state.
 *
 * Return: of the host and of the pool what is nearer to being short; if neither is
 * near, where less is free.
 */
struct esx_memory esx_level_memory(const struct esx_supply *supply,
				   const struct esx_level_params *params)
{
	struct esx_memory host = {
		.total = supply->host_total,
		.free = min(supply->host_free, supply->host_total),
	};
	struct esx_memory pool = {
		.total = supply->pool,
		.free = supply->pool - min(supply->held, supply->pool),
	};
	u64 host_ease, pool_ease;

	if (!pool.total)
		return host;
	host_ease = ease(&host, params);
	pool_ease = ease(&pool, params);
	if (pool_ease == host_ease)
		return pool.free < host.free ? pool : host;
	return pool_ease < host_ease ? pool : host;
}
ESX_EXPORT_FOR_TESTS(esx_level_memory);

/**
 * esx_level_set_marks() - turn parameters into pages
 * @marks: filled
 * @params: sane
 * @total: all memory in pages
 *
 * An empty host is in the best state whatever the margin.
 */
void esx_level_set_marks(struct esx_level_marks *marks, const struct esx_level_params *params,
			 u64 total)
{
	u64 margin;
	unsigned int i;

	for (i = 0; i < ESX_NR_LEVELS; i++) {
		marks->fall[i] = min(fall_mark(params, i, total), total);
		margin = mul_u64_u32_div(marks->fall[i], params->margin_percent, 100);
		marks->rise[i] = marks->fall[i] + min(margin, total - marks->fall[i]);
	}
}
ESX_EXPORT_FOR_TESTS(esx_level_set_marks);

/**
 * esx_level_room() - what can be held for the state to be high
 * @total: all memory in pages
 * @params: sane
 *
 * Return: pages; whatever state there was, it is high when no more is held.
 */
u64 esx_level_room(u64 total, const struct esx_level_params *params)
{
	struct esx_level_marks marks;

	esx_level_set_marks(&marks, params, total);
	return total - marks.rise[ESX_LEVEL_HIGH];
}
ESX_EXPORT_FOR_TESTS(esx_level_room);

/**
 * esx_level_next() - which state follows?
 * @now: the present one
 * @free: free memory in pages
 * @marks: the thresholds
 *
 * Return: the state, perhaps the same, perhaps several away.
 */
enum esx_level esx_level_next(enum esx_level now, u64 free, const struct esx_level_marks *marks)
{
	while (now < ESX_LEVEL_LOW && free < marks->fall[now + 1])
		now++;
	while (now > ESX_LEVEL_HIGH && free >= marks->rise[now - 1])
		now--;
	return now;
}
ESX_EXPORT_FOR_TESTS(esx_level_next);
