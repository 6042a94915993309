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
 *
 * VMs that stand together have an account, which may be within another.  It holds at
 * the one above, or at the host, the larger of its own minimum and what its members
 * hold: so members use that minimum first, and go on above it as others do.  What is
 * guaranteed to them is never more than its maximum, nor than that of one above.
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

static struct esx_charge need_of(const struct esx_terms *terms)
{
	struct esx_charge need = { .min = terms->min };
	int mode;

	for (mode = 0; mode < ESX_NR_ADMISSIONS; mode++)
		need.pages[mode] = esx_ledger_need(terms, mode);
	return need;
}

/**
 * esx_ledger_charge() - what an account holds at the one above
 * @account: the account
 *
 * Return: the charge.
 */
struct esx_charge esx_ledger_charge(const struct esx_account *account)
{
	struct esx_charge charge = { .min = max(account->min, account->sum.min) };
	int mode;

	for (mode = 0; mode < ESX_NR_ADMISSIONS; mode++)
		charge.pages[mode] = max(account->min, account->sum.pages[mode]);
	return charge;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_charge);

/* Within @sum, @after takes the place of @before. */
static void exchange(struct esx_charge *sum, const struct esx_charge *before,
		     const struct esx_charge *after)
{
	int mode;

	sum->min += after->min - before->min;
	for (mode = 0; mode < ESX_NR_ADMISSIONS; mode++)
		sum->pages[mode] += after->pages[mode] - before->pages[mode];
}

/* Who is a member of @account holds @after instead of @before. */
static void replace(struct esx_ledger *ledger, struct esx_account *account,
		    struct esx_charge before, struct esx_charge after)
{
	struct esx_charge held;
	int mode;

	for (; account; account = account->parent) {
		held = esx_ledger_charge(account);
		exchange(&account->sum, &before, &after);
		before = held;
		after = esx_ledger_charge(account);
	}
	for (mode = 0; mode < ESX_NR_ADMISSIONS; mode++)
		ledger->reserved[mode] += after.pages[mode] - before.pages[mode];
}

/**
 * esx_ledger_full_account() - which account stands against a guarantee?
 * @account: where a member is to have more; NULL: none
 * @before: guaranteed to it so far, in pages
 * @after: then
 *
 * Return: the lowest account whose maximum that would exceed, or NULL.
 */
struct esx_account *esx_ledger_full_account(struct esx_account *account, u64 before, u64 after)
{
	u64 sum;

	for (; account && after > before; account = account->parent) {
		sum = account->sum.min - before + after;
		if (account->max && sum > account->max)
			return account;
		before = max(account->min, account->sum.min);
		after = max(account->min, sum);
	}
	return NULL;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_full_account);

static bool host_has_room(const struct esx_ledger *ledger, const struct esx_account *account,
			  u64 before, u64 after)
{
	u64 sum;

	for (; account; account = account->parent) {
		sum = account->sum.pages[ledger->mode] - before + after;
		before = max(account->min, account->sum.pages[ledger->mode]);
		after = max(account->min, sum);
	}
	return after <= before || after - before <= esx_ledger_unreserved(ledger);
}

static bool admits(const struct esx_ledger *ledger, struct esx_account *account,
		   const struct esx_charge *before, const struct esx_charge *after)
{
	return !esx_ledger_full_account(account, before->min, after->min) &&
	       host_has_room(ledger, account, before->pages[ledger->mode],
			     after->pages[ledger->mode]);
}

/**
 * esx_ledger_move() - a VM gets, changes or loses what is reserved for it
 * @ledger: the host's
 * @account: that it is a member of, or NULL
 * @reserve: the VM's, changed with @ledger and @account
 * @params: the VM's parameters
 * @size: the VM's size in pages; 0 gives everything back
 *
 * Return: 0, or -ENOSPC when it needs more than is unreserved, or than an account can
 * guarantee: nothing changed.
 */
int esx_ledger_move(struct esx_ledger *ledger, struct esx_account *account,
		    struct esx_reserve *reserve, const struct esx_vm_params *params, u64 size)
{
	struct esx_terms terms = esx_ledger_terms(params, size);
	struct esx_charge need = need_of(&terms);

