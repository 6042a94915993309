/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is said of a VM's memory, and what is reserved for it: plain figures, which
 * hang from the VM and which tax/ alone understands.
 */
#ifndef _ESXMEM_PARAMS_H
#define _ESXMEM_PARAMS_H

#include <linux/limits.h>
#include <linux/types.h>

/** ESX_SHARES_DEFAULT - as many shares as the VM's size gives it */
#define ESX_SHARES_DEFAULT	U32_MAX
/** ESX_TAX_DEFAULT - the host's tax rate */
#define ESX_TAX_DEFAULT		U32_MAX

/**
 * struct esx_vm_params - what the administrator said of a VM's memory
 *
 * Kept as said: what they come to when the VM is smaller is for who uses them.
 */
struct esx_vm_params {
	/** @min_pages: guaranteed. */
	u64 min_pages;
	/** @max_pages: the most it may be entitled to; 0: its size. */
	u64 max_pages;
	/** @shares: its right to what is between; or ESX_SHARES_DEFAULT. */
	u32 shares;
	/** @tax_percent: on its idle memory; or ESX_TAX_DEFAULT. */
	u32 tax_percent;
};

/**
 * enum esx_admission - what has to be unreserved for a VM
 */
enum esx_admission {
	/** @ESX_ADMIT_RELAXED: its minimum; the rest may be overcommitted. */
	ESX_ADMIT_RELAXED,
	/** @ESX_ADMIT_STRICT: its maximum, since nothing lies behind memory yet. */
	ESX_ADMIT_STRICT,
	/** @ESX_NR_ADMISSIONS: how many there are. */
	ESX_NR_ADMISSIONS,
};

/**
 * struct esx_charge - what somebody has to have reserved
 */
struct esx_charge {
	/** @pages: with overhead, under each rule of admission. */
	u64 pages[ESX_NR_ADMISSIONS];
	/** @min: guaranteed for guests, without overhead. */
	u64 min;
};

/**
 * struct esx_reserve - what is reserved for a VM
 */
struct esx_reserve {
	/** @size: pages of its files. */
	u64 size;
	/** @charge: what they have reserved. */
	struct esx_charge charge;
};

/**
 * struct esx_pool_params - what the administrator said of the memory of a pool
 */
struct esx_pool_params {
	/** @min_pages: reserved for its members together. */
	u64 min_pages;
	/** @max_pages: the most they may be entitled to together; 0: no limit. */
	u64 max_pages;
	/** @shares: its right to what is between; or ESX_SHARES_DEFAULT: its members'. */
	u32 shares;
};

/**
 * struct esx_account - what is reserved for the VMs that stand together
 *
 * Members have what they reserve from @min first, the rest from the account above.
 */
struct esx_account {
	/** @parent: the account above; NULL: the host's ledger. */
	struct esx_account *parent;
	/** @min: pages that are reserved even if the members have less. */
	u64 min;
	/** @max: pages that can be guaranteed to members; 0: no limit. */
	u64 max;
	/** @sum: what the members have reserved. */
	struct esx_charge sum;
};

/**
 * struct esx_entitlement - what a VM was found to be entitled to
 *
 * Written by the policy alone, one field after the other.
 */
struct esx_entitlement {
	/** @target: pages. */
	u64 target;
	/** @active: pages that it was taken to use. */
	u64 active;
	/** @rho_ppm: millionths of a share that it pays for a page. */
	u64 rho_ppm;
	/** @why: enum esx_claim_why. */
	u32 why;
};

/**
 * struct esx_enforcement - what was taken from a VM that was above its target
 *
 * Written by tax/enforce.c alone.
 */
struct esx_enforcement {
	/** @reclaimed: pages, in all. */
	u64 reclaimed;
	/** @barren: pages hashed since it last gave what was worth that. */
	u64 barren;
	/** @rests_until_ns: it had nothing to give and is left alone until then. */
	u64 rests_until_ns;
};

#endif /* _ESXMEM_PARAMS_H */
