// SPDX-License-Identifier: GPL-2.0
/*
 * Enforcement: while memory is short, VMs that hold more than their target are
 * brought down to it.  (Paper, section 6.3.)
 *
 * Memory is short in any state but high, and when guests hold more than the pool.
 * One delayed work takes turns: each time the VM that is furthest above its target
 * gives some pages, whatever way reclaim finds, and the worse the state is the sooner
 * the next turn follows.  Except in low it rests for as long as it has worked.  A VM that
 * gives little for what is read of it waits a moment, and longer once all of it was
 * read in vain, so that those after it come in between.  While memory is not short the
 * work does not run; who finds that it is, or computes new targets, starts it.
 *
 * Nobody has asked for these VMs: pages that are in use or whose sharing breaks often
 * are spared, and 2 MB frames where they are never to be broken.
 *
 * What a VM holds is its private frames and its part of shared ones, so a VM that
 * shares more is further below its target.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "../frame.h"
#include "../reclaim.h"
#include "../share/large.h"
#include "../share/shared.h"
#include "../vm.h"
#include "admit.h"
#include "enforce.h"
#include "gate.h"
#include "gauge.h"
#include "policy.h"

/* What one VM gives in a turn at the most, and how much is read and seen for it. */
#define TURN_PAGES	4096
#define TURN_HASHES	16384
#define TURN_LOOKS	(1U << 22)
/* A turn in which more pages are hashed for each that is freed is a poor one. */
#define POOR_HASHES	64
/* Until somebody may be above his target again who was not. */
#define IDLE_MS		100
/* For how long a VM waits after a poor turn, and when there is no more to be had. */
#define POOR_NS		(100 * NSEC_PER_MSEC)
#define TIRED_NS	(5 * NSEC_PER_SEC)

/* From turn to turn, at the least. */
static const unsigned int rest_ms[ESX_NR_LEVELS] = {
	[ESX_LEVEL_HIGH] = 20,
	[ESX_LEVEL_SOFT] = 20,
	[ESX_LEVEL_HARD] = 5,
	[ESX_LEVEL_LOW] = 0,
};

static void enforce(struct work_struct *work);

static struct workqueue_struct *workqueue;
static DECLARE_DELAYED_WORK(enforce_work, enforce);
static atomic64_t nr_reclaimed = ATOMIC64_INIT(0);

/* Who is to give, and how much. */
struct pick {
	/* With a reference; NULL: nobody. */
	struct esx_vm *vm;
	u64 excess;
	/* All pages that share a frame. */
	u64 nr_sharers;
};

/**
 * esx_enforce_is_short() - is memory short?
 *
 * Return: true in any state but high, and when guests hold more than the pool.
 */
bool esx_enforce_is_short(void)
{
	return esx_gauge_level() != ESX_LEVEL_HIGH ||
	       esx_frame_count() > (long)esx_admit_ledger().pool;
}

static u64 count_of(struct esx_vm *vm, enum esx_state state)
{
	return max(atomic_long_read(&vm->counts.nr[state]), 0L);
}

static u64 held(struct esx_vm *vm, u64 nr_sharers)
{
	u64 shared = count_of(vm, ESX_SHARED);

	/* On the average of the host; frames of one VM can be dearer. */
	nr_sharers = max(nr_sharers, shared);
	if (shared)
		shared = mul_u64_u64_div_u64(shared, max(esx_shared_count(), 0L), nr_sharers);
	return count_of(vm, ESX_PRIVATE) + shared;
}

static int add_sharers(struct esx_vm *vm, void *ctx)
{
	u64 *nr = ctx;

	*nr += count_of(vm, ESX_SHARED);
	return 0;
}

/**
 * esx_enforce_sharers() - how many pages share frames
 *
 * Takes esx_vms_lock.
 *
 * Return: pages, over all VMs.
 */
u64 esx_enforce_sharers(void)
{
	u64 nr = 0;

	esx_vm_for_each(add_sharers, &nr);
	return nr;
}

/**
 * esx_enforce_excess() - by how much is a VM to be brought down?
 * @vm: the VM
 * @nr_sharers: from esx_enforce_sharers()
 *
 * Return: pages above its target; 0 also while it has none yet, and when nothing is
 * taken from it whatever it has.
 */
u64 esx_enforce_excess(struct esx_vm *vm, u64 nr_sharers)
{
	u64 has = held(vm, nr_sharers);

	if (!READ_ONCE(vm->share) || READ_ONCE(vm->entitled.why) == ESX_WHY_NONE)
		return 0;
	return has - min(has, READ_ONCE(vm->entitled.target));
}

/*
 * Takes a reference to the best so far; the one before is on the list, which cannot
 * change meanwhile, so this is not its last.
 */
