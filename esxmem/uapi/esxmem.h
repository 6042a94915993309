/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * esxmem: the ABI of /dev/esxmem.
 *
 * Every structure starts with its own size as the caller knows it, so that it
 * can grow: a caller from the past passes a smaller size and the kernel fills
 * what fits, a caller from the future must leave what this kernel does not
 * know zero.  Reserved fields and unknown flags must be zero.
 *
 * Errors common to all commands:
 *
 * ENOTTY	the command is unknown
 * EFAULT	the argument is not a readable and writable address
 * EINVAL	@size is below the first published size, or a reserved field or
 *		an unknown flag is not zero
 * E2BIG	@size is larger than the kernel's structure and a byte beyond it
 *		is not zero, or @size is larger than 4096
 * ENOMEM	there is no memory for the work
 * EPERM	the command changes something and CAP_SYS_ADMIN is missing
 */
#ifndef _UAPI_ESXMEM_H
#define _UAPI_ESXMEM_H

#include <linux/ioctl.h>
#include <linux/types.h>

/** ESXMEM_MAGIC - f_type of the memory filesystem ("ESXM") */
#define ESXMEM_MAGIC		0x4553584d

/** ESXMEM_ABI_VERSION - raised when a command or a field is added */
#define ESXMEM_ABI_VERSION	2

#define ESXMEM_IOC_TYPE		0xE6

/**
 * struct esxmem_info - the host's figures
 * @size: sizeof(struct esxmem_info)
 * @flags: must be zero
 * @abi_version: ESXMEM_ABI_VERSION of the kernel
 * @nr_vms: VMs known to the host
 * @nr_files: memory files known to the host
 * @reserved: zero
 * @size_pages: sum of the files' sizes, in pages of 4096 bytes
 * @private_pages: guest pages that have a frame of their own
 * @shared_pages: guest pages that point to a shared frame
 * @zero_pages: guest pages known to be zero, which have no frame
 * @huge_pages: 2 MB frames in use; their parts count as private pages
 * @shared_frames: machine frames behind @shared_pages
 * @frames: machine frames of 4096 bytes in use for guest pages, all told
 * @hints: hint entries in the share table
 * @pages_scanned: pages the scanner or a merge call looked at, since load
 * @pages_merged: pages merged with a shared frame, since load
 * @zero_merged: pages found to be zero and given up, since load
 * @cow_breaks: shared or zero pages that were written to, since load
 * @full_scans: completed passes of the scanner, since load
 * @hash_mismatches: pages that changed between hash and compare, since load
 * @false_matches: equal hashes with different contents, since load
 * @pinned: pages left alone because I/O held them, since load
 * @busy: pages left alone because somebody worked on them, since load
 * @huge_broken: 2 MB frames broken to share their parts, since load
 *
 * Argument of ESXMEM_IOC_INFO, which needs no capability.
 */
struct esxmem_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 nr_vms;
	__u32 nr_files;
	__u32 reserved;
	__aligned_u64 size_pages;
	__aligned_u64 private_pages;
	__aligned_u64 shared_pages;
	__aligned_u64 zero_pages;
	__aligned_u64 huge_pages;
	__aligned_u64 shared_frames;
	__aligned_u64 frames;
	__aligned_u64 hints;
	__aligned_u64 pages_scanned;
	__aligned_u64 pages_merged;
	__aligned_u64 zero_merged;
	__aligned_u64 cow_breaks;
	__aligned_u64 full_scans;
	__aligned_u64 hash_mismatches;
	__aligned_u64 false_matches;
	__aligned_u64 pinned;
	__aligned_u64 busy;
	__aligned_u64 huge_broken;
};

