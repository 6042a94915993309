// SPDX-License-Identifier: GPL-2.0
/*
 * The keeper: removes a file when the processes that it watches have ended.
 *
 * The file could be unlinked as soon as QEMU has opened it; its memory would
 * go with QEMU whatever happens.  But then the VM would have no name to be
 * listed, shared or looked at by.  So the name stays as long as QEMU runs, and
 * somebody has to be there afterwards even if esxmemctl was killed or QEMU
 * went into the background: a process that waits for the end of a pipe, the
 * other end of which QEMU inherits.  It is in a session of its own and deaf to
 * the signals that end a terminal's or a service's processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"
#include "message.h"

static void remove_if_same(const struct esx_keeper *keeper)
{
	struct stat now;

	/* Somebody may have removed the file and made another of its name. */
	if (!lstat(keeper->path, &now) && now.st_dev == keeper->file.st_dev &&
	    now.st_ino == keeper->file.st_ino)
		unlink(keeper->path);
}

static void turn_deaf(void)
{
	static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal(signals[i], SIG_IGN);
}

/* Keep nothing open that somebody may wait for the end of, or unmount. */
static void let_go(int end)
{
	int null, fd;

	/* It may be one of the three below if those were closed. */
	end = fcntl(end, F_DUPFD, 4);
	null = open("/dev/null", O_RDWR);
	for (fd = 0; fd < 3; fd++)
		dup2(null, fd);
	dup2(end, 3);
	close_range(4, ~0U, 0);
	if (chdir("/"))
		_exit(1);
}

static void __attribute__((noreturn)) keep(const struct esx_keeper *keeper, int end)
{
	ssize_t got;
	char byte;

	setsid();
	turn_deaf();
	prctl(PR_SET_NAME, "esxmemctl-keep");
	let_go(end);
	do {
		got = read(3, &byte, 1);
	} while (got > 0 || (got < 0 && errno == EINTR));
	remove_if_same(keeper);
	_exit(0);
}

/**
 * esx_keeper_start() - have a file removed when its user has ended
 * @keeper: out: the keeper; the user of the file must inherit the leash
 * @path: the file, an absolute path that outlives @keeper
 * @fd: the file, open
 *
 * Return: 0, or -1 with a message printed
 */
int esx_keeper_start(struct esx_keeper *keeper, const char *path, int fd)
{
	int ends[2];

	*keeper = (struct esx_keeper){ .path = path };
	if (fstat(fd, &keeper->file) || pipe2(ends, O_CLOEXEC))
		goto err;
	keeper->leash = ends[1];
	keeper->pid = fork();
	if (keeper->pid < 0)
		goto err_close;
	if (!keeper->pid) {
		close(ends[1]);
		keep(keeper, ends[0]);
	}
	close(ends[0]);
	return 0;

err_close:
	close(ends[0]);
	close(ends[1]);
err:
	esx_error("cannot watch over '%s': %s", path, strerror(errno));
	return -1;
}

/**
 * esx_keeper_finish() - remove the file now: its user has ended
 * @keeper: the keeper
 */
void esx_keeper_finish(struct esx_keeper *keeper)
{
	remove_if_same(keeper);
	kill(keeper->pid, SIGKILL);
	waitpid(keeper->pid, NULL, 0);
}
