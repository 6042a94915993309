/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where esxmem_kvm hangs itself in: esxmem works without it and must not depend
 * on its symbols.
 */
#ifndef _ESXMEM_IFACE_GLUE_H
#define _ESXMEM_IFACE_GLUE_H

struct file;
struct module;

/**
 * struct esx_glue_ops - what esxmem asks of the KVM glue
 */
struct esx_glue_ops {
	/** @owner: kept in memory during the calls. */
	struct module *owner;
	/**
	 * @attach: tie the virtual machine behind @kvm_file to its memory.  The
	 * errors are those of ESXMEM_IOC_ATTACH_KVM.  May sleep.
	 */
	int (*attach)(struct file *kvm_file);
};

int esx_glue_register(const struct esx_glue_ops *ops);
void esx_glue_unregister(const struct esx_glue_ops *ops);
int esx_glue_attach(struct file *kvm_file);

#endif /* _ESXMEM_IFACE_GLUE_H */
