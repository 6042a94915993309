// SPDX-License-Identifier: GPL-2.0
/*
 * The background scanner: kernel threads that share the memory of all VMs that
 * take part, within a rate and a CPU budget.
 *
 * The threads work off the chunks of one pass (pass.c) together; each has an
 * equal part of the budget and rests as its meter says.  The knobs are copied
 * once a region, so a change takes effect at once.
 */
#include <linux/cpumask.h>
#include <linux/freezer.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/nodemask.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/topology.h>
#include <linux/wait.h>

#include "../stats.h"
#include "../vm.h"
#include "large.h"
#include "meter.h"
#include "pass.h"
#include "scan.h"

/* Debts below this are carried on. */
#define MIN_SLEEP_MS	4

const char *const esx_scan_order_names[ESX_SCAN_NR_ORDERS] = {
	[ESX_SCAN_SEQUENTIAL] = "sequential",
	[ESX_SCAN_RANDOM] = "random",
};

/* Protects what follows; taken for as long as threads are started and stopped. */
static DEFINE_MUTEX(workers_lock);
static struct task_struct *workers[ESX_SCAN_MAX_WORKERS];
static unsigned int nr_workers;

/* A leaf: protects params and params_seq. */
static DEFINE_SPINLOCK(params_lock);
static struct esx_scan_params params = {
	.run = true,
	.pages_per_second = 20000,
	.cpu_percent = 10,
	.workers = 1,
	.order = ESX_SCAN_SEQUENTIAL,
};
/* How often the knobs were turned. */
static unsigned int params_seq;

static DECLARE_WAIT_QUEUE_HEAD(scan_wait);

/* Read by a thread that visits a region; written by who waits until none does. */
static DECLARE_RWSEM(visit_sem);

/* One thread. */
struct worker {
	struct esx_meter meter;
	struct esx_scan_params now;
	/* Of @now; the meter counts from then on. */
	unsigned int seq;
};

/**
 * esx_scan_get_params() - read the knobs
 * @out: filled
 */
void esx_scan_get_params(struct esx_scan_params *out)
{
	spin_lock(&params_lock);
	*out = params;
	spin_unlock(&params_lock);
}

static bool may_run(void)
{
	return READ_ONCE(params.run);
}

static u64 cpu_ns(void)
{
	return current->se.sum_exec_runtime;
}

/* Takes over new knobs: what was spent under the old ones is forgiven. */
static void read_params(struct worker *worker)
{
	if (READ_ONCE(params_seq) == worker->seq)
		return;
	spin_lock(&params_lock);
	worker->now = params;
	worker->seq = params_seq;
	spin_unlock(&params_lock);
	esx_meter_start(&worker->meter, cpu_ns(), ktime_get_ns());
}

static void nap(struct worker *worker, u64 ms)
{
	wait_event_freezable_timeout(scan_wait,
				     kthread_should_stop() ||
					     READ_ONCE(params_seq) != worker->seq,
				     msecs_to_jiffies(ms));
}

/* This thread's part of what may be spent. */
static struct esx_budget budget_of(const struct worker *worker)
{
	const struct esx_scan_params *now = &worker->now;
	struct esx_budget budget = {
		.cpu_ppm = now->cpu_percent * 10000 / now->workers,
		.pages_per_second = now->pages_per_second,
	};

	if (now->target_seconds)
		budget.pages_per_second = div_u64(esx_pass_pages(), now->target_seconds) + 1;
	if (budget.pages_per_second)
		budget.pages_per_second =
			max_t(u64, div_u64(budget.pages_per_second, now->workers), 1);
	return budget;
}

/* Rests for what was spent; also while the scanner is off. */
static void pay(struct worker *worker)
{
	struct esx_budget budget;
	u64 debt;

	for (;;) {
		wait_event_freezable(scan_wait, may_run() || kthread_should_stop());
		try_to_freeze();
		read_params(worker);
		budget = budget_of(worker);
		debt = esx_meter_debt_ns(&worker->meter, &budget, cpu_ns(), ktime_get_ns());
		if (kthread_should_stop() || debt < MIN_SLEEP_MS * NSEC_PER_MSEC)
			return;
		nap(worker, div_u64(debt, NSEC_PER_MSEC));
	}
}

/* Of a target counts what is looked at, of a rate what costs something. */
static u64 cost_of(const struct worker *worker, const struct esx_merge_report *report)
{
	return worker->now.target_seconds ? report->visited : report->hashed;
}

/* A region whose turn comes when the scanner is stopped waits for the next pass. */
static void scan_region(struct worker *worker, const struct esx_chunk *chunk, pgoff_t index,
			struct esx_share_visit *visit)
{
	pgoff_t first = index << ESX_REGION_ORDER;
	u64 before = cost_of(worker, &visit->report);

