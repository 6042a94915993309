// SPDX-License-Identifier: GPL-2.0
/*
 * Doctor: device, mounts, KVM, and what else on the host manages guest memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "doctor.h"
#include "kernel.h"
#include "message.h"
#include "mounts.h"
#include "procs.h"

static bool read_value(const char *path, char value[ESX_VALUE_MAX])
{
	char *full = esx_kernel_path("%s", path);
	int err = esx_file_read(full, value);

	free(full);
	return !err;
}

static void check_abi(struct esx_report *report, int dev)
{
	struct esxmem_info info;
	int err;

	err = esx_dev_info(dev, &info);
	if (err)
		esx_report(report, ESX_FAIL, "device",
			   "install module and esxmemctl from one release",
			   "/dev/esxmem does not answer: %s", strerror(-err));
	else
		esx_report(report, ESX_OK, "device", NULL, "/dev/esxmem answers, ABI version %u",
			   info.abi_version);
}

/**
 * esx_doctor_device() - check whether the control device can be used
 * @report: where to report
 */
void esx_doctor_device(struct esx_report *report)
{
	int dev = esx_dev_open();

	if (dev >= 0) {
		check_abi(report, dev);
		close(dev);
	} else if (dev == -EACCES || dev == -EPERM) {
		esx_report(report, ESX_WARN, "device", "run as root, or be in the device's group",
			   "/dev/esxmem is there, but not for this user");
	} else {
		esx_report(report, ESX_FAIL, "device",
			   esx_doctor_is_loaded("esxmem") ?
				   "mount devtmpfs at /dev, or restart udev" :
				   "`modprobe esxmem`",
			   "/dev/esxmem: %s", strerror(-dev));
	}
}

/**
 * esx_doctor_mounts() - check where the memory filesystem is mounted
 * @report: where to report
 */
void esx_doctor_mounts(struct esx_report *report)
{
	struct esx_mount *mounts;
	size_t nr, i;

	if (esx_mounts_list(&mounts, &nr))
		return;
	if (!nr)
		esx_report(report, ESX_FAIL, "mount",
			   "`mount -t esxmem -o X-mount.mkdir esxmem /run/esxmem`; esxmemfs(5) "
			   "has the options and a line for /etc/fstab",
			   "the memory filesystem is not mounted");
	for (i = 0; i < nr; i++)
		esx_report(report, ESX_OK, "mount", NULL, "%s with %s", mounts[i].target,
			   mounts[i].options);
	esx_mounts_free(mounts, nr);
}

static void check_nested_paging(struct esx_report *report)
{
	char value[ESX_VALUE_MAX];

	if (!read_value("/sys/module/kvm_intel/parameters/ept", value) &&
	    !read_value("/sys/module/kvm_amd/parameters/npt", value))
		return;
	if (*value == 'Y' || *value == '1')
		esx_report(report, ESX_OK, "nested-paging", NULL, "on");
	else
		esx_report(report, ESX_WARN, "nested-paging",
			   "load kvm_intel with ept=1, or kvm_amd with npt=1",
			   "off: guests run on shadow page tables, which makes every change of a "
			   "mapping slow");
}

/**
 * esx_doctor_kvm() - check whether KVM can be used
 * @report: where to report
 */
void esx_doctor_kvm(struct esx_report *report)
{
	char *path = esx_kernel_path("/dev/kvm");
	int kvm = open(path, O_RDWR | O_CLOEXEC);

	if (kvm >= 0)
		esx_report(report, ESX_OK, "kvm", NULL, "/dev/kvm can be used");
	else if (errno == EACCES)
		esx_report(report, ESX_FAIL, "kvm", "add the user to the group kvm",
			   "/dev/kvm is there, but not for this user");
	else
		esx_report(report, ESX_FAIL, "kvm",
			   "switch virtualisation on in the firmware setup, then `modprobe "
			   "kvm_intel` or `modprobe kvm_amd`",
			   "/dev/kvm: %s", strerror(errno));
	if (kvm >= 0)
		close(kvm);
	free(path);
	check_nested_paging(report);
}

static void check_process(struct esx_report *report, const char *check, const char *name,
			  const char *advice, const char *what)
{
	pid_t pid = esx_procs_find_name(name);

	if (pid)
		esx_report(report, ESX_WARN, check, advice, "%s runs as process %d: %s", name,
			   (int)pid, what);
	else
		esx_report(report, ESX_OK, check, NULL, "%s does not run", name);
}

/**
 * esx_doctor_rivals() - check who else manages the memory of guests
 * @report: where to report
 */
void esx_doctor_rivals(struct esx_report *report)
{
	char value[ESX_VALUE_MAX];

	if (read_value("/sys/kernel/mm/ksm/run", value) && *value == '1')
		esx_report(report, ESX_WARN, "ksm",
			   "`echo 0 > /sys/kernel/mm/ksm/run`, unless VMs outside esxmem need it",
			   "KSM runs: it cannot share esxmem's memory, and takes CPU time");
	else
		esx_report(report, ESX_OK, "ksm", NULL, "KSM does not run");

	check_process(report, "ksmtuned", "ksmtuned", "`systemctl disable --now ksmtuned`",
		      "it switches KSM on by adding up guest sizes, which says nothing here");
	check_process(report, "mom", "momd", "`systemctl disable --now mom-vdsm momd`",
		      "it moves the same balloons and switches KSM on");
}
