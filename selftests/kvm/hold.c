// SPDX-License-Identifier: GPL-2.0
/*
 * Holds: a virtual CPU that needs new memory waits, and can be taken back.
 */
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/glue.h"

#define PAGES 1024UL
#define SIZE (PAGES * ESX_PAGE)
#define HALF (PAGES / 2)
/* What a task takes for each time that it waits. */
#define RATION 128UL
/* Looks, 20 ms apart, after which what does not come is given up. */
#define LOOKS 1500

static const struct vmm_job used = { .gpa = VMM_RAM, .pages = HALF, .value = 1, .step = 1 };
static const struct vmm_job more = {
	.gpa = VMM_RAM + HALF * ESX_PAGE, .pages = HALF, .value = 1000, .step = 1
};

static void set(const char *knob, const char *text)
{
	esx_set(esx_knob_path("tax/%s", knob), text);
}

/* In an order in which the thresholds always descend. */
static void become_low(void)
{
	set("reclaim", "1");
	set("state_high_pm", "1000");
	set("state_soft_pm", "999");
	set("state_hard_pm", "998");
	set("state_low_pm", "997");
}

static void wait_until(const char *name, uint64_t value)
{
	for (int looks = 0; esx_get_number(esx_vm_knob("vm", name)) != value; looks++) {
		CHECK_MSG(looks < LOOKS, "%s never is %llu", name, (unsigned long long)value);
		usleep(20000);
	}
}

struct machine {
	struct vmm vmm;
	void *memory;
};

static void start(struct machine *m, const char *max_ms)
{
	m->memory = glue_memory("vm/ram", PAGES);
	vmm_start(&m->vmm, m->memory, SIZE);
	vmm_fill(&m->vmm, 0, &used);
	set("hold_max_ms", max_ms);
	become_low();
	wait_until("on_hold", 1);
}

static uint64_t figure(const char *name)
{
	return esx_get_number(esx_vm_knob("vm", name));
}

/*
 * Runs a guest in a process of its own until it waits for its new pages.  Where KVM
 * lets no signal interrupt that (before 6.2) it does for a second at a time, and may be
 * between two when it is looked at.
 */
static pid_t start_waiting(void)
{
	pid_t child = CHECK_OK(fork());

	if (!child) {
		struct machine m;

		CHECK_OK(prctl(PR_SET_PDEATHSIG, SIGKILL));
		start(&m, "60000");
		vmm_fill(&m.vmm, 0, &more);
		CHECK_EQ(vmm_check(&m.vmm, 0, &used), 0);
		CHECK_EQ(vmm_check(&m.vmm, 0, &more), 0);
		vmm_destroy(&m.vmm);
		_exit(TAP_PASS);
	}
	for (int looks = 0; access(esx_vm_knob("vm", "hold_waiters"), F_OK); looks++) {
		CHECK_MSG(looks < LOOKS, "there is no VM");
		usleep(20000);
	}
	for (int looks = 0; !figure("hold_waiters") && !figure("hold_faults"); looks++) {
		CHECK_MSG(looks < LOOKS, "it does not wait");
		usleep(20000);
	}
	return child;
}

static void a_virtual_cpu_waits_for_new_memory(void)
{
	pid_t child = start_waiting();

	CHECK(figure("private_bytes") < SIZE);
	set("hold", "0");
	tap_join(child);
}

static void a_guest_that_waits_can_be_killed(void)
{
	pid_t child = start_waiting();
	int status;

	CHECK_OK(kill(child, SIGKILL));
	CHECK_EQ(CHECK_OK(waitpid(child, &status, 0)), child);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	wait_until("hold_waiters", 0);
	CHECK(figure("private_bytes") < SIZE);
}

static void a_guest_that_is_held_goes_on(void)
{
	struct machine m;

	start(&m, "1");
	vmm_fill(&m.vmm, 0, &more);
	CHECK_EQ(figure("on_hold"), 1);
	/* A new page may be taken as one of zeros before the guest writes to it. */
	CHECK(figure("hold_faults") >= HALF / RATION);
	CHECK(figure("hold_faults") <= 2 * HALF / RATION);
	CHECK_EQ(vmm_check(&m.vmm, 0, &used), 0);
	CHECK_EQ(vmm_check(&m.vmm, 0, &more), 0);
}

static const struct tap_case cases[] = {
	TAP_CASE(a_virtual_cpu_waits_for_new_memory),
	TAP_CASE(a_guest_that_waits_can_be_killed),
	TAP_CASE(a_guest_that_is_held_goes_on),
};

GLUE_MAIN(cases)
