// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem/pools: a directory per resource pool.
 *
 * The directories follow the pools by struct esx_pool_hooks, whose calls hold
 * esx_vms_lock.  Removing one waits until nobody reads or writes a file in it, so no
 * file takes that lock.  A kobject holds a reference to its pool; unloading waits for
 * the last kobject.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../pool.h"
#include "../tax/admit.h"
#include "../tax/policy.h"
#include "parse.h"
#include "sysfs_dirs.h"
#include "sysfs_pool.h"

static_assert(ESX_SYSFS_NAME_MAX == ESX_POOL_NAME_MAX, "a path fits into a name");

static struct esx_sysfs_dirs pools;

/**
 * struct pool_dir - a pool's directory
 */
struct pool_dir {
	/** @kobj: the directory. */
	struct kobject kobj;
	/** @pool: the pool, with a reference. */
	struct esx_pool *pool;
};

/**
 * struct pool_attr - a file in it
 */
struct pool_attr {
	/** @attr: the file. */
	struct attribute attr;
	/** @show: what it shows. */
	ssize_t (*show)(struct esx_pool *pool, char *buf);
	/** @store: change it, or NULL. */
	ssize_t (*store)(struct esx_pool *pool, const char *buf, size_t len);
};

#define POOL_FIGURE(_name)						\
	static struct pool_attr _name##_attr = {			\
		.attr = { .name = __stringify(_name), .mode = 0400 },	\
		.show = _name##_show,					\
	}

#define POOL_SETTING(_name)						\
	static struct pool_attr _name##_attr = {			\
		.attr = { .name = __stringify(_name), .mode = 0600 },	\
		.show = _name##_show,					\
		.store = _name##_store,					\
	}

static ssize_t show_pages(char *buf, u64 pages)
{
	return sysfs_emit(buf, "%llu\n", pages << PAGE_SHIFT);
}

static ssize_t set_pages(struct esx_pool *pool, enum esx_param param, const char *buf, size_t len)
{
	u64 pages = 0;
	int err = esx_parse_pages(buf, &pages);

	if (!err)
		err = esx_admit_set_pool_param(pool, param, pages);
	return err ? err : len;
}

static ssize_t min_bytes_show(struct esx_pool *pool, char *buf)
{
	return show_pages(buf, esx_admit_pool_params(pool).min_pages);
}

static ssize_t min_bytes_store(struct esx_pool *pool, const char *buf, size_t len)
{
	return set_pages(pool, ESX_PARAM_MIN, buf, len);
}

static ssize_t max_bytes_show(struct esx_pool *pool, char *buf)
{
	return show_pages(buf, esx_admit_pool_params(pool).max_pages);
}

static ssize_t max_bytes_store(struct esx_pool *pool, const char *buf, size_t len)
{
	return set_pages(pool, ESX_PARAM_MAX, buf, len);
}

static ssize_t shares_show(struct esx_pool *pool, char *buf)
{
	return esx_emit_u32_or_default(buf, esx_admit_pool_params(pool).shares);
}

static ssize_t shares_store(struct esx_pool *pool, const char *buf, size_t len)
{
	u32 shares = 0;
	int err = esx_parse_u32_or_default(buf, ESX_SHARES_MAX, &shares);

	if (!err)
		err = esx_admit_set_pool_param(pool, ESX_PARAM_SHARES, shares);
	return err ? err : len;
}

static ssize_t members_show(struct esx_pool *pool, char *buf)
{
	return sysfs_emit(buf, "%u\n", READ_ONCE(pool->members));
}

/* What the policy found is of the time when there were members. */
static bool has_members(const struct esx_pool *pool)
{
	return READ_ONCE(pool->members);
}

static ssize_t effective_shares_show(struct esx_pool *pool, char *buf)
{
	return sysfs_emit(buf, "%u\n", has_members(pool) ? READ_ONCE(pool->shares) : 0);
}

static ssize_t reserved_bytes_show(struct esx_pool *pool, char *buf)
{
	return show_pages(buf, esx_admit_pool_reserved(pool));
}

static ssize_t target_bytes_show(struct esx_pool *pool, char *buf)
{
	return show_pages(buf, has_members(pool) ? READ_ONCE(pool->entitled.target) : 0);
}

static ssize_t active_bytes_show(struct esx_pool *pool, char *buf)
{
	return show_pages(buf, has_members(pool) ? READ_ONCE(pool->entitled.active) : 0);
}

static ssize_t rho_ppm_show(struct esx_pool *pool, char *buf)
{
	return sysfs_emit(buf, "%llu\n",
			  has_members(pool) ? READ_ONCE(pool->entitled.rho_ppm) : 0);
}

