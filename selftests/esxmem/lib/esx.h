/* SPDX-License-Identifier: GPL-2.0 */
/*
 * esx: what the test programs need of esxmem and of the machine.
 *
 * Whatever goes wrong in a helper fails the case at hand, except where a
 * function is said to report it.  A case has a directory of its own on the
 * memory filesystem, esx_dir(), which is removed after it.
 */
#ifndef ESX_H
#define ESX_H

#include <esxmem.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "rand.h"
#include "tap.h"

#define ESX_PAGE 4096UL
#define ESX_HUGE (2UL << 20)
#define ESX_HUGE_PAGES (ESX_HUGE / ESX_PAGE)

/* A program with these hooks starts each case with an idle scanner, 4 KB frames
 * and an empty directory, and requires a clean audit and all frames back at
 * its end. */
extern const struct tap_hooks esx_hooks;

#define ESX_MAIN(cases)                                                 \
	int main(int argc, char **argv)                                 \
	{                                                               \
		return tap_main(argc, argv, cases, ARRAY_SIZE(cases),   \
				&esx_hooks);                            \
	}

/* files.c: files, mappings, contents */

/** esx_mount_point() - where the memory filesystem is mounted */
const char *esx_mount_point(void);

/**
 * esx_is_here() - whether the tests run on esxmem
 *
 * The programs themselves are tried out on other memory filesystems, where
 * there is nothing to set, merge or audit.
 */
bool esx_is_here(void);

/** esx_dir() - the directory of the case at hand */
const char *esx_dir(void);

