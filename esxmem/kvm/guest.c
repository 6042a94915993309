// SPDX-License-Identifier: GPL-2.0
/*
 * Guests: KVM machines whose memory lies in memory files; see guest.h.
 */
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/jiffies.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "../trace.h"
#include "../vm.h"
#include "guest.h"
#include "memslot.h"

#define GUESTS_BITS		8

/* Memory that is plugged in later is noticed at a fault this much later. */
#define SURVEY_AGE		(10 * HZ)

/* How long a machine without virtual CPUs may outlive its last descriptor. */
#define HELD_PERIOD		(HZ / 10)

static DEFINE_HASHTABLE(guests, GUESTS_BITS);
static DEFINE_MUTEX(guests_lock);

/* All guests that are not freed yet, and who waits for there to be none. */
static atomic_t nr_guests;
static DECLARE_WAIT_QUEUE_HEAD(guests_gone);

static struct workqueue_struct *guest_wq;

static struct esx_guest *anchor_to_guest(struct esx_anchor *anchor)
{
	return container_of(anchor, struct esx_guest, anchor);
}

static struct esx_guest *find_guest(const struct kvm *kvm, const struct mm_struct *mm)
{
	struct esx_guest *guest;

	hash_for_each_possible_rcu(guests, guest, node, (unsigned long)kvm,
				   lockdep_is_held(&guests_lock)) {
		if (guest->anchor.kvm == kvm && guest->anchor.mm == mm)
			return guest;
	}
	return NULL;
}

static void free_guest(struct kref *ref)
{
	struct esx_guest *guest = container_of(ref, struct esx_guest, ref);

	esx_vtime_destroy(&guest->vtime);
	free_percpu(guest->violations);
	kfree(guest);
	if (atomic_dec_and_test(&nr_guests))
		wake_up_all(&guests_gone);
}

static void put_guest(struct esx_guest *guest)
{
	kref_put(&guest->ref, free_guest);
}

/*
 * Questions of the core.
 */

static u64 count_violations(const struct esx_guest *guest)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(*per_cpu_ptr(guest->violations, cpu));
	return sum;
}

static void guest_stats(void *data, struct esx_guest_stats *stats)
{
	struct esx_guest *guest = data;
	struct file *file = esx_anchor_get(&guest->anchor);

	stats->ept_violations = count_violations(guest);
	stats->vcpu_time_ns = esx_vtime_read(&guest->vtime, file ? guest->anchor.kvm : NULL);
	if (file)
		fput(file);
}

/* A machine that is gone accesses nothing any more. */
static bool guest_age(void *data, struct esx_age *ages, unsigned int nr, bool clear)
{
	struct esx_guest *guest = data;
	struct file *file = esx_anchor_get(&guest->anchor);
	bool done;

	if (!file)
		return true;
	done = esx_memslot_age(guest->anchor.kvm, ages, nr, clear);
	fput(file);
	return done;
}

static const struct esx_guest_ops guest_ops = {
	.stats	= guest_stats,
	.age	= guest_age,
};

/*
 * Surveys.
 */

static int tie_vm(struct esx_guest *guest, struct esx_vm *vm)
{
	char name[ESX_VM_NAME_MAX];
	int err;

	lockdep_assert_held(&guest->lock);

	if (guest->nr_vms == ESX_GUEST_MAX_VMS)
		return -ENOSPC;
	err = esx_vm_attach_guest(vm, &guest_ops, guest);
	if (err)
		return err;

	esx_vm_get(vm);
	guest->vms[guest->nr_vms++] = (struct esx_guest_vm){ .vm = vm };
	esx_vm_name(vm, name, sizeof(name));
	trace_esxmem_attach(vm->id, name, guest->pid);
	return 0;
}