static int consider(struct esx_vm *vm, void *ctx)
{
	struct pick *pick = ctx;
	u64 excess = esx_enforce_excess(vm, pick->nr_sharers);

	if (excess <= pick->excess || ktime_get_ns() < vm->enforced.rests_until_ns)
		return 0;
	if (pick->vm)
		esx_vm_put(pick->vm);
	esx_vm_get(vm);
	pick->vm = vm;
	pick->excess = excess;
	return 0;
}

static bool is_poor(const struct esx_reclaim_report *report)
{
	return report->freed * POOR_HASHES < report->hashed || !report->freed;
}

/* How long the VM is left alone after a turn. */
static u64 wait_ns(struct esx_vm *vm, const struct esx_reclaim_report *report)
{
	u64 size = max(esx_counts_backed(&vm->counts), 0L);

	if (!is_poor(report)) {
		vm->enforced.barren = 0;
		return report->exhausted ? POOR_NS : 0;
	}
	vm->enforced.barren += report->hashed;
	/* What was hashed for the first time may be merged in the next turn. */
	if (report->hashed && vm->enforced.barren <= 2 * size)
		return POOR_NS;
	vm->enforced.barren = 0;
	return TIRED_NS;
}

static void bring_down(struct esx_vm *vm, u64 excess)
{
	struct esx_reclaim_req req = {
		.pages = min_t(u64, excess, TURN_PAGES),
		.max_hashed = TURN_HASHES,
		.max_looked = TURN_LOOKS,
		.spares = true,
		.keep_large = esx_break_large_get() == ESX_BREAK_NEVER,
	};
	struct esx_reclaim_report report;
	u64 ns = POOR_NS;

	if (!esx_reclaim_vm(vm, &req, &report)) {
		atomic64_add(report.freed, &nr_reclaimed);
		WRITE_ONCE(vm->enforced.reclaimed, vm->enforced.reclaimed + report.freed);
		ns = wait_ns(vm, &report);
	}
	vm->enforced.rests_until_ns = ktime_get_ns() + ns;
	/* It may have come down to its target. */
	esx_gate_kick();
}

/* Returns false when nobody was above his target who may have something to give. */
static bool take_turn(void)
{
	struct pick pick = { .nr_sharers = esx_enforce_sharers() };

	esx_vm_for_each(consider, &pick);
	if (!pick.vm)
		return false;
	bring_down(pick.vm, pick.excess);
	esx_vm_put(pick.vm);
	return true;
}

static unsigned int ms_to_rest(u64 worked_ns)
{
	enum esx_level level = esx_gauge_level();

	if (level == ESX_LEVEL_LOW)
		return rest_ms[level];
	return max_t(u64, rest_ms[level], div_u64(worked_ns, NSEC_PER_MSEC));
}

static void enforce(struct work_struct *work)
{
	u64 start = ktime_get_ns();
	struct esx_policy policy;
	unsigned int ms = IDLE_MS;

	esx_policy_get(&policy);
	if (!policy.reclaim || !esx_enforce_is_short())
		return;
	if (take_turn())
		ms = ms_to_rest(ktime_get_ns() - start);
	queue_delayed_work(workqueue, &enforce_work, msecs_to_jiffies(ms));
}

/**
 * esx_enforce_kick() - memory may be short now, or targets are others
 *
 * May be called with spinlocks held.
 */
void esx_enforce_kick(void)
{
	/* A turn that is due already is not brought forward, or it would never rest. */
	queue_delayed_work(workqueue, &enforce_work, 0);
}

/**
 * esx_enforce_held() - what a VM holds of the host's memory
 * @vm: the VM
 *
 * Return: its private frames, and of shared ones its part: as many pages as it has
 * there, times the host's shared frames, over all pages that share.
 */
u64 esx_enforce_held(struct esx_vm *vm)
{
	return held(vm, esx_enforce_sharers());
}

/**
 * esx_enforce_reclaimed() - what was taken from VMs above their target
 *
 * Return: pages since the module was loaded.
 */
u64 esx_enforce_reclaimed(void)
{
	return atomic64_read(&nr_reclaimed);
}

/**
 * esx_enforce_init() - be ready
 *
 * Return: 0 or -ENOMEM.
 */
int esx_enforce_init(void)
{
	/* Its work must go on when there is no memory for another worker. */
	workqueue = alloc_workqueue("esxmem", WQ_UNBOUND | WQ_FREEZABLE | WQ_MEM_RECLAIM, 1);
	return workqueue ? 0 : -ENOMEM;
}

/**
 * esx_enforce_exit() - stop; nobody is left who could start it
 */
void esx_enforce_exit(void)
{
	cancel_delayed_work_sync(&enforce_work);
	destroy_workqueue(workqueue);
}
