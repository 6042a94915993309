/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a VM has the target that it has: figures derived from a sample, and words.
 */
#ifndef ESXMEMCTL_REASON_H
#define ESXMEMCTL_REASON_H

#include "pool.h"
#include "top_sample.h"

/**
 * struct esx_reason - what a target was made of
 * @sample: where it comes from
 * @vm: the VM
 * @min: bytes that are guaranteed; NaN, as in all that follow: not known
 * @max: the most that it can be entitled to
 * @shares: its shares
 * @all_shares: those of all VMs together
 * @source: which estimate is the active one: slow, fast, now, or backed;
 *	NULL: not known
 * @idle_cost: active pages that an idle one costs as much as
 * @bought: bytes that its shares buy before tax, if the tax decided
 * @taxed: bytes of that which the tax takes
 * @pool: the pool that it competes in, if any; for the caller to find and free
 */
struct esx_reason {
	const struct esx_top_sample *sample;
	const struct esx_top_vm *vm;
	double min;
	double max;
	double shares;
	double all_shares;
	const char *source;
	double idle_cost;
	double bought;
	double taxed;
	struct esx_pool pool;
};

void esx_reason_find(struct esx_reason *reason, const struct esx_top_sample *sample,
		     const struct esx_top_vm *vm);
char *esx_reason_text(const struct esx_reason *reason);

#endif /* ESXMEMCTL_REASON_H */