static void untie_vm(struct esx_guest *guest, int i)
{
	struct esx_vm *vm = guest->vms[i].vm;
	char name[ESX_VM_NAME_MAX];

	lockdep_assert_held(&guest->lock);

	guest->vms[i] = guest->vms[--guest->nr_vms];
	esx_vm_detach_guest(vm, guest);
	esx_vm_name(vm, name, sizeof(name));
	trace_esxmem_detach(vm->id, name, guest->pid);
	esx_vm_put(vm);
}

static void untie_missed(struct esx_guest *guest, unsigned int missed)
{
	int i;

	lockdep_assert_held(&guest->lock);

	for (i = guest->nr_vms - 1; i >= 0; i--) {
		if (guest->vms[i].missed >= missed)
			untie_vm(guest, i);
	}
}

static bool mark_found(struct esx_guest *guest, const struct esx_vm *vm)
{
	int i;

	for (i = 0; i < guest->nr_vms; i++) {
		if (guest->vms[i].vm == vm) {
			guest->vms[i].missed = 0;
			return true;
		}
	}
	return false;
}

static void update_vms(struct esx_guest *guest, struct esx_vm **found, int nr)
{
	int i;

	lockdep_assert_held(&guest->lock);

	for (i = 0; i < guest->nr_vms; i++)
		guest->vms[i].missed++;
	for (i = 0; i < nr; i++) {
		/* That of another guest stays with it, one too many is left out. */
		if (!mark_found(guest, found[i]))
			tie_vm(guest, found[i]);
	}
	untie_missed(guest, 2);
}

static void put_vms(struct esx_vm **vms, int nr)
{
	while (nr > 0)
		esx_vm_put(vms[--nr]);
}

/* How many VMs there are, each with a reference; -ENOENT: the machine is gone. */
static int find_vms(struct esx_guest *guest, struct esx_vm **found)
{
	struct esx_anchor *anchor = &guest->anchor;
	int nr = -ENOENT;

	if (!mmget_not_zero(anchor->mm))
		return -ENOENT;
	mmap_read_lock(anchor->mm);
	if (esx_anchor_bind(anchor)) {
		guest->pid = anchor->kvm->userspace_pid;
		nr = esx_memslot_vms(anchor->kvm, found, ESX_GUEST_MAX_VMS);
	}
	mmap_read_unlock(anchor->mm);
	mmput_async(anchor->mm);
	return nr;
}

static int survey_locked(struct esx_guest *guest)
{
	struct esx_vm *found[ESX_GUEST_MAX_VMS];
	int nr;

	lockdep_assert_held(&guest->lock);

	WRITE_ONCE(guest->surveyed, jiffies);
	nr = find_vms(guest, found);
	if (nr < 0)
		return nr;

	update_vms(guest, found, nr);
	put_vms(found, nr);
	if (!guest->nr_vms)
		return nr ? -EEXIST : -ENOENT;

	if (esx_anchor_is_held(&guest->anchor))
		queue_delayed_work(guest_wq, &guest->settle, HELD_PERIOD);
	return 0;
}

/*
 * Brings the guest's VMs up to date.  -ENOENT: nothing is left of it, -EEXIST:
 * all that there is belongs to other guests.
 */
static int survey(struct esx_guest *guest)
{
	int err = -ENOENT;

	mutex_lock(&guest->lock);
	if (!guest->ended)
		err = survey_locked(guest);
	mutex_unlock(&guest->lock);
	return err;
}

/*
 * The end.
 */

static bool claim_end(struct esx_guest *guest)
{
	lockdep_assert_held(&guests_lock);

	if (!hash_hashed(&guest->node))
		return false;
	hash_del_rcu(&guest->node);
	return true;
}

/*
 * The work is queued under the lock under which the work item looks at
 * @doomed: it cannot be through with the guest before it is queued.
 */
static void doom_locked(struct esx_guest *guest)
{
	lockdep_assert_held(&guests_lock);

	if (claim_end(guest)) {
		guest->doomed = true;
		mod_delayed_work(guest_wq, &guest->settle, 0);
	}
}

