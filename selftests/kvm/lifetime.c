// SPDX-License-Identifier: GPL-2.0
/*
 * Nobody is held up, and nothing is left behind: machines, processes and
 * modules go whenever they like.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/glue.h"

#define PAGES 256
#define SIZE (PAGES * ESX_PAGE)

static const struct vmm_job whole = { .gpa = VMM_RAM, .pages = PAGES, .value = 1, .step = 1 };

/* All pages alike, so that there is something to merge. */
static const struct vmm_job alike = { .gpa = VMM_RAM, .pages = PAGES, .value = 1, .rounds = 4 };

static void start_attached(struct vmm *vmm, void *memory)
{
	vmm_start(vmm, memory, SIZE);
	vmm_fill(vmm, 0, &whole);
	glue_wait_attached("vm", true);
}

/* No reference of esxmem's puts off what KVM does in close(). */
static void closed_machine_is_gone_at_once(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	start_attached(&vmm, memory);
	CHECK(glue_machine_exists(vmm.fd));
	vmm_destroy(&vmm);
	CHECK(!glue_machine_exists(vmm.fd));
	glue_wait_attached("vm", false);
}

static void next_machine_of_a_process_attaches(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	for (int i = 0; i < 20; i++) {
		vmm_start(&vmm, memory, SIZE);
		/* Faults again, although the last machine was here. */
		while (!glue_is_attached("vm")) {
			esx_merge_dir("vm");
			vmm_fill(&vmm, 0, &whole);
		}
		vmm_destroy(&vmm);
		CHECK(!glue_machine_exists(vmm.fd));
		if (i % 2)
			glue_wait_attached("vm", false);
	}
}

/* Attached so early, it lends its file; that must not keep it. */
static void machine_that_never_ran_goes(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_create(&vmm);
	vmm_add_memory(&vmm, VMM_RAM, memory, SIZE);
	CHECK_OK(glue_attach(vmm.fd));
	vmm_destroy(&vmm);
	glue_wait_attached("vm", false);
	while (glue_machine_exists(vmm.fd))
		usleep(10000);
}

static void early_attached_machine_is_gone_at_once(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_create(&vmm);
	vmm_add_memory(&vmm, VMM_RAM, memory, SIZE);
	vmm_add_vcpu(&vmm);
	CHECK_OK(glue_attach(vmm.fd));
	vmm_fill(&vmm, 0, &whole);
	vmm_destroy(&vmm);
	CHECK(!glue_machine_exists(vmm.fd));
	glue_wait_attached("vm", false);
}

static void losing_a_vcpu_keeps_the_guest(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	uint64_t violations;
	struct vmm vmm;

	vmm_create(&vmm);
	vmm_add_memory(&vmm, VMM_RAM, memory, SIZE);
	vmm_add_vcpu(&vmm);
	vmm_add_vcpu(&vmm);
	vmm_fill(&vmm, 0, &whole);
	glue_wait_attached("vm", true);
	violations = glue_violations("vm");

	for (int i = 0; i < 100; i++) {
		if (i == 10)
			vmm_drop_vcpu(&vmm, 0);
		CHECK(glue_is_attached("vm"));
		CHECK(glue_violations("vm") >= violations);
		violations = glue_violations("vm");
		CHECK_EQ(vmm_check(&vmm, 1, &whole), 0);
		esx_merge_dir("vm");
		usleep(5000);
	}
	vmm_drop_vcpu(&vmm, 1);
	glue_wait_attached("vm", false);
}

static void run_for_ever(void *memory, volatile unsigned int *rounds)
{
	struct vmm_job job = alike;
	struct vmm vmm;

	vmm_start(&vmm, memory, SIZE);
	for (;;) {
		CHECK_EQ(vmm_churn(&vmm, 0, &job), 0);
		job.value += job.rounds;
		++*rounds;
	}
}

static pid_t start_process(volatile unsigned int *rounds)
{
	pid_t child = CHECK_OK(fork());

	if (!child)
		run_for_ever(glue_memory("vm/ram", PAGES), rounds);
	while (!*rounds) {
		if (waitpid(child, NULL, WNOHANG) == child)
			FAIL("the VMM is gone");
		usleep(10000);
	}
	glue_wait_attached("vm", true);
	return child;
}

