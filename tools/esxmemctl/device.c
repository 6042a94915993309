// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/esxmem: the ioctls of uapi/esxmem.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "command.h"
#include "kernel.h"
#include "message.h"

/**
 * esx_dev_open() - open the control device
 *
 * Return: a file descriptor or a negative errno
 */
int esx_dev_open(void)
{
	char *path = esx_kernel_path("/dev/esxmem");
	int dev = open(path, O_RDWR | O_CLOEXEC);

	free(path);
	return dev < 0 ? -errno : dev;
}

/**
 * esx_dev_info() - ask for the host's figures
 * @dev: the control device
 * @info: out: the figures
 *
 * Return: 0 or a negative errno
 */
int esx_dev_info(int dev, struct esxmem_info *info)
{
	*info = (struct esxmem_info){ .size = sizeof(*info) };
	return ioctl(dev, ESXMEM_IOC_INFO, info) ? -errno : 0;
}

/**
 * esx_dev_merge() - share a range of a file, or a VM
 * @dev: the control device
 * @merge: fd and range in, what was done out
 *
 * Return: 0 or a negative errno
 */
int esx_dev_merge(int dev, struct esxmem_merge *merge)
{
	merge->size = sizeof(*merge);
	return ioctl(dev, ESXMEM_IOC_MERGE, merge) ? -errno : 0;
}

/**
 * esx_dev_pages() - ask for the states of pages
 * @dev: the control device
 * @pages: which, and where the states go
 *
 * Return: 0 or a negative errno
 */
int esx_dev_pages(int dev, struct esxmem_pages *pages)
{
	pages->size = sizeof(*pages);
	return ioctl(dev, ESXMEM_IOC_PAGES, pages) ? -errno : 0;
}

/**
 * esx_dev_reclaim() - bring a VM down by so much memory
 * @dev: the control device
 * @reclaim: fd and length in, what was done out, also with -EINTR
 *
 * Return: 0 or a negative errno
 */
int esx_dev_reclaim(int dev, struct esxmem_reclaim *reclaim)
{
	reclaim->size = sizeof(*reclaim);
	return ioctl(dev, ESXMEM_IOC_RECLAIM, reclaim) ? -errno : 0;
}

/**
 * esx_dev_explain() - say why the control device did not answer
 * @err: what a device function returned
 */
void esx_dev_explain(int err)
{
	switch (err) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		esx_error("/dev/esxmem is missing: the module is not loaded; "
			  "try `modprobe esxmem`, then `esxmemctl doctor`");
		break;
	case -EACCES:
	case -EPERM:
		esx_error("/dev/esxmem: permission denied: this needs root");
		break;
	case -ENOTTY:
	case -E2BIG:
		esx_error("the loaded module does not know this command: it is not of the "
			  "version of esxmemctl (" ESXMEMCTL_VERSION
			  "); install both from one release");
		break;
	default:
		esx_error("/dev/esxmem: %s; `esxmemctl doctor` may tell more", strerror(-err));
	}
}
