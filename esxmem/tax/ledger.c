// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger of reserved memory: arithmetic of admission (the paper's section
 * 6.2).  No lock and no state of its own: tax/admit.c keeps the host's ledger.
 *
 * For each VM what it would have to reserve is kept under either rule, so that the
 * rule can be changed, or refused to be, by looking at a sum:
 *
 *	relaxed	the minimum and its overhead; nothing for a VM without a minimum
 *	strict	the maximum and the overhead of the whole size: the rest between
 *		minimum and maximum would have to fit into tiers behind memory, and
 *		there are none yet
 *
 * What grows is checked, what shrinks never fails.  Memory saved by sharing does
 * not count.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/minmax.h>

#include "../compat.h"
#include "ledger.h"
#include "price.h"

/* Metadata for each page, measured: 20 bytes, entry, hint and tables. */
#define METADATA_BYTES	20
/* What a VM takes besides: its structures, inodes and directory in sysfs. */
#define FIXED_PAGES	16

/**
 * esx_ledger_terms() - what parameters come to
 * @params: the parameters
 * @size: of the VM, in pages
 *
 * Return: the VM's terms.
 */
struct esx_terms esx_ledger_terms(const struct esx_vm_params *params, u64 size)
{
	struct esx_terms terms = { .size = min(size, ESX_PRICE_PAGES_MAX) };
	u64 shares;

	terms.max = params->max_pages ? min(params->max_pages, terms.size) : terms.size;
	terms.min = min(params->min_pages, terms.max);
	/* A VM that is too small for a share has one: none would mean no more than min. */
	shares = max(terms.size * ESX_SHARES_PER_MB >> (20 - PAGE_SHIFT), 1ULL);
	terms.shares = params->shares == ESX_SHARES_DEFAULT ? min_t(u64, shares, ESX_SHARES_MAX) :
							      params->shares;
	return terms;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_terms);

/**
 * esx_ledger_overhead() - what keeping account of guest memory takes
 * @pages: of guest memory
 *
 * Return: pages of the host.
 */
u64 esx_ledger_overhead(u64 pages)
{
	return pages ? FIXED_PAGES + DIV_ROUND_UP_ULL(pages * METADATA_BYTES, PAGE_SIZE) : 0;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_overhead);

/**
 * esx_ledger_need() - what a VM has to have reserved
 * @terms: the VM's
 * @mode: the rule
 *
 * Return: pages.
 */
u64 esx_ledger_need(const struct esx_terms *terms, enum esx_admission mode)
{
	if (mode == ESX_ADMIT_STRICT)
		return terms->max + esx_ledger_overhead(terms->size);
	return terms->min + esx_ledger_overhead(terms->min);
}
ESX_EXPORT_FOR_TESTS(esx_ledger_need);

/**
 * esx_ledger_unreserved() - what can still be reserved
 * @ledger: the host's
 *
 * Return: pages.
 */
u64 esx_ledger_unreserved(const struct esx_ledger *ledger)
{
	return ledger->pool - min(ledger->pool, ledger->reserved[ledger->mode]);
}
ESX_EXPORT_FOR_TESTS(esx_ledger_unreserved);

/**
 * esx_ledger_move() - a VM gets, changes or loses what is reserved for it
 * @ledger: the host's
 * @reserve: the VM's, changed with @ledger
 * @params: the VM's parameters
 * @size: the VM's size in pages; 0 gives everything back
 *
 * Return: 0, or -ENOSPC when it needs more than is unreserved: nothing changed.
 */
int esx_ledger_move(struct esx_ledger *ledger, struct esx_reserve *reserve,
		    const struct esx_vm_params *params, u64 size)
{
	struct esx_terms terms = esx_ledger_terms(params, size);
	u64 need = esx_ledger_need(&terms, ledger->mode), held = reserve->pages[ledger->mode];
	int mode;

	if (need > held && need - held > esx_ledger_unreserved(ledger))
		return -ENOSPC;
	for (mode = 0; mode < ESX_NR_ADMISSIONS; mode++) {
		ledger->reserved[mode] -= reserve->pages[mode];
		reserve->pages[mode] = esx_ledger_need(&terms, mode);
		ledger->reserved[mode] += reserve->pages[mode];
	}
	reserve->size = size;
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_move);

