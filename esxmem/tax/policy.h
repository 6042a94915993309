/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The policy: what each VM is entitled to.
 */
#ifndef _ESXMEM_TAX_POLICY_H
#define _ESXMEM_TAX_POLICY_H

#include <linux/types.h>

#include "ledger.h"
#include "price.h"

/** ESX_TAX_PERCENT_MAX - highest tax rate: some of an idle page is kept */
#define ESX_TAX_PERCENT_MAX	99U
/** ESX_POLICY_MAX_SECONDS - longest period */
#define ESX_POLICY_MAX_SECONDS	3600U

/**
 * struct esx_policy - the policy's knobs
 */
struct esx_policy {
	/** @tax_percent: on idle memory of VMs that have no rate of their own; 0 to 99. */
	u32 tax_percent;
	/** @progressive: the rate grows with the idle fraction up to that. */
	bool progressive;
	/** @reclaim: bring VMs above their target down while memory is short. */
	bool reclaim;
	/** @hold: hold VMs above their target while the state is low. */
	bool hold;
	/** @hold_max_ms: for how long a task of theirs waits for a ration; 1 to 60000. */
	u32 hold_max_ms;
	/** @period_seconds: longest time between two computations of all targets; 1 to 3600. */
	u32 period_seconds;
};

/**
 * struct esx_policy_figures - what it did
 */
struct esx_policy_figures {
	/** @rebalances: computations of all targets. */
	u64 rebalances;
	/** @shortfall: pages that were missing for the minima at the last. */
	u64 shortfall;
};

extern const char *const esx_claim_why_names[ESX_NR_WHYS];

int esx_policy_init(void);
void esx_policy_exit(void);
void esx_policy_kick(void);
struct esx_claim esx_policy_claim(const struct esx_policy *policy,
				  const struct esx_vm_params *params,
				  const struct esx_terms *terms, u64 active);
void esx_policy_get(struct esx_policy *policy);
int esx_policy_set(const struct esx_policy *policy);
struct esx_policy_figures esx_policy_figures(void);

#endif /* _ESXMEM_TAX_POLICY_H */
