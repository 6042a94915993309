// SPDX-License-Identifier: GPL-2.0
/*
 * Holds: while a VM is held, faults of it that would take a new frame wait.
 *
 * Mechanism alone: tax/gate.c says whom to hold.  The fault path asks under the
 * locks of the page, gives all of them up and the core's as well, and waits here
 * with nothing held but a reference to the file, by which the VM stays.  When it is
 * let go it begins anew.
 *
 * A hold slows down and never locks up.  A task waits for @max_ms, however often
 * signals interrupt it, and takes a ration of frames then (ration.c), whatever has
 * become of the hold.  A fault waits once, and is served then.  The wait ends earlier
 * when the VM is let go or the task is killed, and for any signal where the core is
 * ready for that, so that a VMM gets hold of its threads.
 *
 * Never held is who gives memory back or is about to: tasks in reclaim, and those
 * that are exiting or chosen by the OOM killer.  Our own threads take no faults.
 *
 * Workers that fault on behalf of a VM wait like its own tasks, since KVM's
 * asynchronous page faults are most of a guest's: kernel threads, those of io_uring,
 * vhost's.  But others may need them too, no signal reaches them, and they keep locks,
 * or the address space of a VMM that dies: so only a few wait at a time, and not for
 * long.  The rest is served.  Whoever else no signal reaches does not wait longer.
 *
 * Paper: section 6.3 (the low state).
 */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/oom.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "hold.h"
#include "trace.h"
#include "vm.h"

/* Workers that wait for one VM, and on the host: system_wq runs 256 a CPU. */
#define WORKERS_PER_VM	16
#define WORKERS_ON_HOST	64
/* How long those wait at the most that no signal reaches. */
#define DEAF_MAX_MS	1000U

static atomic_t nr_workers = ATOMIC_INIT(0);

/**
 * esx_hold_init() - make a VM one that is not held
 * @hold: the VM's, zeroed
 */
void esx_hold_init(struct esx_hold *hold)
{
	init_waitqueue_head(&hold->wait);
	esx_rations_init(&hold->rations);
}
ESX_EXPORT_FOR_TESTS(esx_hold_init);

/**
 * esx_hold_set() - hold a VM, or let it go
 * @vm: the VM; two who set it at the same time are for the caller to keep apart
 * @max_ms: how long a task waits for a ration; 0: let it go, and all who wait
 */
void esx_hold_set(struct esx_vm *vm, u32 max_ms)
{
	/* A full barrier; pairs with that of who is about to sleep. */
	u32 old = xchg(&vm->hold.max_ms, max_ms);

	if (!old == !max_ms)
		return;
	if (!max_ms)
		wake_up_all(&vm->hold.wait);
	trace_esxmem_hold(vm->id, vm->name, max_ms);
}
ESX_EXPORT_FOR_TESTS(esx_hold_set);

/**
 * esx_hold_is_on() - is the VM held?
 * @vm: the VM
 *
 * May be called with any lock held.
 *
 * Return: true if so, whoever asks.
 */
bool esx_hold_is_on(const struct esx_vm *vm)
{
	return READ_ONCE(vm->hold.max_ms);
}

static bool is_exempt(struct task_struct *task)
{
	return (task->flags & (PF_MEMALLOC | PF_EXITING)) || fatal_signal_pending(task) ||
	       tsk_is_oom_victim(task);
}

/**
 * esx_hold_applies() - has the current task to wait before it takes a frame?
 * @vm: for whom
 *
 * If not, the frame is of what it has waited for.  May be called with any lock held.
 *
 * Return: true while the VM is held, unless the task is exempt or has a ration.
 */
bool esx_hold_applies(struct esx_vm *vm)
{
	return esx_hold_is_on(vm) && !is_exempt(current) &&
	       !esx_ration_take(&vm->hold.rations, current->pid, get_jiffies_64());
}

/**
 * esx_hold_repels() - has a write that cannot wait to come back where it can?
 * @vm: for whom
 *
 * An instruction that reads a page before it writes to it maps the page for reading
 * each time that it comes back, and would never get to where it can wait.  Nor might
 * a write that has waited, when others map the page for reading meanwhile.  So a task
 * is not sent back that has a ration, was where it can wait or was sent back last.
 *
 * Return: true if so; false: serve it.
 */
bool esx_hold_repels(struct esx_vm *vm)
{
	return esx_hold_applies(vm) &&
	       esx_ration_repel(&vm->hold.rations, current->pid, get_jiffies_64());
}

static bool is_worker(struct task_struct *task)
{
	return task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_USER_WORKER);
}

static bool enter_worker(struct esx_hold *hold)
{
	if (!atomic_add_unless(&nr_workers, 1, WORKERS_ON_HOST))
		return false;
	if (atomic_add_unless(&hold->nr_workers, 1, WORKERS_PER_VM))
		return true;
	atomic_dec(&nr_workers);
	return false;
}

static void leave_worker(struct esx_hold *hold)
{
	atomic_dec(&hold->nr_workers);
	atomic_dec(&nr_workers);
}

static void sleep(struct esx_hold *hold, unsigned long timeout, bool interruptible)
{
	atomic_inc(&hold->nr_waiting);
	if (interruptible)
		wait_event_interruptible_timeout(hold->wait, !READ_ONCE(hold->max_ms), timeout);
	else
		wait_event_killable_timeout(hold->wait, !READ_ONCE(hold->max_ms), timeout);
	atomic_dec(&hold->nr_waiting);
}

/* The time runs from here on, also where a signal is there already. */
static void wait_for_ration(struct esx_vm *vm, u32 max_ms, bool interruptible)
{
	unsigned long timeout = esx_ration_wait(&vm->hold.rations, current->pid,
						get_jiffies_64(), msecs_to_jiffies(max_ms));
	u64 start = ktime_get_ns(), ns;

	if (!timeout ||
	    signal_pending_state(interruptible ? TASK_INTERRUPTIBLE : TASK_KILLABLE, current))
		return;
	sleep(&vm->hold, timeout, interruptible);
	ns = ktime_get_ns() - start;
	esx_count_event(&vm->events, ESX_EV_HOLD);
	esx_count_events(&vm->events, ESX_EV_HOLD_NS, ns);
	trace_esxmem_hold_fault(vm->id, vm->name, ns, READ_ONCE(vm->hold.max_ms));
}

static void wait_as_worker(struct esx_vm *vm, u32 max_ms)
{
	if (!enter_worker(&vm->hold))
		return;
	wait_for_ration(vm, min(max_ms, DEAF_MAX_MS), false);
	leave_worker(&vm->hold);
}

/**
 * esx_hold_wait() - wait until the VM is let go, for as long as the task has to
 * @vm: the VM, kept by the caller
 * @interruptible: a signal that does not kill ends it too
 *
 * Called with no lock held.  Whatever ended it, the fault is served next.
 */
void esx_hold_wait(struct esx_vm *vm, bool interruptible)
{
	u32 max_ms = READ_ONCE(vm->hold.max_ms);

	might_sleep();

	if (!max_ms)
		return;
	if (is_worker(current))
		wait_as_worker(vm, max_ms);
	else
		wait_for_ration(vm, interruptible ? max_ms : min(max_ms, DEAF_MAX_MS),
				interruptible);
}
ESX_EXPORT_FOR_TESTS(esx_hold_wait);
