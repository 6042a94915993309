/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Run time of a machine's virtual CPUs: the paper's "virtual machine execution
 * time", in which sampling periods are measured.
 *
 * It is the CPU time of the threads that run them, as the scheduler accounts
 * it.  KVM remembers the thread that ran a virtual CPU last; when another takes
 * over, or the thread is gone, the time that was seen last stays in the sum.
 * So the sum never goes back.
 */
#ifndef _ESXMEM_KVM_VTIME_H
#define _ESXMEM_KVM_VTIME_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/xarray.h>

struct kvm;

/**
 * struct esx_vtime - run time of a machine
 */
struct esx_vtime {
	/** @lock: protects what follows; rcu_read_lock() is taken inside. */
	struct mutex lock;
	/** @vcpus: struct vcpu_time by index of the virtual CPU. */
	struct xarray vcpus;
};

void esx_vtime_init(struct esx_vtime *vtime);
void esx_vtime_destroy(struct esx_vtime *vtime);
u64 esx_vtime_read(struct esx_vtime *vtime, struct kvm *kvm);

#endif /* _ESXMEM_KVM_VTIME_H */
