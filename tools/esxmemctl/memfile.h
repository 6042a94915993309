/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory files: a VM's RAM, a file in the root of the mount.
 */
#ifndef ESXMEMCTL_MEMFILE_H
#define ESXMEMCTL_MEMFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "params.h"

bool esx_memfile_check_name(const char *name);
int esx_memfile_create(const char *path, uint64_t size, const struct esx_params *params);

#endif /* ESXMEMCTL_MEMFILE_H */
