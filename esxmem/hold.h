/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Holds: faults of a VM that need a new frame wait.
 */
#ifndef _ESXMEM_HOLD_H
#define _ESXMEM_HOLD_H

#include <linux/atomic.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "ration.h"

struct esx_vm;

/** ESX_HOLD_MAX_MS - longest time that a fault can be made to wait */
#define ESX_HOLD_MAX_MS		60000U

/**
 * struct esx_hold - whether a VM is held, and who waits
 */
struct esx_hold {
	/** @max_ms: how long a task waits for a ration; 0: the VM is not held. */
	u32 max_ms;
	/** @wait: where they wait for that to become 0. */
	wait_queue_head_t wait;
	/** @nr_waiting: faults that wait. */
	atomic_t nr_waiting;
	/** @nr_workers: those of them that are of workers. */
	atomic_t nr_workers;
	/** @rations: what its tasks may take. */
	struct esx_rations rations;
};

void esx_hold_init(struct esx_hold *hold);
void esx_hold_set(struct esx_vm *vm, u32 max_ms);
bool esx_hold_is_on(const struct esx_vm *vm);
bool esx_hold_applies(struct esx_vm *vm);
bool esx_hold_repels(struct esx_vm *vm);
void esx_hold_wait(struct esx_vm *vm, bool interruptible);

#endif /* _ESXMEM_HOLD_H */
