// SPDX-License-Identifier: GPL-2.0
/* How machines are found and tied to their memory. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/glue.h"

#define PAGES 256
#define SIZE (PAGES * ESX_PAGE)

static const struct vmm_job whole = { .gpa = VMM_RAM, .pages = PAGES, .value = 1, .step = 1 };

static void first_fault_attaches(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_start(&vmm, memory, SIZE);
	CHECK(!glue_is_attached("vm"));
	vmm_fill(&vmm, 0, &whole);
	glue_wait_attached("vm", true);
	CHECK_EQ(vmm_check(&vmm, 0, &whole), 0);
}

static void other_memory_is_left_alone(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	void *other = CHECK_OK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	struct vmm vmm;

	/* Mapped by the process, but in none of the machine's slots. */
	memset(memory, 1, SIZE);
	vmm_start(&vmm, other, SIZE);
	vmm_fill(&vmm, 0, &whole);
	CHECK_ERRNO(glue_attach(vmm.fd), ENOENT);
	CHECK(!glue_is_attached("vm"));
}

/* The machine is known to have none by then; that must not be for ever. */
static void memory_that_comes_late_attaches(void)
{
	void *other = CHECK_OK(mmap(NULL, SIZE, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	struct vmm_job late = whole;
	struct vmm vmm;
	void *memory;

	vmm_start(&vmm, other, SIZE);
	vmm_fill(&vmm, 0, &whole);

	memory = glue_memory("vm/ram", 4 * PAGES);
	late.gpa = VMM_RAM + (64UL << 20);
	late.pages = 1;
	vmm_add_memory(&vmm, late.gpa, memory, 4 * SIZE);
	while (!glue_is_attached("vm")) {
		CHECK(late.gpa < VMM_RAM + (64UL << 20) + 4 * SIZE);
		vmm_fill(&vmm, 0, &late);
		late.gpa += ESX_PAGE;
		usleep(10000);
	}
}

static void second_file_of_another_vm_attaches(void)
{
	void *first = glue_memory("a/ram", PAGES);
	void *second = glue_memory("b/ram", PAGES);
	struct vmm vmm;

	vmm_start(&vmm, first, SIZE);
	vmm_add_memory(&vmm, VMM_RAM + (64UL << 20), second, SIZE);
	vmm_fill(&vmm, 0, &whole);
	glue_wait_attached("a", true);
	glue_wait_attached("b", true);
}

static void machines_of_one_process_are_told_apart(void)
{
	void *first = glue_memory("a/ram", PAGES);
	void *second = glue_memory("b/ram", PAGES);
	struct vmm one, two;

	vmm_start(&one, first, SIZE);
	vmm_start(&two, second, SIZE);
	vmm_fill(&one, 0, &whole);
	glue_wait_attached("a", true);
	CHECK(!glue_is_attached("b"));
	vmm_fill(&two, 0, &whole);
	glue_wait_attached("b", true);

	vmm_destroy(&one);
	glue_wait_attached("a", false);
	CHECK(glue_is_attached("b"));
}

static void explicit_attach_needs_no_fault(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_start(&vmm, memory, SIZE);
	CHECK_OK(glue_attach(vmm.fd));
	CHECK(glue_is_attached("vm"));
	CHECK_ERRNO(glue_attach(vmm.fd), EEXIST);
	vmm_fill(&vmm, 0, &whole);
	CHECK(glue_violations("vm") >= PAGES);
}

static void explicit_attach_needs_no_vcpu(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_create(&vmm);
	vmm_add_memory(&vmm, VMM_RAM, memory, SIZE);
	CHECK_OK(glue_attach(vmm.fd));
	CHECK(glue_is_attached("vm"));
	CHECK_ERRNO(glue_attach(vmm.fd), EEXIST);

	vmm_add_vcpu(&vmm);
	vmm_fill(&vmm, 0, &whole);
	CHECK(glue_is_attached("vm"));
	CHECK(glue_violations("vm") >= PAGES);
	CHECK(glue_vcpu_time("vm") > 0);
}

static void attach_refuses_what_is_no_machine(void)
{
	int memory = esx_file("vm/ram", SIZE);
	int null = CHECK_OK(open("/dev/null", O_RDWR));
	struct vmm vmm;

	vmm_create(&vmm);
	vmm_add_vcpu(&vmm);
	CHECK_ERRNO(glue_attach(-1), EBADF);
	CHECK_ERRNO(glue_attach(1000000), EBADF);
	CHECK_ERRNO(glue_attach(null), EINVAL);
	CHECK_ERRNO(glue_attach(memory), EINVAL);
	CHECK_ERRNO(glue_attach(vmm.vcpus[0].fd), EINVAL);
	CHECK_ERRNO(glue_attach(vmm.fd), ENOENT);
}

/* The memory's first machine keeps it. */
static void second_machine_on_the_same_memory_is_refused(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm one, two;

	vmm_start(&one, memory, SIZE);
	vmm_start(&two, memory, SIZE);
	CHECK_OK(glue_attach(one.fd));
	CHECK_ERRNO(glue_attach(two.fd), EEXIST);
	vmm_fill(&one, 0, &whole);
	CHECK_EQ(vmm_check(&two, 0, &whole), 0);
	vmm_destroy(&one);
	glue_wait_attached("vm", false);
	CHECK_OK(glue_attach(two.fd));
}

static void attach_without_privilege_is_refused(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;

	vmm_start(&vmm, memory, SIZE);
	esx_ctl();
	host_become(65534);
	CHECK_ERRNO(glue_attach(vmm.fd), EPERM);
}

static void attach_by_another_process_is_the_owners(void)
{
	void *memory = glue_memory("vm/ram", PAGES);
	struct vmm vmm;
	pid_t child;

	vmm_start(&vmm, memory, SIZE);
	child = CHECK_OK(fork());
	if (!child) {
		CHECK_OK(glue_attach(vmm.fd));
		_exit(0);
	}
	tap_join(child);
	CHECK(glue_is_attached("vm"));
	vmm_fill(&vmm, 0, &whole);
	CHECK(glue_violations("vm") >= PAGES);
}

static const struct tap_case cases[] = {
	TAP_CASE(first_fault_attaches),
	TAP_CASE(other_memory_is_left_alone),
	TAP_CASE(memory_that_comes_late_attaches),
	TAP_CASE(second_file_of_another_vm_attaches),
	TAP_CASE(machines_of_one_process_are_told_apart),
	TAP_CASE(explicit_attach_needs_no_fault),
	TAP_CASE(explicit_attach_needs_no_vcpu),
	TAP_CASE(attach_refuses_what_is_no_machine),
	TAP_CASE(second_machine_on_the_same_memory_is_refused),
	TAP_CASE(attach_without_privilege_is_refused),
	TAP_CASE(attach_by_another_process_is_the_owners),
};

GLUE_MAIN(cases)
