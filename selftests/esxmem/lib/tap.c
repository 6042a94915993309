// SPDX-License-Identifier: GPL-2.0
#include "tap.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 * A case that makes no progress for so long hangs: a detector, far above what
 * any case takes on the slowest kernel, not a limit on speed.
 */
#define HANG_SECONDS 1500

/* What takes so long is worth a line. */
#define SLOW_SECONDS 5

/* Why the case skipped; shared, because the case is another process. */
static char *skip_reason;
#define SKIP_REASON_SIZE 256

struct tally {
	unsigned int passed, failed, skipped;
};

void tap_note(const char *fmt, ...)
{
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	/* One call, so that threads do not mix their lines. */
	printf("# %s\n", text);
	fflush(stdout);
}

void tap_skip(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(skip_reason, SKIP_REASON_SIZE, fmt, args);
	va_end(args);
	fflush(stdout);
	_exit(TAP_SKIP);
}

void tap_fail_at(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	char text[512];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	tap_note("%s:%d: %s", base ? base + 1 : file, line, text);
	_exit(TAP_FAIL);
}

static const char *describe_status(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "killed by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
	return text;
}

void tap_join(pid_t child)
{
	char text[128];
	int status;

	while (waitpid(child, &status, 0) != child)
		if (errno != EINTR)
			FAIL("waitpid: %s", strerror(errno));
	if (status)
		FAIL("child: %s", describe_status(status, text, sizeof(text)));
}

uint64_t tap_scaled(uint64_t full, uint64_t debug)
{
	const char *scale = getenv("ESX_TEST_SCALE");

	return scale && !strcmp(scale, "debug") ? debug : full;
}

uint64_t tap_seed(uint64_t fixed)
{
	const char *text = getenv("ESX_TEST_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : fixed;

	tap_note("seed %" PRIu64, seed);
	return seed;
}

static int run_in_child(const struct tap_case *c)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (child < 0)
		return TAP_FAIL << 8;
	if (!child) {
		alarm(HANG_SECONDS);
		c->run();
		fflush(stdout);
		_exit(TAP_PASS);
	}
	while (waitpid(child, &status, 0) != child)
		if (errno != EINTR)
			return TAP_FAIL << 8;
	return status;
}

static const char *hook(const char *(*function)(const struct tap_case *c),
			const struct tap_case *c)
{
	return function ? function(c) : NULL;
}

/* The case's exit status, or TAP_FAIL if a hook found fault. */
static int run_case(const struct tap_case *c, const struct tap_hooks *hooks)
{
	int verdict = TAP_FAIL;
	const char *fault;
	char text[128];
	int status;

	skip_reason[0] = '\0';
	fault = hook(hooks->before, c);
	if (fault) {
		tap_note("before %s: %s", c->name, fault);
		return TAP_FAIL;
	}
	status = run_in_child(c);
	if (WIFEXITED(status))
		verdict = WEXITSTATUS(status);
	else
		tap_note("%s", describe_status(status, text, sizeof(text)));
	fault = hook(hooks->after, c);
	if (fault) {
		tap_note("after %s: %s", c->name, fault);
		verdict = TAP_FAIL;
	}
	return verdict;
}

static void report(struct tally *tally, unsigned int number,
		   const struct tap_case *c, int verdict)
{
	switch (verdict) {
	case TAP_PASS:
		tally->passed++;
		printf("ok %u %s\n", number, c->name);
		break;
	case TAP_SKIP:
		tally->skipped++;
		printf("ok %u %s # SKIP %s\n", number, c->name, skip_reason);
		break;
	default:
		tally->failed++;
		printf("not ok %u %s\n", number, c->name);
	}
	fflush(stdout);
}

static bool chosen(const struct tap_case *c, char **patterns)
{
	if (!*patterns)
		return true;
	for (; *patterns; patterns++)
		if (!fnmatch(*patterns, c->name, 0))
			return true;
	return false;
}

static int list(const struct tap_case *cases, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		printf("%s %u\n", cases[i].name,
		       cases[i].cpus ? cases[i].cpus : 1);
	return TAP_PASS;
}

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static int run_one(const struct tap_case *c, const struct tap_hooks *hooks)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double start = seconds_now();
	int verdict;

	if ((long)c->cpus <= cpus) {
		verdict = run_case(c, hooks);
		/* For people who look for what is slow. */
		if (seconds_now() - start >= SLOW_SECONDS)
			tap_note("took %.0f s", seconds_now() - start);
		return verdict;
	}
	snprintf(skip_reason, SKIP_REASON_SIZE, "cpus: needs %u, has %ld",
		 c->cpus, cpus);
	return TAP_SKIP;
}

int tap_main(int argc, char **argv, const struct tap_case *cases, size_t nr,
	     const struct tap_hooks *hooks)
{
	static const struct tap_hooks none;
	struct tally tally = {};
	unsigned int number = 0;
	size_t planned = 0;

	if (argc > 1 && !strcmp(argv[1], "-l"))
		return list(cases, nr);

	skip_reason = mmap(NULL, SKIP_REASON_SIZE, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (skip_reason == MAP_FAILED)
		return TAP_FAIL;

	for (size_t i = 0; i < nr; i++)
		planned += chosen(&cases[i], argv + 1);
	printf("TAP version 13\n1..%zu\n", planned);
	for (size_t i = 0; i < nr; i++) {
		if (!chosen(&cases[i], argv + 1))
			continue;
		report(&tally, ++number, &cases[i],
		       run_one(&cases[i], hooks ? hooks : &none));
	}
	printf("# %u passed, %u failed, %u skipped\n", tally.passed,
	       tally.failed, tally.skipped);
	if (tally.failed || !planned)
		return TAP_FAIL;
	return tally.skipped ? TAP_SKIP : TAP_PASS;
}
