// SPDX-License-Identifier: GPL-2.0
/*
 * Run: start QEMU with its guest's memory in a memory file.
 *
 * Three processes: QEMU; esxmemctl, which waits for it, passes signals on and
 * returns its exit status; and the keeper, see keeper.c.  QEMU is ended with
 * SIGTERM if esxmemctl dies first, so that killing either ends both.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "keeper.h"
#include "kernel.h"
#include "memfile.h"
#include "message.h"
#include "mounts.h"
#include "params.h"
#include "qemu.h"
#include "setting.h"

/* Out of the way of file descriptors that -add-fd and the like name. */
#define LEASH_FD 1000

/**
 * struct launch - a call of `run`
 * @name: of the VM, NULL: made from the process id
 * @group: trust group, NULL: none
 * @mount: what the user gave with --mount, or NULL
 * @keep: leave the file behind
 * @dry: only print the command
 * @words: QEMU's command line
 * @path: the memory file
 * @qemu: what the command line says
 * @params: of the VM
 */
struct launch {
	const char *name;
	const char *group;
	const char *mount;
	bool keep;
	bool dry;
	char **words;
	char *path;
	struct esx_qemu qemu;
	struct esx_params params;
};

static void fill_signals(sigset_t *set)
{
	static const int signals[] = { SIGCHLD, SIGHUP,  SIGINT, SIGQUIT,
				       SIGTERM, SIGUSR1, SIGUSR2 };
	size_t i;

	sigemptyset(set);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(set, signals[i]);
}

/* In the child: become QEMU. */
static void __attribute__((noreturn))
become_qemu(char **words, int leash, pid_t parent, const sigset_t *mask)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* The parent may have died before that took effect. */
	if (getppid() != parent)
		_exit(ESX_FAILED);
	/* A low RLIMIT_NOFILE has no room up there. */
	if (leash >= 0 && fcntl(leash, F_DUPFD, LEASH_FD) < 0)
		fcntl(leash, F_SETFD, 0);
	sigprocmask(SIG_SETMASK, mask, NULL);
	execvp(words[0], words);
	esx_error("cannot run '%s': %s", words[0], strerror(errno));
	_exit(ESX_FAILED);
}

