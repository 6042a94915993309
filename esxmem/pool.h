/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Resource pools: directories, whose VMs stand together.
 *
 * Each directory of a mount has one, the root too; a VM belongs to that of the
 * directory that its files are in.  One is shown, and can be given parameters, from
 * its first subdirectory on; until then, and without parameters, it changes nothing:
 * its members compete as if they were in the pool above, and the root's with those of
 * all mounts.
 */
#ifndef _ESXMEM_POOL_H
#define _ESXMEM_POOL_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/ratelimit_types.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>

#include "params.h"

#define ESX_POOL_NAME_MAX	256
/** ESX_POOL_DEPTH_MAX - how deep directories can be nested */
#define ESX_POOL_DEPTH_MAX	32U

/**
 * struct esx_pool - a directory, as one that stands for VMs
 */
struct esx_pool {
	/** @ref: held by its directory, its VMs, the pools in it and sysfs. */
	refcount_t ref;
	/** @id: never used again. */
	u32 id;
	/** @host: the superblock. */
	const void *host;
	/** @node: in the list of pools.  Protected by esx_vms_lock. */
	struct list_head node;
	/** @depth: 0 for the root of a mount.  Protected by esx_vms_lock. */
	unsigned int depth;
	/**
	 * @nr_users: its directory, its VMs and the pools in it; with the last one it
	 * leaves the list.  Protected by esx_vms_lock.
	 */
	unsigned int nr_users;
	/** @members: VMs in it and in pools within it.  Written under esx_vms_lock. */
	u32 members;
	/** @is_shown: it has, or had, subdirectories.  Protected by esx_vms_lock. */
	bool is_shown;
	/** @round: the policy's, with @index: in which round @index is right. */
	u64 round;
	/** @index: where the pool is in that round.  Both protected by esx_vms_lock. */
	u32 index;
	/** @lock: protects @name; a leaf. */
	spinlock_t lock;
	/** @name: path below the mount, for people; "/" not yet replaced. */
	char name[ESX_POOL_NAME_MAX];
	/** @params: its parameters.  Protected by ledger_lock. */
	struct esx_pool_params params;
	/**
	 * @account: what they, and those of its members, reserve; leads to the pool
	 * above.  Protected by ledger_lock; its parent changes under esx_vms_lock, too.
	 */
	struct esx_account account;
	/** @shares: those that count, as the policy found.  Written by it alone. */
	u32 shares;
	/** @entitled: part of the host's memory of all members.  As @shares. */
	struct esx_entitlement entitled;
	/** @refusal_log: how often the log is told that it was refused something. */
	struct ratelimit_state refusal_log;
	/** @iface: what the interface layer hangs here. */
	void *iface;
};

/**
 * struct esx_pool_hooks - how the interface layer hears of pools
 *
 * Called with esx_vms_lock held.
 */
struct esx_pool_hooks {
	/** @shown: a pool has its first subdirectory; an error forbids that. */
	int (*shown)(struct esx_pool *pool);
	/** @renamed: pool->name of one that is shown has changed. */
	void (*renamed)(struct esx_pool *pool);
	/** @removed: one that was shown is gone. */
	void (*removed)(struct esx_pool *pool);
};

/** esx_vms_lock - protects the lists of VMs, of their maps and of pools */
extern struct mutex esx_vms_lock;

void esx_pool_set_hooks(const struct esx_pool_hooks *hooks);

struct esx_pool *esx_pool_create(const void *host, struct esx_pool *parent, const char *name);
void esx_pool_remove(struct esx_pool *pool);
int esx_pool_move(struct esx_pool *pool, struct esx_pool *to,
		  int (*recharge)(struct esx_pool *pool, struct esx_pool *to));
void esx_pool_rename_tree(const void *host, const char *old, const char *new);
const char *esx_path_below(const char *name, const char *path);

struct esx_pool *esx_pool_parent(const struct esx_pool *pool);
struct esx_pool *esx_pool_shown(struct esx_pool *pool);
u32 esx_pool_count(void);
void esx_pool_join(struct esx_pool *pool);
void esx_pool_leave(struct esx_pool *pool);
void esx_pool_get(struct esx_pool *pool);
void esx_pool_put(struct esx_pool *pool);
void esx_pool_name(struct esx_pool *pool, char name[ESX_POOL_NAME_MAX]);

#endif /* _ESXMEM_POOL_H */