/** esx_path() - a name in esx_dir(); valid until 8 calls later */
const char *esx_path(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/** esx_file() - open a new file of @size bytes; directories in @name are made */
int esx_file(const char *name, size_t size);

/** esx_vm_file() - like esx_file(), the file "ram" of the VM @vm */
int esx_vm_file(const char *vm, size_t size);

/** esx_map() - map @length bytes of @fd from @offset, shared, for writing */
void *esx_map(int fd, size_t length, off_t offset);

/** esx_map_huge() - like esx_map() from 0, at an address aligned to 2 MB */
void *esx_map_huge(int fd, size_t length);

/** esx_fill() - give a page the contents number @id; number 0 is zeros */
void esx_fill(void *page, uint64_t id);

/**
 * esx_mixed_id() - contents number of page @i of memory that can be shared in part
 *
 * In every 8 pages: one zero, and two equal ones, twice; one gives its frame.
 */
uint64_t esx_mixed_id(size_t i);
#define ESX_MIXED_EQUAL_OF_8 2
#define ESX_MIXED_ZERO_OF_8 1

/** esx_fill_mixed() - give pages such contents */
void esx_fill_mixed(char *map, size_t pages);

/** esx_expect_mixed() - fail unless they have it */
void esx_expect_mixed(const char *map, size_t pages);

/** esx_has() - whether a page has the contents number @id, wholly */
bool esx_has(const void *page, uint64_t id);

/** esx_is_zero() - whether @length bytes are zero */
bool esx_is_zero(const void *start, size_t length);

/** esx_blocks() - st_blocks of an open file */
uint64_t esx_blocks(int fd);

/** esx_signal_of_read() - the signal that reading a byte raises, or 0 */
int esx_signal_of_read(const volatile void *address);

/** esx_signal_of_write() - the signal that writing a byte raises, or 0 */
int esx_signal_of_write(volatile void *address);

/** esx_remove_tree() - remove a directory and all in it; reports -1 and errno */
int esx_remove_tree(const char *path);

/* ctl.c: the control device */

/** esx_ctl() - the control device, opened once per process */
int esx_ctl(void);

/** esx_info() - the host's figures */
struct esxmem_info esx_info(void);

/** esx_audit() - the audit's findings */
struct esxmem_audit esx_audit(void);

/** esx_audit_clean() - require that the audit finds nothing wrong */
void esx_audit_clean(void);

/** esx_merge() - share a range now; @length 0 is up to the end */
struct esxmem_merge esx_merge(int fd, uint64_t offset, uint64_t length);

/** esx_merge_dir() - share a VM's memory now; @name is below esx_dir() */
struct esxmem_merge esx_merge_dir(const char *name);

/** esx_states() - the states of @count pages from page @first */
void esx_states(int fd, size_t first, size_t count, uint8_t *states);

/** esx_state() - the state of one page */
enum esxmem_page_state esx_state(int fd, size_t page);

/** esx_count() - how many of @count pages from @first are in @state */
size_t esx_count(int fd, size_t first, size_t count,
		 enum esxmem_page_state state);

/* sysfs.c: /sys/kernel/esxmem */

#define ESX_SYSFS "/sys/kernel/esxmem"

/** esx_knob_path() - a path below ESX_SYSFS; valid until 8 calls later */
const char *esx_knob_path(const char *fmt, ...)
	__attribute__((format(printf, 1, 2)));

/** esx_tax_knob() - likewise, of the knob or figure @name of who gets the memory */
const char *esx_tax_knob(const char *name);

/** esx_vm_knob() - the path of @knob of the VM @name below esx_dir() */
const char *esx_vm_knob(const char *name, const char *knob);

/** esx_pool_knob() - the path of @knob of the pool @name below esx_dir() */
const char *esx_pool_knob(const char *name, const char *knob);

/** esx_try_write() - write @length bytes to a file; reports -1 and errno */
int esx_try_write(const char *path, const void *text, size_t length);

/** esx_set() - write a string to a file */
void esx_set(const char *path, const char *value);

/** esx_set_number() - write a number to a file */
void esx_set_number(const char *path, uint64_t number);

/** esx_try_number() - like esx_try_write(), a number */
int esx_try_number(const char *path, uint64_t number);

/** esx_get() - read a file without its newline; the buffer is static */
const char *esx_get(const char *path);

/** esx_get_number() - read a file that holds a number */
uint64_t esx_get_number(const char *path);

/** esx_scanner() - start or stop the background scanner, without limits */
void esx_scanner(bool run);

/** esx_figure() - the figure @name of sharing */
uint64_t esx_figure(const char *name);

/**
 * esx_wait_scans() - wait until @passes scans began and ended after now
 *
 * The scanner is to work without limits: it is kept from resting.
 */
void esx_wait_scans(unsigned int passes);

/**
 * esx_choose_pool() - choose a pool of which @bytes are dealt
 *
 * By the thresholds that a case begins with.
 */
void esx_choose_pool(uint64_t bytes);

/** esx_wait_rebalance() - wait for the targets that follow from all before now */
void esx_wait_rebalance(void);

/* scand.c: the scanner's threads */

struct esx_scand {
	unsigned int threads;
	uint64_t run_ns; /* CPU time of all of them */
	uint64_t wait_ns; /* for how long they waited for a CPU */
};

/** esx_scand() - the scanner's threads, and what they have used so far */
struct esx_scand esx_scand(void);

/* host.c: the machine */

/** host_free_kib() - free memory, what waits in per-CPU lists included */
uint64_t host_free_kib(void);

/** host_settled_free_kib() - the same after all caches were dropped */
uint64_t host_settled_free_kib(void);

/** host_kernel_before() - whether the kernel is older than MAJOR.MINOR */
bool host_kernel_before(unsigned int major, unsigned int minor);

/** host_cpus() - CPUs online */
unsigned int host_cpus(void);

/** host_parallel() - run @work in @nr threads at once; wait for all */
void host_parallel(unsigned int nr, void (*work)(void *arg, unsigned int index),
		   void *arg);

/** host_shared() - zeroed memory that forked children share */
void *host_shared(size_t size);

/** host_loop_device() - open a new loop device of @size bytes for O_DIRECT */
int host_loop_device(size_t size);

/** host_needs_cross_memory() - skip the case where there is no process_vm_readv() */
void host_needs_cross_memory(void);

/** host_private_mounts() - keep what the case mounts to itself */
void host_private_mounts(void);

/** host_become() - change to an unprivileged user and group for good */
void host_become(uid_t uid);

#endif /* ESX_H */