	down_read(&visit_sem);
	if (may_run())
		esx_share_region(chunk->pmap, &first, first + ESX_REGION_PAGES, visit);
	up_read(&visit_sem);
	worker->meter.pages += cost_of(worker, &visit->report) - before;
}

static void scan_chunk(struct worker *worker, struct esx_chunk *chunk)
{
	xa_mark_t mark = chunk->fresh ? ESX_FRESH_MARK : XA_PRESENT;
	struct esx_share_visit visit = {
		.pass = chunk->pass,
		.break_hot = chunk->break_hot,
		.pressed = esx_large_is_pressed(),
	};
	unsigned long index = chunk->first;

	for (; index < chunk->end; index++) {
		if (kthread_should_stop() || !READ_ONCE(chunk->pmap->vm->share) ||
		    !xa_find(&chunk->pmap->regions, &index, chunk->end - 1, mark))
			break;
		scan_region(worker, chunk, index, &visit);
		pay(worker);
		cond_resched();
	}
	esx_pass_done(chunk, &visit.report);
}

static int scan_thread(void *unused)
{
	struct worker worker = { .seq = READ_ONCE(params_seq) - 1 };
	struct esx_chunk chunk;

	set_freezable();
	set_user_nice(current, 5);
	read_params(&worker);
	for (;;) {
		pay(&worker);
		if (kthread_should_stop())
			return 0;
		switch (esx_pass_next(&chunk, worker.now.order == ESX_SCAN_RANDOM)) {
		case ESX_PASS_CHUNK:
			scan_chunk(&worker, &chunk);
			break;
		case ESX_PASS_WAIT:
			nap(&worker, chunk.wait_ms);
			break;
		case ESX_PASS_OVER:
			break;
		}
	}
}

/* Threads are spread over the memory nodes. */
static int nth_node(unsigned int nr)
{
	int node = first_online_node;

	for (nr %= num_online_nodes(); nr; nr--)
		node = next_online_node(node);
	return node;
}

static int start_worker(unsigned int nr)
{
	int node = nth_node(nr);
	struct task_struct *task;

	task = kthread_create_on_node(scan_thread, NULL, node, "esxmem_scand/%u", nr);
	if (IS_ERR(task))
		return PTR_ERR(task);
	if (num_online_nodes() > 1 && !cpumask_empty(cpumask_of_node(node)))
		set_cpus_allowed_ptr(task, cpumask_of_node(node));
	workers[nr] = task;
	wake_up_process(task);
	return 0;
}

static int set_nr_workers(unsigned int nr)
{
	int err = 0;

	while (nr_workers > nr)
		kthread_stop(workers[--nr_workers]);
	while (nr_workers < nr && !err) {
		err = start_worker(nr_workers);
		nr_workers += !err;
	}
	return err;
}

static void publish(const struct esx_scan_params *in)
{
	spin_lock(&params_lock);
	params = *in;
	params.workers = nr_workers;
	WRITE_ONCE(params_seq, params_seq + 1);
	spin_unlock(&params_lock);
	/* Whoever turns a knob wants to see what comes of it. */
	esx_pass_hasten();
	wake_up_all(&scan_wait);
}

/* A thread that comes later sees that it may not run. */
static void wait_for_visits(void)
{
	down_write(&visit_sem);
	up_write(&visit_sem);
}

/**
 * esx_scan_set_params() - turn the knobs
 * @in: all of them
 *
 * Who stops the scanner finds it stopped: no page is locked or unmapped by it
 * when this returns.
 *
 * Return: 0; -EINVAL when one is out of range, then none is changed; why a
 * thread could not be started, then there are fewer.
 */
int esx_scan_set_params(const struct esx_scan_params *in)
{
	int err;

	if (in->cpu_percent < 1 || in->cpu_percent > 100 || in->order >= ESX_SCAN_NR_ORDERS ||
	    in->workers < 1 || in->workers > ESX_SCAN_MAX_WORKERS)
		return -EINVAL;

	mutex_lock(&workers_lock);
	err = set_nr_workers(in->workers);
	publish(in);
	mutex_unlock(&workers_lock);
	if (!in->run)
		wait_for_visits();
	return err;
}

/**
 * esx_scan_init() - start the scanner
 *
 * Return: 0 or why a thread could not be made.
 */
int esx_scan_init(void)
{
	struct esx_scan_params start = params;
	int err;

	start.workers = min_t(unsigned int, num_online_nodes(), ESX_SCAN_MAX_WORKERS);
	err = esx_scan_set_params(&start);
	if (err)
		esx_scan_exit();
	return err;
}

/**
 * esx_scan_exit() - stop the scanner and wait for it
 */
void esx_scan_exit(void)
{
	mutex_lock(&workers_lock);
	set_nr_workers(0);
	mutex_unlock(&workers_lock);
	esx_pass_reset();
}