/**
 * struct esxmem_merge - share a VM's or a file's memory now
 * @size: sizeof(struct esxmem_merge)
 * @flags: must be zero
 * @fd: an open memory file, or an open directory of the mount: the VM in it
 * @reserved: must be zero
 * @offset: first byte of the range, a multiple of 4096; zero for a directory
 * @length: bytes of the range, a multiple of 4096; zero: up to the end of the
 *	file; must be zero for a directory
 * @visited: out: pages with a frame that were looked at
 * @merged: out: pages that now share a frame and did not before
 * @zero: out: pages that were found zero and given up, those of 2 MB frames
 *	that were broken for the range among them
 * @hints: out: pages for which a hint was filed: unique so far
 * @already: out: pages that were shared or zero already when it was their turn
 * @pinned: out: pages left alone because I/O holds them
 * @busy: out: pages left alone because somebody worked on them
 * @changed: out: pages left alone because they changed while being looked at
 * @huge_broken: out: 2 MB frames broken
 * @skipped: out: pages not merged for want of memory
 *
 * Argument of ESXMEM_IOC_MERGE.  Works whether or not the VM takes part in
 * background scanning.  A page whose twin is seen later in the same call is
 * merged then; so one call merges all stable duplicates in its range.  Ends
 * early on a signal, with what was done until then reported.
 *
 * EBADF	@fd is not open
 * EINVAL	@fd is not on a memory filesystem, or not a file or a VM's
 *		directory; @offset or @length is not page aligned or beyond
 *		the end
 * EINTR	a signal arrived
 */
struct esxmem_merge {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__aligned_u64 offset;
	__aligned_u64 length;
	__aligned_u64 visited;
	__aligned_u64 merged;
	__aligned_u64 zero;
	__aligned_u64 hints;
	__aligned_u64 already;
	__aligned_u64 pinned;
	__aligned_u64 busy;
	__aligned_u64 changed;
	__aligned_u64 huge_broken;
	__aligned_u64 skipped;
};

/**
 * struct esxmem_attach_kvm - tie a KVM virtual machine to its memory now
 * @size: sizeof(struct esxmem_attach_kvm)
 * @flags: must be zero
 * @kvm_fd: the VM's file descriptor, as KVM_CREATE_VM returned it
 * @reserved: must be zero
 *
 * Argument of ESXMEM_IOC_ATTACH_KVM.  Not needed in normal life: the first
 * nested page fault of a virtual CPU attaches its VM.
 *
 * EBADF	@kvm_fd is not open
 * EINVAL	@kvm_fd is not a KVM virtual machine
 * ENOENT	the VM's process maps no memory file
 * EOPNOTSUPP	esxmem_kvm is not loaded
 * EEXIST	it is attached already
 */
struct esxmem_attach_kvm {
	__u32 size;
	__u32 flags;
	__s32 kvm_fd;
	__u32 reserved;
};

/**
 * struct esxmem_audit - walk every page map and check the invariants
 * @size: sizeof(struct esxmem_audit)
 * @flags: must be zero
 * @files: out: files walked
 * @violations: out: how many invariants were found broken, of any kind
 * @pages: out: entries that are not empty
 * @private_pages: out: see struct esxmem_info, as counted by the walk
 * @shared_pages: out: likewise
 * @zero_pages: out: likewise
 * @huge_pages: out: likewise
 * @shared_frames: out: likewise
 * @bad_state_sums: out: files whose counters differ from what the walk found
 * @bad_refs: out: shared frames whose reference count differs from the
 *	entries that point to them, and frames that only such entries know
 * @bad_salts: out: entries of VMs of another salt than their shared frame's,
 *	clones apart
 * @bad_hints: out: hints that point to nothing
 *
 * Argument of ESXMEM_IOC_AUDIT.  Holds up every fault while it walks: for
 * tests and for doubt, not for monitoring.
 *
 * ENOMEM	the walk needs memory, some 16 bytes for each shared frame, and
 *		there was none: nothing is known
 * EINTR	a signal arrived
 */
struct esxmem_audit {
	__u32 size;
	__u32 flags;
	__aligned_u64 files;
	__aligned_u64 violations;
	__aligned_u64 pages;
	__aligned_u64 private_pages;
	__aligned_u64 shared_pages;
	__aligned_u64 zero_pages;
	__aligned_u64 huge_pages;
	__aligned_u64 shared_frames;
	__aligned_u64 bad_state_sums;
	__aligned_u64 bad_refs;
	__aligned_u64 bad_salts;
	__aligned_u64 bad_hints;
};

/** ESXMEM_PAGES_MAX - most pages that one ESXMEM_IOC_PAGES call tells about */
#define ESXMEM_PAGES_MAX	65536

/**
 * enum esxmem_page_state - what ESXMEM_IOC_PAGES says of a page
 * @ESXMEM_PAGE_EMPTY: a hole: nothing was ever stored, or it was punched
 * @ESXMEM_PAGE_ZERO: known to be zero, has no frame
 * @ESXMEM_PAGE_PRIVATE: has a frame of its own
 * @ESXMEM_PAGE_SHARED: points to a shared frame
 * @ESXMEM_PAGE_HUGE: a part of a 2 MB frame
 */
