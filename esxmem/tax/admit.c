// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters of VMs and pools, and admission: the one place that changes any (the
 * paper's section 6.2).
 *
 * A VM is admitted when a file of it gets its size, or grows: fs/ asks before, and
 * tells when a file has shrunk or is gone.  Its parameters change here as well,
 * since they say what must be reserved.
 *
 * ledger_lock protects the ledger, and parameters and reserves of VMs and pools; so
 * two who ask for the last of the host's pool cannot both have it.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/spinlock.h>
#include <linux/string.h>

#include "../locks.h"
#include "../trace.h"
#include "../vm.h"
#include "admit.h"
#include "gauge.h"
#include "policy.h"

/* Of the host's memory this part cannot be reserved: the kernel's, the VMMs'. */
#define HOST_PART	8

static DEFINE_SPINLOCK(ledger_lock);
static struct esx_ledger ledger;
static atomic64_t refusals = ATOMIC64_INIT(0);

/*
 * One VM that asks again and again does not keep the log from hearing of others.
 * This is for all of them together: nor may who makes one VM after the other fill it.
 */
static DEFINE_RATELIMIT_STATE(refusal_log, DEFAULT_RATELIMIT_INTERVAL,
			      10 * DEFAULT_RATELIMIT_BURST);

/* What a refusal has to say, collected under the lock. */
struct refusal {
	struct esx_terms terms;
	u64 need, held, unreserved, pool;
	/* Whose maximum stands against it, with a reference; or NULL. */
	struct esx_pool *full;
	u64 guaranteed, max;
};

static u64 default_pool(void)
{
	u64 host = totalram_pages();

	return host - host / HOST_PART;
}

static u64 kib(u64 pages)
{
	return pages << (PAGE_SHIFT - 10);
}

static struct esx_account *account_of(struct esx_pool *pool)
{
	return pool ? &pool->account : NULL;
}

static void fill_full(struct refusal *refusal, struct esx_account *account, u64 before, u64 after)
{
	struct esx_account *full = esx_ledger_full_account(account, before, after);

	lockdep_assert_held(&ledger_lock);

	refusal->full = NULL;
	if (!full)
		return;
	refusal->full = container_of(full, struct esx_pool, account);
	refusal->guaranteed = full->sum.min;
	refusal->max = full->max;
	esx_pool_get(refusal->full);
}

static void fill_refusal(struct refusal *refusal, const struct esx_vm *vm,
			 const struct esx_vm_params *params, u64 size)
{
	lockdep_assert_held(&ledger_lock);

	refusal->terms = esx_ledger_terms(params, size);
	refusal->need = esx_ledger_need(&refusal->terms, ledger.mode);
	refusal->held = vm->reserve.charge.pages[ledger.mode];
	refusal->unreserved = esx_ledger_unreserved(&ledger);
	refusal->pool = ledger.pool;
	fill_full(refusal, account_of(vm->pool), vm->reserve.charge.min, refusal->terms.min);
}

static bool may_log(struct ratelimit_state *own)
{
	return __ratelimit(own) && __ratelimit(&refusal_log);
}

/* Where the minima of VMs meet a limit that is not the host's. */
static void log_full(const char *what, const char *name, const struct refusal *refusal)
{
	char full[ESX_POOL_NAME_MAX];

	esx_pool_name(refusal->full, full);
	pr_warn("%s %*pE not admitted: %s%*pE guarantees its members %llu of %llu KiB at the most; lower min_bytes of the one or others, or raise %s\n",
		what, (int)strlen(name), name, *full ? "pool " : "the mount",
		(int)strlen(full), full, kib(refusal->guaranteed), kib(refusal->max),
		*full ? "the pool's max_bytes" : "size= of the mount");
}

static void log_refusal(const char *name, const struct refusal *refusal)
{
	if (refusal->full) {
		log_full("VM", name, refusal);
		return;
	}
	pr_warn("VM %*pE of %llu KiB not admitted: minimum %llu, maximum %llu KiB need %llu KiB reserved with overhead, it has %llu, and of the pool of %llu KiB %llu are unreserved; lower its min_bytes or that of others, or raise tax/pool_bytes\n",
		(int)strlen(name), name, kib(refusal->terms.size), kib(refusal->terms.min),
		kib(refusal->terms.max), kib(refusal->need), kib(refusal->held),
		kib(refusal->pool), kib(refusal->unreserved));
}