static void doom(struct esx_guest *guest)
{
	mutex_lock(&guests_lock);
	doom_locked(guest);
	mutex_unlock(&guests_lock);
}

/*
 * Three may queue the work item: a survey, the probe, the watch.  All are over
 * before it is cancelled for good.
 */
static void end_guest(struct esx_guest *guest)
{
	mutex_lock(&guest->lock);
	guest->ended = true;
	untie_missed(guest, 0);
	mutex_unlock(&guest->lock);

	synchronize_rcu();
	esx_anchor_close(&guest->anchor);
	cancel_delayed_work(&guest->settle);
	put_guest(guest);
}

static bool is_to_end(struct esx_guest *guest)
{
	bool end;

	mutex_lock(&guests_lock);
	end = guest->doomed;
	mutex_unlock(&guests_lock);
	if (end)
		return true;

	if (!survey(guest))
		return false;

	mutex_lock(&guests_lock);
	end = claim_end(guest);
	mutex_unlock(&guests_lock);
	return end;
}

static void settle_guest(struct work_struct *work)
{
	struct esx_guest *guest = container_of(to_delayed_work(work), struct esx_guest, settle);

	if (is_to_end(guest))
		end_guest(guest);
}

static void anchor_lost(struct esx_anchor *anchor)
{
	mod_delayed_work(guest_wq, &anchor_to_guest(anchor)->settle, 0);
}

/*
 * The beginning.
 */

static struct esx_guest *alloc_guest(void)
{
	struct esx_guest *guest = kzalloc(sizeof(*guest), GFP_KERNEL);

	if (!guest)
		return NULL;
	guest->violations = alloc_percpu(u64);
	if (!guest->violations) {
		kfree(guest);
		return NULL;
	}
	kref_init(&guest->ref);
	mutex_init(&guest->lock);
	esx_vtime_init(&guest->vtime);
	INIT_DELAYED_WORK(&guest->settle, settle_guest);
	atomic_inc(&nr_guests);
	return guest;
}

/*
 * Into the table, with a further reference for the caller.  A second guest for
 * the same machine is left to the work item at once.
 */
static int publish(struct esx_guest *guest)
{
	int err = 0;

	mutex_lock(&guests_lock);
	if (find_guest(guest->anchor.kvm, guest->anchor.mm)) {
		guest->doomed = true;
		mod_delayed_work(guest_wq, &guest->settle, 0);
		err = -EEXIST;
	} else {
		kref_get(&guest->ref);
		hash_add_rcu(guests, &guest->node, (unsigned long)guest->anchor.kvm);
	}
	mutex_unlock(&guests_lock);
	return err;
}

static int attach_guest(struct kvm *kvm, struct mm_struct *mm, struct file *vm_file)
{
	struct esx_guest *guest = alloc_guest();
	int err;

	if (!guest)
		return -ENOMEM;

	err = esx_anchor_open(&guest->anchor, kvm, mm, vm_file, anchor_lost);
	if (err) {
		put_guest(guest);
		return err;
	}
	err = publish(guest);
	if (err)
		return err;

	err = survey(guest);
	if (err)
		doom(guest);
	put_guest(guest);
	return err;
}

/*
 * A look that costs little, for most machines of a host may not be esxmem's and
 * each is looked at again and again.  0: there is a VM to attach to; -ENOENT:
 * none at all; -EEXIST: all are other guests'.
 */
static int look_for_vms(struct kvm *kvm, struct mm_struct *mm, bool exists)
{
	struct esx_vm *vms[ESX_GUEST_MAX_VMS];
	int nr = 0, err = -ENOENT;
	int i;

	mmap_read_lock(mm);
	if (exists || esx_anchor_exists(mm, kvm))
		nr = esx_memslot_vms(kvm, vms, ESX_GUEST_MAX_VMS);
	mmap_read_unlock(mm);
	for (i = 0; i < nr && err; i++)
		err = esx_vm_has_guest(vms[i]) ? -EEXIST : 0;
	put_vms(vms, nr);
	return err;
}

