// SPDX-License-Identifier: GPL-2.0
/*
 * The sampler: how much of its memory is each VM using?  (Paper, section 5.3.)
 *
 * One thread for the host.  In each period of a VM some of its pages, picked at
 * random, are watched (watch.c); what part of them is touched goes into the VM's
 * estimates (estimate.c).  The thread looks at them several times a period, so
 * that a VM that wakes is noticed before the period is over, and what is unmapped
 * by others meanwhile is not forgotten.  What a period costs depends on how many
 * pages are watched and not on how many there are.
 *
 * sampler_lock is held by whoever works with watched pages.  Since a VM may be
 * removed meanwhile, under esx_vms_lock, which is taken inside, its watch is borrowed
 * for that: taken out of the VM's record and put back, or ended, if the VM was
 * removed meanwhile.  The record itself goes with the last reference to the VM.
 * A watch holds references to page maps, and these to the VM: that circle is cut
 * when the VM is removed.
 *
 * Only esx_estimate_active_pages() is for who decides about memory.
 */
#include <linux/err.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "../compat.h"
#include "../trace.h"
#include "../vm.h"
#include "period.h"
#include "sample.h"

/* Looks in a period, as in the paper's Figure 6, and the time between them. */
#define LOOKS		6
#define MIN_LOOK_MS	10
#define MAX_LOOK_MS	5000

const char *const esx_sample_step_names[ESX_SAMPLE_NR_STEPS] = {
	[ESX_SAMPLE_BEGIN] = "begin",
	[ESX_SAMPLE_LOOK] = "look",
	[ESX_SAMPLE_END] = "end",
};

/**
 * struct esx_averages - the parts of a VM's pages that were touched; see struct esx_touches
 */
struct esx_averages {
	/** @touched: of all pages. */
	struct esx_average touched;
	/** @coarse: known for 2 MB only. */
	struct esx_average coarse;
	/** @host: not by the guest. */
	struct esx_average host;
};

/**
 * struct esx_sampling - what the sampler knows of a VM
 */
struct esx_sampling {
	/** @period: the one under way.  Protected by sampler_lock. */
	struct esx_period period;
	/** @lock: protects what follows; a leaf. */
	spinlock_t lock;
	/** @removed: the VM has no files any more; nothing is watched. */
	bool removed;
	/** @watch: the pages; NULL when none are, or while it is borrowed. */
	struct esx_watch *watch;
	/** @open: a period is under way. */
	bool open;
	/** @method: how the pages of @tally are or were watched. */
	enum esx_sample_method method;
	/** @tally: of the period under way, or else of the last one. */
	struct esx_tally tally;
	/** @periods: that have ended and said something. */
	u64 periods;
	/** @all: of every touch. */
	struct esx_averages all;
	/** @kept: of those that are not discounted. */
	struct esx_averages kept;
};

/* See above; outermost. */
static DEFINE_MUTEX(sampler_lock);
static struct task_struct *sampler;
static DECLARE_WAIT_QUEUE_HEAD(sampler_wait);

/* A leaf: protects params and params_seq. */
static DEFINE_SPINLOCK(params_lock);
static struct esx_sample_params params = {
	.run = true,
	.pages = 100,
	.period_ms = 30000,
	.wall_ms = 60000,
	.method = ESX_SAMPLE_YOUNG,
	.discount = true,
};
/* How often the knobs were turned. */
static unsigned int params_seq;

/* Periods in which pages were unmapped for want of a guest to ask. */
static atomic64_t nr_fallbacks;

/**
 * esx_sample_get_params() - read the knobs
 * @out: filled
 */
void esx_sample_get_params(struct esx_sample_params *out)
{
	spin_lock(&params_lock);
	*out = params;
	spin_unlock(&params_lock);
}

/**
 * esx_sample_fallbacks() - how often were pages unmapped instead of asked about?
 *
 * Return: periods of any VM, since the module was loaded.
 */
u64 esx_sample_fallbacks(void)
{
	return atomic64_read(&nr_fallbacks);
}

/*
 * One VM.
 */

static void read_clock(struct esx_vm *vm, struct esx_clock *now)
{
	struct esx_guest_stats stats;

	esx_vm_guest_stats(vm, &stats);
	now->vm_ns = stats.vcpu_time_ns;
	now->wall_ns = ktime_get_ns();
}

static struct esx_watch *borrow_watch(struct esx_sampling *sampling)
{
	struct esx_watch *watch;

