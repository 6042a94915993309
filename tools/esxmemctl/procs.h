/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes: who maps a memory file, and who runs beside esxmem.
 */
#ifndef ESXMEMCTL_PROCS_H
#define ESXMEMCTL_PROCS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * struct esx_use - whether a file is mapped
 * @dev: device of its filesystem
 * @ino: its inode number
 * @user: a process that maps it, 0: none seen
 */
struct esx_use {
	dev_t dev;
	ino_t ino;
	pid_t user;
};

bool esx_procs_find_users(struct esx_use *uses, size_t nr);
pid_t esx_procs_find_name(const char *name);

#endif /* ESXMEMCTL_PROCS_H */
