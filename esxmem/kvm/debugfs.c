// SPDX-License-Identifier: GPL-2.0
/*
 * /sys/kernel/debug/esxmem_kvm/: for people and tests; promises nothing.
 *
 * young		per guest: process, pages accessed since they were last
 *			cleared, pages, and the names of its VMs
 * clear_young		write anything: forget the accesses of all guests
 */
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "../tax/sample.h"
#include "../vm.h"
#include "debugfs.h"
#include "guest.h"
#include "memslot.h"

static struct dentry *debugfs_dir;

static void show_vms(struct seq_file *seq, struct esx_guest *guest)
{
	char name[ESX_VM_NAME_MAX];
	int i;

	mutex_lock(&guest->lock);
	for (i = 0; i < guest->nr_vms; i++) {
		esx_vm_name(guest->vms[i].vm, name, sizeof(name));
		seq_putc(seq, ' ');
		seq_escape(seq, name, " \t\n\\");
	}
	mutex_unlock(&guest->lock);
	seq_putc(seq, '\n');
}

static void show_guest(struct seq_file *seq, struct esx_guest *guest)
{
	struct file *file = esx_anchor_get(&guest->anchor);
	u64 young, pages;

	if (!file)
		return;
	esx_memslot_count_young(guest->anchor.kvm, &young, &pages);
	fput(file);
	seq_printf(seq, "%d %llu %llu", guest->pid, young, pages);
	show_vms(seq, guest);
}

static int young_show(struct seq_file *seq, void *unused)
{
	struct esx_guest **all;
	int i, nr;

	all = esx_guest_get_all(&nr);
	if (!all)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		show_guest(seq, all[i]);
	esx_guest_put_all(all, nr);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(young);

static void clear_guest(struct esx_guest *guest)
{
	struct file *file = esx_anchor_get(&guest->anchor);

	if (!file)
		return;
	esx_memslot_clear_all(guest->anchor.kvm);
	fput(file);
}

static ssize_t clear_young_write(struct file *file, const char __user *buf, size_t size,
				 loff_t *pos)
{
	struct esx_guest **all;
	int i, nr, err;

	/* The sampler looks first, or it would miss what is forgotten here. */
	err = esx_sample_step(ESX_SAMPLE_LOOK);
	if (err)
		return err;
	all = esx_guest_get_all(&nr);
	if (!all)
		return -ENOMEM;
	for (i = 0; i < nr; i++)
		clear_guest(all[i]);
	esx_guest_put_all(all, nr);
	return size;
}

static const struct file_operations clear_young_fops = {
	.owner	= THIS_MODULE,
	.open	= nonseekable_open,
	.write	= clear_young_write,
};

/**
 * esx_kvm_debugfs_init() - show the files
 */
void esx_kvm_debugfs_init(void)
{
	debugfs_dir = debugfs_create_dir("esxmem_kvm", NULL);
	debugfs_create_file("young", 0400, debugfs_dir, NULL, &young_fops);
	debugfs_create_file("clear_young", 0200, debugfs_dir, NULL, &clear_young_fops);
}

/**
 * esx_kvm_debugfs_exit() - remove the files and wait for their users
 */
void esx_kvm_debugfs_exit(void)
{
	debugfs_remove(debugfs_dir);
}
