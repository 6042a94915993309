// SPDX-License-Identifier: GPL-2.0
/*
 * The gauge: how much memory is free, and which of the four states is that?
 *
 * One delayed work looks, every period while memory is short and at a tenth of that
 * rate while it is not.  What guests take in between is noticed: whoever allocates
 * frames says so once for many of them (frame.c), and the fewer pages are left to
 * the next threshold the fewer these are.  What others on the host take is found by
 * the next look.
 *
 * The policy is told of each new state.
 *
 * Free is what is left of the pool, or what the host can still give by the kernel's
 * own estimate, whichever is nearer to being short.  The state is the one by that, with
 * its hysteresis, or the shrinker's word (word.c), which has none: the worse of the two.
 *
 * The work has a queue of its own: that memory is not short any more must be found when
 * there is none for another worker, and not wait until others have got some.
 *
 * Paper: section 6.3.
 */
#include <linux/cpumask.h>
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "../compat.h"
#include "../frame.h"
#include "../trace.h"
#include "enforce.h"
#include "gate.h"
#include "gauge.h"
#include "policy.h"
#include "shrink.h"
#include "word.h"

/* While there is enough memory a look is due once in so many periods. */
#define CALM_PERIODS	10
/* Frames for which it does not pay to look again, on one CPU: 4 MB. */
#define MIN_STEP	1024

static void look_again(struct work_struct *work);

static struct workqueue_struct *workqueue;
static DECLARE_DELAYED_WORK(look_work, look_again);
/* Somebody has noticed: a look is due at once. */
static unsigned long is_noticed;

/* A leaf: protects what follows. */
static DEFINE_SPINLOCK(gauge_lock);
static struct esx_gauge_params params = {
	.level = {
		.scale = ESX_SCALE_LINEAR,
		.pm = { 60, 40, 20, 10 },
		.margin_percent = 10,
	},
	.period_ms = 100,
};
static struct {
	/* By free memory alone. */
	enum esx_level by_memory;
	enum esx_level level;
	/* When it began. */
	u64 since_ns;
	u64 spent_ns[ESX_NR_LEVELS];
	u64 entries[ESX_NR_LEVELS];
	u64 pool;
	struct esx_word word;
	struct esx_memory memory;
	struct esx_level_marks marks;
} gauge;

static struct esx_memory measure(void)
{
	struct esx_supply supply = {
		.host_total = totalram_pages(),
		.host_free = max(si_mem_available(), 0L),
		.pool = gauge.pool,
		.held = esx_frame_count(),
	};

	return esx_level_memory(&supply, &params.level);
}

static void enter_level(enum esx_level level)
{
	u64 now = ktime_get_ns();
	u64 lasted = now - gauge.since_ns;

	lockdep_assert_held(&gauge_lock);

	trace_esxmem_state(gauge.level, level, gauge.memory.free, gauge.memory.total, lasted);
	gauge.spent_ns[gauge.level] += lasted;
	gauge.since_ns = now;
	gauge.entries[level]++;
	WRITE_ONCE(gauge.level, level);
	esx_gate_kick();
	esx_policy_kick();
}

/* A quarter of what is left to the next threshold, when all CPUs take their part. */
static void set_step(void)
{
	enum esx_level next = min_t(unsigned int, gauge.level + 1, ESX_LEVEL_LOW);
	u64 left = gauge.memory.free - min(gauge.memory.free, gauge.marks.fall[next]);

	esx_frame_set_watch_step(max_t(u64, div_u64(left, 4 * num_online_cpus()), MIN_STEP));
}

static void hear_word(void)
{
	enum esx_level before = gauge.word.level;

	esx_word_hear(&gauge.word, esx_shrink_take(), max(esx_frame_count(), 0L),
		      ktime_get_ns());
	/* It may leave the state as it is, and targets depend on both. */
	if (gauge.word.level != before)
		esx_policy_kick();
}

static void look(void)
{
	enum esx_level level;

	lockdep_assert_held(&gauge_lock);

	gauge.memory = measure();
	esx_level_set_marks(&gauge.marks, &params.level, gauge.memory.total);
	gauge.by_memory = esx_level_next(gauge.by_memory, gauge.memory.free, &gauge.marks);
	hear_word();
	level = esx_word_level(&gauge.word, gauge.by_memory);
	if (level != gauge.level)
		enter_level(level);
	set_step();
}

static u32 time_to_look_ms(void)
{
	lockdep_assert_held(&gauge_lock);

	return params.period_ms * (gauge.level == ESX_LEVEL_HIGH ? CALM_PERIODS : 1);
}

static void look_again(struct work_struct *work)
{
	u32 ms;

	/* Before the look: who allocates later notices again. */
	clear_bit(0, &is_noticed);
	smp_mb__after_atomic();

	spin_lock(&gauge_lock);
	look();
	ms = time_to_look_ms();
	spin_unlock(&gauge_lock);
	/* Otherwise a new state is what starts it, by way of new targets. */
	if (esx_enforce_is_short())
		esx_enforce_kick();
	/* Does nothing when it was noticed meanwhile. */
	queue_delayed_work(workqueue, &look_work, msecs_to_jiffies(ms));
}

