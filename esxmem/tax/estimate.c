// SPDX-License-Identifier: GPL-2.0
/*
 * Estimates of the part of a VM's memory that is in use (paper, section 5.3).
 *
 * Each period of sampling says which fraction of the sampled pages was touched.
 * Two averages with exponentially fading memory take it up, a slow and a fast
 * one; a third estimate is the fast one with the period that is under way taken
 * up as far as it has got.  What counts is the largest: a VM that wakes is
 * believed at once, one that falls asleep only after a while.
 *
 * The paper does not give the gains; 1/4 and 3/4 reproduce its Figure 6.
 *
 * Rounding: a fraction to the nearest, halves upwards; a step of an average away
 * from zero, so that it arrives at what does not change, and never beyond.
 *
 * Arithmetic alone.
 */
#include <linux/math64.h>
#include <linux/minmax.h>

#include "../compat.h"
#include "estimate.h"

/* Gains, in quarters. */
#define SLOW_QUARTERS	1
#define FAST_QUARTERS	3

/**
 * esx_fraction() - what part of a whole
 * @part: how many; more than @whole are taken as @whole
 * @whole: of how many, below 2^40; 0: nothing is known, which is 0
 *
 * Return: the fraction, ESX_FRACTION_ONE at the most.
 */
u32 esx_fraction(u64 part, u64 whole)
{
	if (!whole)
		return 0;
	return div64_u64((min(part, whole) << ESX_FRACTION_SHIFT) + whole / 2, whole);
}
ESX_EXPORT_FOR_TESTS(esx_fraction);

/**
 * esx_fraction_of() - a part of a whole
 * @fraction: what part, ESX_FRACTION_ONE at the most
 * @whole: of how many
 *
 * Return: how many, to the nearest.
 */
u64 esx_fraction_of(u32 fraction, u64 whole)
{
	u64 twice = mul_u64_u32_shr(whole, fraction, ESX_FRACTION_SHIFT - 1);

	return twice / 2 + twice % 2;
}
ESX_EXPORT_FOR_TESTS(esx_fraction_of);

static u32 move(u32 from, u32 to, u32 quarters)
{
	if (to >= from)
		return from + DIV_ROUND_UP((to - from) * quarters, 4);
	return from - DIV_ROUND_UP((from - to) * quarters, 4);
}

/**
 * esx_average_add() - take up a period that is over
 * @average: the averages; zeros before the first period
 * @fraction: what the period says
 */
void esx_average_add(struct esx_average *average, u32 fraction)
{
	if (!average->primed) {
		average->primed = true;
		average->slow = fraction;
		average->fast = fraction;
		return;
	}
	average->slow = move(average->slow, fraction, SLOW_QUARTERS);
	average->fast = move(average->fast, fraction, FAST_QUARTERS);
}
ESX_EXPORT_FOR_TESTS(esx_average_add);

/**
 * esx_estimates_get() - the three estimates at this moment
 * @average: what past periods say
 * @so_far: what the period under way says so far: a fraction of all its samples
 * @estimates: filled
 */
void esx_estimates_get(const struct esx_average *average, u32 so_far,
		       struct esx_estimates *estimates)
{
	u32 now = move(average->fast, so_far, FAST_QUARTERS);

	estimates->by[ESX_EST_SLOW] = average->slow;
	estimates->by[ESX_EST_FAST] = average->fast;
	estimates->by[ESX_EST_NOW] = max(average->fast, now);
}
ESX_EXPORT_FOR_TESTS(esx_estimates_get);

/**
 * esx_estimates_largest() - which estimate counts
 * @estimates: all three
 *
 * Return: the largest, of equal ones the first.
 */
enum esx_estimate esx_estimates_largest(const struct esx_estimates *estimates)
{
	enum esx_estimate largest = ESX_EST_SLOW, i;

	for (i = ESX_EST_FAST; i < ESX_NR_ESTIMATES; i++) {
		if (estimates->by[i] > estimates->by[largest])
			largest = i;
	}
	return largest;
}
ESX_EXPORT_FOR_TESTS(esx_estimates_largest);
