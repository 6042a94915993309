// SPDX-License-Identifier: GPL-2.0
/*
 * Resource pools and the tree that they are.
 *
 * Life of a pool: esx_pool_create() with its directory; it leaves the list when the
 * directory is gone, and with it the last VM and pool in it, in whatever order they
 * go; the memory goes with the last reference.  A VM, and a pool that is in another,
 * hold a reference to the one that they are in, so whoever holds the lower one can go
 * up: under esx_vms_lock or ledger_lock, since a rename changes the way.
 *
 * What pools are for is arithmetic that this layer knows nothing of: see tax/.
 */
#include <linux/container_of.h>
#include <linux/err.h>
#include <linux/ratelimit.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pool.h"

DEFINE_MUTEX(esx_vms_lock);
static LIST_HEAD(pools);
static u32 nr_pools;
static u32 last_pool_id;
static const struct esx_pool_hooks *pool_hooks;

/**
 * esx_pool_set_hooks() - tell who wants to hear of pools
 * @hooks: the callbacks, or NULL; called before the first pool can exist, or after
 *	the last is gone
 */
void esx_pool_set_hooks(const struct esx_pool_hooks *hooks)
{
	mutex_lock(&esx_vms_lock);
	WARN_ON_ONCE(!list_empty(&pools));
	pool_hooks = hooks;
	mutex_unlock(&esx_vms_lock);
}

/**
 * esx_pool_parent() - the pool that a pool is in
 * @pool: the pool; the caller holds esx_vms_lock or ledger_lock
 *
 * Return: the pool above, or NULL for the root of a mount.
 */
struct esx_pool *esx_pool_parent(const struct esx_pool *pool)
{
	struct esx_account *parent = pool->account.parent;

	return parent ? container_of(parent, struct esx_pool, account) : NULL;
}

/**
 * esx_pool_shown() - the pool that people know
 * @pool: a pool, or NULL
 *
 * Return: @pool, or the nearest one above it, that is shown; or NULL.
 */
struct esx_pool *esx_pool_shown(struct esx_pool *pool)
{
	lockdep_assert_held(&esx_vms_lock);

	while (pool && !pool->is_shown)
		pool = esx_pool_parent(pool);
	return pool;
}

/**
 * esx_pool_count() - how many pools there are
 *
 * Return: the number, which may be old when the caller reads it.
 */
u32 esx_pool_count(void)
{
	return READ_ONCE(nr_pools);
}

/**
 * esx_pool_get() - take a further reference
 * @pool: a pool that something keeps
 */
void esx_pool_get(struct esx_pool *pool)
{
	refcount_inc(&pool->ref);
}

/**
 * esx_pool_put() - drop a reference
 * @pool: the pool, or NULL; gone when the reference was the last
 */
void esx_pool_put(struct esx_pool *pool)
{
	struct esx_pool *parent;

	for (; pool && refcount_dec_and_test(&pool->ref); pool = parent) {
		/* Nobody is left who could change it. */
		parent = esx_pool_parent(pool);
		kfree(pool);
	}
}

/**
 * esx_pool_name() - the pool's present name
 * @pool: the pool
 * @name: filled
 */
void esx_pool_name(struct esx_pool *pool, char name[ESX_POOL_NAME_MAX])
{
	spin_lock(&pool->lock);
	strscpy(name, pool->name, ESX_POOL_NAME_MAX);
	spin_unlock(&pool->lock);
}

/* The root of a mount is never shown: there is nothing that it would stand against. */
static int show_pool(struct esx_pool *pool)
{
	int err;

	lockdep_assert_held(&esx_vms_lock);

	if (pool->is_shown || !pool->depth)
		return 0;
	err = pool_hooks ? pool_hooks->shown(pool) : 0;
	pool->is_shown = !err;
	return err;
}

static void use_pool(struct esx_pool *pool)
{
	lockdep_assert_held(&esx_vms_lock);

	pool->nr_users++;
	refcount_inc(&pool->ref);
}

