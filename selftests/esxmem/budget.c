// SPDX-License-Identifier: GPL-2.0
/*
 * The scanner's budget: how much CPU time its threads take, and how long a pass
 * over all memory is to take.
 *
 * A child keeps the scanner in work: it changes pages faster than they can be
 * hashed within the budget, and leaves zero pages to be found, so that no pass
 * is followed by a rest.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/esx.h"

#define MAX_FILES 64UL
#define CHURN_US 20000

/* A thread takes 64 MB of a file at a time: so that all have work, many files. */
struct load {
	size_t files, pages; /* pages of each file */
	int fds[MAX_FILES];
	char *maps[MAX_FILES];
	pid_t child;
	/* How long the child did nothing at the most; it shares this. */
	_Atomic uint64_t *gap_ns;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

/* The last page of each file is found to be zero again and again. */
static void churn_file(const struct load *load, size_t file, uint64_t n)
{
	off_t last = (load->pages - 1) * ESX_PAGE;
	char *map = load->maps[file];

	for (off_t at = 0; at < last; at += ESX_PAGE)
		*(volatile uint64_t *)(map + at) += n;
	fallocate(load->fds[file], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
		  last, ESX_PAGE);
	*(volatile char *)(map + last) = 0;
}

static void churn(const struct load *load)
{
	uint64_t last = now_ns(), now;

	for (uint64_t n = 1;; n++, last = now) {
		for (size_t f = 0; f < load->files; f++)
			churn_file(load, f, n);
		usleep(CHURN_US);
		now = now_ns();
		if (now - last > *load->gap_ns)
			*load->gap_ns = now - last;
	}
}

static struct load start_load(size_t files, size_t pages)
{
	struct load load = { .files = files, .pages = pages,
			     .gap_ns = host_shared(sizeof(*load.gap_ns)) };
	char name[16];

