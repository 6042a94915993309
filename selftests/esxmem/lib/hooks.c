// SPDX-License-Identifier: GPL-2.0
/*
 * Around each case: a known state before, and nothing left behind after.
 *
 * These run in the parent, where a failed check would end the program, so the
 * work is done in a child and its verdict handed on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "esx.h"
#include "internal.h"

#define SETTLE_LOOKS 200

static struct before {
	uint64_t frames;
} *before;

static int in_child(void (*work)(void))
{
	pid_t child = fork();
	int status;

	if (!child) {
		work();
		_exit(0);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

static void known_knobs(void)
{
	static const char *const knobs[][2] = {
		{ "share/run", "0" },
		{ "tax/sample_run", "0" },
		{ "tax/sample_method", "young" },
		{ "tax/sample_discount", "1" },
		{ "tax/sample_pages", "100" },
		{ "tax/sample_period_ms", "30000" },
		{ "tax/sample_wall_ms", "60000" },
		{ "tax/tax_percent", "75" },
		{ "tax/progressive", "0" },
		{ "tax/reclaim", "0" },
		{ "tax/hold", "1" },
		{ "tax/hold_max_ms", "10" },
		{ "tax/period_seconds", "15" },
		{ "tax/admission", "relaxed" },
		{ "tax/pool_bytes", "0" },
		{ "share/order", "sequential" },
		{ "share/target_seconds", "0" },
		{ "share/workers", "1" },
		{ "share/break_large", "pressure" },
		{ "share/pressure_percent", "10" },
		{ "tax/state_scale", "linear" },
		{ "tax/state_margin_percent", "10" },
		{ "tax/state_period_ms", "100" },
		/* In an order in which they always descend. */
		{ "tax/state_high_pm", "1000" },
		{ "tax/state_low_pm", "0" },
		{ "tax/state_soft_pm", "999" },
		{ "tax/state_hard_pm", "20" },
		{ "tax/state_soft_pm", "40" },
		{ "tax/state_high_pm", "60" },
		{ "tax/state_low_pm", "10" },
		{ "large_pages", "never" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(knobs); i++)
		esx_set(esx_knob_path("%s", knobs[i][0]), knobs[i][1]);
}

static void known_state(void)
{
	if (esx_remove_tree(esx_dir()) && errno != ENOENT)
		FAIL("remove %s: %s", esx_dir(), strerror(errno));
	CHECK_OK(mkdir(esx_dir(), 0755));
	if (!esx_is_here())
		return;
	known_knobs();
	before->frames = esx_info().frames;
}

static const char *hook_before(const struct tap_case *c)
{
	if (!before)
		before = host_shared(sizeof(*before));
	esx_set_dir(c->name);
	return in_child(known_state) ? "no known state" : NULL;
}

/* Frames go back when the last reference does, which may be a moment later. */
static void frames_are_back(void)
{
	uint64_t now = 0;

	for (int look = 0; look < SETTLE_LOOKS; look++) {
		now = esx_info().frames;
		if (now <= before->frames)
			return;
		usleep(20000);
	}
	FAIL("%llu frames in use after the case, %llu before",
	     (unsigned long long)now, (unsigned long long)before->frames);
}

static void nothing_left(void)
{
	bool esxmem = esx_is_here();

	if (esxmem) {
		esx_audit_clean();
		known_knobs();
	}
	if (esx_remove_tree(esx_dir()) && errno != ENOENT)
		FAIL("remove %s: %s", esx_dir(), strerror(errno));
	if (esxmem) {
		frames_are_back();
		esx_audit_clean();
	}
}

static const char *hook_after(const struct tap_case *c)
{
	(void)c;
	return in_child(nothing_left) ? "the case left something wrong" : NULL;
}

const struct tap_hooks esx_hooks = {
	.before = hook_before,
	.after = hook_after,
};
