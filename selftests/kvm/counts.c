// SPDX-License-Identifier: GPL-2.0
/* Faults and run time of virtual CPUs. */
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "lib/glue.h"

#define PAGES 1024
#define SIZE (PAGES * ESX_PAGE)

static const struct vmm_job whole = { .gpa = VMM_RAM, .pages = PAGES, .value = 1, .step = 1 };
static const struct vmm_job first = { .gpa = VMM_RAM, .pages = 1, .value = 1 };

static void start_attached(struct vmm *vmm, void *memory)
{
	vmm_start(vmm, memory, SIZE);
	CHECK_OK(glue_attach(vmm->fd));
}

static void each_page_faults_once(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	uint64_t before, after;
	struct vmm vmm;

	start_attached(&vmm, memory);
	/* The code's page and the stack's, too. */
	vmm_fill(&vmm, 0, &first);
	before = glue_violations("vm");
	vmm_fill(&vmm, 0, &whole);
	after = glue_violations("vm");
	CHECK_EQ(after - before, PAGES - 1);

	CHECK_EQ(vmm_check(&vmm, 0, &whole), 0);
	CHECK_EQ(glue_violations("vm"), after);
}

static void large_pages_fault_once(void)
{
	void *memory;
	struct vmm vmm;
	uint64_t before;

	esx_set(ESX_SYSFS "/large_pages", "always");
	memory = glue_memory("vm/ram", PAGES);
	start_attached(&vmm, memory);
	vmm_fill(&vmm, 0, &first);
	before = glue_violations("vm");
	vmm_fill(&vmm, 0, &whole);
	if (esx_get_number(esx_vm_knob("vm", "huge_bytes")) != SIZE)
		FAIL("no large pages were to be had");
	CHECK_EQ(glue_violations("vm") - before, PAGES / ESX_HUGE_PAGES - 1);
}

/*
 * The VMM's own accesses are no violations, the guest's are not the VMM's.  The
 * violations outside of memory files (code, stack) are taken off as well.
 */
static void vmm_faults_are_told_apart(void)
{
	char *memory = glue_memory("vm/ram", PAGES);
	uint64_t violations, vmm_faults;
	struct vmm vmm;

	start_attached(&vmm, memory);
	vmm_fill(&vmm, 0, &first);
	violations = glue_violations("vm");
	vmm_faults = esx_get_number(esx_vm_knob("vm", "vmm_faults"));
	for (size_t i = 0; i < PAGES / 2; i++)
		memory[i * ESX_PAGE] = 1;
	CHECK_EQ(glue_violations("vm"), violations);
	vmm_faults = esx_get_number(esx_vm_knob("vm", "vmm_faults")) - vmm_faults;
	CHECK(vmm_faults <= PAGES / 2);
	CHECK(vmm_faults + violations >= PAGES / 2);
}

static void violations_go_with_the_guest(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	start_attached(&vmm, memory);
	vmm_fill(&vmm, 0, &whole);
	vmm_destroy(&vmm);
	glue_wait_attached("vm", false);
	CHECK_EQ(glue_violations("vm"), 0);
	CHECK_EQ(glue_vcpu_time("vm"), 0);
}

/* Of all threads, those that ended included. */
static uint64_t process_time(void)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts));
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void *work(void *arg)
{
	struct vmm_job job = { .gpa = VMM_RAM, .pages = PAGES, .rounds = 20 };

	CHECK_EQ(vmm_churn(arg, 0, &job), 0);
	return NULL;
}

static void run_in_thread(struct vmm *vmm)
{
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, work, vmm), 0);
	CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void time_is_the_threads(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	uint64_t before, after, limit;
	struct vmm vmm;

	start_attached(&vmm, memory);
	vmm_fill(&vmm, 0, &whole);
	before = glue_vcpu_time("vm");
	CHECK(before > 0);
	CHECK(before <= process_time());
	for (int i = 0; i < 20; i++)
		CHECK_EQ(vmm_check(&vmm, 0, &whole), 0);
	after = glue_vcpu_time("vm");
	limit = process_time();
	CHECK(after > before);
	CHECK(after <= limit);
}

/* KVM forgets a thread that is gone when the next one comes. */
static void time_of_former_threads_is_kept(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	uint64_t seen = 0, now;
	struct vmm vmm;

	start_attached(&vmm, memory);
	for (int i = 0; i < 5; i++) {
		run_in_thread(&vmm);
		now = glue_vcpu_time("vm");
		CHECK(now >= seen);
		seen = now;
	}
	CHECK(seen <= process_time());
}

static void time_of_a_live_thread_stays_when_another_runs(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	uint64_t first_ns, second_ns;
	struct vmm vmm;

	start_attached(&vmm, memory);
	vmm_fill(&vmm, 0, &whole);
	first_ns = glue_vcpu_time("vm");
	CHECK(first_ns > 0);
	run_in_thread(&vmm);
	second_ns = glue_vcpu_time("vm");
	CHECK(second_ns >= first_ns);
	vmm_fill(&vmm, 0, &whole);
	CHECK(glue_vcpu_time("vm") > second_ns);
}

static const struct tap_case cases[] = {
	TAP_CASE(each_page_faults_once),
	TAP_CASE(large_pages_fault_once),
	TAP_CASE(vmm_faults_are_told_apart),
	TAP_CASE(violations_go_with_the_guest),
	TAP_CASE(time_is_the_threads),
	TAP_CASE(time_of_former_threads_is_kept),
	TAP_CASE(time_of_a_live_thread_stays_when_another_runs),
};

GLUE_MAIN(cases)
