// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/esxmem/vms: a directory per VM.
 *
 * The directories follow the VMs by struct esx_vm_hooks, whose calls hold
 * esx_vms_lock.  Removing a directory waits until nobody reads or writes a file in
 * it.  So a file that takes esx_vms_lock says so, and that protection is given up
 * while it is read or written.
 *
 * Life of a kobject: made and removed by the hooks.  It holds a reference to
 * its VM, so that what still reads or writes a file finds it.
 * Unloading waits for the last kobject.
 */
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../share/group.h"
#include "../share/large.h"
#include "../tax/sample.h"
#include "../vm.h"
#include "parse.h"
#include "sysfs_dirs.h"
#include "sysfs_pool.h"
#include "sysfs_vm.h"

static_assert(ESX_SYSFS_NAME_MAX == ESX_VM_NAME_MAX, "a path fits into a name");

static struct esx_sysfs_dirs vms;

static struct esx_vm_dir *to_dir(struct kobject *kobj)
{
	return container_of(kobj, struct esx_vm_dir, kobj);
}

static u64 pages_to_bytes(const atomic_long_t *pages)
{
	return (u64)atomic_long_read(pages) << PAGE_SHIFT;
}

static u64 size_bytes(struct esx_vm *vm)
{
	return pages_to_bytes(&vm->size_pages);
}

static u64 backed_bytes(struct esx_vm *vm)
{
	return (u64)esx_counts_backed(&vm->counts) << PAGE_SHIFT;
}

static u64 private_bytes(struct esx_vm *vm)
{
	return pages_to_bytes(&vm->counts.nr[ESX_PRIVATE]);
}

static u64 shared_bytes(struct esx_vm *vm)
{
	return pages_to_bytes(&vm->counts.nr[ESX_SHARED]);
}

static u64 zero_bytes(struct esx_vm *vm)
{
	return pages_to_bytes(&vm->counts.nr[ESX_ZERO]);
}

static u64 huge_bytes(struct esx_vm *vm)
{
	return (u64)atomic_long_read(&vm->counts.nr_huge) * ESX_REGION_BYTES;
}

static u64 cow_breaks(struct esx_vm *vm)
{
	return atomic64_read(&vm->events.nr[ESX_EV_COW]);
}

static u64 faults(struct esx_vm *vm)
{
	return atomic64_read(&vm->events.nr[ESX_EV_FAULT]);
}

static u64 merged_pages(struct esx_vm *vm)
{
	return atomic64_read(&vm->events.nr[ESX_EV_MERGED]);
}

static u64 attached(struct esx_vm *vm)
{
	return esx_vm_has_guest(vm);
}

static u64 ept_violations(struct esx_vm *vm)
{
	struct esx_guest_stats stats;

	esx_vm_guest_stats(vm, &stats);
	return stats.ept_violations;
}

static u64 vcpu_time_ns(struct esx_vm *vm)
{
	struct esx_guest_stats stats;

	esx_vm_guest_stats(vm, &stats);
	return stats.vcpu_time_ns;
}

/*
 * Who took a fault is not recorded.  A virtual CPU reaches esxmem by a nested
 * page fault, at most once for each: so what exceeds them was taken by others.
 * A nested page fault that finds the host's page tables filled does not reach
 * esxmem, so the figure errs towards too little.
 */
static u64 vmm_faults(struct esx_vm *vm)
{
	u64 nested = ept_violations(vm);
	u64 all = faults(vm);

	return all - min(nested, all);
}

static struct esx_sample_figures sampled(struct esx_vm *vm)
{
	struct esx_sample_figures figures;

	esx_sample_get_figures(vm, &figures);
	return figures;
}

static u64 active_bytes(struct esx_vm *vm)
{
	return esx_estimate_active_pages(vm) << PAGE_SHIFT;
}

static u64 active_slow_bytes(struct esx_vm *vm)
{
	return sampled(vm).pages[ESX_EST_SLOW] << PAGE_SHIFT;
}

static u64 active_fast_bytes(struct esx_vm *vm)
{
	return sampled(vm).pages[ESX_EST_FAST] << PAGE_SHIFT;
}

static u64 active_now_bytes(struct esx_vm *vm)
{
	return sampled(vm).pages[ESX_EST_NOW] << PAGE_SHIFT;
}

static u64 active_coarse_bytes(struct esx_vm *vm)
{
	return sampled(vm).coarse << PAGE_SHIFT;
}

static u64 active_host_bytes(struct esx_vm *vm)
{
	return sampled(vm).host << PAGE_SHIFT;
}

static u64 active_raw_bytes(struct esx_vm *vm)
{
	return sampled(vm).raw << PAGE_SHIFT;
}

static u64 sampled_pages(struct esx_vm *vm)
{
	return sampled(vm).tally.sampled;
}

static u64 touched_pages(struct esx_vm *vm)
{
	return sampled(vm).tally.all.touched;
}

static u64 touched_coarse_pages(struct esx_vm *vm)
{
	return sampled(vm).tally.all.coarse;
}