/**
 * esx_ledger_resize() - a file of a VM gets another size
 * @ledger: the host's
 * @reserve: the VM's, changed with @ledger
 * @params: the VM's parameters
 * @old: the file's pages so far
 * @nr_pages: its pages then
 *
 * Return: 0, or -ENOSPC, only when it grows: nothing changed.
 */
int esx_ledger_resize(struct esx_ledger *ledger, struct esx_reserve *reserve,
		      const struct esx_vm_params *params, u64 old, u64 nr_pages)
{
	/* More would wrap, and what shrinks then be taken for growth. */
	if (nr_pages > old && nr_pages - old > ESX_LEDGER_SIZE_MAX - reserve->size)
		return -ENOSPC;
	return esx_ledger_move(ledger, reserve, params, reserve->size - old + nr_pages);
}
ESX_EXPORT_FOR_TESTS(esx_ledger_resize);

/**
 * esx_ledger_change() - parameters with one of them changed
 * @params: the parameters
 * @param: which
 * @value: to what, in its range
 *
 * Return: what they are then.
 */
struct esx_vm_params esx_ledger_change(const struct esx_vm_params *params, enum esx_param param,
				       u64 value)
{
	struct esx_vm_params changed = *params;

	switch (param) {
	case ESX_PARAM_MIN:
		changed.min_pages = value;
		break;
	case ESX_PARAM_MAX:
		changed.max_pages = value;
		break;
	case ESX_PARAM_SHARES:
		changed.shares = value;
		break;
	case ESX_PARAM_TAX:
		changed.tax_percent = value;
		break;
	}
	return changed;
}

/**
 * esx_ledger_is_limit() - is a parameter one of those that admission looks at?
 * @param: the parameter
 *
 * Return: the answer.
 */
bool esx_ledger_is_limit(enum esx_param param)
{
	return param == ESX_PARAM_MIN || param == ESX_PARAM_MAX;
}

/*
 * Is the new limit, @value, within the VM's size, and do the two not cross?  The
 * other one may be beyond the size: the VM was larger once, or will be.  A VM
 * without a size will have one: so it can be given limits before it is admitted.
 */
static bool limits_fit(const struct esx_vm_params *params, u64 value, u64 size)
{
	return (value <= size || !size) &&
	       (!params->max_pages || params->min_pages <= params->max_pages);
}

/**
 * esx_ledger_set_param() - change a parameter of a VM
 * @ledger: the host's
 * @reserve: the VM's, changed with @ledger
 * @params: the VM's parameters, changed
 * @param: which
 * @value: to what, in its range
 *
 * Return: 0; -EINVAL when the limits would cross each other, or the VM's size if it
 * has one; -ENOSPC when it needs more than is unreserved.  Then nothing changed.
 */
int esx_ledger_set_param(struct esx_ledger *ledger, struct esx_reserve *reserve,
			 struct esx_vm_params *params, enum esx_param param, u64 value)
{
	struct esx_vm_params changed = esx_ledger_change(params, param, value);
	int err;

	if (esx_ledger_is_limit(param) && !limits_fit(&changed, value, reserve->size))
		return -EINVAL;
	err = esx_ledger_move(ledger, reserve, &changed, reserve->size);
	if (!err)
		*params = changed;
	return err;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_set_param);

/**
 * esx_ledger_set_pool() - change what can be reserved
 * @ledger: the host's
 * @pool: pages
 *
 * Return: 0, or -ENOSPC when more is reserved: nothing changed.
 */
int esx_ledger_set_pool(struct esx_ledger *ledger, u64 pool)
{
	if (pool < ledger->reserved[ledger->mode])
		return -ENOSPC;
	ledger->pool = pool;
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_set_pool);

/**
 * esx_ledger_set_mode() - change the rule
 * @ledger: the host's
 * @mode: the new rule
 *
 * Return: 0, or -ENOSPC when it would not admit the VMs that there are: nothing
 * changed.
 */
int esx_ledger_set_mode(struct esx_ledger *ledger, enum esx_admission mode)
{
	if (ledger->pool < ledger->reserved[mode])
		return -ENOSPC;
	ledger->mode = mode;
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_set_mode);
