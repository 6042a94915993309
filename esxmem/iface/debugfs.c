// SPDX-License-Identifier: GPL-2.0
/*
 * The audit as text: reading it holds up every fault while the maps are walked,
 * hence the mode.  And the sampler by hand.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/stddef.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../audit.h"
#include "../tax/sample.h"
#include "../uapi/esxmem.h"
#include "debugfs.h"

static struct dentry *root;

#define AUDIT_FIELD(field)	{ #field, offsetof(struct esxmem_audit, field) }

static const struct {
	const char *name;
	size_t offset;
} audit_fields[] = {
	AUDIT_FIELD(files),
	AUDIT_FIELD(violations),
	AUDIT_FIELD(pages),
	AUDIT_FIELD(private_pages),
	AUDIT_FIELD(shared_pages),
	AUDIT_FIELD(zero_pages),
	AUDIT_FIELD(huge_pages),
	AUDIT_FIELD(shared_frames),
	AUDIT_FIELD(bad_state_sums),
	AUDIT_FIELD(bad_refs),
	AUDIT_FIELD(bad_salts),
	AUDIT_FIELD(bad_hints),
};

/* A field added to the ABI must be added above: all but size and flags. */
static_assert(ARRAY_SIZE(audit_fields) ==
	      (sizeof(struct esxmem_audit) - 2 * sizeof(u32)) / sizeof(u64));

static int audit_show(struct seq_file *seq, void *unused)
{
	struct esxmem_audit audit = {};
	int err = esx_audit(&audit);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < ARRAY_SIZE(audit_fields); i++) {
		const u64 *value = (void *)&audit + audit_fields[i].offset;

		seq_printf(seq, "%s %llu\n", audit_fields[i].name, *value);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(audit);

static ssize_t sample_write(struct file *file, const char __user *buf, size_t size, loff_t *pos)
{
	char word[16] = {};
	int step, err;

	if (size >= sizeof(word))
		return -EINVAL;
	if (copy_from_user(word, buf, size))
		return -EFAULT;
	step = __sysfs_match_string(esx_sample_step_names, ESX_SAMPLE_NR_STEPS, word);
	if (step < 0)
		return step;
	err = esx_sample_step(step);
	return err ? err : size;
}

static const struct file_operations sample_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.write = sample_write,
};

/**
 * esx_debugfs_init() - make the debug files
 *
 * Return: 0; a host without debugfs lacks nothing that it needs.
 */
int esx_debugfs_init(void)
{
	root = debugfs_create_dir("esxmem", NULL);
	debugfs_create_file("audit", 0400, root, NULL, &audit_fops);
	debugfs_create_file("sample", 0200, root, NULL, &sample_fops);
	return 0;
}

/**
 * esx_debugfs_exit() - remove the debug files
 */
void esx_debugfs_exit(void)
{
	debugfs_remove(root);
}
