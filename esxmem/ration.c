// SPDX-License-Identifier: GPL-2.0
/*
 * Rations: what tasks of a held VM may take for each time that they have waited.
 *
 * One system call of a VMM, or one instruction of a guest, can need thousands of
 * frames.  So a task waits once for many: the first fault that finds nothing left
 * begins to wait, and sets the time when it has done so; whatever fault of the task
 * comes after that time is given the next ration.  It may wait in one piece or in
 * many, between signals, or spend some of the time otherwise.
 *
 * Invariants:
 *  - A task that has a place is served no later than the time that its first wait set.
 *    A later one never sets a later time.
 *  - A place is not taken from a task that has used it within ESX_RATION_KEEP, or that
 *    waits.  When all are in use, who has none is served without.  So to be one of many
 *    makes a task wait less, and nobody's wait begins anew because of another's.
 *
 * Tasks go by number, and a number may be another task's later.  What that inherits is
 * no more than one ration, or a time by which it is served; nothing depends on who it
 * is, and nobody is kept waiting longer.
 *
 * Times are jiffies of 64 bits, which do not wrap, and the unit of who sleeps: a sleep
 * that was not cut short ends no earlier than the time that is noted here.
 *
 * Called by hold.c, under page locks.  Paper: section 6.3 (the low state).
 */
#include "compat.h"
#include "ration.h"

/**
 * esx_rations_init() - nobody has waited yet
 * @rations: the VM's, zeroed
 */
void esx_rations_init(struct esx_rations *rations)
{
	spin_lock_init(&rations->lock);
}
ESX_EXPORT_FOR_TESTS(esx_rations_init);

static struct esx_ration *find(struct esx_rations *rations, pid_t task)
{
	unsigned int i;

	lockdep_assert_held(&rations->lock);

	for (i = 0; i < ESX_RATIONS; i++) {
		if (rations->of[i].task == task)
			return &rations->of[i];
	}
	return NULL;
}

/* The place that was left longest ago; NULL: all are in use. */
static struct esx_ration *claim(struct esx_rations *rations, pid_t task, u64 now)
{
	struct esx_ration *oldest = &rations->of[0];
	unsigned int i;

	for (i = 1; i < ESX_RATIONS; i++) {
		if (rations->of[i].kept_until < oldest->kept_until)
			oldest = &rations->of[i];
	}
	if (oldest->kept_until > now)
		return NULL;
	*oldest = (struct esx_ration){ .task = task };
	return oldest;
}

static struct esx_ration *find_or_claim(struct esx_rations *rations, pid_t task, u64 now)
{
	struct esx_ration *ration = find(rations, task);

	return ration ? ration : claim(rations, task, now);
}

static bool take(struct esx_ration *ration, u64 now)
{
	if (ration->ready && now >= ration->ready) {
		ration->frames = ESX_RATION_FRAMES;
		ration->ready = 0;
	}
	if (!ration->frames)
		return false;
	ration->frames--;
	ration->excused = false;
	ration->kept_until = now + ESX_RATION_KEEP;
	return true;
}

/**
 * esx_ration_take() - take a frame of what the task has left
 * @rations: the VM's
 * @task: its number
 * @now: in jiffies of 64 bits
 *
 * May be called with any lock held, by tasks.
 *
 * Return: true if there was one; false: it has to wait.
 */
bool esx_ration_take(struct esx_rations *rations, pid_t task, u64 now)
{
	struct esx_ration *ration;
	bool taken;

	spin_lock(&rations->lock);
	ration = find(rations, task);
	taken = ration && take(ration, now);
	spin_unlock(&rations->lock);
	return taken;
}
ESX_EXPORT_FOR_TESTS(esx_ration_take);

static bool repel(struct esx_ration *ration, u64 now)
{
	ration->excused = !ration->excused;
	ration->kept_until = max_t(u64, ration->kept_until, now + ESX_RATION_KEEP);
	return ration->excused;
}

/**
 * esx_ration_repel() - send a write that cannot wait to where it can
 * @rations: the VM's
 * @task: its number; there was nothing to take for it
 * @now: in jiffies of 64 bits
 *
 * Never twice in a row, and not after it was where it can wait.
 *
 * Return: true if it is to go there; false: serve it.
 */
bool esx_ration_repel(struct esx_rations *rations, pid_t task, u64 now)
{
	struct esx_ration *ration;
	bool repelled;

	spin_lock(&rations->lock);
	ration = find_or_claim(rations, task, now);
	repelled = ration && repel(ration, now);
	spin_unlock(&rations->lock);
	return repelled;
}
ESX_EXPORT_FOR_TESTS(esx_ration_repel);

static unsigned long begin_wait(struct esx_ration *ration, u64 now, unsigned long max)
{
	/* The limit may have been a longer one when it began. */
	if (!ration->ready || ration->ready > now + max)
		ration->ready = now + max;
	ration->excused = true;
	ration->kept_until = max_t(u64, ration->ready, now) + ESX_RATION_KEEP;
	return ration->ready > now ? ration->ready - now : 0;
}

/**
 * esx_ration_wait() - how long has a task to wait for its next ration?
 * @rations: the VM's
 * @task: its number; there was nothing to take for it
 * @now: in jiffies of 64 bits
 * @max: how long it has to in all, in jiffies; not 0
 *
 * Return: jiffies that are left; 0: serve it.
 */
unsigned long esx_ration_wait(struct esx_rations *rations, pid_t task, u64 now,
			      unsigned long max)
{
	struct esx_ration *ration;
	unsigned long left;

	spin_lock(&rations->lock);
	ration = find_or_claim(rations, task, now);
	left = ration ? begin_wait(ration, now, max) : 0;
	spin_unlock(&rations->lock);
	return left;
}
ESX_EXPORT_FOR_TESTS(esx_ration_wait);
