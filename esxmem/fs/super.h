/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The superblock of a memory filesystem.
 */
#ifndef _ESXMEM_FS_SUPER_H
#define _ESXMEM_FS_SUPER_H

#include <linux/fs.h>
#include <linux/uidgid.h>

#include "../params.h"
#include "../pmap.h"
#include "../pool.h"

/**
 * enum esx_salt_policy - which VMs of a mount share with each other
 */
enum esx_salt_policy {
	/** @ESX_SALT_BY_VM: none, each has its own salt (the default). */
	ESX_SALT_BY_VM,
	/** @ESX_SALT_BY_UID: those whose files the same user created. */
	ESX_SALT_BY_UID,
	/** @ESX_SALT_BY_HOST: all, with those of other mounts that say so. */
	ESX_SALT_BY_HOST,
};

/**
 * struct esx_sb - one mount
 */
struct esx_sb {
	/** @quota: the size= option and what is used of it. */
	struct esx_quota quota;
	/** @pool: resource pool of the root directory, which keeps it. */
	struct esx_pool *pool;
	/** @max_inodes: the nr_inodes= option; 0: no limit. */
	unsigned long max_inodes;
	/** @nr_inodes: inodes that exist. */
	atomic_long_t nr_inodes;
	/** @last_ino: last inode number given. */
	atomic64_t last_ino;
	/** @mode: of the root directory. */
	umode_t mode;
	/** @uid: owner of the root directory. */
	kuid_t uid;
	/** @gid: group of the root directory. */
	kgid_t gid;
	/** @salt: the salt= option, for VMs that appear from now on. */
	enum esx_salt_policy salt;
	/**
	 * @params: the min=, max=, shares= and tax= options, for VMs that appear from
	 * now on.  One that appears during a remount may get some of each, limits that
	 * cross even: then the maximum counts.
	 */
	struct esx_vm_params params;
};

static inline struct esx_sb *esx_sb(struct super_block *sb)
{
	return sb->s_fs_info;
}

int esx_fs_init(void);
void esx_fs_exit(void);

#endif /* _ESXMEM_FS_SUPER_H */