	if (!admits(ledger, account, &reserve->charge, &need))
		return -ENOSPC;
	replace(ledger, account, reserve->charge, need);
	reserve->charge = need;
	reserve->size = size;
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_move);

/**
 * esx_ledger_resize() - a file of a VM gets another size
 * @ledger: the host's
 * @account: that the VM is a member of, or NULL
 * @reserve: the VM's, changed with @ledger and @account
 * @params: the VM's parameters
 * @old: the file's pages so far
 * @nr_pages: its pages then
 *
 * Return: 0, or -ENOSPC, only when it grows: nothing changed.
 */
int esx_ledger_resize(struct esx_ledger *ledger, struct esx_account *account,
		      struct esx_reserve *reserve, const struct esx_vm_params *params, u64 old,
		      u64 nr_pages)
{
	/* More would wrap, and what shrinks then be taken for growth. */
	if (nr_pages > old && nr_pages - old > ESX_LEDGER_SIZE_MAX - reserve->size)
		return -ENOSPC;
	return esx_ledger_move(ledger, account, reserve, params, reserve->size - old + nr_pages);
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
 * @account: that the VM is a member of, or NULL
 * @reserve: the VM's, changed with @ledger and @account
 * @params: the VM's parameters, changed
 * @param: which
 * @value: to what, in its range
 *
 * Return: 0; -EINVAL when the limits would cross each other, or the VM's size if it
 * has one; -ENOSPC as esx_ledger_move().  Then nothing changed.
 */
int esx_ledger_set_param(struct esx_ledger *ledger, struct esx_account *account,
			 struct esx_reserve *reserve, struct esx_vm_params *params,
			 enum esx_param param, u64 value)
{
	struct esx_vm_params changed = esx_ledger_change(params, param, value);
	int err;

	if (esx_ledger_is_limit(param) && !limits_fit(&changed, value, reserve->size))
		return -EINVAL;
	err = esx_ledger_move(ledger, account, reserve, &changed, reserve->size);
	if (!err)
		*params = changed;
	return err;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_set_param);

/**
 * esx_ledger_set_account() - change the limits of an account
 * @ledger: the host's
 * @account: the account, changed with @ledger and those above
 * @min: pages reserved for its members together
 * @max: the most pages that can be guaranteed to them; 0: no limit
 *
 * Return: 0; -EINVAL when the limits would cross; -ENOSPC when members have more than
 * the maximum guaranteed, or the minimum is more than is unreserved, or than an account
 * above can guarantee.  Then nothing changed.
 */
int esx_ledger_set_account(struct esx_ledger *ledger, struct esx_account *account, u64 min,
			   u64 max)
{
	struct esx_account changed = *account;
	struct esx_charge before = esx_ledger_charge(account), after;

	changed.min = min;
	changed.max = max;
	after = esx_ledger_charge(&changed);
	if (max && min > max)
		return -EINVAL;
	if (max && account->sum.min > max)
		return -ENOSPC;
	if (!admits(ledger, account->parent, &before, &after))
		return -ENOSPC;
	replace(ledger, account->parent, before, after);
	*account = changed;
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_set_account);

/**
 * esx_ledger_move_account() - an account gets into another one
 * @ledger: the host's
 * @account: the account, changed with @ledger and those above
 * @to: the one that is to be above, which is not within @account; or NULL
 *
 * Return: 0; -ENOSPC when what it holds is not to be had there: nothing changed.
 */
int esx_ledger_move_account(struct esx_ledger *ledger, struct esx_account *account,
			    struct esx_account *to)
{
	struct esx_charge charge = esx_ledger_charge(account), nothing = {};

	/* First gone from one place, so that it does not stand in its own way. */
	replace(ledger, account->parent, charge, nothing);
	if (!admits(ledger, to, &nothing, &charge)) {
		replace(ledger, account->parent, nothing, charge);
		return -ENOSPC;
	}
	replace(ledger, to, nothing, charge);
	account->parent = to;
	return 0;
}
ESX_EXPORT_FOR_TESTS(esx_ledger_move_account);

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
