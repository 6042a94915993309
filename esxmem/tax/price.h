/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What memory costs, and who gets how much of it.
 */
#ifndef _ESXMEM_TAX_PRICE_H
#define _ESXMEM_TAX_PRICE_H

#include <linux/types.h>

/** ESX_PRICE_PAGES_MAX - more than any machine has: larger figures are cut to it */
#define ESX_PRICE_PAGES_MAX	(1ULL << 44)
/** ESX_TAX_PM_MAX - highest tax rate, per mille: some of an idle page is kept */
#define ESX_TAX_PM_MAX		999U

/**
 * enum esx_claim_why - what decided a target
 */
enum esx_claim_why {
	/** @ESX_WHY_NONE: none was computed yet. */
	ESX_WHY_NONE,
	/** @ESX_WHY_MAX: it has all that it may have. */
	ESX_WHY_MAX,
	/** @ESX_WHY_SHARES: its shares; all that they buy is active. */
	ESX_WHY_SHARES,
	/** @ESX_WHY_TAX: its shares, and the tax on what is idle of it. */
	ESX_WHY_TAX,
	/** @ESX_WHY_MIN: it would get less, but has a minimum. */
	ESX_WHY_MIN,
	/** @ESX_NR_WHYS: how many there are. */
	ESX_NR_WHYS,
};

/**
 * struct esx_claim - what one VM, or one pool of VMs, may ask for, and gets
 */
struct esx_claim {
	/** @min: pages that it gets in any case. */
	u64 min;
	/** @max: pages that it can use, not below @min. */
	u64 max;
	/** @active: pages that it uses. */
	u64 active;
	/** @shares: its right to what is between @min and @max; 0: it gets @min. */
	u32 shares;
	/** @tax_pm: tax on idle pages, per mille, ESX_TAX_PM_MAX at the most. */
	u32 tax_pm;
	/** @progressive: the rate grows with the idle fraction, up to @tax_pm. */
	bool progressive;
	/** @target: out: pages. */
	u64 target;
	/** @why: out: what decided @target. */
	enum esx_claim_why why;
	/** @first_child: of a pool: index of its first member. */
	u32 first_child;
	/** @nr_children: of a pool: how many members it has; 0: no pool. */
	u32 nr_children;
};

/**
 * struct esx_dealt - how handing out went
 */
struct esx_dealt {
	/** @spare: pages that nobody could use. */
	u64 spare;
	/** @shortfall: pages that were missing for the sum of the minima. */
	u64 shortfall;
};

struct esx_dealt esx_price_deal(struct esx_claim *claims, u32 nr, u64 pages);
struct esx_dealt esx_price_deal_tree(struct esx_claim *claims, u32 nr, u32 nr_top, u64 pages);
u64 esx_price_rho_ppm(const struct esx_claim *claim);

#endif /* _ESXMEM_TAX_PRICE_H */
