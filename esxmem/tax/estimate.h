/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Estimates of the part of a VM's memory that is in use (paper, section 5.3).
 */
#ifndef _ESXMEM_TAX_ESTIMATE_H
#define _ESXMEM_TAX_ESTIMATE_H

#include <linux/bits.h>
#include <linux/types.h>

/* Fractions are fixed-point numbers: this is 1. */
#define ESX_FRACTION_SHIFT	24
#define ESX_FRACTION_ONE	BIT(ESX_FRACTION_SHIFT)

/**
 * struct esx_average - what past periods say of a fraction
 */
struct esx_average {
	/** @slow: moves by 1/4 of the way to what a period says. */
	u32 slow;
	/** @fast: moves by 3/4 of the way. */
	u32 fast;
	/** @primed: a period was taken up; both averages began with it. */
	bool primed;
};

/**
 * enum esx_estimate - the three estimates
 */
enum esx_estimate {
	/** @ESX_EST_SLOW: the slow average. */
	ESX_EST_SLOW,
	/** @ESX_EST_FAST: the fast average. */
	ESX_EST_FAST,
	/** @ESX_EST_NOW: the fast one with the period under way, if that is more. */
	ESX_EST_NOW,
	/** @ESX_NR_ESTIMATES: how many there are. */
	ESX_NR_ESTIMATES,
};

/**
 * struct esx_estimates - all three of them
 */
struct esx_estimates {
	/** @by: fractions by enum esx_estimate. */
	u32 by[ESX_NR_ESTIMATES];
};

u32 esx_fraction(u64 part, u64 whole);
u64 esx_fraction_of(u32 fraction, u64 whole);
void esx_average_add(struct esx_average *average, u32 fraction);
void esx_estimates_get(const struct esx_average *average, u32 so_far,
		       struct esx_estimates *estimates);
enum esx_estimate esx_estimates_largest(const struct esx_estimates *estimates);

#endif /* _ESXMEM_TAX_ESTIMATE_H */