static u64 touched_host_pages(struct esx_vm *vm)
{
	return sampled(vm).tally.all.host;
}

static u64 touched_zeroed_pages(struct esx_vm *vm)
{
	return sampled(vm).tally.zeroed;
}

static u64 touched_freed_pages(struct esx_vm *vm)
{
	return sampled(vm).tally.freed;
}

static u64 sample_periods(struct esx_vm *vm)
{
	return sampled(vm).periods;
}

ESX_VM_FIGURE(active_bytes, 0400);
ESX_VM_FIGURE(active_slow_bytes, 0400);
ESX_VM_FIGURE(active_fast_bytes, 0400);
ESX_VM_FIGURE(active_now_bytes, 0400);
ESX_VM_FIGURE(active_coarse_bytes, 0400);
ESX_VM_FIGURE(active_host_bytes, 0400);
ESX_VM_FIGURE(active_raw_bytes, 0400);
ESX_VM_FIGURE(sampled_pages, 0400);
ESX_VM_FIGURE(touched_pages, 0400);
ESX_VM_FIGURE(touched_coarse_pages, 0400);
ESX_VM_FIGURE(touched_host_pages, 0400);
ESX_VM_FIGURE(touched_zeroed_pages, 0400);
ESX_VM_FIGURE(touched_freed_pages, 0400);
ESX_VM_FIGURE(sample_periods, 0400);

static ssize_t sample_method_show(struct esx_vm_dir *dir, char *buf)
{
	return sysfs_emit(buf, "%s\n", esx_sample_method_names[sampled(dir->vm).method]);
}

static struct esx_vm_attr sample_method_attr = {
	.attr = { .name = "sample_method", .mode = 0400 },
	.show = sample_method_show,
};

ESX_VM_FIGURE(size_bytes, 0444);
ESX_VM_FIGURE(backed_bytes, 0400);
ESX_VM_FIGURE(private_bytes, 0400);
ESX_VM_FIGURE(shared_bytes, 0400);
ESX_VM_FIGURE(zero_bytes, 0400);
ESX_VM_FIGURE(huge_bytes, 0400);
ESX_VM_FIGURE(cow_breaks, 0400);
ESX_VM_FIGURE(faults, 0400);
ESX_VM_FIGURE(merged_pages, 0400);
ESX_VM_FIGURE(attached, 0444);
ESX_VM_FIGURE(ept_violations, 0400);
ESX_VM_FIGURE(vmm_faults, 0400);
ESX_VM_FIGURE(vcpu_time_ns, 0400);

static ssize_t share_show(struct esx_vm_dir *dir, char *buf)
{
	return sysfs_emit(buf, "%d\n", READ_ONCE(dir->vm->share));
}

static ssize_t share_store(struct esx_vm_dir *dir, const char *buf, size_t len)
{
	bool share;
	int err = esx_parse_bool(buf, &share);

	if (err)
		return err;
	WRITE_ONCE(dir->vm->share, share);
	if (!share)
		esx_large_forget_vm(dir->vm);
	return len;
}

static ssize_t group_show(struct esx_vm_dir *dir, char *buf)
{
	char group[ESX_GROUP_MAX];

	esx_share_get_group(dir->vm, group, sizeof(group));
	return sysfs_emit(buf, "%s\n", group);
}

static ssize_t group_store(struct esx_vm_dir *dir, const char *buf, size_t len)
{
	char group[ESX_GROUP_MAX];
	int err = esx_parse_line(buf, len, group, sizeof(group));

	if (!err)
		err = esx_share_set_group(dir->vm, group);
	return err ? err : len;
}

/* Forgetting, and changing the group, walk the VM's maps. */
ESX_VM_SETTING_OF_ALL(share);
ESX_VM_SETTING_OF_ALL(group);

static ssize_t pool_show(struct esx_vm_dir *dir, char *buf)
{
	struct esx_pool *pool;
	ssize_t len;

	mutex_lock(&esx_vms_lock);
	pool = esx_pool_shown(dir->vm->pool);
	len = sysfs_emit(buf, "%s\n", pool ? esx_sysfs_pool_name(pool) : "");
	mutex_unlock(&esx_vms_lock);
	return len;
}

static struct esx_vm_attr pool_attr = {
	.attr = { .name = "pool", .mode = 0400 },
	.show = pool_show,
	.takes_vms_lock = true,
};

static struct attribute *vms_attrs[] = {
	&share_attr.attr,
	&group_attr.attr,
	&pool_attr.attr,
	&size_bytes_attr.attr,
	&backed_bytes_attr.attr,
	&private_bytes_attr.attr,
	&shared_bytes_attr.attr,
	&zero_bytes_attr.attr,
	&huge_bytes_attr.attr,
	&cow_breaks_attr.attr,
	&faults_attr.attr,
	&merged_pages_attr.attr,
	&attached_attr.attr,
	&ept_violations_attr.attr,
	&vmm_faults_attr.attr,
	&vcpu_time_ns_attr.attr,
	&active_bytes_attr.attr,
	&active_slow_bytes_attr.attr,
	&active_fast_bytes_attr.attr,
	&active_now_bytes_attr.attr,
	&active_coarse_bytes_attr.attr,
	&active_host_bytes_attr.attr,
	&active_raw_bytes_attr.attr,
	&sampled_pages_attr.attr,
	&touched_pages_attr.attr,
	&touched_coarse_pages_attr.attr,
	&touched_host_pages_attr.attr,
	&touched_zeroed_pages_attr.attr,
	&touched_freed_pages_attr.attr,
	&sample_periods_attr.attr,
	&sample_method_attr.attr,
	NULL,
};

