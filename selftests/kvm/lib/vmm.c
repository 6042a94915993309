// SPDX-License-Identifier: GPL-2.0
/* The smallest VMM that does the job. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <lib/tap.h>

#include "vmm.h"

#define CODE_SIZE 65536UL
#define STACK_TOP CODE_SIZE
/* What Intel's processors need somewhere below 4 GB, out of everybody's way. */
#define TSS_ADDRESS 0xfffbd000UL

/*
 * 32-bit code in flat segments.  In: ebx address, ecx pages, edx value, esi
 * step, edi rounds.  Out: eax.
 */
asm(".pushsection .rodata\n"
    ".code32\n"
    "vmm_code:\n"
    "fill:\n"
    "	pushal\n"
    "	movl %ecx, %ebp\n"
    "1:	movl %edx, %eax\n"
    "	movl %ebx, %edi\n"
    "	movl $1024, %ecx\n"
    "	rep stosl\n"
    "	addl $4096, %ebx\n"
    "	addl %esi, %edx\n"
    "	decl %ebp\n"
    "	jnz 1b\n"
    "	popal\n"
    "	ret\n"
    /* Counts in the place that popal loads eax from. */
    "check:\n"
    "	pushal\n"
    "	movl $0, 28(%esp)\n"
    "	movl %ecx, %ebp\n"
    "1:	movl %edx, %eax\n"
    "	movl %ebx, %edi\n"
    "	movl $1024, %ecx\n"
    "	repe scasl\n"
    "	je 2f\n"
    "	incl 28(%esp)\n"
    "2:	addl $4096, %ebx\n"
    "	addl %esi, %edx\n"
    "	decl %ebp\n"
    "	jnz 1b\n"
    "	popal\n"
    "	ret\n"
    "vmm_code_fill:\n"
    "	call fill\n"
    "	hlt\n"
    "vmm_code_check:\n"
    "	call check\n"
    "	hlt\n"
    "vmm_code_touch:\n"
    "	movl (%ebx), %eax\n"
    "	addl $4096, %ebx\n"
    "	decl %ecx\n"
    "	jnz vmm_code_touch\n"
    "	hlt\n"
    "vmm_code_churn:\n"
    "	call fill\n"
    "	call check\n"
    "	testl %eax, %eax\n"
    "	jnz 1f\n"
    "	incl %edx\n"
    "	decl %edi\n"
    "	jnz vmm_code_churn\n"
    "1:	hlt\n"
    "vmm_code_end:\n"
    ".code64\n"
    ".popsection\n");

extern const char vmm_code[], vmm_code_end[];
extern const char vmm_code_fill[], vmm_code_check[];
extern const char vmm_code_touch[], vmm_code_churn[];

void vmm_create(struct vmm *vmm)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0)
		FAIL("open /dev/kvm: %s", strerror(errno));
	memset(vmm, 0, sizeof(*vmm));
	vmm->fd = CHECK_OK(ioctl(kvm, KVM_CREATE_VM, 0));
	vmm->run_size = CHECK_OK(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	close(kvm);
	CHECK_OK(ioctl(vmm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS));

	vmm->code = CHECK_OK(mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memcpy(vmm->code, vmm_code, vmm_code_end - vmm_code);
	vmm_add_memory(vmm, 0, vmm->code, CODE_SIZE);
}

void vmm_add_memory(struct vmm *vmm, uint64_t gpa, void *start, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = vmm->slots++,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)start,
	};

	CHECK_OK(ioctl(vmm->fd, KVM_SET_USER_MEMORY_REGION, &region));
}

static void enter_flat_mode(struct vcpu *vcpu)
{
	const struct kvm_segment data = {
		.limit = 0xffffffff, .selector = 16, .type = 3,
		.present = 1, .db = 1, .s = 1, .g = 1,
	};
	struct kvm_segment code = data;
	struct kvm_sregs sregs;

	code.selector = 8;
	code.type = 11;
	CHECK_OK(ioctl(vcpu->fd, KVM_GET_SREGS, &sregs));
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.cr0 |= 1;
	CHECK_OK(ioctl(vcpu->fd, KVM_SET_SREGS, &sregs));
}

void vmm_add_vcpu(struct vmm *vmm)
{
	struct vcpu *vcpu = &vmm->vcpus[vmm->nr_vcpus];

	CHECK(vmm->nr_vcpus < ARRAY_SIZE(vmm->vcpus));
	vcpu->fd = CHECK_OK(ioctl(vmm->fd, KVM_CREATE_VCPU, vmm->nr_vcpus++));
	vcpu->run = CHECK_OK(mmap(NULL, vmm->run_size, PROT_READ | PROT_WRITE,
				  MAP_SHARED, vcpu->fd, 0));
	enter_flat_mode(vcpu);
}

void vmm_drop_vcpu(struct vmm *vmm, unsigned int index)
{
	struct vcpu *vcpu = &vmm->vcpus[index];

	if (!vcpu->run)
		return;
	CHECK_OK(munmap(vcpu->run, vmm->run_size));
	CHECK_OK(close(vcpu->fd));
	vcpu->run = NULL;
}

void vmm_destroy(struct vmm *vmm)
{
	for (unsigned int i = 0; i < vmm->nr_vcpus; i++)
		vmm_drop_vcpu(vmm, i);
	CHECK_OK(close(vmm->fd));
	CHECK_OK(munmap(vmm->code, CODE_SIZE));
}

void vmm_start(struct vmm *vmm, void *start, size_t size)
{
	vmm_create(vmm);
	vmm_add_memory(vmm, VMM_RAM, start, size);
	vmm_add_vcpu(vmm);
}

static void run_until_halt(struct vcpu *vcpu)
{
	struct kvm_regs regs;

	while (ioctl(vcpu->fd, KVM_RUN, 0))
		if (errno != EINTR && errno != EAGAIN)
			FAIL("KVM_RUN: %s", strerror(errno));
	if (vcpu->run->exit_reason == KVM_EXIT_HLT)
		return;
	CHECK_OK(ioctl(vcpu->fd, KVM_GET_REGS, &regs));
	FAIL("the guest left for reason %u at %#llx, address %#llx",
	     vcpu->run->exit_reason, regs.rip, regs.rbx);
}

static uint32_t run(struct vmm *vmm, unsigned int index, const char *routine,
		    const struct vmm_job *job)
{
	struct vcpu *vcpu = &vmm->vcpus[index];
	struct kvm_regs regs = {
		.rip = routine - vmm_code,
		/* A stack for each. */
		.rsp = STACK_TOP - index * 4096,
		.rflags = 2,
		.rbx = job->gpa,
		.rcx = job->pages,
		.rdx = job->value,
		.rsi = job->step,
		.rdi = job->rounds,
	};

	CHECK_OK(ioctl(vcpu->fd, KVM_SET_REGS, &regs));
	run_until_halt(vcpu);
	CHECK_OK(ioctl(vcpu->fd, KVM_GET_REGS, &regs));
	return regs.rax;
}

void vmm_fill(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job)
{
	run(vmm, vcpu, vmm_code_fill, job);
}

uint32_t vmm_check(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job)
{
	return run(vmm, vcpu, vmm_code_check, job);
}

void vmm_touch(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job)
{
	run(vmm, vcpu, vmm_code_touch, job);
}

uint32_t vmm_churn(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job)
{
	return run(vmm, vcpu, vmm_code_churn, job);
}