enum esxmem_page_state {
	ESXMEM_PAGE_EMPTY,
	ESXMEM_PAGE_ZERO,
	ESXMEM_PAGE_PRIVATE,
	ESXMEM_PAGE_SHARED,
	ESXMEM_PAGE_HUGE,
};

/**
 * struct esxmem_pages - the state of each page of a range
 * @size: sizeof(struct esxmem_pages)
 * @flags: must be zero
 * @fd: an open memory file
 * @count: pages, 1 to ESXMEM_PAGES_MAX
 * @offset: first byte, a multiple of 4096
 * @states: address of @count bytes, each an enum esxmem_page_state
 *
 * Argument of ESXMEM_IOC_PAGES.  Needs CAP_SYS_ADMIN: what is shared is an
 * oracle for the contents of other VMs of the group.
 *
 * EBADF	@fd is not open
 * EINVAL	@fd is not a memory file, @count is out of range, @offset is not
 *		aligned or the range ends beyond the file
 */
struct esxmem_pages {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 count;
	__aligned_u64 offset;
	__aligned_u64 states;
};

/**
 * struct esxmem_reclaim - bring a VM down by so much memory now
 * @size: sizeof(struct esxmem_reclaim)
 * @flags: must be zero
 * @fd: an open directory of the mount: the VM in it; or an open memory file: the
 *	VM that it belongs to
 * @reserved: must be zero
 * @length: bytes to be freed, a multiple of 4096; zero: all that can be
 * @max_hashed: give up after so many pages were hashed; zero: when there is no
 *	more to be had
 * @freed: out: frames that the host has more for it, the sum of the next three
 * @merged: out: frames freed by sharing pages in 4 KB frames
 * @zero: out: frames freed by giving up pages in 4 KB frames that were zero
 * @broken: out: frames freed by breaking 2 MB frames and sharing their parts
 * @huge_broken: out: 2 MB frames broken
 * @hashed: out: pages hashed
 * @pinned: out: pages left alone because I/O holds them
 * @busy: out: pages left alone because somebody worked on them
 * @changed: out: pages left alone because they changed while being looked at
 * @skipped: out: pages not shared for want of memory
 *
 * Argument of ESXMEM_IOC_RECLAIM.  No data is lost.  2 MB frames are broken only
 * when nothing else helps, those that give back most first, and never those that
 * would give back less than 16 pages.  May free a little more than @length: 2 MB
 * of the VM are worked off as a whole.  Each call goes on where the last one
 * stopped.  Works whether or not the VM takes part in background scanning.  Ends
 * early on a signal, with what was done until then reported.
 *
 * EBADF	@fd is not open
 * EINVAL	@fd is not on a memory filesystem, or not a file or a VM's
 *		directory; @length is not a multiple of 4096
 * EINTR	a signal arrived
 */
struct esxmem_reclaim {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 reserved;
	__aligned_u64 length;
	__aligned_u64 max_hashed;
	__aligned_u64 freed;
	__aligned_u64 merged;
	__aligned_u64 zero;
	__aligned_u64 broken;
	__aligned_u64 huge_broken;
	__aligned_u64 hashed;
	__aligned_u64 pinned;
	__aligned_u64 busy;
	__aligned_u64 changed;
	__aligned_u64 skipped;
};

#define ESXMEM_IOC_INFO		_IOWR(ESXMEM_IOC_TYPE, 0x00, struct esxmem_info)
#define ESXMEM_IOC_MERGE	_IOWR(ESXMEM_IOC_TYPE, 0x01, struct esxmem_merge)
#define ESXMEM_IOC_ATTACH_KVM	_IOWR(ESXMEM_IOC_TYPE, 0x02, struct esxmem_attach_kvm)
#define ESXMEM_IOC_AUDIT	_IOWR(ESXMEM_IOC_TYPE, 0x03, struct esxmem_audit)
#define ESXMEM_IOC_PAGES	_IOWR(ESXMEM_IOC_TYPE, 0x04, struct esxmem_pages)
#define ESXMEM_IOC_RECLAIM	_IOWR(ESXMEM_IOC_TYPE, 0x05, struct esxmem_reclaim)

#endif /* _UAPI_ESXMEM_H */