static const struct attribute_group vms_group = {
	.attrs = vms_attrs,
};

static const struct attribute_group *vms_groups[] = {
	&vms_group,
	&esx_params_attr_group,
	NULL,
};

static ssize_t show_file(const struct esx_vm_attr *file, struct esx_vm_dir *dir, char *buf)
{
	if (file->figure)
		return sysfs_emit(buf, "%llu\n", file->figure(dir->vm));
	return file->show(dir, buf);
}

static ssize_t show_attr(struct kobject *kobj, struct attribute *attr, char *buf)
{
	const struct esx_vm_attr *file = container_of(attr, struct esx_vm_attr, attr);
	struct kernfs_node *node;
	ssize_t len;

	if (!file->takes_vms_lock)
		return show_file(file, to_dir(kobj), buf);
	node = sysfs_break_active_protection(kobj, attr);
	if (!node)
		return -ENODEV;
	len = show_file(file, to_dir(kobj), buf);
	sysfs_unbreak_active_protection(node);
	return len;
}

static ssize_t store_attr(struct kobject *kobj, struct attribute *attr, const char *buf,
			  size_t len)
{
	const struct esx_vm_attr *file = container_of(attr, struct esx_vm_attr, attr);
	struct kernfs_node *node;
	ssize_t ret;

	if (!file->store)
		return -EIO;
	if (!file->takes_vms_lock)
		return file->store(to_dir(kobj), buf, len);
	node = sysfs_break_active_protection(kobj, attr);
	if (!node)
		return -ENODEV;
	ret = file->store(to_dir(kobj), buf, len);
	sysfs_unbreak_active_protection(node);
	return ret;
}

static void release_dir(struct kobject *kobj)
{
	struct esx_vm_dir *dir = to_dir(kobj);

	esx_vm_put(dir->vm);
	kfree(dir);
	esx_sysfs_dirs_released(&vms);
}

static const struct sysfs_ops vm_sysfs_ops = {
	.show = show_attr,
	.store = store_attr,
};

static const struct kobj_type vm_dir_type = {
	.release = release_dir,
	.sysfs_ops = &vm_sysfs_ops,
	.default_groups = vms_groups,
};

static int add_dir(struct esx_vm *vm)
{
	char name[ESX_VM_NAME_MAX];
	struct esx_vm_dir *dir;
	int err;

	dir = kzalloc(sizeof(*dir), GFP_KERNEL_ACCOUNT);
	if (!dir)
		return -ENOMEM;
	esx_vm_get(vm);
	dir->vm = vm;
	esx_vm_name(vm, name, sizeof(name));
	err = esx_sysfs_dirs_add(&vms, &dir->kobj, &vm_dir_type, vm->id, name);
	if (!err)
		vm->iface = dir;
	return err;
}

static int add_vm(struct esx_vm *vm)
{
	int err = esx_sample_add_vm(vm);

	return err ? err : add_dir(vm);
}

static void rename_dir(struct esx_vm *vm)
{
	struct esx_vm_dir *dir = vm->iface;
	char name[ESX_VM_NAME_MAX];
	int err;

	esx_vm_name(vm, name, sizeof(name));
	err = esx_sysfs_dirs_rename(&vms, &dir->kobj, vm->id, name);
	if (err)
		pr_warn_ratelimited("VM %u keeps its old name in sysfs: error %d\n", vm->id, err);
}

static void remove_dir(struct esx_vm *vm)
{
	struct esx_vm_dir *dir = vm->iface;

	vm->iface = NULL;
	kobject_del(&dir->kobj);
	kobject_put(&dir->kobj);
}

static void remove_vm(struct esx_vm *vm)
{
	esx_sample_remove_vm(vm);
	remove_dir(vm);
}

static const struct esx_vm_hooks hooks = {
	.added = add_vm,
	.renamed = rename_dir,
	.removed = remove_vm,
};

/**
 * esx_sysfs_vm_init() - make the directory of the VMs
 * @root: where
 *
 * Return: 0 or -ENOMEM.
 */
int esx_sysfs_vm_init(struct kobject *root)
{
	int err = esx_sysfs_dirs_init(&vms, "vms", root);

	if (!err)
		esx_vm_set_hooks(&hooks);
	return err;
}

/**
 * esx_sysfs_vm_exit() - remove the directory of the VMs; there are none left
 *
 * Waits for a writer of a group, who outlives the VM's directory.
 */
void esx_sysfs_vm_exit(void)
{
	esx_vm_set_hooks(NULL);
	esx_sysfs_dirs_exit(&vms);
}
