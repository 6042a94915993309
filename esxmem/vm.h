/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Virtual machines: whose memory the files are.
 *
 * A directory that directly holds memory files is a VM, a file in the root of
 * a mount is a VM of its own.  A VM exists from its first file to the last.
 */
#ifndef _ESXMEM_VM_H
#define _ESXMEM_VM_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/spinlock.h>

#include "hold.h"
#include "params.h"
#include "pmap.h"
#include "pool.h"

#define ESX_VM_NAME_MAX		256
#define ESX_GROUP_MAX		64

struct esx_sampling;

/**
 * struct esx_guest_stats - what the KVM glue knows of a running guest
 */
struct esx_guest_stats {
	/** @ept_violations: nested page faults of its virtual CPUs. */
	u64 ept_violations;
	/** @vcpu_time_ns: run time of its virtual CPUs. */
	u64 vcpu_time_ns;
};

/**
 * struct esx_age - a question about accesses to one page since they were last cleared
 */
struct esx_age {
	/** @pmap: the file. */
	struct esx_pmap *pmap;
	/** @pgoff: page number in it. */
	pgoff_t pgoff;
	/** @young: the answer: did the guest access it? */
	bool young;
	/**
	 * @host: did the VMM, or somebody in its address space?  Also true where a
	 * fault filled the VMM's page tables, whoever took it.
	 */
	bool host;
};

/**
 * struct esx_guest_ops - how to ask the KVM glue about a guest
 *
 * Called with the guest held; may sleep.
 */
struct esx_guest_ops {
	/** @stats: fill in the figures. */
	void (*stats)(void *guest, struct esx_guest_stats *stats);
	/**
	 * @age: answer @nr questions and, with @clear, forget the accesses; false
	 * when the VMM's address space is being changed and nothing was done.
	 */
	bool (*age)(void *guest, struct esx_age *ages, unsigned int nr, bool clear);
};

/**
 * struct esx_place - a region among all those of a VM
 */
struct esx_place {
	/** @seq: of the map. */
	u64 seq;
	/** @index: number in it. */
	pgoff_t index;
};

/**
 * struct esx_vm - a virtual machine as esxmem sees it
 */
struct esx_vm {
	/** @ref: held by each of its maps, by sysfs and by the glue. */
	struct kref ref;
	/** @id: never used again; 0 is nobody. */
	u32 id;
	/** @host: what the identity below is relative to: the superblock. */
	const void *host;
	/** @ino: inode number of the directory, or of the file in the root. */
	u64 ino;
	/** @node: in the host's list.  Protected by esx_vms_lock. */
	struct list_head node;
	/** @pmaps: its maps.  Protected by esx_vms_lock. */
	struct list_head pmaps;
	/** @counts: pages by state, moved by the setter of the page map. */
	struct esx_counts counts;
	/** @size_pages: sum of its files' sizes. */
	atomic_long_t size_pages;
	/** @events: since the VM appeared. */
	struct esx_events events;
	/** @shareable_pages: estimate of what breaking 2 MB frames would save. */
	atomic_long_t shareable_pages;
	/** @shareable_frames: 2 MB frames that are worth it. */
	atomic_long_t shareable_frames;
	/** @share: takes part in background sharing. */
	bool share;
	/** @epoch: changes with what its pages may be merged with. */
	u16 epoch;
	/**
	 * @salt: keys the hashes of its pages.  Changed while nobody merges, when
	 * none of its pages is shared.
	 */
	u64 salt;
	/** @base_salt: @salt while the VM is in no group. */
	u64 base_salt;
	/** @reclaim_lock: held by who reclaims from the VM; see reclaim.c. */
	struct mutex reclaim_lock;
	/** @reclaim_small: where to go on with 4 KB frames.  Protected by @reclaim_lock. */
	struct esx_place reclaim_small;
	/** @reclaim_large: where to go on with 2 MB frames.  Protected by @reclaim_lock. */
	struct esx_place reclaim_large;
	/** @lock: protects @name, @group, @guest and @guest_ops; a leaf. */
	spinlock_t lock;
	/** @name: path below the mount, for people; "/" not yet replaced. */
	char name[ESX_VM_NAME_MAX];
	/** @group: name of its trust group, "" for none. */
	char group[ESX_GROUP_MAX];
	/** @pool: that of the directory that its files are in, with a reference. */
	struct esx_pool *pool;
	/** @params: its parameters.  Protected by ledger_lock. */
	struct esx_vm_params params;
	/** @reserve: what they reserve.  Protected by ledger_lock. */
	struct esx_reserve reserve;
	/** @refusal_log: how often the log is told that it was refused something. */
	struct ratelimit_state refusal_log;
	/** @entitled: its part of the host's memory. */
	struct esx_entitlement entitled;
	/** @enforced: how it was brought down to that. */
	struct esx_enforcement enforced;
	/** @hold: whether its faults wait. */
	struct esx_hold hold;
	/** @iface: what the interface layer hangs here. */
	void *iface;
	/** @sampling: what the sampler knows of it; its memory goes with the VM. */
	struct esx_sampling *sampling;
	/** @guest_ops: of the KVM glue while a guest is attached. */
	const struct esx_guest_ops *guest_ops;
	/** @guest: the glue's. */
	void *guest;
	/** @guest_users: calls into @guest_ops that are under way. */
	atomic_t guest_users;
};

