// SPDX-License-Identifier: GPL-2.0
/*
 * Run time of a machine's virtual CPUs; see vtime.h.
 */
#include <linux/kvm_host.h>
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>

#include "vtime.h"

struct vcpu_time {
	/* The thread seen last, with a reference. */
	struct pid *pid;
	/* Its run time then. */
	u64 thread_ns;
	/* Run time of the threads before it. */
	u64 gone_ns;
};

/**
 * esx_vtime_init() - begin at zero
 * @vtime: to be set up
 */
void esx_vtime_init(struct esx_vtime *vtime)
{
	mutex_init(&vtime->lock);
	xa_init(&vtime->vcpus);
}

/**
 * esx_vtime_destroy() - free what was allocated
 * @vtime: no longer in use
 */
void esx_vtime_destroy(struct esx_vtime *vtime)
{
	struct vcpu_time *time;
	unsigned long i;

	xa_for_each(&vtime->vcpus, i, time) {
		put_pid(time->pid);
		kfree(time);
	}
	xa_destroy(&vtime->vcpus);
}

/* Without memory the virtual CPU is left out this time. */
static struct vcpu_time *get_record(struct esx_vtime *vtime, unsigned long i)
{
	struct vcpu_time *time = xa_load(&vtime->vcpus, i);

	lockdep_assert_held(&vtime->lock);

	if (time)
		return time;
	time = kzalloc(sizeof(*time), GFP_KERNEL);
	if (!time)
		return NULL;
	if (xa_is_err(xa_store(&vtime->vcpus, i, time, GFP_KERNEL))) {
		kfree(time);
		return NULL;
	}
	return time;
}

static void change_thread(struct vcpu_time *time, struct pid *pid)
{
	time->gone_ns += time->thread_ns;
	time->thread_ns = 0;
	put_pid(time->pid);
	time->pid = get_pid(pid);
}

static void update_record(struct vcpu_time *time, struct kvm_vcpu *vcpu)
{
	struct task_struct *task;
	struct pid *pid;

	rcu_read_lock();
	pid = rcu_dereference(vcpu->pid);
	if (pid && pid != time->pid)
		change_thread(time, pid);
	task = pid_task(pid, PIDTYPE_PID);
	if (task)
		time->thread_ns = READ_ONCE(task->se.sum_exec_runtime);
	rcu_read_unlock();
}

/**
 * esx_vtime_read() - run time until now
 * @vtime: of the machine
 * @kvm: the machine, kept alive by the caller; NULL when it is gone
 *
 * Return: nanoseconds; never less than before.
 */
u64 esx_vtime_read(struct esx_vtime *vtime, struct kvm *kvm)
{
	struct kvm_vcpu *vcpu;
	struct vcpu_time *time;
	unsigned long i;
	u64 total_ns = 0;

	might_sleep();

	mutex_lock(&vtime->lock);
	if (kvm) {
		kvm_for_each_vcpu(i, vcpu, kvm) {
			time = get_record(vtime, i);
			if (time)
				update_record(time, vcpu);
		}
	}
	xa_for_each(&vtime->vcpus, i, time)
		total_ns += time->gone_ns + time->thread_ns;
	mutex_unlock(&vtime->lock);
	return total_ns;
}