static void report(struct esx_vm *vm, const struct refusal *refusal, int err)
{
	char name[ESX_VM_NAME_MAX];

	if (!err && !trace_esxmem_admit_enabled())
		return;
	esx_vm_name(vm, name, sizeof(name));
	trace_esxmem_admit(vm->id, name, refusal->terms.size, refusal->need, refusal->unreserved,
			   !err);
	if (!err)
		return;
	atomic64_inc(&refusals);
	if (may_log(&vm->refusal_log))
		log_refusal(name, refusal);
}

static void report_limits(struct esx_vm *vm, const struct esx_vm_params *params, u64 size)
{
	char name[ESX_VM_NAME_MAX];

	if (!may_log(&vm->refusal_log))
		return;
	esx_vm_name(vm, name, sizeof(name));
	pr_warn("VM %*pE: limits refused: that minimum %llu KiB <= maximum %llu KiB (0: the size) <= size %llu KiB does not hold; change the other limit first\n",
		(int)strlen(name), name, kib(params->min_pages), kib(params->max_pages),
		kib(size));
}

/**
 * esx_admit_resize() - a file of a VM gets another size
 * @vm: the VM
 * @old: the file's pages so far
 * @nr_pages: its pages then
 *
 * Asked before a file grows, and told after it has shrunk.
 *
 * Return: 0; -ENOSPC: the VM is not admitted with that size.  Shrinking always is.
 */
int esx_admit_resize(struct esx_vm *vm, u64 old, u64 nr_pages)
{
	struct refusal refusal;
	int err;

	if (old == nr_pages)
		return 0;
	spin_lock(&ledger_lock);
	fill_refusal(&refusal, vm, &vm->params, vm->reserve.size - old + nr_pages);
	err = esx_ledger_resize(&ledger, account_of(vm->pool), &vm->reserve, &vm->params, old,
				nr_pages);
	spin_unlock(&ledger_lock);

	if (nr_pages > old)
		report(vm, &refusal, err);
	esx_pool_put(refusal.full);
	if (!err)
		esx_policy_kick();
	return err;
}

/**
 * esx_admit_set_param() - change a parameter of a VM
 * @vm: the VM
 * @param: which
 * @value: to what, in its range
 *
 * Return: 0; -EINVAL: the limits would cross each other, or the VM's size if it has
 * one; -ENOSPC: the VM is not admitted with that minimum or maximum.  Then nothing changed.
 */
int esx_admit_set_param(struct esx_vm *vm, enum esx_param param, u64 value)
{
	struct esx_vm_params wanted;
	struct refusal refusal;
	int err;

	spin_lock(&ledger_lock);
	wanted = esx_ledger_change(&vm->params, param, value);
	fill_refusal(&refusal, vm, &wanted, vm->reserve.size);
	err = esx_ledger_set_param(&ledger, account_of(vm->pool), &vm->reserve, &vm->params, param,
				   value);
	spin_unlock(&ledger_lock);

	if (err == -EINVAL)
		report_limits(vm, &wanted, refusal.terms.size);
	else if (esx_ledger_is_limit(param))
		report(vm, &refusal, err);
	esx_pool_put(refusal.full);
	if (!err)
		esx_policy_kick();
	return err;
}

static void report_pool(struct esx_pool *pool, const struct esx_pool_params *wanted,
			const struct refusal *refusal, int err)
{
	char name[ESX_POOL_NAME_MAX];

	atomic64_inc(&refusals);
	if (!may_log(&pool->refusal_log))
		return;
	esx_pool_name(pool, name);
	if (err == -EINVAL)
		pr_warn("pool %*pE: limits refused: minimum %llu KiB is above maximum %llu KiB; change the other limit first\n",
			(int)strlen(name), name, kib(wanted->min_pages), kib(wanted->max_pages));
	else if (refusal->full == pool)
		pr_warn("pool %*pE: maximum of %llu KiB refused: %llu KiB are guaranteed to its members\n",
			(int)strlen(name), name, kib(wanted->max_pages),
			kib(refusal->guaranteed));
	else if (refusal->full)
		log_full("pool", name, refusal);
	else
		pr_warn("pool %*pE not admitted: with a minimum of %llu KiB it needs %llu KiB reserved, it has %llu, and of the host's %llu KiB %llu are unreserved\n",
			(int)strlen(name), name, kib(wanted->min_pages), kib(refusal->need),
			kib(refusal->held), kib(refusal->pool), kib(refusal->unreserved));
}

