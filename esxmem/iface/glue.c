// SPDX-License-Identifier: GPL-2.0
/*
 * The one place where the KVM glue is known.
 *
 * At most one is registered.  A call holds a reference to its module, so the
 * glue's exit function, which unregisters, cannot run beside a call.
 */
#include <linux/errno.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/mutex.h>

#include "glue.h"

/* Protects glue_ops; nothing is taken inside. */
static DEFINE_MUTEX(glue_lock);
static const struct esx_glue_ops *glue_ops;

/**
 * esx_glue_register() - the KVM glue is there
 * @ops: how to call it; must stay until esx_glue_unregister()
 *
 * Return: 0, or -EBUSY when another glue is registered.
 */
int esx_glue_register(const struct esx_glue_ops *ops)
{
	int err = 0;

	mutex_lock(&glue_lock);
	if (glue_ops)
		err = -EBUSY;
	else
		glue_ops = ops;
	mutex_unlock(&glue_lock);
	return err;
}
EXPORT_SYMBOL_GPL(esx_glue_register);

/**
 * esx_glue_unregister() - the KVM glue goes
 * @ops: as registered; nothing happens when others are
 */
void esx_glue_unregister(const struct esx_glue_ops *ops)
{
	mutex_lock(&glue_lock);
	if (glue_ops == ops)
		glue_ops = NULL;
	mutex_unlock(&glue_lock);
}
EXPORT_SYMBOL_GPL(esx_glue_unregister);

static const struct esx_glue_ops *get_glue(void)
{
	const struct esx_glue_ops *ops;

	mutex_lock(&glue_lock);
	ops = glue_ops;
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	mutex_unlock(&glue_lock);
	return ops;
}

/**
 * esx_glue_attach() - have the KVM glue attach a virtual machine
 * @kvm_file: what may be a KVM virtual machine
 *
 * Return: what the glue says; -EOPNOTSUPP when there is none.
 */
int esx_glue_attach(struct file *kvm_file)
{
	const struct esx_glue_ops *ops = get_glue();
	int err;

	if (!ops)
		return -EOPNOTSUPP;

	err = ops->attach(kvm_file);
	module_put(ops->owner);
	return err;
}