static bool is_attached(const struct kvm *kvm, const struct mm_struct *mm)
{
	bool attached;

	rcu_read_lock();
	attached = find_guest(kvm, mm);
	rcu_read_unlock();
	return attached;
}

/**
 * esx_guest_attach() - tie a machine to its memory
 * @kvm: the machine; need not exist any more when @vm_file is NULL
 * @mm: its address space, pinned by the caller, possibly without users
 * @vm_file: the machine's own file, held by the caller, or NULL
 *
 * Return: 0; -EEXIST when it is attached already, or all of its memory is to
 * other machines; -ENOENT when it is gone or no slot lies on a memory file;
 * -ENOMEM or -EINTR.
 */
int esx_guest_attach(struct kvm *kvm, struct mm_struct *mm, struct file *vm_file)
{
	int err;

	might_sleep();

	if (is_attached(kvm, mm))
		return -EEXIST;
	if (!mmget_not_zero(mm))
		return -ENOENT;
	err = look_for_vms(kvm, mm, vm_file);
	if (!err)
		err = attach_guest(kvm, mm, vm_file);
	mmput_async(mm);
	return err;
}

/**
 * esx_guest_count_violation() - a virtual CPU took a second-level page fault
 * @kvm: its machine, which exists; called by its thread, must not sleep
 *
 * Return: false when the machine is not attached.
 */
bool esx_guest_count_violation(const struct kvm *kvm)
{
	struct esx_guest *guest;

	rcu_read_lock();
	guest = find_guest(kvm, kvm->mm);
	if (guest) {
		this_cpu_inc(*guest->violations);
		/* Racing threads queue the same work item, which is harmless. */
		if (time_after(jiffies, READ_ONCE(guest->surveyed) + SURVEY_AGE))
			queue_delayed_work(guest_wq, &guest->settle, 0);
	}
	rcu_read_unlock();
	return guest;
}

/**
 * esx_guest_get_all() - the guests at this moment
 * @nr: how many
 *
 * Return: an array for esx_guest_put_all(), or NULL for want of memory.
 */
struct esx_guest **esx_guest_get_all(int *nr)
{
	int max = atomic_read(&nr_guests);
	struct esx_guest **all = kvcalloc(max + 1, sizeof(*all), GFP_KERNEL);
	struct esx_guest *guest;
	int bkt;

	*nr = 0;
	if (!all)
		return NULL;

	mutex_lock(&guests_lock);
	hash_for_each(guests, bkt, guest, node) {
		if (*nr == max)
			break;
		kref_get(&guest->ref);
		all[(*nr)++] = guest;
	}
	mutex_unlock(&guests_lock);
	return all;
}

/**
 * esx_guest_put_all() - give back what esx_guest_get_all() returned
 * @all: the array
 * @nr: how many
 */
void esx_guest_put_all(struct esx_guest **all, int nr)
{
	while (nr > 0)
		put_guest(all[--nr]);
	kvfree(all);
}

/**
 * esx_guest_init() - get ready for guests
 *
 * Return: 0 or -ENOMEM.
 */
int esx_guest_init(void)
{
	guest_wq = alloc_workqueue("esxmem_kvm", WQ_UNBOUND, 0);
	return guest_wq ? 0 : -ENOMEM;
}

/**
 * esx_guest_exit() - let all guests go; they run on
 *
 * Nobody attaches or counts any more.
 */
void esx_guest_exit(void)
{
	struct esx_guest *guest;
	struct hlist_node *next;
	int bkt;

	mutex_lock(&guests_lock);
	hash_for_each_safe(guests, bkt, next, guest, node)
		doom_locked(guest);
	mutex_unlock(&guests_lock);

	wait_event(guests_gone, !atomic_read(&nr_guests));
	/* The work item that freed the last one is still on its way out. */
	destroy_workqueue(guest_wq);
}
