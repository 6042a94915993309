// SPDX-License-Identifier: GPL-2.0
/*
 * Picking pages at random: so many different numbers below a total, each such
 * set equally likely, in ascending order.
 *
 * What it costs depends on how many are picked and not on the total: of many,
 * numbers are drawn, and drawn again while some are equal; of few, each is
 * looked at (Knuth, The Art of Computer Programming 3.4.2, algorithm S).
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/prandom.h>
#include <linux/sort.h>

#include "../compat.h"
#include "pick.h"

/* Below @limit; of the limits in question none is favoured by 2^-12 of a part. */
static u64 draw(struct rnd_state *state, u64 limit)
{
	u64 high = prandom_u32_state(state);

	return mul_u64_u64_shr(high << 32 | prandom_u32_state(state), limit, 64);
}

static int compare(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static unsigned int drop_equals(u64 *numbers, unsigned int nr)
{
	unsigned int i, out = 1;

	for (i = 1; i < nr; i++) {
		if (numbers[i] != numbers[out - 1])
			numbers[out++] = numbers[i];
	}
	return out;
}

static void pick_of_many(u64 *numbers, unsigned int nr, u64 total, struct rnd_state *state)
{
	unsigned int have = 0;

	while (have < nr) {
		while (have < nr)
			numbers[have++] = draw(state, total);
		sort(numbers, nr, sizeof(*numbers), compare, NULL);
		have = drop_equals(numbers, nr);
	}
}

static void pick_of_few(u64 *numbers, unsigned int nr, u64 total, struct rnd_state *state)
{
	unsigned int have = 0;
	u64 i;

	for (i = 0; have < nr; i++) {
		if (draw(state, total - i) < nr - have)
			numbers[have++] = i;
	}
}

/**
 * esx_pick() - pick different numbers
 * @numbers: where to
 * @nr: how many
 * @total: all are below this
 * @seed: chooses which
 *
 * Return: how many there are: @nr, or @total when that is less.
 */
unsigned int esx_pick(u64 *numbers, unsigned int nr, u64 total, u64 seed)
{
	struct rnd_state state;

	nr = min_t(u64, nr, total);
	if (!nr)
		return 0;
	prandom_seed_state(&state, seed);
	if (total > 2 * (u64)nr)
		pick_of_many(numbers, nr, total, &state);
	else
		pick_of_few(numbers, nr, total, &state);
	return nr;
}
ESX_EXPORT_FOR_TESTS(esx_pick);
