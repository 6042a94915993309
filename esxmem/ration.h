/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Rations: what tasks of a held VM may take for each time that they have waited.
 */
#ifndef _ESXMEM_RATION_H
#define _ESXMEM_RATION_H

#include <linux/jiffies.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/types.h>

/** ESX_RATION_FRAMES - frames that a task takes for one wait */
#define ESX_RATION_FRAMES	128U
/** ESX_RATIONS - tasks of a VM that are told apart at a time */
#define ESX_RATIONS		64U
/** ESX_RATION_KEEP - for how long, in jiffies, a task is remembered at least */
#define ESX_RATION_KEEP		HZ

/**
 * struct esx_ration - one task
 */
struct esx_ration {
	/** @task: its number; 0: nobody's yet. */
	pid_t task;
	/** @frames: what it may take without waiting. */
	u16 frames;
	/** @excused: it was sent to where it can wait, and is not sent there again. */
	bool excused;
	/** @ready: when it has waited for its next ration; 0: it has not begun to. */
	u64 ready;
	/** @kept_until: nobody else is given its place before. */
	u64 kept_until;
};

/**
 * struct esx_rations - those of a VM
 */
struct esx_rations {
	/** @lock: protects the rest; a leaf. */
	spinlock_t lock;
	/** @of: in no order. */
	struct esx_ration of[ESX_RATIONS];
};

void esx_rations_init(struct esx_rations *rations);
bool esx_ration_take(struct esx_rations *rations, pid_t task, u64 now);
bool esx_ration_repel(struct esx_rations *rations, pid_t task, u64 now);
unsigned long esx_ration_wait(struct esx_rations *rations, pid_t task, u64 now,
			      unsigned long max);

#endif /* _ESXMEM_RATION_H */