static void kill_process(pid_t child)
{
	int status;

	CHECK_OK(kill(child, SIGKILL));
	CHECK_OK(waitpid(child, &status, 0));
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void killed_process_leaves_nothing(void)
{
	volatile unsigned int *rounds = host_shared(sizeof(*rounds));
	struct rand rand = { tap_seed(1) };

	for (int i = 0; i < 10; i++) {
		pid_t child;

		*rounds = 0;
		child = start_process(rounds);
		for (uint64_t n = rand_below(&rand, 5); n; n--)
			esx_merge_dir("vm");
		usleep(rand_below(&rand, 20000));
		kill_process(child);
		glue_wait_attached("vm", false);
		CHECK_OK(esx_remove_tree(esx_path("vm")));
	}
}

static void process_that_execs_is_let_go(void)
{
	pid_t child = CHECK_OK(fork());
	struct vmm vmm;

	if (!child) {
		start_attached(&vmm, glue_memory("vm/ram", PAGES));
		execlp("sleep", "sleep", "1000", NULL);
		_exit(127);
	}
	while (access(esx_vm_knob("vm", "attached"), F_OK))
		usleep(10000);
	glue_wait_attached("vm", true);
	glue_wait_attached("vm", false);
	kill_process(child);
}

static void vendor_module_can_be_unloaded(void)
{
	volatile unsigned int *rounds = host_shared(sizeof(*rounds));
	const char *vendor = glue_vendor();
	pid_t child;

	if (!vendor)
		tap_skip("built in: KVM is no module of this kernel");
	child = start_process(rounds);
	CHECK(glue_unload(vendor) < 0);
	kill_process(child);
	CHECK_EQ(glue_unload(vendor), 0);
	glue_load_vendor(vendor);
}

static void wait_rounds(volatile unsigned int *rounds, unsigned int more)
{
	unsigned int goal = *rounds + more;

	while ((int)(goal - *rounds) > 0)
		usleep(1000);
}

static void glue_can_be_unloaded_while_guests_run(void)
{
	volatile unsigned int *rounds = host_shared(sizeof(*rounds));
	pid_t child = start_process(rounds);

	for (int i = 0; i < 10; i++) {
		CHECK_EQ(glue_unload("esxmem_kvm"), 0);
		CHECK(!glue_is_attached("vm"));
		CHECK_ERRNO(glue_attach(0), EOPNOTSUPP);
		wait_rounds(rounds, 2);
		glue_load();
		/* Merged pages are faulted in again. */
		while (!glue_is_attached("vm")) {
			esx_merge_dir("vm");
			wait_rounds(rounds, 1);
		}
	}
	kill_process(child);
}

/* Unloads at any stage of attaching, too. */
static void glue_can_be_unloaded_at_any_moment(void)
{
	volatile unsigned int *rounds = host_shared(sizeof(*rounds));
	struct rand rand = { tap_seed(2) };
	pid_t child = start_process(rounds);

	for (int i = 0; i < 40; i++) {
		CHECK_EQ(glue_unload("esxmem_kvm"), 0);
		glue_load();
		esx_merge_dir("vm");
		usleep(rand_below(&rand, 3000));
	}
	wait_rounds(rounds, 2);
	kill_process(child);
}

static const struct tap_case cases[] = {
	TAP_CASE(closed_machine_is_gone_at_once),
	TAP_CASE(next_machine_of_a_process_attaches),
	TAP_CASE(machine_that_never_ran_goes),
	TAP_CASE(early_attached_machine_is_gone_at_once),
	TAP_CASE(losing_a_vcpu_keeps_the_guest),
	TAP_CASE(killed_process_leaves_nothing),
	TAP_CASE(process_that_execs_is_let_go),
	TAP_CASE(vendor_module_can_be_unloaded),
	TAP_CASE(glue_can_be_unloaded_while_guests_run),
	TAP_CASE(glue_can_be_unloaded_at_any_moment),
};

GLUE_MAIN(cases)
