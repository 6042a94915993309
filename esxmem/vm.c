// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual machines and the lists that hold them.
 *
 * Life of a VM: esx_vm_join() of its first map makes it, esx_vm_leave() of the
 * last takes it off the list; the memory goes with the last reference, which a
 * map that is still being looked at, an open sysfs file or the KVM glue may
 * hold for a while longer.
 *
 * esx_vms_lock protects both lists, of VMs and of maps, as it does that of pools.
 */
#include <linux/err.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "locks.h"
#include "share/hash.h"
#include "vm.h"

static LIST_HEAD(vms);
static LIST_HEAD(pmaps);
static u32 last_vm_id;
static u64 last_pmap_seq;
static const struct esx_vm_hooks *vm_hooks;

/**
 * esx_vm_set_hooks() - tell who wants to hear of VMs
 * @hooks: the callbacks, or NULL; called before the first VM can exist, or
 *	after the last is gone
 */
void esx_vm_set_hooks(const struct esx_vm_hooks *hooks)
{
	mutex_lock(&esx_vms_lock);
	WARN_ON_ONCE(!list_empty(&vms));
	vm_hooks = hooks;
	mutex_unlock(&esx_vms_lock);
}

static struct esx_vm *find_vm(const void *host, u64 ino)
{
	struct esx_vm *vm;

	lockdep_assert_held(&esx_vms_lock);

	list_for_each_entry(vm, &vms, node) {
		if (vm->host == host && vm->ino == ino)
			return vm;
	}
	return NULL;
}

static const struct esx_vm_params default_params = {
	.shares = ESX_SHARES_DEFAULT,
	.tax_percent = ESX_TAX_DEFAULT,
};

static struct esx_vm *alloc_vm(const struct esx_vm_id *id)
{
	struct esx_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	if (!vm)
		return NULL;
	kref_init(&vm->ref);
	INIT_LIST_HEAD(&vm->node);
	INIT_LIST_HEAD(&vm->pmaps);
	mutex_init(&vm->reclaim_lock);
	spin_lock_init(&vm->lock);
	esx_hold_init(&vm->hold);
	ratelimit_default_init(&vm->refusal_log);
	vm->id = ++last_vm_id;
	vm->host = id->host;
	vm->ino = id->ino;
	vm->share = true;
	vm->base_salt = id->salt ? id->salt : esx_salt_vm(vm->id);
	vm->salt = vm->base_salt;
	vm->params = id->params ? *id->params : default_params;
	vm->pool = id->pool;
	strscpy(vm->name, id->name, sizeof(vm->name));
	return vm;
}

static struct esx_vm *add_vm(const struct esx_vm_id *id)
{
	struct esx_vm *vm;
	int err;

	lockdep_assert_held(&esx_vms_lock);

	vm = alloc_vm(id);
	if (!vm)
		return ERR_PTR(-ENOMEM);

	err = vm_hooks ? vm_hooks->added(vm) : 0;
	if (err) {
		vm->pool = NULL;
		esx_vm_put(vm);
		return ERR_PTR(err);
	}
	list_add_tail(&vm->node, &vms);
	esx_pool_join(vm->pool);
	return vm;
}

static void release_vm(struct esx_pmap *pmap)
{
	esx_vm_put(pmap->vm);
}

/**
 * esx_vm_join() - make a new map part of its VM
 * @pmap: the map, in no VM yet; its reference from creation keeps it
 * @id: which VM; made when it does not exist
 *
 * Return: 0, -ENOMEM, or why the VM could not be shown in sysfs.
 */
int esx_vm_join(struct esx_pmap *pmap, const struct esx_vm_id *id)
{
	struct esx_vm *vm;

	mutex_lock(&esx_vms_lock);
	vm = find_vm(id->host, id->ino);
	if (!vm)
		vm = add_vm(id);
	else
		kref_get(&vm->ref);
	if (!IS_ERR(vm)) {
		pmap->vm = vm;
		pmap->parent = &vm->counts;
		pmap->release = release_vm;
		pmap->seq = ++last_pmap_seq;
		list_add_tail(&pmap->vm_node, &vm->pmaps);
		list_add_tail(&pmap->node, &pmaps);
	}
	mutex_unlock(&esx_vms_lock);
	return PTR_ERR_OR_ZERO(vm);
}