static void take_off(struct esx_pool *pool)
{
	lockdep_assert_held(&esx_vms_lock);

	list_del_init(&pool->node);
	WRITE_ONCE(nr_pools, nr_pools - 1);
	if (pool->is_shown && pool_hooks)
		pool_hooks->removed(pool);
	/* A VM that has left it may still ask for its name. */
	pool->is_shown = false;
}

/* The use of a pool ends, and that of those above with it; references stay. */
static void unuse_pool(struct esx_pool *pool)
{
	lockdep_assert_held(&esx_vms_lock);

	for (; pool && !--pool->nr_users; pool = esx_pool_parent(pool))
		take_off(pool);
}

/* @nr is added to the members of @pool and of all above; it may be negative. */
static void count_members(struct esx_pool *pool, int nr)
{
	lockdep_assert_held(&esx_vms_lock);

	for (; pool; pool = esx_pool_parent(pool))
		WRITE_ONCE(pool->members, pool->members + nr);
}

static struct esx_pool *alloc_pool(const void *host, struct esx_pool *parent, const char *name)
{
	struct esx_pool *pool = kzalloc(sizeof(*pool), GFP_KERNEL_ACCOUNT);

	if (!pool)
		return NULL;
	refcount_set(&pool->ref, 1);
	INIT_LIST_HEAD(&pool->node);
	spin_lock_init(&pool->lock);
	ratelimit_default_init(&pool->refusal_log);
	pool->host = host;
	pool->params.shares = ESX_SHARES_DEFAULT;
	pool->depth = parent ? parent->depth + 1 : 0;
	strscpy(pool->name, name, sizeof(pool->name));
	return pool;
}

static void add_pool(struct esx_pool *pool, struct esx_pool *parent)
{
	lockdep_assert_held(&esx_vms_lock);

	pool->id = ++last_pool_id;
	/* For its directory, which has the reference from creation. */
	pool->nr_users = 1;
	if (parent) {
		pool->account.parent = &parent->account;
		use_pool(parent);
	}
	list_add_tail(&pool->node, &pools);
	WRITE_ONCE(nr_pools, nr_pools + 1);
}

/**
 * esx_pool_create() - a directory is made
 * @host: the superblock
 * @parent: pool of the directory that it is in, which the caller keeps; NULL for the
 *	root of a mount
 * @name: its path below the mount
 *
 * Return: the pool; -ENOMEM; -ENAMETOOLONG: nested too deep; or why @parent could not
 * be shown in sysfs.
 */
struct esx_pool *esx_pool_create(const void *host, struct esx_pool *parent, const char *name)
{
	struct esx_pool *pool;
	int err = 0;

	mutex_lock(&esx_vms_lock);
	pool = alloc_pool(host, parent, name);
	if (!pool)
		err = -ENOMEM;
	else if (pool->depth > ESX_POOL_DEPTH_MAX)
		err = -ENAMETOOLONG;
	else if (parent)
		err = show_pool(parent);
	if (!err)
		add_pool(pool, parent);
	mutex_unlock(&esx_vms_lock);
	if (!err)
		return pool;
	kfree(pool);
	return ERR_PTR(err);
}

/**
 * esx_pool_remove() - a directory is gone
 * @pool: its pool, whose reference from creation is dropped
 */
void esx_pool_remove(struct esx_pool *pool)
{
	mutex_lock(&esx_vms_lock);
	unuse_pool(pool);
	mutex_unlock(&esx_vms_lock);
	esx_pool_put(pool);
}

/**
 * esx_pool_join() - a VM appears in a pool
 * @pool: the pool, or NULL; the VM has a reference from now on
 */
void esx_pool_join(struct esx_pool *pool)
{
	if (!pool)
		return;
	use_pool(pool);
	count_members(pool, 1);
}

/**
 * esx_pool_leave() - a VM that is in a pool ends; its reference stays
 * @pool: the pool, or NULL
 */
void esx_pool_leave(struct esx_pool *pool)
{
	if (!pool)
		return;
	count_members(pool, -1);
	unuse_pool(pool);
}

/* Is @pool @top itself, or in it? */
static bool is_within(const struct esx_pool *pool, const struct esx_pool *top)
{
	while (pool && pool != top)
		pool = esx_pool_parent(pool);
	return pool;
}

