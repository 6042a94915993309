/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vmm: the smallest VMM that does the job.
 *
 * A machine has one virtual CPU or more, each of which runs one of a few
 * routines over a range of guest memory and halts.  The routines lie in memory
 * of their own at guest address 0; memory to be tested is added at VMM_RAM and
 * above.  There is no guest operating system, so every access is known.
 *
 * Whatever goes wrong fails the case at hand.
 */
#ifndef VMM_H
#define VMM_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** VMM_RAM - first guest address for memory; 2 MB aligned */
#define VMM_RAM (16UL << 20)

struct vcpu {
	int fd;
	struct kvm_run *run;
};

struct vmm {
	int fd;
	uint32_t slots;
	void *code;
	size_t run_size;
	struct vcpu vcpus[4];
	unsigned int nr_vcpus;
};

/** vmm_create() - make a machine without virtual CPUs and memory */
void vmm_create(struct vmm *vmm);

/** vmm_add_vcpu() - give it one virtual CPU more */
void vmm_add_vcpu(struct vmm *vmm);

/** vmm_drop_vcpu() - unmap and close the virtual CPU @index */
void vmm_drop_vcpu(struct vmm *vmm, unsigned int index);

/** vmm_add_memory() - make @size bytes at @start the guest's at @gpa */
void vmm_add_memory(struct vmm *vmm, uint64_t gpa, void *start, size_t size);

/** vmm_destroy() - give everything back; the memory stays mapped */
void vmm_destroy(struct vmm *vmm);

/** vmm_start() - a machine with one virtual CPU and memory at VMM_RAM */
void vmm_start(struct vmm *vmm, void *start, size_t size);

/**
 * struct vmm_job - what a virtual CPU is to do
 * @gpa: first guest address
 * @pages: how many
 * @value: 32-bit word that the first page is full of
 * @step: by how much the words of the next page are greater
 * @rounds: how often, for vmm_churn()
 */
struct vmm_job {
	uint64_t gpa;
	uint32_t pages;
	uint32_t value;
	uint32_t step;
	uint32_t rounds;
};

/** vmm_fill() - fill pages with words */
void vmm_fill(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job);

/** vmm_check() - how many pages do not hold the words they should */
uint32_t vmm_check(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job);

/** vmm_touch() - read one word of each page */
void vmm_touch(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job);

/**
 * vmm_churn() - fill, check, add one to the value, and again
 *
 * Returns how many pages were wrong in the last round, which is the first one
 * with a wrong page.
 */
uint32_t vmm_churn(struct vmm *vmm, unsigned int vcpu, const struct vmm_job *job);

#endif /* VMM_H */