/* Signals of the terminal reach QEMU by themselves; those of processes do not. */
static int wait_for(pid_t child, const sigset_t *signals)
{
	siginfo_t info;
	int status;

	for (;;) {
		if (sigwaitinfo(signals, &info) < 0)
			continue;
		if (info.si_signo != SIGCHLD) {
			if (info.si_code <= 0)
				kill(child, info.si_signo);
			continue;
		}
		if (waitpid(child, &status, WNOHANG) == child)
			break;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int run_qemu(char **words, int leash)
{
	pid_t parent = getpid(), child;
	sigset_t signals, before;

	/* Whoever started us may have ignored it, and that is inherited. */
	signal(SIGCHLD, SIG_DFL);
	fill_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, &before);
	child = fork();
	if (child < 0) {
		esx_error("cannot start another process: %s", strerror(errno));
		return ESX_FAILED;
	}
	if (!child)
		become_qemu(words, leash, parent, &before);
	/* From here on QEMU alone holds the keeper back. */
	if (leash >= 0)
		close(leash);
	return wait_for(child, &signals);
}

static int join_group(const struct launch *launch)
{
	char *dir;
	int err;

	if (!launch->group)
		return 0;
	dir = esx_sysfs_vm_dir(launch->name);
	err = esx_sysfs_write(dir, "group", esx_setting_group(launch->group));
	if (err)
		esx_error("cannot put '%s' into group '%s': %s%s", launch->name, launch->group,
			  strerror(-err), err == -EACCES ? "; this needs root" : "");
	free(dir);
	return err;
}

static int run_watched(const struct launch *launch, char **words, int fd)
{
	struct esx_keeper keeper;
	int code;

	if (esx_keeper_start(&keeper, launch->path, fd)) {
		unlink(launch->path);
		return ESX_FAILED;
	}
	close(fd);
	code = run_qemu(words, keeper.leash);
	/* A QEMU in the background goes on; the keeper waits for its end. */
	if (!launch->qemu.daemonize || code)
		esx_keeper_finish(&keeper);
	return code;
}

static int start(const struct launch *launch, char **words)
{
	int fd;

	fd = esx_memfile_create(launch->path, launch->qemu.ram_bytes, &launch->params);
	if (fd < 0)
		return ESX_FAILED;
	if (join_group(launch)) {
		unlink(launch->path);
		close(fd);
		return ESX_FAILED;
	}
	if (!launch->keep)
		return run_watched(launch, words, fd);
	close(fd);
	return run_qemu(words, -1);
}

static int check_launch(struct launch *launch)
{
	if (!launch->words[0]) {
		esx_error("run needs QEMU's command line behind --, as in "
			  "`esxmemctl run -- qemu-system-x86_64 -m 4G ...`");
		return ESX_MISUSED;
	}
	if (launch->name && !esx_memfile_check_name(launch->name))
		return ESX_MISUSED;
	if (launch->group && !esx_setting_group(launch->group)) {
		esx_error("--group cannot be '%s'; it is " ESX_GROUP_VALUES, launch->group);
		return ESX_MISUSED;
	}
	if (!esx_qemu_parse(launch->words + 1, &launch->qemu))
		return ESX_MISUSED;
	return esx_params_check(&launch->params, launch->qemu.ram_bytes);
}

static void parse_options(const struct esx_command *cmd, int argc, char **argv,
			  struct launch *launch)
{
	static const struct option longs[] = { { "name", required_argument, NULL, 'n' },
					       { "group", required_argument, NULL, 'g' },
					       { "mount", required_argument, NULL, 'm' },
					       { "keep", no_argument, NULL, 'k' },
					       { "dry-run", no_argument, NULL, 'd' },
					       ESX_PARAM_OPTIONS,
					       { "help", no_argument, NULL, 'h' },
					       {} };
	int c;

	while ((c = esx_getopt(cmd, argc, argv, "+:n:g:m:kdh", longs)) != -1) {
		switch (c) {
		case 'n':
			launch->name = optarg;
			break;
		case 'g':
			launch->group = optarg;
			break;
		case 'm':
			launch->mount = optarg;
			break;
		case 'k':
			launch->keep = true;
			break;
		case 'd':
			launch->dry = true;
			break;
		default:
			esx_params_take(&launch->params, c, optarg);
			break;
		}
	}
	launch->words = argv + optind;
}

static int run(const struct esx_command *cmd, int argc, char **argv)
{
	struct launch launch = {};
	char *mount, **words;
	int code;

	parse_options(cmd, argc, argv, &launch);
	code = check_launch(&launch);
	if (code)
		return code;
	mount = esx_mounts_choose(launch.mount);
	if (!mount)
		return ESX_FAILED;
	if (!launch.name)
		launch.name = esx_asprintf("vm-%d", (int)getpid());
	launch.path = esx_asprintf("%s/%s", mount, launch.name);
	free(mount);

	words = esx_qemu_add_memory(launch.words, launch.path, launch.qemu.ram_bytes);
	if (launch.dry) {
		esx_qemu_print(words);
		return ESX_DONE;
	}
	return start(&launch, words);
}

const struct esx_command esx_run_command = {
	.name = "run",
	.args = "[options] -- qemu-system-x86_64 ARGS...",
	.summary = "Start QEMU with the guest's memory in esxmem",
	.help = "Options:\n"
		"  -n, --name NAME    name of the VM, default vm-PID\n"
		"  -g, --group NAME   share with the VMs of this trust group\n"
		ESX_PARAM_HELP
		"  -m, --mount DIR    the mount, if there are several\n"
		"  -k, --keep         leave the memory file there when QEMU has ended\n"
		"  -d, --dry-run      only print the command\n"
		"  -h, --help         print this\n"
		"\n"
		"The size is taken from -m, as QEMU would.  Exit status: that of QEMU, 128 plus\n"
		"the signal that ended it, or 1 or 2 if it was not started.\n",
	.run = run,
};