static void fill_pool_refusal(struct refusal *refusal, struct esx_pool *pool,
			      const struct esx_pool_params *wanted)
{
	struct esx_charge held = esx_ledger_charge(&pool->account);
	const struct esx_charge *sum = &pool->account.sum;

	lockdep_assert_held(&ledger_lock);

	refusal->held = held.pages[ledger.mode];
	refusal->need = max(wanted->min_pages, sum->pages[ledger.mode]);
	refusal->unreserved = esx_ledger_unreserved(&ledger);
	refusal->pool = ledger.pool;
	if (!wanted->max_pages || sum->min <= wanted->max_pages) {
		fill_full(refusal, pool->account.parent, held.min,
			  max(wanted->min_pages, sum->min));
		return;
	}
	refusal->full = pool;
	refusal->guaranteed = sum->min;
	esx_pool_get(pool);
}

static struct esx_pool_params change_pool(const struct esx_pool *pool, enum esx_param param,
					  u64 value)
{
	struct esx_pool_params changed = pool->params;

	lockdep_assert_held(&ledger_lock);

	if (param == ESX_PARAM_MIN)
		changed.min_pages = value;
	else if (param == ESX_PARAM_MAX)
		changed.max_pages = value;
	else
		changed.shares = value;
	return changed;
}

/**
 * esx_admit_set_pool_param() - change a parameter of a resource pool
 * @pool: the pool, which is shown: not the root of a mount
 * @param: which; not the tax rate, of which a pool has none
 * @value: to what, in its range
 *
 * Return: 0; -EINVAL: the limits would cross; -ENOSPC: members have more than the
 * maximum guaranteed, or the minimum is not to be had.  Then nothing changed.
 */
int esx_admit_set_pool_param(struct esx_pool *pool, enum esx_param param, u64 value)
{
	struct esx_pool_params wanted;
	struct refusal refusal;
	int err;

	spin_lock(&ledger_lock);
	wanted = change_pool(pool, param, value);
	fill_pool_refusal(&refusal, pool, &wanted);
	err = esx_ledger_set_account(&ledger, &pool->account, wanted.min_pages,
				     wanted.max_pages);
	if (!err)
		pool->params = wanted;
	spin_unlock(&ledger_lock);

	if (err)
		report_pool(pool, &wanted, &refusal, err);
	else
		esx_policy_kick();
	esx_pool_put(refusal.full);
	return err;
}

/**
 * esx_admit_forget_pool() - a resource pool ends: it gives back what it reserves
 * @pool: the pool; nobody sets its parameters any more
 */
void esx_admit_forget_pool(struct esx_pool *pool)
{
	spin_lock(&ledger_lock);
	pool->params = (struct esx_pool_params){ .shares = ESX_SHARES_DEFAULT };
	WARN_ON_ONCE(esx_ledger_set_account(&ledger, &pool->account, 0, 0));
	spin_unlock(&ledger_lock);
	esx_policy_kick();
}

static int recharge(struct esx_pool *pool, struct esx_pool *to)
{
	int err;

	spin_lock(&ledger_lock);
	err = esx_ledger_move_account(&ledger, &pool->account, &to->account);
	spin_unlock(&ledger_lock);
	return err;
}

/**
 * esx_admit_move_pool() - a directory, with the VMs in it, moves to another one
 * @pool: its resource pool
 * @to: that of the other directory
 *
 * Return: as esx_pool_move(); -ENOSPC: what its VMs have reserved is not to be had
 * there.
 */
int esx_admit_move_pool(struct esx_pool *pool, struct esx_pool *to)
{
	char name[ESX_POOL_NAME_MAX];
	int err = esx_pool_move(pool, to, recharge);

	if (!err)
		esx_policy_kick();
	if (err != -ENOSPC)
		return err;
	atomic64_inc(&refusals);
	if (may_log(&pool->refusal_log)) {
		esx_pool_name(pool, name);
		pr_warn("%*pE stays where it is: what its VMs have reserved is not to be had in the other pool\n",
			(int)strlen(name), name);
	}
	return err;
}

