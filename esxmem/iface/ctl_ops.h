/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The commands of /dev/esxmem.  Each gets a copy of the caller's argument whose
 * size and flags have been checked, and leaves its results in it.
 */
#ifndef _ESXMEM_IFACE_CTL_OPS_H
#define _ESXMEM_IFACE_CTL_OPS_H

#include "../uapi/esxmem.h"

/**
 * union esx_ctl_arg - argument of any command
 */
union esx_ctl_arg {
	/* What all have in common. */
	struct {
		/** @size: of the caller's structure. */
		__u32 size;
		/** @flags: none is defined. */
		__u32 flags;
	};
	/** @info: of ESXMEM_IOC_INFO. */
	struct esxmem_info info;
	/** @merge: of ESXMEM_IOC_MERGE. */
	struct esxmem_merge merge;
	/** @attach: of ESXMEM_IOC_ATTACH_KVM. */
	struct esxmem_attach_kvm attach;
	/** @audit: of ESXMEM_IOC_AUDIT. */
	struct esxmem_audit audit;
	/** @pages: of ESXMEM_IOC_PAGES. */
	struct esxmem_pages pages;
	/** @reclaim: of ESXMEM_IOC_RECLAIM. */
	struct esxmem_reclaim reclaim;
};

int esx_ctl_info(union esx_ctl_arg *arg);
int esx_ctl_merge(union esx_ctl_arg *arg);
int esx_ctl_attach_kvm(union esx_ctl_arg *arg);
int esx_ctl_audit(union esx_ctl_arg *arg);
int esx_ctl_pages(union esx_ctl_arg *arg);
int esx_ctl_reclaim(union esx_ctl_arg *arg);

#endif /* _ESXMEM_IFACE_CTL_OPS_H */