	lockdep_assert_held(&sampler_lock);

	spin_lock(&sampling->lock);
	watch = sampling->watch;
	sampling->watch = NULL;
	spin_unlock(&sampling->lock);
	return watch;
}

static void return_watch(struct esx_sampling *sampling, struct esx_watch *watch)
{
	spin_lock(&sampling->lock);
	if (!sampling->removed)
		swap(sampling->watch, watch);
	spin_unlock(&sampling->lock);
	if (watch)
		esx_watch_end(watch);
}

static void give_up_period(struct esx_sampling *sampling)
{
	struct esx_watch *watch = borrow_watch(sampling);

	spin_lock(&sampling->lock);
	sampling->open = false;
	spin_unlock(&sampling->lock);
	if (watch)
		esx_watch_end(watch);
}

static void note_tally(struct esx_sampling *sampling, const struct esx_watch *watch)
{
	struct esx_tally tally;

	esx_watch_tally(watch, &tally);
	spin_lock(&sampling->lock);
	sampling->open = true;
	sampling->method = esx_watch_method(watch);
	sampling->tally = tally;
	spin_unlock(&sampling->lock);
}

static void begin_period(struct esx_vm *vm, const struct esx_sample_params *now)
{
	struct esx_sampling *sampling = vm->sampling;
	struct esx_watch *watch;
	struct esx_clock clock;

	give_up_period(sampling);
	watch = esx_watch_begin(vm, now->pages, now->method, get_random_u64());
	if (!watch)
		return;
	if (esx_watch_method(watch) != now->method)
		atomic64_inc(&nr_fallbacks);
	read_clock(vm, &clock);
	esx_period_begin(&sampling->period, &clock);
	note_tally(sampling, watch);
	return_watch(sampling, watch);
}

static void look(struct esx_vm *vm, struct esx_watch *watch)
{
	esx_watch_look(watch, vm);
	note_tally(vm->sampling, watch);
}

static void take_up_touches(struct esx_averages *averages, const struct esx_touches *touches,
			    u32 sampled)
{
	esx_average_add(&averages->touched, esx_fraction(touches->touched, sampled));
	esx_average_add(&averages->coarse, esx_fraction(touches->coarse, sampled));
	esx_average_add(&averages->host, esx_fraction(touches->host, sampled));
}

/* Both ways of counting, so that the knob that chooses is of effect at once. */
static void take_up_tally(struct esx_sampling *sampling)
{
	const struct esx_tally *tally = &sampling->tally;

	lockdep_assert_held(&sampling->lock);

	sampling->open = false;
	if (!tally->sampled)
		return;
	sampling->periods++;
	take_up_touches(&sampling->all, &tally->all, tally->sampled);
	take_up_touches(&sampling->kept, &tally->kept, tally->sampled);
}

/* The watch was looked at a moment ago. */
static void end_period(struct esx_vm *vm, struct esx_watch *watch)
{
	struct esx_sampling *sampling = vm->sampling;
	enum esx_sample_method method = esx_watch_method(watch);
	char name[ESX_VM_NAME_MAX];
	struct esx_tally tally;

	esx_watch_end(watch);
	spin_lock(&sampling->lock);
	take_up_tally(sampling);
	tally = sampling->tally;
	spin_unlock(&sampling->lock);

	esx_vm_name(vm, name, sizeof(name));
	trace_esxmem_sample(vm->id, name, method, tally.sampled, tally.all.touched,
			    tally.all.coarse, tally.all.host, tally.zeroed, tally.freed,
			    esx_estimate_active_pages(vm));
}

static bool period_is_over(struct esx_vm *vm, const struct esx_sample_params *now)
{
	struct esx_clock clock;

	read_clock(vm, &clock);
	return esx_period_is_over(&vm->sampling->period, &clock, now->period_ms, now->wall_ms);
}

static void sample_vm(struct esx_vm *vm, const struct esx_sample_params *now)
{
	struct esx_watch *watch = borrow_watch(vm->sampling);

	if (!watch) {
		begin_period(vm, now);
		return;
	}
	look(vm, watch);
	if (!period_is_over(vm, now)) {
		return_watch(vm->sampling, watch);
		return;
	}
	end_period(vm, watch);
	begin_period(vm, now);
}