/**
 * esx_admit_limit_mount() - the most that can be guaranteed to the VMs of a mount
 * @root: its resource pool
 * @pages: that; 0: no limit
 *
 * Return: 0; -ENOSPC: more is guaranteed already, nothing changed.
 */
int esx_admit_limit_mount(struct esx_pool *root, u64 pages)
{
	int err;

	spin_lock(&ledger_lock);
	err = esx_ledger_set_account(&ledger, &root->account, 0, pages);
	spin_unlock(&ledger_lock);
	return err;
}

/**
 * esx_admit_pool_params() - the parameters of a resource pool
 * @pool: the pool
 *
 * Return: a copy.
 */
struct esx_pool_params esx_admit_pool_params(struct esx_pool *pool)
{
	struct esx_pool_params params;

	spin_lock(&ledger_lock);
	params = pool->params;
	spin_unlock(&ledger_lock);
	return params;
}

/**
 * esx_admit_pool_reserved() - what is reserved for a resource pool and its members
 * @pool: the pool
 *
 * Return: pages, under the present rule.
 */
u64 esx_admit_pool_reserved(struct esx_pool *pool)
{
	u64 pages;

	spin_lock(&ledger_lock);
	pages = esx_ledger_charge(&pool->account).pages[ledger.mode];
	spin_unlock(&ledger_lock);
	return pages;
}

/**
 * esx_admit_set_pool() - change what can be reserved and handed out
 * @pages: how much; 0: the default, seven eighths of the host's memory
 *
 * A pool that somebody has chosen counts for the state of memory, see gauge.c: guests
 * are not to use it up.  The default is there to be handed out, and does not.
 *
 * Return: 0; -EINVAL: more than the host has; -ENOSPC: more is reserved already.
 * Then nothing changed.
 */
int esx_admit_set_pool(u64 pages)
{
	int err;

	if (pages > totalram_pages())
		return -EINVAL;
	spin_lock(&ledger_lock);
	err = esx_ledger_set_pool(&ledger, pages ? pages : default_pool());
	/* Under the lock, so that of two who choose one has the last word in both. */
	if (!err)
		esx_gauge_set_pool(pages);
	spin_unlock(&ledger_lock);
	if (!err)
		esx_policy_kick();
	return err;
}

/**
 * esx_admit_set_mode() - change the rule of admission
 * @mode: the rule
 *
 * Return: 0; -ENOSPC: it would not admit the VMs that there are, nothing changed.
 */
int esx_admit_set_mode(enum esx_admission mode)
{
	int err;

	spin_lock(&ledger_lock);
	err = esx_ledger_set_mode(&ledger, mode);
	spin_unlock(&ledger_lock);
	return err;
}

/**
 * esx_admit_params() - a VM's parameters, and what they come to
 * @vm: the VM
 * @params: out: as set, or NULL
 * @terms: out: at its present size, or NULL
 */
void esx_admit_params(struct esx_vm *vm, struct esx_vm_params *params, struct esx_terms *terms)
{
	spin_lock(&ledger_lock);
	if (params)
		*params = vm->params;
	if (terms)
		*terms = esx_ledger_terms(&vm->params, vm->reserve.size);
	spin_unlock(&ledger_lock);
}

/**
 * esx_admit_reserved() - what is reserved for a VM under the present rule
 * @vm: the VM
 *
 * Return: pages.
 */
u64 esx_admit_reserved(struct esx_vm *vm)
{
	u64 pages;

	spin_lock(&ledger_lock);
	pages = vm->reserve.charge.pages[ledger.mode];
	spin_unlock(&ledger_lock);
	return pages;
}

/**
 * esx_admit_ledger() - how things stand
 *
 * Return: a copy of the host's ledger.
 */
struct esx_ledger esx_admit_ledger(void)
{
	struct esx_ledger copy;

	spin_lock(&ledger_lock);
	copy = ledger;
	spin_unlock(&ledger_lock);
	return copy;
}

/**
 * esx_admit_refusals() - how often a VM was not admitted
 *
 * Return: the number since the module was loaded.
 */
u64 esx_admit_refusals(void)
{
	return atomic64_read(&refusals);
}

/**
 * esx_admit_init() - give the pool its default size
 */
void esx_admit_init(void)
{
	ledger.pool = default_pool();
}
