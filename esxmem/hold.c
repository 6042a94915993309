// SPDX-License-Identifier: GPL-2.0
/*
 * Holds: while a VM is held, faults of it that would take a new frame wait.
 *
 * Mechanism alone: tax/gate.c says whom to hold.  The fault path asks under the
 * locks of the page, gives all of them up and the core's as well, and waits here
 * with nothing held but a reference to the file, by which the VM stays.  When it is
 * let go it begins anew.
 *
 * A hold slows down and never locks up.  A fault waits once, no longer than
 * @max_ms, and is served then whatever has become of the hold.  It ends earlier when
 * the VM is let go or the task is killed, and for any signal where the core is ready
 * for that, so that a VMM gets hold of its threads.
 *
 * Never held is who gives memory back or is about to: tasks in reclaim, and those
 * that are exiting or chosen by the OOM killer.  Our own threads take no faults.
 *
 * Kernel threads that fault on behalf of a VM wait like its own, since KVM's
 * asynchronous page faults are most of a guest's.  But they are workers that others
 * need too, no signal reaches them, and they keep the address space of a VMM that
 * dies: so only a few wait at a time, and not for long.  The rest is served.
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

/* Kernel threads that wait for one VM, and on the host: system_wq runs 256 a CPU. */
#define KERNEL_PER_VM	16
#define KERNEL_ON_HOST	64
/* How long each of them does at the most. */
#define KERNEL_MAX_MS	1000U

static atomic_t nr_kernel = ATOMIC_INIT(0);

/**
 * esx_hold_init() - make a VM one that is not held
 * @hold: the VM's, zeroed
 */
void esx_hold_init(struct esx_hold *hold)
{
	init_waitqueue_head(&hold->wait);
}
ESX_EXPORT_FOR_TESTS(esx_hold_init);

/**
 * esx_hold_set() - hold a VM, or let it go
 * @vm: the VM; two who set it at the same time are for the caller to keep apart
 * @max_ms: how long a fault waits at the most; 0: let it go, and all who wait
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
 * May be called with any lock held.
 *
 * Return: true while the VM is held, unless the task is exempt.
 */
bool esx_hold_applies(struct esx_vm *vm)
{
	return esx_hold_is_on(vm) && !is_exempt(current);
}

/**
 * esx_hold_repels() - has a write that cannot wait to come back where it can?
 * @vm: for whom
 * @pgoff: the page
 *
 * An instruction that reads a page before it writes to it maps the page for reading
 * each time that it comes back, and would never get to where it can wait.  So the
 * write that was sent back last is not when it is the next one as well.  Others that
 * come in between may let it go round again, which ends as soon as they wait.
 *
 * Return: true if so; false: serve it.
 */
bool esx_hold_repels(struct esx_vm *vm, pgoff_t pgoff)
{
	/* One in 2^64 is 0, which stands for none, and is served at once. */
	unsigned long write = (unsigned long)current ^ pgoff;

	if (!esx_hold_applies(vm))
		return false;
	if (READ_ONCE(vm->hold.repelled) == write) {
		WRITE_ONCE(vm->hold.repelled, 0);
		return false;
	}
	WRITE_ONCE(vm->hold.repelled, write);
	return true;
}

static bool enter_kernel_thread(struct esx_hold *hold)
{
	if (!atomic_add_unless(&nr_kernel, 1, KERNEL_ON_HOST))
		return false;
	if (atomic_add_unless(&hold->nr_kernel, 1, KERNEL_PER_VM))
		return true;
	atomic_dec(&nr_kernel);
	return false;
}

static void leave_kernel_thread(struct esx_hold *hold)
{
	atomic_dec(&hold->nr_kernel);
	atomic_dec(&nr_kernel);
}

static void sleep(struct esx_hold *hold, u32 max_ms, bool interruptible)
{
	unsigned long timeout = msecs_to_jiffies(max_ms);

	atomic_inc(&hold->nr_waiting);
	if (interruptible)
		wait_event_interruptible_timeout(hold->wait, !READ_ONCE(hold->max_ms), timeout);
	else
		wait_event_killable_timeout(hold->wait, !READ_ONCE(hold->max_ms), timeout);
	atomic_dec(&hold->nr_waiting);
}

static bool sleep_as_kernel_thread(struct esx_hold *hold, u32 max_ms)
{
	if (!enter_kernel_thread(hold))
		return false;
	sleep(hold, min(max_ms, KERNEL_MAX_MS), false);
	leave_kernel_thread(hold);
	return true;
}

/**
 * esx_hold_wait() - wait until the VM is let go, for as long as a fault has to
 * @vm: the VM, kept by the caller
 * @interruptible: a signal that does not kill ends it too
 *
 * Called with no lock held.  Whatever ended it, the fault is served next.
 */
void esx_hold_wait(struct esx_vm *vm, bool interruptible)
{
	u32 max_ms = READ_ONCE(vm->hold.max_ms);
	u64 start = ktime_get_ns(), ns;

	might_sleep();

	if (!(current->flags & PF_KTHREAD))
		sleep(&vm->hold, max_ms, interruptible);
	else if (!sleep_as_kernel_thread(&vm->hold, max_ms))
		return;
	ns = ktime_get_ns() - start;
	esx_count_event(&vm->events, ESX_EV_HOLD);
	esx_count_events(&vm->events, ESX_EV_HOLD_NS, ns);
	trace_esxmem_hold_fault(vm->id, vm->name, ns, READ_ONCE(vm->hold.max_ms));
}
ESX_EXPORT_FOR_TESTS(esx_hold_wait);