static void step_vm(struct esx_vm *vm, enum esx_sample_step step,
		    const struct esx_sample_params *now)
{
	struct esx_watch *watch;

	if (step == ESX_SAMPLE_BEGIN) {
		begin_period(vm, now);
		return;
	}
	watch = borrow_watch(vm->sampling);
	if (!watch)
		return;
	look(vm, watch);
	if (step == ESX_SAMPLE_END)
		end_period(vm, watch);
	else
		return_watch(vm->sampling, watch);
}

/**
 * esx_sample_step() - do by hand what the sampler's thread does, for all VMs
 * @step: what
 *
 * Return: 0 or -EINTR.
 */
int esx_sample_step(enum esx_sample_step step)
{
	struct esx_sample_params now;
	struct esx_vm *vm = NULL;

	if (mutex_lock_killable(&sampler_lock))
		return -EINTR;
	esx_sample_get_params(&now);
	while ((vm = esx_vm_next(vm))) {
		step_vm(vm, step, &now);
		cond_resched();
	}
	mutex_unlock(&sampler_lock);
	return 0;
}
EXPORT_SYMBOL_GPL(esx_sample_step);

/*
 * What is known.
 */

/* One way of counting. */
struct counted {
	const struct esx_averages *averages;
	const struct esx_touches *touches;
};

static u32 so_far(const struct esx_sampling *sampling, u32 nr, const struct esx_average *average)
{
	return sampling->open ? esx_fraction(nr, sampling->tally.sampled) : average->fast;
}

static enum esx_estimate estimates_of(const struct esx_sampling *sampling,
				      const struct counted *counted,
				      struct esx_estimates *estimates)
{
	const struct esx_average *average = &counted->averages->touched;

	esx_estimates_get(average, so_far(sampling, counted->touches->touched, average),
			  estimates);
	return esx_estimates_largest(estimates);
}

static u64 part_of(const struct esx_sampling *sampling, const struct esx_average *average, u32 nr,
		   enum esx_estimate which, u64 size)
{
	struct esx_estimates estimates;

	esx_estimates_get(average, so_far(sampling, nr, average), &estimates);
	return esx_fraction_of(estimates.by[which], size);
}

/* The parts are those of the estimate that counts. */
static void estimate(const struct esx_sampling *sampling, const struct counted *counted, u64 size,
		     struct esx_sample_figures *figures)
{
	const struct esx_averages *averages = counted->averages;
	const struct esx_touches *touches = counted->touches;
	struct esx_estimates estimates;
	enum esx_estimate which, i;

	lockdep_assert_held(&sampling->lock);

	which = estimates_of(sampling, counted, &estimates);
	for (i = 0; i < ESX_NR_ESTIMATES; i++)
		figures->pages[i] = esx_fraction_of(estimates.by[i], size);
	figures->active = figures->pages[which];
	figures->coarse = part_of(sampling, &averages->coarse, touches->coarse, which, size);
	figures->host = part_of(sampling, &averages->host, touches->host, which, size);
}

static void estimate_both(const struct esx_sampling *sampling, u64 size,
			  struct esx_sample_figures *figures)
{
	const struct counted all = { &sampling->all, &sampling->tally.all };
	const struct counted kept = { &sampling->kept, &sampling->tally.kept };
	struct esx_estimates estimates;
	enum esx_estimate which;

	estimate(sampling, READ_ONCE(params.discount) ? &kept : &all, size, figures);
	which = estimates_of(sampling, &all, &estimates);
	figures->raw = esx_fraction_of(estimates.by[which], size);
}

/**
 * esx_sample_get_figures() - what is known of a VM
 * @vm: the VM
 * @figures: filled
 *
 * Until a first period is over nothing is known, and all that the VM has counts
 * as in use: nobody is to lose memory for being new.
 */
void esx_sample_get_figures(struct esx_vm *vm, struct esx_sample_figures *figures)
{
	struct esx_sampling *sampling = vm->sampling;
	u64 size = atomic_long_read(&vm->size_pages);

	memset(figures, 0, sizeof(*figures));
	figures->active = max(esx_counts_backed(&vm->counts), 0L);
	figures->raw = figures->active;
	if (!sampling)
		return;

	spin_lock(&sampling->lock);
	figures->tally = sampling->tally;
	figures->method = sampling->method;
	figures->periods = sampling->periods;
	if (sampling->periods)
		estimate_both(sampling, size, figures);
	spin_unlock(&sampling->lock);
}

/**
 * esx_estimate_active_pages() - how much of its memory is a VM using?
 * @vm: the VM
 *
 * May be called with any lock held.
 *
 * Return: pages, the largest of the three estimates; never more than the size of
 * the VM's files.
 */
