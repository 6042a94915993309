/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ledger of reserved memory: arithmetic of admission.
 */
#ifndef _ESXMEM_TAX_LEDGER_H
#define _ESXMEM_TAX_LEDGER_H

#include "../params.h"

/** ESX_SHARES_MAX - most shares that a VM can have */
#define ESX_SHARES_MAX		1000000000U
/** ESX_SHARES_PER_MB - a VM's shares for each MB of its size, unless it is told */
#define ESX_SHARES_PER_MB	10U

/**
 * enum esx_param - a parameter of a VM
 */
enum esx_param {
	/** @ESX_PARAM_MIN: its minimum in pages. */
	ESX_PARAM_MIN,
	/** @ESX_PARAM_MAX: its maximum in pages; 0: its size. */
	ESX_PARAM_MAX,
	/** @ESX_PARAM_SHARES: its shares, or ESX_SHARES_DEFAULT. */
	ESX_PARAM_SHARES,
	/** @ESX_PARAM_TAX: its tax rate in per cent, or ESX_TAX_DEFAULT. */
	ESX_PARAM_TAX,
};

/**
 * struct esx_terms - what a VM's parameters come to at its size
 */
struct esx_terms {
	/** @size: pages. */
	u64 size;
	/** @min: pages, @max at the most. */
	u64 min;
	/** @max: pages, @size at the most. */
	u64 max;
	/** @shares: as given, or by size. */
	u32 shares;
};

/** ESX_LEDGER_SIZE_MAX - most pages that the files of one VM can have together */
#define ESX_LEDGER_SIZE_MAX	(1ULL << 60)

/**
 * struct esx_ledger - what is reserved on the host
 */
struct esx_ledger {
	/** @pool: pages that can be reserved. */
	u64 pool;
	/** @mode: the rule of admission in force. */
	enum esx_admission mode;
	/** @reserved: pages over all VMs and accounts at the top, under each rule. */
	u64 reserved[ESX_NR_ADMISSIONS];
};

struct esx_terms esx_ledger_terms(const struct esx_vm_params *params, u64 size);
struct esx_vm_params esx_ledger_change(const struct esx_vm_params *params, enum esx_param param,
				       u64 value);
bool esx_ledger_is_limit(enum esx_param param);
u64 esx_ledger_overhead(u64 pages);
u64 esx_ledger_need(const struct esx_terms *terms, enum esx_admission mode);
u64 esx_ledger_unreserved(const struct esx_ledger *ledger);
struct esx_charge esx_ledger_charge(const struct esx_account *account);
struct esx_account *esx_ledger_full_account(struct esx_account *account, u64 before, u64 after);
int esx_ledger_move(struct esx_ledger *ledger, struct esx_account *account,
		    struct esx_reserve *reserve, const struct esx_vm_params *params, u64 size);
int esx_ledger_resize(struct esx_ledger *ledger, struct esx_account *account,
		      struct esx_reserve *reserve, const struct esx_vm_params *params, u64 old,
		      u64 nr_pages);
int esx_ledger_set_param(struct esx_ledger *ledger, struct esx_account *account,
			 struct esx_reserve *reserve, struct esx_vm_params *params,
			 enum esx_param param, u64 value);
int esx_ledger_set_account(struct esx_ledger *ledger, struct esx_account *account, u64 min,
			   u64 max);
int esx_ledger_move_account(struct esx_ledger *ledger, struct esx_account *account,
			    struct esx_account *to);
int esx_ledger_set_pool(struct esx_ledger *ledger, u64 pool);
int esx_ledger_set_mode(struct esx_ledger *ledger, enum esx_admission mode);

#endif /* _ESXMEM_TAX_LEDGER_H */
