/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The keeper: removes a file when the processes that it watches have ended.
 */
#ifndef ESXMEMCTL_KEEPER_H
#define ESXMEMCTL_KEEPER_H

#include <sys/stat.h>
#include <sys/types.h>

/**
 * struct esx_keeper - a file that is to go when its user goes
 * @path: the file
 * @file: what the file was when it was made
 * @leash: the end of a pipe that the user of the file inherits
 * @pid: the keeper's process
 */
struct esx_keeper {
	const char *path;
	struct stat file;
	int leash;
	pid_t pid;
};

int esx_keeper_start(struct esx_keeper *keeper, const char *path, int fd);
void esx_keeper_finish(struct esx_keeper *keeper);

#endif /* ESXMEMCTL_KEEPER_H */