	for (size_t f = 0; f < files; f++) {
		snprintf(name, sizeof(name), "vm/ram%zu", f);
		load.fds[f] = esx_file(name, pages * ESX_PAGE);
		load.maps[f] = esx_map(load.fds[f], pages * ESX_PAGE, 0);
		for (size_t i = 0; i < pages; i++)
			esx_fill(load.maps[f] + i * ESX_PAGE,
				 1 + f * pages + i);
	}
	load.child = fork();
	if (!load.child) {
		CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
		churn(&load);
	}
	return load;
}

static void stop_load(const struct load *load)
{
	int status;

	CHECK_OK(kill(load->child, SIGKILL));
	CHECK_OK(waitpid(load->child, &status, 0));
}

static void budget_of(const char *percent, const char *workers)
{
	esx_scanner(true);
	esx_set(ESX_SYSFS "/share/workers", workers);
	esx_set(ESX_SYSFS "/share/cpu_percent", percent);
}

/*
 * A machine that stood still says nothing of how much was made of the time, and
 * a virtual one that was kept from running takes what it missed for CPU time of
 * whoever was running.  The arithmetic has unit tests that no load disturbs.
 */
#define MAX_GAP_NS 150000000ULL

static bool is_judge(const struct load *load, uint64_t wait_ns, uint64_t wall_ns)
{
	return *load->gap_ns <= MAX_GAP_NS && wait_ns * 200 < wall_ns;
}

static void expect_share(const char *workers)
{
	unsigned int seconds = tap_scaled(6, 12);
	struct load load = start_load(4, 2048);
	struct esx_scand before, after;
	uint64_t wall, run, wait;

	budget_of("10", workers);
	/* What it was when the knobs were turned is past. */
	sleep(1);
	*load.gap_ns = 0;
	before = esx_scand();
	wall = now_ns();
	sleep(seconds);
	wall = now_ns() - wall;
	after = esx_scand();
	stop_load(&load);
	run = after.run_ns - before.run_ns;
	wait = after.wait_ns - before.wait_ns;
	tap_note("%llu permille of a CPU in %llu ms, waited for one %llu ms, longest gap %llu ms",
		 (unsigned long long)(run * 1000 / wall),
		 (unsigned long long)wall / 1000000,
		 (unsigned long long)wait / 1000000,
		 (unsigned long long)*load.gap_ns / 1000000);
	CHECK(run > 0);
	if (is_judge(&load, wait, wall)) {
		CHECK(run * 100 <= wall * 11);
		CHECK(run * 100 >= wall * 9);
	}
}

static void one_worker_keeps_the_cpu_budget(void)
{
	expect_share("1");
}

static void two_workers_share_the_cpu_budget(void)
{
	expect_share("2");
}

/* However thinly the budget is spread. */
static void many_workers_share_a_small_budget(void)
{
	struct load load = start_load(MAX_FILES, 64);
	struct esx_scand before, after;
	uint64_t wall, run;

	budget_of("1", "64");
	/* What each takes before its first rest is no measure. */
	sleep(4);
	*load.gap_ns = 0;
	before = esx_scand();
	wall = now_ns();
	sleep(tap_scaled(6, 12));
	wall = now_ns() - wall;
	after = esx_scand();
	run = after.run_ns - before.run_ns;
	stop_load(&load);
	tap_note("%llu permille of a CPU",
		 (unsigned long long)(run * 1000 / wall));
	CHECK(run > 0);
	/* Each may be a region ahead; with 0.1 % for each it would be 64. */
	if (is_judge(&load, after.wait_ns - before.wait_ns, wall))
		CHECK(run * 1000 <= wall * 40);
}

/* Time from the end of a pass to the end of a later one, per pass. */
static uint64_t time_of_pass(unsigned int passes)
{
	uint64_t first = esx_figure("full_scans"), now, start;

	while ((now = esx_figure("full_scans")) == first)
		usleep(2000);
	start = now_ns();
	first = now;
	while (esx_figure("full_scans") < first + passes)
		usleep(2000);
	return (now_ns() - start) / passes;
}

#define TARGET 3ULL

static void a_pass_takes_as_long_as_it_shall(void)
{
	struct load load = start_load(1, 2048);
	uint64_t took;

	budget_of("100", "1");
	/* The pace is that of the last pass's amount of memory. */
	esx_wait_scans(2);
	esx_set(ESX_SYSFS "/share/target_seconds", "3");
	took = time_of_pass(1);
	stop_load(&load);
	tap_note("a pass that is to take %llu ms took %llu ms", TARGET * 1000,
		 (unsigned long long)took / 1000000);
	CHECK(took * 10 >= TARGET * 9000000000ULL);
}

/* Fewer pages than seconds: the pace is less than a page a second. */
static void a_pass_over_little_memory_takes_as_long_too(void)
{
	int fd = esx_file("vm/ram", 8 * ESX_PAGE);
	char *map = esx_map(fd, 8 * ESX_PAGE, 0);
	uint64_t passes;

	for (size_t i = 0; i < 8; i++)
		esx_fill(map + i * ESX_PAGE, i + 1);
	budget_of("100", "1");
	esx_wait_scans(2);
	esx_set(ESX_SYSFS "/share/target_seconds", "100");
	passes = esx_figure("full_scans");
	sleep(6);
	passes = esx_figure("full_scans") - passes;
	/* One was under way when the knob was turned. */
	CHECK_MSG(passes <= 2, "%llu passes of 100 s in 6 s",
		  (unsigned long long)passes);
}

static const struct tap_case cases[] = {
	TAP_CASE(one_worker_keeps_the_cpu_budget),
	TAP_CASE(two_workers_share_the_cpu_budget),
	TAP_CASE(many_workers_share_a_small_budget),
	TAP_CASE(a_pass_takes_as_long_as_it_shall),
	TAP_CASE(a_pass_over_little_memory_takes_as_long_too),
};

ESX_MAIN(cases)
