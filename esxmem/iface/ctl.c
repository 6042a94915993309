// SPDX-License-Identifier: GPL-2.0
/*
 * The device: finds the command, checks the argument, copies it in and out.
 *
 * An argument begins with its size as the caller knows it.  A caller from the
 * past passes less than this kernel knows: what is missing counts as zero.  A
 * caller from the future passes more: it has to be zero.  So commands are told
 * apart by their number alone; the size that is part of an ioctl's code is that
 * of whoever compiled it.
 */
#include <linux/build_bug.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/stddef.h>
#include <linux/uaccess.h>

#include "ctl.h"
#include "ctl_ops.h"

/* The ABI: a structure may grow, then its old size stays below as first_size. */
static_assert(sizeof(struct esxmem_info) == 168);
static_assert(sizeof(struct esxmem_merge) == 112);
static_assert(sizeof(struct esxmem_attach_kvm) == 16);
static_assert(sizeof(struct esxmem_audit) == 104);
static_assert(sizeof(struct esxmem_pages) == 32);
static_assert(sizeof(struct esxmem_reclaim) == 112);

static_assert(offsetof(union esx_ctl_arg, size) == offsetof(struct esxmem_info, size));
static_assert(offsetof(union esx_ctl_arg, flags) == offsetof(struct esxmem_info, flags));

/**
 * struct ctl_command - one command
 */
struct ctl_command {
	/** @size: of the argument. */
	u32 size;
	/** @first_size: of the argument when it was first published. */
	u32 first_size;
	/** @privileged: needs CAP_SYS_ADMIN. */
	bool privileged;
	/** @run: does the work; leaves results also when it returns -EINTR. */
	int (*run)(union esx_ctl_arg *arg);
};

static const struct ctl_command commands[] = {
	[_IOC_NR(ESXMEM_IOC_INFO)] = {
		.size = sizeof(struct esxmem_info),
		.first_size = offsetofend(struct esxmem_info, huge_broken),
		.run = esx_ctl_info,
	},
	[_IOC_NR(ESXMEM_IOC_MERGE)] = {
		.size = sizeof(struct esxmem_merge),
		.first_size = offsetofend(struct esxmem_merge, skipped),
		.privileged = true,
		.run = esx_ctl_merge,
	},
	[_IOC_NR(ESXMEM_IOC_ATTACH_KVM)] = {
		.size = sizeof(struct esxmem_attach_kvm),
		.first_size = offsetofend(struct esxmem_attach_kvm, reserved),
		.privileged = true,
		.run = esx_ctl_attach_kvm,
	},
	[_IOC_NR(ESXMEM_IOC_AUDIT)] = {
		.size = sizeof(struct esxmem_audit),
		.first_size = offsetofend(struct esxmem_audit, bad_hints),
		.privileged = true,
		.run = esx_ctl_audit,
	},
	[_IOC_NR(ESXMEM_IOC_PAGES)] = {
		.size = sizeof(struct esxmem_pages),
		.first_size = offsetofend(struct esxmem_pages, states),
		.privileged = true,
		.run = esx_ctl_pages,
	},
	[_IOC_NR(ESXMEM_IOC_RECLAIM)] = {
		.size = sizeof(struct esxmem_reclaim),
		.first_size = offsetofend(struct esxmem_reclaim, skipped),
		.privileged = true,
		.run = esx_ctl_reclaim,
	},
};

static const struct ctl_command *find_command(unsigned int code)
{
	unsigned int nr = _IOC_NR(code);

	if (_IOC_TYPE(code) != ESXMEM_IOC_TYPE || _IOC_DIR(code) != (_IOC_READ | _IOC_WRITE))
		return NULL;
	if (nr >= ARRAY_SIZE(commands))
		return NULL;
	return &commands[array_index_nospec(nr, ARRAY_SIZE(commands))];
}

static int copy_arg_in(const struct ctl_command *command, union esx_ctl_arg *arg,
		       void __user *user)
{
	u32 size;
	int err;

	if (get_user(size, (u32 __user *)user))
		return -EFAULT;
	if (size < command->first_size)
		return -EINVAL;
	/* No structure will ever be as large: do not read on and on. */
	if (size > PAGE_SIZE)
		return -E2BIG;

	err = copy_struct_from_user(arg, command->size, user, size);
	if (err)
		return err;
	/* The caller may have changed it since it was checked. */
	arg->size = size;
	return arg->flags ? -EINVAL : 0;
}

static int copy_arg_out(const struct ctl_command *command, const union esx_ctl_arg *arg,
			void __user *user)
{
	if (copy_to_user(user, arg, min(arg->size, command->size)))
		return -EFAULT;
	return 0;
}

static long run_ioctl(struct file *file, unsigned int code, unsigned long user)
{
	const struct ctl_command *command = find_command(code);
	union esx_ctl_arg arg = {};
	int err, copy_err;

	if (!command)
		return -ENOTTY;
	if (command->privileged && !capable(CAP_SYS_ADMIN))
		return -EPERM;

	err = copy_arg_in(command, &arg, (void __user *)user);
	if (err)
		return err;
	err = command->run(&arg);
	if (err && err != -EINTR)
		return err;
	copy_err = copy_arg_out(command, &arg, (void __user *)user);
	return copy_err ? copy_err : err;
}

static const struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.unlocked_ioctl = run_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice ctl_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "esxmem",
	.fops = &ctl_fops,
	/* Reading is for the group; changing needs CAP_SYS_ADMIN besides. */
	.mode = 0660,
};

/**
 * esx_ctl_init() - make /dev/esxmem
 *
 * Return: 0 or an errno.
 */
int esx_ctl_init(void)
{
	return misc_register(&ctl_device);
}

/**
 * esx_ctl_exit() - remove /dev/esxmem
 */
void esx_ctl_exit(void)
{
	misc_deregister(&ctl_device);
}
