/* SPDX-License-Identifier: GPL-2.0 */
/*
 * /sys/kernel/esxmem/vms: a directory per VM.
 */
#ifndef _ESXMEM_IFACE_SYSFS_VM_H
#define _ESXMEM_IFACE_SYSFS_VM_H

#include <linux/kobject.h>
#include <linux/stringify.h>
#include <linux/sysfs.h>

struct esx_vm;

/**
 * struct esx_vm_dir - a VM's directory
 */
struct esx_vm_dir {
	/** @kobj: the directory. */
	struct kobject kobj;
	/** @vm: the VM, with a reference. */
	struct esx_vm *vm;
};

/**
 * struct esx_vm_attr - a file in it
 */
struct esx_vm_attr {
	/** @attr: the file. */
	struct attribute attr;
	/** @figure: what a file that shows one figure shows, else NULL. */
	u64 (*figure)(struct esx_vm *vm);
	/** @show: else this. */
	ssize_t (*show)(struct esx_vm_dir *dir, char *buf);
	/** @store: change it, or NULL. */
	ssize_t (*store)(struct esx_vm_dir *dir, const char *buf, size_t len);
	/**
	 * @takes_vms_lock: for any of them.  The directory may be removed meanwhile;
	 * its kobject stays, and with it the VM.
	 */
	bool takes_vms_lock;
};

#define ESX_VM_FIGURE(_name, _mode)						\
	static struct esx_vm_attr _name##_attr = {				\
		.attr = { .name = __stringify(_name), .mode = (_mode) },	\
		.figure = _name,					\
	}

#define ESX_VM_SETTING(_name)						\
	static struct esx_vm_attr _name##_attr = {				\
		.attr = { .name = __stringify(_name), .mode = 0600 },	\
		.show = _name##_show,					\
		.store = _name##_store,					\
	}

#define ESX_VM_FIGURE_OF_ALL(_name, _mode)				\
	static struct esx_vm_attr _name##_attr = {			\
		.attr = { .name = __stringify(_name), .mode = (_mode) }, \
		.figure = _name,					\
		.takes_vms_lock = true,					\
	}

#define ESX_VM_SETTING_OF_ALL(_name)					\
	static struct esx_vm_attr _name##_attr = {			\
		.attr = { .name = __stringify(_name), .mode = 0600 },	\
		.show = _name##_show,					\
		.store = _name##_store,					\
		.takes_vms_lock = true,					\
	}

extern const struct attribute_group esx_params_attr_group;

int esx_sysfs_vm_init(struct kobject *root);
void esx_sysfs_vm_exit(void);

#endif /* _ESXMEM_IFACE_SYSFS_VM_H */