u64 esx_estimate_active_pages(struct esx_vm *vm)
{
	struct esx_sample_figures figures;

	esx_sample_get_figures(vm, &figures);
	return figures.active;
}

/*
 * The coming and going of VMs, and the thread.
 */

/**
 * esx_sample_add_vm() - a VM appeared
 * @vm: not yet on the list; what is allocated goes with its last reference
 *
 * Return: 0 or -ENOMEM.
 */
int esx_sample_add_vm(struct esx_vm *vm)
{
	struct esx_sampling *sampling = kzalloc(sizeof(*sampling), GFP_KERNEL_ACCOUNT);

	if (!sampling)
		return -ENOMEM;
	spin_lock_init(&sampling->lock);
	vm->sampling = sampling;
	return 0;
}

/**
 * esx_sample_remove_vm() - the last file of a VM is gone
 * @vm: the VM
 */
void esx_sample_remove_vm(struct esx_vm *vm)
{
	struct esx_sampling *sampling = vm->sampling;
	struct esx_watch *watch;

	spin_lock(&sampling->lock);
	sampling->removed = true;
	sampling->open = false;
	watch = sampling->watch;
	sampling->watch = NULL;
	spin_unlock(&sampling->lock);
	if (watch)
		esx_watch_end(watch);
}

static void sample_all(void)
{
	struct esx_sample_params now;
	struct esx_vm *vm = NULL;

	mutex_lock(&sampler_lock);
	esx_sample_get_params(&now);
	while (now.run && (vm = esx_vm_next(vm))) {
		sample_vm(vm, &now);
		cond_resched();
	}
	mutex_unlock(&sampler_lock);
}

static void give_up_all(void)
{
	struct esx_vm *vm = NULL;

	mutex_lock(&sampler_lock);
	while ((vm = esx_vm_next(vm)))
		give_up_period(vm->sampling);
	mutex_unlock(&sampler_lock);
}

static bool may_run(void)
{
	return READ_ONCE(params.run);
}

static unsigned long time_to_look(void)
{
	struct esx_sample_params now;

	esx_sample_get_params(&now);
	return msecs_to_jiffies(clamp_t(u32, min(now.period_ms, now.wall_ms) / LOOKS,
					MIN_LOOK_MS, MAX_LOOK_MS));
}

static int sample_thread(void *unused)
{
	unsigned int seq;

	set_freezable();
	set_user_nice(current, 5);
	for (;;) {
		seq = READ_ONCE(params_seq);
		wait_event_freezable(sampler_wait, may_run() || kthread_should_stop());
		if (kthread_should_stop())
			return 0;
		sample_all();
		wait_event_freezable_timeout(sampler_wait,
					     kthread_should_stop() ||
						     READ_ONCE(params_seq) != seq,
					     time_to_look());
	}
}

/**
 * esx_sample_set_params() - turn the knobs
 * @in: all of them
 *
 * A period under way goes by the new times at once, but keeps its pages and its
 * method.  Who stops the sampler finds it stopped, and nothing watched.
 *
 * Return: 0, or -EINVAL when one is out of range; then none is changed.
 */
int esx_sample_set_params(const struct esx_sample_params *in)
{
	if (!in->pages || in->pages > ESX_SAMPLE_MAX_PAGES || !in->period_ms ||
	    in->period_ms > ESX_SAMPLE_MAX_MS || !in->wall_ms ||
	    in->wall_ms > ESX_SAMPLE_MAX_MS || in->method >= ESX_SAMPLE_NR)
		return -EINVAL;

	spin_lock(&params_lock);
	params = *in;
	WRITE_ONCE(params_seq, params_seq + 1);
	spin_unlock(&params_lock);
	if (!in->run)
		give_up_all();
	wake_up_all(&sampler_wait);
	return 0;
}

/**
 * esx_sample_init() - start the sampler
 *
 * Return: 0 or why the thread could not be made.
 */
int esx_sample_init(void)
{
	struct task_struct *task = kthread_run(sample_thread, NULL, "esxmem_sampled");

	if (IS_ERR(task))
		return PTR_ERR(task);
	sampler = task;
	return 0;
}

/**
 * esx_sample_exit() - stop the sampler and wait for it; there are no VMs left
 */
void esx_sample_exit(void)
{
	kthread_stop(sampler);
}