/**
 * struct esx_vm_id - which VM a new file belongs to
 */
struct esx_vm_id {
	/** @host: the superblock. */
	const void *host;
	/** @ino: of the directory, or of the file in the root. */
	u64 ino;
	/** @name: for people. */
	const char *name;
	/** @salt: for a VM that is new; 0: one of its own. */
	u64 salt;
	/** @pool: for a VM that is new: of the directory; NULL: none. */
	struct esx_pool *pool;
	/** @params: for a VM that is new; NULL: no minimum, no limit. */
	const struct esx_vm_params *params;
};

/**
 * struct esx_vm_hooks - how the interface layer hears of VMs
 *
 * Called with esx_vms_lock held.
 */
struct esx_vm_hooks {
	/** @added: a VM appeared; an error forbids it. */
	int (*added)(struct esx_vm *vm);
	/** @renamed: vm->name changed. */
	void (*renamed)(struct esx_vm *vm);
	/** @removed: its last file is gone. */
	void (*removed)(struct esx_vm *vm);
};

void esx_vm_set_hooks(const struct esx_vm_hooks *hooks);

int esx_vm_join(struct esx_pmap *pmap, const struct esx_vm_id *id);
void esx_vm_leave(struct esx_pmap *pmap);
void esx_vm_rename_tree(const void *host, const char *old, const char *new);
struct esx_vm *esx_vm_lookup(const void *host, u64 ino);
void esx_vm_get(struct esx_vm *vm);
void esx_vm_put(struct esx_vm *vm);
void esx_vm_name(struct esx_vm *vm, char *buf, size_t size);

int esx_vm_for_each(int (*fn)(struct esx_vm *vm, void *ctx), void *ctx);
int esx_vm_for_each_pmap(struct esx_vm *vm, int (*fn)(struct esx_pmap *pmap, void *ctx),
			 void *ctx);
struct esx_pmap *esx_vm_next_pmap(struct esx_pmap *prev);
struct esx_pmap *esx_vm_find_pmap(struct esx_vm *vm, struct esx_pmap *prev, u64 seq);
struct esx_vm *esx_vm_next(struct esx_vm *prev);

int esx_vm_attach_guest(struct esx_vm *vm, const struct esx_guest_ops *ops, void *guest);
void esx_vm_detach_guest(struct esx_vm *vm, void *guest);
bool esx_vm_has_guest(struct esx_vm *vm);
bool esx_vm_guest_stats(struct esx_vm *vm, struct esx_guest_stats *stats);
int esx_vm_age(struct esx_vm *vm, struct esx_age *ages, unsigned int nr, bool clear);

#endif /* _ESXMEM_VM_H */
