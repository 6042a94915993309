// SPDX-License-Identifier: GPL-2.0
/*
 * esxmem_kvm: ties KVM machines to the VMs whose memory files they use.
 *
 * probe.c	notices machines, counts their second-level page faults
 * guest.c	a machine that uses memory files, from attach to end
 * anchor.c	how to use a struct kvm without owning it
 * memslot.c	guest pages to file pages, accessed bits
 * vtime.c	run time of virtual CPUs
 */
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/module.h>

#include "../iface/glue.h"
#include "debugfs.h"
#include "guest.h"
#include "probe.h"

static int attach_file(struct file *kvm_file)
{
	struct kvm *kvm;

	if (!file_is_kvm(kvm_file))
		return -EINVAL;
	kvm = kvm_file->private_data;
	return esx_guest_attach(kvm, kvm->mm, kvm_file);
}

static const struct esx_glue_ops glue_ops = {
	.owner	= THIS_MODULE,
	.attach	= attach_file,
};

static int __init esxmem_kvm_init(void)
{
	int err;

	err = esx_guest_init();
	if (err)
		return err;

	err = esx_probe_init();
	if (err)
		goto err_exit_guest;

	err = esx_glue_register(&glue_ops);
	if (err)
		goto err_exit_probe;

	esx_kvm_debugfs_init();
	return 0;

err_exit_probe:
	esx_probe_exit();
err_exit_guest:
	esx_guest_exit();
	return err;
}

static void __exit esxmem_kvm_exit(void)
{
	esx_kvm_debugfs_exit();
	esx_glue_unregister(&glue_ops);
	esx_probe_exit();
	esx_guest_exit();
}

module_init(esxmem_kvm_init);
module_exit(esxmem_kvm_exit);

MODULE_DESCRIPTION("esxmem: ties KVM machines to their memory files");
MODULE_LICENSE("GPL");