/**
 * esx_gauge_notice() - memory may be short: look at once
 *
 * Called by who allocates frames, once for many, and by who is asked for memory; with
 * any lock held.
 */
void esx_gauge_notice(void)
{
	if (!test_and_set_bit(0, &is_noticed))
		mod_delayed_work(workqueue, &look_work, 0);
}

/**
 * esx_gauge_get_params() - read the knobs
 * @out: filled
 */
void esx_gauge_get_params(struct esx_gauge_params *out)
{
	spin_lock(&gauge_lock);
	*out = params;
	spin_unlock(&gauge_lock);
}

/**
 * esx_gauge_set_params() - turn the knobs
 * @in: all of them
 *
 * The state is that of the new knobs when this returns.
 *
 * Return: 0, or -EINVAL when one is out of range or the thresholds do not descend;
 * then none is changed.
 */
int esx_gauge_set_params(const struct esx_gauge_params *in)
{
	if (!in->period_ms || in->period_ms > ESX_GAUGE_MAX_MS ||
	    !esx_level_params_are_sane(&in->level))
		return -EINVAL;

	spin_lock(&gauge_lock);
	params = *in;
	look();
	spin_unlock(&gauge_lock);
	/* The next look comes after the new period. */
	esx_gauge_notice();
	return 0;
}

/**
 * esx_gauge_set_pool() - say how much of the host's memory guests may hold
 * @pages: so much; 0: all of it
 *
 * The state is that of the new pool when this returns.  May be called with spinlocks
 * held.
 */
void esx_gauge_set_pool(u64 pages)
{
	spin_lock(&gauge_lock);
	gauge.pool = pages;
	look();
	spin_unlock(&gauge_lock);
}
ESX_EXPORT_FOR_TESTS(esx_gauge_set_pool);

/**
 * esx_gauge_get_figures() - what the gauge shows
 * @figures: filled
 */
void esx_gauge_get_figures(struct esx_gauge_figures *figures)
{
	u64 ns[ESX_NR_LEVELS];
	unsigned int i;

	spin_lock(&gauge_lock);
	figures->level = gauge.level;
	figures->word = gauge.word.level;
	figures->memory = gauge.memory;
	figures->marks = gauge.marks;
	memcpy(figures->entries, gauge.entries, sizeof(figures->entries));
	memcpy(ns, gauge.spent_ns, sizeof(ns));
	ns[gauge.level] += ktime_get_ns() - gauge.since_ns;
	spin_unlock(&gauge_lock);
	for (i = 0; i < ESX_NR_LEVELS; i++)
		figures->spent_ms[i] = div_u64(ns[i], NSEC_PER_MSEC);
}
ESX_EXPORT_FOR_TESTS(esx_gauge_get_figures);

/**
 * esx_gauge_level() - the state of the host's memory
 *
 * May be called with any lock held.
 *
 * Return: the state at the last look.
 */
enum esx_level esx_gauge_level(void)
{
	return READ_ONCE(gauge.level);
}
ESX_EXPORT_FOR_TESTS(esx_gauge_level);

/**
 * esx_gauge_room() - what guests may hold without memory being short
 *
 * Of a pool that was chosen that is less than all of it, in any state: who was given
 * all would bring it down to low by taking it.
 *
 * Return: pages of frames; U64_MAX while nothing limits them.
 */
u64 esx_gauge_room(void)
{
	u64 room = U64_MAX;

	spin_lock(&gauge_lock);
	if (gauge.by_memory != ESX_LEVEL_HIGH) {
		room = max(esx_frame_count(), 0L) + gauge.memory.free;
		room -= min(room, gauge.marks.rise[ESX_LEVEL_HIGH]);
	}
	if (gauge.pool)
		room = min(room, esx_level_room(gauge.pool, &params.level));
	room = min(room, esx_word_room(&gauge.word, &gauge.marks));
	spin_unlock(&gauge_lock);
	return room;
}
ESX_EXPORT_FOR_TESTS(esx_gauge_room);

/**
 * esx_gauge_init() - begin to look
 *
 * Return: 0 or -ENOMEM.
 */
int esx_gauge_init(void)
{
	workqueue = alloc_workqueue("esxmem_gauge", WQ_UNBOUND | WQ_MEM_RECLAIM, 1);
	if (!workqueue)
		return -ENOMEM;
	spin_lock(&gauge_lock);
	gauge.since_ns = ktime_get_ns();
	look();
	spin_unlock(&gauge_lock);
	esx_frame_set_watcher(esx_gauge_notice);
	esx_gauge_notice();
	return 0;
}

/**
 * esx_gauge_exit() - look no more; no knob and no VM is left
 */
void esx_gauge_exit(void)
{
	esx_frame_set_watcher(NULL);
	cancel_delayed_work_sync(&look_work);
	destroy_workqueue(workqueue);
}