static void remove_vm(struct esx_vm *vm)
{
	lockdep_assert_held(&esx_vms_lock);

	list_del_init(&vm->node);
	if (vm_hooks)
		vm_hooks->removed(vm);
	esx_pool_leave(vm->pool);
}

/**
 * esx_vm_leave() - take a map out of its VM; the last one ends the VM
 * @pmap: a map that is dead and empty
 */
void esx_vm_leave(struct esx_pmap *pmap)
{
	struct esx_vm *vm = pmap->vm;

	mutex_lock(&esx_vms_lock);
	list_del_init(&pmap->node);
	list_del_init(&pmap->vm_node);
	if (list_empty(&vm->pmaps))
		remove_vm(vm);
	mutex_unlock(&esx_vms_lock);
}

static void rename_vm(struct esx_vm *vm, const char *path, const char *rest)
{
	char name[ESX_VM_NAME_MAX];

	snprintf(name, sizeof(name), "%s%s", path, rest);
	spin_lock(&vm->lock);
	strscpy(vm->name, name, sizeof(vm->name));
	spin_unlock(&vm->lock);
	if (vm_hooks)
		vm_hooks->renamed(vm);
}

/**
 * esx_vm_rename_tree() - a directory, or a file in the root, was renamed
 * @host: the superblock
 * @old: its path below the mount
 * @new: its new path
 *
 * Gives the VMs and pools that are it or below it their new names.
 */
void esx_vm_rename_tree(const void *host, const char *old, const char *new)
{
	struct esx_vm *vm;
	const char *rest;

	mutex_lock(&esx_vms_lock);
	list_for_each_entry(vm, &vms, node) {
		rest = vm->host == host ? esx_path_below(vm->name, old) : NULL;
		if (rest)
			rename_vm(vm, new, rest);
	}
	esx_pool_rename_tree(host, old, new);
	mutex_unlock(&esx_vms_lock);
}

/**
 * esx_vm_lookup() - find a VM by its directory or file
 * @host: the superblock
 * @ino: inode number
 *
 * Return: the VM with a reference, or NULL.
 */
struct esx_vm *esx_vm_lookup(const void *host, u64 ino)
{
	struct esx_vm *vm;

	mutex_lock(&esx_vms_lock);
	vm = find_vm(host, ino);
	if (vm)
		kref_get(&vm->ref);
	mutex_unlock(&esx_vms_lock);
	return vm;
}

/**
 * esx_vm_get() - take a further reference
 * @vm: a VM to which the caller has a reference, or which its map keeps
 */
void esx_vm_get(struct esx_vm *vm)
{
	kref_get(&vm->ref);
}
EXPORT_SYMBOL_GPL(esx_vm_get);

static void free_vm(struct kref *ref)
{
	struct esx_vm *vm = container_of(ref, struct esx_vm, ref);

	esx_pool_put(vm->pool);
	kfree(vm->sampling);
	kfree(vm);
}

/**
 * esx_vm_put() - drop a reference
 * @vm: the VM; gone when the reference was the last
 */
void esx_vm_put(struct esx_vm *vm)
{
	kref_put(&vm->ref, free_vm);
}
EXPORT_SYMBOL_GPL(esx_vm_put);

/**
 * esx_vm_name() - the VM's present name
 * @vm: the VM
 * @buf: where to
 * @size: of @buf
 */
void esx_vm_name(struct esx_vm *vm, char *buf, size_t size)
{
	spin_lock(&vm->lock);
	strscpy(buf, vm->name, size);
	spin_unlock(&vm->lock);
}
EXPORT_SYMBOL_GPL(esx_vm_name);

/**
 * esx_vm_for_each() - do something for every VM
 * @fn: what; called with esx_vms_lock held; anything but 0 ends the walk
 * @ctx: for @fn
 *
 * Return: what @fn returned last.
 */
int esx_vm_for_each(int (*fn)(struct esx_vm *vm, void *ctx), void *ctx)
{
	struct esx_vm *vm;
	int ret = 0;

	mutex_lock(&esx_vms_lock);
	list_for_each_entry(vm, &vms, node) {
		ret = fn(vm, ctx);
		if (ret)
			break;
	}
	mutex_unlock(&esx_vms_lock);
	return ret;
}

