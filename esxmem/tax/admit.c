// SPDX-License-Identifier: GPL-2.0
/*
 * Parameters of VMs and admission: the one place that changes either (the paper's
 * section 6.2).
 *
 * A VM is admitted when a file of it gets its size, or grows: fs/ asks before, and
 * tells when a file has shrunk or is gone.  Its parameters change here as well,
 * since they say what must be reserved.
 *
 * ledger_lock protects the ledger, vm->params and vm->reserve; so two who ask for
 * the last of the pool cannot both have it.
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

static void fill_refusal(struct refusal *refusal, const struct esx_vm *vm,
			 const struct esx_vm_params *params, u64 size)
{
	lockdep_assert_held(&ledger_lock);

	refusal->terms = esx_ledger_terms(params, size);
	refusal->need = esx_ledger_need(&refusal->terms, ledger.mode);
	refusal->held = vm->reserve.pages[ledger.mode];
	refusal->unreserved = esx_ledger_unreserved(&ledger);
	refusal->pool = ledger.pool;
}

static bool may_log(struct esx_vm *vm)
{
	return __ratelimit(&vm->refusal_log) && __ratelimit(&refusal_log);
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
	if (!may_log(vm))
		return;
	pr_warn("VM %*pE of %llu KiB not admitted: minimum %llu, maximum %llu KiB need %llu KiB reserved with overhead, it has %llu, and of the pool of %llu KiB %llu are unreserved; lower its min_bytes or that of others, or raise tax/pool_bytes\n",
		(int)strlen(name), name, kib(refusal->terms.size), kib(refusal->terms.min),
		kib(refusal->terms.max), kib(refusal->need), kib(refusal->held),
		kib(refusal->pool), kib(refusal->unreserved));
}

static void report_limits(struct esx_vm *vm, const struct esx_vm_params *params, u64 size)
{
	char name[ESX_VM_NAME_MAX];

	if (!may_log(vm))
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
	err = esx_ledger_resize(&ledger, &vm->reserve, &vm->params, old, nr_pages);
	spin_unlock(&ledger_lock);

	if (nr_pages > old)
		report(vm, &refusal, err);
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
	err = esx_ledger_set_param(&ledger, &vm->reserve, &vm->params, param, value);
	spin_unlock(&ledger_lock);

	if (err == -EINVAL)
		report_limits(vm, &wanted, refusal.terms.size);
	else if (esx_ledger_is_limit(param))
		report(vm, &refusal, err);
	if (!err)
		esx_policy_kick();
	return err;
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
	pages = vm->reserve.pages[ledger.mode];
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