static ssize_t target_reason_show(struct esx_pool *pool, char *buf)
{
	u32 why = has_members(pool) ? READ_ONCE(pool->entitled.why) : ESX_WHY_NONE;

	return sysfs_emit(buf, "%s\n", esx_claim_why_names[why]);
}

POOL_SETTING(min_bytes);
POOL_SETTING(max_bytes);
POOL_SETTING(shares);
POOL_FIGURE(members);
POOL_FIGURE(effective_shares);
POOL_FIGURE(reserved_bytes);
POOL_FIGURE(target_bytes);
POOL_FIGURE(active_bytes);
POOL_FIGURE(rho_ppm);
POOL_FIGURE(target_reason);

static struct attribute *pool_attrs[] = {
	&min_bytes_attr.attr,
	&max_bytes_attr.attr,
	&shares_attr.attr,
	&members_attr.attr,
	&effective_shares_attr.attr,
	&reserved_bytes_attr.attr,
	&target_bytes_attr.attr,
	&active_bytes_attr.attr,
	&rho_ppm_attr.attr,
	&target_reason_attr.attr,
	NULL,
};

ATTRIBUTE_GROUPS(pool);

static struct pool_dir *to_dir(struct kobject *kobj)
{
	return container_of(kobj, struct pool_dir, kobj);
}

static ssize_t show_attr(struct kobject *kobj, struct attribute *attr, char *buf)
{
	const struct pool_attr *file = container_of(attr, struct pool_attr, attr);

	return file->show(to_dir(kobj)->pool, buf);
}

static ssize_t store_attr(struct kobject *kobj, struct attribute *attr, const char *buf,
			  size_t len)
{
	const struct pool_attr *file = container_of(attr, struct pool_attr, attr);

	return file->store ? file->store(to_dir(kobj)->pool, buf, len) : -EIO;
}

static void release_dir(struct kobject *kobj)
{
	struct pool_dir *dir = to_dir(kobj);

	esx_pool_put(dir->pool);
	kfree(dir);
	esx_sysfs_dirs_released(&pools);
}

static const struct sysfs_ops pool_sysfs_ops = {
	.show = show_attr,
	.store = store_attr,
};

static const struct kobj_type pool_dir_type = {
	.release = release_dir,
	.sysfs_ops = &pool_sysfs_ops,
	.default_groups = pool_groups,
};

static int add_dir(struct esx_pool *pool)
{
	struct pool_dir *dir = kzalloc(sizeof(*dir), GFP_KERNEL_ACCOUNT);
	char name[ESX_SYSFS_NAME_MAX];
	int err;

	if (!dir)
		return -ENOMEM;
	esx_pool_get(pool);
	dir->pool = pool;
	esx_pool_name(pool, name);
	err = esx_sysfs_dirs_add(&pools, &dir->kobj, &pool_dir_type, pool->id, name);
	if (!err)
		pool->iface = dir;
	return err;
}

static void rename_dir(struct esx_pool *pool)
{
	struct pool_dir *dir = pool->iface;
	char name[ESX_SYSFS_NAME_MAX];
	int err;

	esx_pool_name(pool, name);
	err = esx_sysfs_dirs_rename(&pools, &dir->kobj, pool->id, name);
	if (err)
		pr_warn_ratelimited("pool %u keeps its old name in sysfs: error %d\n", pool->id,
				    err);
}

/* Nobody is in a file any more when the pool gives back what it reserves. */
static void remove_dir(struct esx_pool *pool)
{
	struct pool_dir *dir = pool->iface;

	pool->iface = NULL;
	kobject_del(&dir->kobj);
	esx_admit_forget_pool(pool);
	kobject_put(&dir->kobj);
}

static const struct esx_pool_hooks hooks = {
	.shown = add_dir,
	.renamed = rename_dir,
	.removed = remove_dir,
};

/**
 * esx_sysfs_pool_name() - how a pool is called here
 * @pool: one that is shown; esx_vms_lock is held
 *
 * Return: the name of its directory.
 */
const char *esx_sysfs_pool_name(const struct esx_pool *pool)
{
	const struct pool_dir *dir = pool->iface;

	lockdep_assert_held(&esx_vms_lock);
	return kobject_name(&dir->kobj);
}

/**
 * esx_sysfs_pool_init() - make the directory of the pools
 * @root: where
 *
 * Return: 0 or -ENOMEM.
 */
int esx_sysfs_pool_init(struct kobject *root)
{
	int err = esx_sysfs_dirs_init(&pools, "pools", root);

	if (!err)
		esx_pool_set_hooks(&hooks);
	return err;
}

/**
 * esx_sysfs_pool_exit() - remove the directory of the pools; there are none left
 */
void esx_sysfs_pool_exit(void)
{
	esx_pool_set_hooks(NULL);
	esx_sysfs_dirs_exit(&pools);
}
