/* SPDX-License-Identifier: GPL-2.0 */
/*
 * glue: what the tests ask of esxmem_kvm and of the modules it stands on.
 *
 * Whatever goes wrong fails the case at hand.
 */
#ifndef GLUE_H
#define GLUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <lib/esx.h>

#include "vmm.h"

/* Beside what esx_hooks does: no machine is left, for the glue or for KVM. */
extern const struct tap_hooks glue_hooks;

#define GLUE_MAIN(cases)                                                \
	int main(int argc, char **argv)                                 \
	{                                                               \
		return tap_main(argc, argv, cases, ARRAY_SIZE(cases),   \
				&glue_hooks);                           \
	}

/** glue_memory() - map a new file of @pages pages; the VM is @name's directory */
void *glue_memory(const char *name, size_t pages);

/** glue_is_attached() - whether the VM @name below esx_dir() has a guest */
bool glue_is_attached(const char *name);

/** glue_wait_attached() - wait until it has, or has not */
void glue_wait_attached(const char *name, bool attached);

/** glue_attach() - ESXMEM_IOC_ATTACH_KVM; reports -1 and errno */
int glue_attach(int fd);

/** glue_violations() - faults of the virtual CPUs of the VM @name */
uint64_t glue_violations(const char *name);

/** glue_vcpu_time() - their run time in ns */
uint64_t glue_vcpu_time(const char *name);

/** glue_young() - pages of the guest of process @pid that are young */
uint64_t glue_young(pid_t pid);

/** glue_clear_young() - make all pages of all guests old */
void glue_clear_young(void);

/** glue_machine_exists() - whether KVM knows the machine with this process's @fd */
bool glue_machine_exists(int fd);

/** glue_unload() - remove a module; reports -errno */
int glue_unload(const char *module);

/** glue_load() - insert esxmem_kvm again */
void glue_load(void);

/** glue_load_vendor() - insert a module of the kernel again */
void glue_load_vendor(const char *module);

/** glue_vendor() - kvm_amd or kvm_intel, or NULL where KVM is built in */
const char *glue_vendor(void);

#endif /* GLUE_H */
