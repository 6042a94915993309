// SPDX-License-Identifier: GPL-2.0
/*
 * The gate: in the low state VMs above their target are held (hold.c), so that they
 * take no more while they are brought down.  (Paper, section 6.3.)
 *
 * One delayed work looks at all VMs: whenever somebody says that the state, a target,
 * a knob or what a VM has is another, and every LOOK_MS while the state is low, for
 * what nobody says, as a guest that gives memory back.  It alone holds VMs and lets
 * them go.  It has a queue of its own: to let go must not wait until enforcement has
 * done its turn.
 *
 * Who has no more than his target is not held, so nobody is below his minimum.  Nor
 * is a VM that nobody brings down (enforce.c): its waiting would end nothing.
 */
#include <linux/errno.h>
#include <linux/jiffies.h>
#include <linux/workqueue.h>

#include "../vm.h"
#include "enforce.h"
#include "gate.h"
#include "gauge.h"
#include "policy.h"

#define LOOK_MS	10

static void look(struct work_struct *work);

static struct workqueue_struct *workqueue;
static DECLARE_DELAYED_WORK(look_work, look);

struct gate {
	/* How long faults of who is above his target wait; 0: the gate is open. */
	u32 max_ms;
	/* All pages that share a frame. */
	u64 nr_sharers;
};

static int hold_or_let_go(struct esx_vm *vm, void *ctx)
{
	struct gate *gate = ctx;
	bool hold = gate->max_ms && esx_enforce_excess(vm, gate->nr_sharers);

	esx_hold_set(vm, hold ? gate->max_ms : 0);
	return 0;
}

static u32 max_ms(void)
{
	struct esx_policy policy;

	esx_policy_get(&policy);
	if (!policy.hold || !policy.reclaim || esx_gauge_level() != ESX_LEVEL_LOW)
		return 0;
	return policy.hold_max_ms;
}

static void look(struct work_struct *work)
{
	struct gate gate = { .max_ms = max_ms() };

	if (gate.max_ms)
		gate.nr_sharers = esx_enforce_sharers();
	esx_vm_for_each(hold_or_let_go, &gate);
	/* Does nothing when it was kicked meanwhile. */
	if (gate.max_ms)
		queue_delayed_work(workqueue, &look_work, msecs_to_jiffies(LOOK_MS));
}

/**
 * esx_gate_kick() - it may be others that are to be held
 *
 * May be called with spinlocks held.
 */
void esx_gate_kick(void)
{
	mod_delayed_work(workqueue, &look_work, 0);
}

/**
 * esx_gate_init() - be ready
 *
 * Return: 0 or -ENOMEM.
 */
int esx_gate_init(void)
{
	/* Who waits is to be let go when there is no memory for another worker, too. */
	workqueue = alloc_workqueue("esxmem_gate", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	return workqueue ? 0 : -ENOMEM;
}

/**
 * esx_gate_exit() - stop; no VM is left, and nobody who could kick it
 */
void esx_gate_exit(void)
{
	cancel_delayed_work_sync(&look_work);
	destroy_workqueue(workqueue);
}
