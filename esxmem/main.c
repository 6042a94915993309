// SPDX-License-Identifier: GPL-2.0
/*
 * esxmem: guest memory in the manner of ESX Server, for KVM hosts.
 */
#include <linux/module.h>

#include "frame.h"
#include "fs/super.h"
#include "iface/ctl.h"
#include "iface/debugfs.h"
#include "iface/sysfs.h"
#include "iface/version.h"
#include "pmap.h"
#include "share/buckets.h"
#include "share/hints.h"
#include "share/scan.h"
#include "share/shared.h"
#include "tax/enforce.h"
#include "tax/gate.h"
#include "tax/gauge.h"
#include "tax/policy.h"
#include "tax/sample.h"
#include "tax/shrink.h"

static const struct {
	int (*init)(void);
	void (*exit)(void);
} layers[] = {
	{ esx_frame_init, esx_frame_exit },
	{ esx_pmap_init, esx_pmap_exit },
	{ esx_buckets_init, esx_buckets_exit },
	{ esx_hints_init, esx_hints_exit },
	{ esx_shared_init, esx_shared_exit },
	/* Below the knobs: who turns one may start threads. */
	{ esx_scan_init, esx_scan_exit },
	{ esx_sample_init, esx_sample_exit },
	/* The gauge kicks the policy, which kicks enforcement; all kick the gate. */
	{ esx_gate_init, esx_gate_exit },
	{ esx_enforce_init, esx_enforce_exit },
	{ esx_policy_init, esx_policy_exit },
	{ esx_gauge_init, esx_gauge_exit },
	{ esx_shrink_init, esx_shrink_exit },
	{ esx_sysfs_init, esx_sysfs_exit },
	{ esx_debugfs_init, esx_debugfs_exit },
	{ esx_ctl_init, esx_ctl_exit },
	{ esx_fs_init, esx_fs_exit },
};

static void exit_layers(unsigned int nr)
{
	while (nr--)
		layers[nr].exit();
}

static int __init esxmem_init(void)
{
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(layers); i++) {
		err = layers[i].init();
		if (err) {
			exit_layers(i);
			return err;
		}
	}
	return 0;
}

static void __exit esxmem_exit(void)
{
	exit_layers(ARRAY_SIZE(layers));
}

module_init(esxmem_init);
module_exit(esxmem_exit);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The esxmem developers");
MODULE_DESCRIPTION("Guest memory manager for KVM hosts: page sharing with copy-on-write");
MODULE_VERSION(ESX_VERSION);
