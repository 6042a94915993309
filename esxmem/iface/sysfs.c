// SPDX-License-Identifier: GPL-2.0
/*
 * The root of /sys/kernel/esxmem, and what is made and removed with it.
 */
#include <linux/errno.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/sysfs.h>

#include "../fault.h"
#include "sysfs.h"
#include "sysfs_pool.h"
#include "sysfs_vm.h"
#include "version.h"

static struct kobject *root;

static ssize_t version_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", ESX_VERSION);
}

static ssize_t large_pages_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", esx_large_pages_names[esx_large_pages_get()]);
}

static ssize_t large_pages_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t len)
{
	int policy = __sysfs_match_string(esx_large_pages_names, ESX_LARGE_NR, buf);

	if (policy < 0)
		return policy;
	esx_large_pages_set(policy);
	return len;
}

static struct kobj_attribute version_attr = __ATTR_RO(version);
static struct kobj_attribute large_pages_attr = __ATTR_RW_MODE(large_pages, 0600);

static struct attribute *root_attrs[] = {
	&version_attr.attr,
	&large_pages_attr.attr,
	NULL,
};

static const struct attribute_group root_attr_group = {
	.attrs = root_attrs,
};

static const struct attribute_group *root_attr_groups[] = {
	&root_attr_group,
	&esx_share_attr_group,
	&esx_tax_attr_group,
	NULL,
};

/**
 * esx_sysfs_init() - make the tree, before there is any VM
 *
 * Return: 0 or an errno.
 */
int esx_sysfs_init(void)
{
	int err;

	root = kobject_create_and_add("esxmem", kernel_kobj);
	if (!root)
		return -ENOMEM;

	err = sysfs_create_groups(root, root_attr_groups);
	if (err)
		goto err_put_root;
	err = sysfs_merge_group(root, &esx_state_attr_group);
	if (err)
		goto err_remove_groups;
	err = esx_sysfs_pool_init(root);
	if (err)
		goto err_unmerge_group;
	err = esx_sysfs_vm_init(root);
	if (err)
		goto err_exit_pools;
	return 0;

err_exit_pools:
	esx_sysfs_pool_exit();
err_unmerge_group:
	sysfs_unmerge_group(root, &esx_state_attr_group);
err_remove_groups:
	sysfs_remove_groups(root, root_attr_groups);
err_put_root:
	kobject_put(root);
	return err;
}

/**
 * esx_sysfs_exit() - remove the tree, after the last VM is gone
 *
 * On return no attribute is being read or written.
 */
void esx_sysfs_exit(void)
{
	esx_sysfs_vm_exit();
	esx_sysfs_pool_exit();
	sysfs_unmerge_group(root, &esx_state_attr_group);
	sysfs_remove_groups(root, root_attr_groups);
	kobject_put(root);
}