static int walk_pmaps(int (*fn)(struct esx_pmap *pmap, void *ctx), void *ctx)
{
	struct esx_pmap *pmap;
	int ret = 0;

	list_for_each_entry(pmap, &pmaps, node) {
		ret = fn(pmap, ctx);
		if (ret)
			break;
	}
	return ret;
}

static int walk_pmaps_of(struct esx_vm *vm, int (*fn)(struct esx_pmap *pmap, void *ctx), void *ctx)
{
	struct esx_pmap *pmap;
	int ret = 0;

	list_for_each_entry(pmap, &vm->pmaps, vm_node) {
		ret = fn(pmap, ctx);
		if (ret)
			break;
	}
	return ret;
}

/**
 * esx_vm_for_each_pmap() - do something for every map
 * @vm: of this VM, or NULL: of all
 * @fn: what; called with esx_vms_lock held; anything but 0 ends the walk
 * @ctx: for @fn
 *
 * Return: what @fn returned last.
 */
int esx_vm_for_each_pmap(struct esx_vm *vm, int (*fn)(struct esx_pmap *pmap, void *ctx), void *ctx)
{
	int ret;

	mutex_lock(&esx_vms_lock);
	ret = vm ? walk_pmaps_of(vm, fn, ctx) : walk_pmaps(fn, ctx);
	mutex_unlock(&esx_vms_lock);
	return ret;
}

/* The map after @prev, which may have left the list. */
static struct esx_pmap *pmap_after(struct esx_pmap *prev)
{
	struct esx_pmap *pmap = list_first_entry(&pmaps, struct esx_pmap, node);

	lockdep_assert_held(&esx_vms_lock);

	if (!list_empty(&prev->node))
		pmap = list_next_entry(prev, node);
	list_for_each_entry_from(pmap, &pmaps, node) {
		if (pmap->seq > prev->seq)
			return pmap;
	}
	return NULL;
}

/**
 * esx_vm_next_pmap() - walk all maps while they come and go
 * @prev: the map that the last call returned, whose reference is dropped, or
 *	NULL to begin
 *
 * Maps that join during the walk are met, those that leave are not; no other
 * is missed.
 *
 * Return: the next map with a reference, or NULL at the end.
 */
struct esx_pmap *esx_vm_next_pmap(struct esx_pmap *prev)
{
	struct esx_pmap *next;

	mutex_lock(&esx_vms_lock);
	next = prev ? pmap_after(prev) : list_first_entry_or_null(&pmaps, struct esx_pmap, node);
	/* On the list means that its inode still holds a reference. */
	if (next)
		esx_pmap_get(next);
	mutex_unlock(&esx_vms_lock);

	if (prev)
		esx_pmap_put(prev);
	return next;
}

/**
 * esx_vm_find_pmap() - walk the maps of a VM while they come and go
 * @vm: the VM
 * @prev: one of its maps, held by the caller, from which on to look, if it is still
 *	there; or NULL
 * @seq: 0 to begin, or one more than the seq of the map that came last
 *
 * Return: the first of its maps whose seq is @seq or more, with a reference; or NULL.
 */
struct esx_pmap *esx_vm_find_pmap(struct esx_vm *vm, struct esx_pmap *prev, u64 seq)
{
	struct esx_pmap *pmap, *found = NULL;

	mutex_lock(&esx_vms_lock);
	pmap = list_first_entry(&vm->pmaps, struct esx_pmap, vm_node);
	if (prev && !list_empty(&prev->vm_node))
		pmap = prev;
	list_for_each_entry_from(pmap, &vm->pmaps, vm_node) {
		if (pmap->seq < seq)
			continue;
		/* On the list means that its inode still holds a reference. */
		esx_pmap_get(pmap);
		found = pmap;
		break;
	}
	mutex_unlock(&esx_vms_lock);
	return found;
}

/* The VM after @prev, which may have left the list. */
static struct esx_vm *vm_after(struct esx_vm *prev)
{
	struct esx_vm *vm = list_first_entry(&vms, struct esx_vm, node);

	lockdep_assert_held(&esx_vms_lock);

	if (!list_empty(&prev->node))
		vm = list_next_entry(prev, node);
	list_for_each_entry_from(vm, &vms, node) {
		if (vm->id > prev->id)
			return vm;
	}
	return NULL;
}

/**
 * esx_vm_next() - walk all VMs while they come and go
 * @prev: the VM that the last call returned, whose reference is dropped, or NULL
 *	to begin
 *
 * As esx_vm_next_pmap().
 *
 * Return: the next VM with a reference, or NULL at the end.
 */