/* How many levels there are below @top. */
static unsigned int height(const struct esx_pool *top)
{
	unsigned int deepest = top->depth;
	struct esx_pool *pool;

	lockdep_assert_held(&esx_vms_lock);

	list_for_each_entry(pool, &pools, node) {
		if (pool->depth > deepest && is_within(pool, top))
			deepest = pool->depth;
	}
	return deepest - top->depth;
}

/* All that is within @top is so much deeper, or less deep, than it was. */
static void set_depth(struct esx_pool *top, unsigned int depth)
{
	int more = (int)depth - (int)top->depth;
	struct esx_pool *pool;

	lockdep_assert_held(&esx_vms_lock);

	list_for_each_entry(pool, &pools, node) {
		if (is_within(pool, top))
			pool->depth += more;
	}
}

/*
 * The way up leads elsewhere already: what the old one counted and held for @pool
 * goes, what the new one does was taken before.
 */
static void leave_parent(struct esx_pool *pool, struct esx_pool *from)
{
	count_members(from, -(int)pool->members);
	unuse_pool(from);
	esx_pool_put(from);
}

static int move_pool(struct esx_pool *pool, struct esx_pool *to,
		     int (*recharge)(struct esx_pool *pool, struct esx_pool *to))
{
	struct esx_pool *from = esx_pool_parent(pool);
	int err;

	lockdep_assert_held(&esx_vms_lock);

	if (from == to)
		return 0;
	if (to->depth + 1 + height(pool) > ESX_POOL_DEPTH_MAX)
		return -ENAMETOOLONG;
	/* It stays shown when the rest fails, which is true of it or nearly was. */
	err = show_pool(to);
	if (!err)
		err = recharge(pool, to);
	if (err)
		return err;
	use_pool(to);
	count_members(to, pool->members);
	leave_parent(pool, from);
	set_depth(pool, to->depth + 1);
	return 0;
}

/**
 * esx_pool_move() - a directory moves to another one
 * @pool: its pool, not the root's
 * @to: pool of the other directory, which is not within it
 * @recharge: makes @to the parent of @pool's account, or says why not
 *
 * Return: 0; -ENAMETOOLONG: nested too deep; or what @recharge said, or why @to could
 * not be shown in sysfs.  Then nothing changed.
 */
int esx_pool_move(struct esx_pool *pool, struct esx_pool *to,
		  int (*recharge)(struct esx_pool *pool, struct esx_pool *to))
{
	int err;

	mutex_lock(&esx_vms_lock);
	err = move_pool(pool, to, recharge);
	mutex_unlock(&esx_vms_lock);
	return err;
}

/**
 * esx_path_below() - is a path another one, or below it?
 * @name: the path
 * @path: the other one
 *
 * Return: what follows @path in @name, or NULL.
 */
const char *esx_path_below(const char *name, const char *path)
{
	size_t len = strlen(path);

	if (strncmp(name, path, len) || (name[len] && name[len] != '/'))
		return NULL;
	return name + len;
}

static void rename_pool(struct esx_pool *pool, const char *path, const char *rest)
{
	char name[ESX_POOL_NAME_MAX];

	snprintf(name, sizeof(name), "%s%s", path, rest);
	spin_lock(&pool->lock);
	strscpy(pool->name, name, sizeof(pool->name));
	spin_unlock(&pool->lock);
	if (pool->is_shown && pool_hooks)
		pool_hooks->renamed(pool);
}

/**
 * esx_pool_rename_tree() - a directory was renamed
 * @host: the superblock
 * @old: its path below the mount
 * @new: its new path
 *
 * Gives the pools that are it or below it their new names.
 */
void esx_pool_rename_tree(const void *host, const char *old, const char *new)
{
	struct esx_pool *pool;
	const char *rest;

	lockdep_assert_held(&esx_vms_lock);

	list_for_each_entry(pool, &pools, node) {
		rest = pool->host == host ? esx_path_below(pool->name, old) : NULL;
		if (rest)
			rename_pool(pool, new, rest);
	}
}
