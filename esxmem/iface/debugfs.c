// SPDX-License-Identifier: GPL-2.0
/*
 * The audit as text.  Reading it holds up every fault while the maps are
 * walked, hence the mode.
 */
#include <linux/debugfs.h>
#include <linux/kernel.h>
#include <linux/seq_file.h>
#include <linux/stddef.h>

#include "../audit.h"
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

/**
 * esx_debugfs_init() - make the debug files
 *
 * Return: 0; a host without debugfs lacks nothing that it needs.
 */
int esx_debugfs_init(void)
{
	root = debugfs_create_dir("esxmem", NULL);
	debugfs_create_file("audit", 0400, root, NULL, &audit_fops);
	return 0;
}

/**
 * esx_debugfs_exit() - remove the debug files
 */
void esx_debugfs_exit(void)
{
	debugfs_remove(root);
}