struct esx_vm *esx_vm_next(struct esx_vm *prev)
{
	struct esx_vm *next;

	mutex_lock(&esx_vms_lock);
	next = prev ? vm_after(prev) : list_first_entry_or_null(&vms, struct esx_vm, node);
	/* On the list means that one of its maps still holds a reference. */
	if (next)
		kref_get(&next->ref);
	mutex_unlock(&esx_vms_lock);

	if (prev)
		esx_vm_put(prev);
	return next;
}

/**
 * esx_vm_attach_guest() - the KVM glue found the guest of a VM
 * @vm: the VM
 * @ops: how to ask about it
 * @guest: argument of @ops
 *
 * Return: 0, or -EEXIST when one is attached already.
 */
int esx_vm_attach_guest(struct esx_vm *vm, const struct esx_guest_ops *ops, void *guest)
{
	int err = 0;

	spin_lock(&vm->lock);
	if (vm->guest) {
		err = -EEXIST;
	} else {
		vm->guest_ops = ops;
		vm->guest = guest;
	}
	spin_unlock(&vm->lock);
	return err;
}
EXPORT_SYMBOL_GPL(esx_vm_attach_guest);

/**
 * esx_vm_detach_guest() - the guest goes
 * @vm: the VM
 * @guest: as attached; nothing happens when another one is
 *
 * On return no call into the glue is under way for it.
 */
void esx_vm_detach_guest(struct esx_vm *vm, void *guest)
{
	bool attached;

	might_sleep();

	spin_lock(&vm->lock);
	attached = vm->guest == guest;
	if (attached) {
		vm->guest = NULL;
		vm->guest_ops = NULL;
	}
	spin_unlock(&vm->lock);
	if (attached)
		wait_var_event(&vm->guest_users, !atomic_read(&vm->guest_users));
}
EXPORT_SYMBOL_GPL(esx_vm_detach_guest);

/**
 * esx_vm_has_guest() - is a guest attached?
 * @vm: the VM
 *
 * Return: the answer, which may be old when the caller reads it.
 */
bool esx_vm_has_guest(struct esx_vm *vm)
{
	bool attached;

	spin_lock(&vm->lock);
	attached = vm->guest;
	spin_unlock(&vm->lock);
	return attached;
}
EXPORT_SYMBOL_GPL(esx_vm_has_guest);

static const struct esx_guest_ops *get_guest(struct esx_vm *vm, void **guest)
{
	const struct esx_guest_ops *ops;

	spin_lock(&vm->lock);
	ops = vm->guest_ops;
	*guest = vm->guest;
	if (ops)
		atomic_inc(&vm->guest_users);
	spin_unlock(&vm->lock);
	return ops;
}

static void put_guest(struct esx_vm *vm)
{
	if (atomic_dec_and_test(&vm->guest_users))
		wake_up_var(&vm->guest_users);
}

/**
 * esx_vm_guest_stats() - ask the KVM glue about the VM's guest
 * @vm: the VM
 * @stats: filled with the figures, with zeros when no guest is attached
 *
 * Return: is a guest attached?
 */
bool esx_vm_guest_stats(struct esx_vm *vm, struct esx_guest_stats *stats)
{
	const struct esx_guest_ops *ops;
	void *guest;

	memset(stats, 0, sizeof(*stats));
	ops = get_guest(vm, &guest);
	if (!ops)
		return false;
	ops->stats(guest, stats);
	put_guest(vm);
	return true;
}

/**
 * esx_vm_age() - ask which pages the VM's guest and its VMM have accessed
 * @vm: the VM
 * @ages: the questions; on success with the answers
 * @nr: how many
 * @clear: forget the accesses
 *
 * Return: 0; -ENODEV when there is no guest that could be asked; -EAGAIN when it
 * cannot be at the moment.
 */
int esx_vm_age(struct esx_vm *vm, struct esx_age *ages, unsigned int nr, bool clear)
{
	const struct esx_guest_ops *ops;
	void *guest;
	int err;

	might_sleep();

	ops = get_guest(vm, &guest);
	if (!ops)
		return -ENODEV;
	err = ops->age(guest, ages, nr, clear) ? 0 : -EAGAIN;
	put_guest(vm);
	return err;
}
