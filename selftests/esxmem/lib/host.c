// SPDX-License-Identifier: GPL-2.0
/* The machine the tests run on. */
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/loop.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <sys/uio.h>
#include <errno.h>
#include "esx.h"

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "r");

	if (!file)
		FAIL("open %s: %s", path, strerror(errno));
	return file;
}

/*
 * MemFree leaves out what waits in the per-CPU lists of the page allocator.  Both
 * are taken from one file: pages move from one to the other, a batch at a time,
 * and would be counted twice.
 */
uint64_t host_free_kib(void)
{
	FILE *file = open_file("/proc/zoneinfo");
	unsigned long long pages, sum = 0;
	bool in_pagesets = false;
	char line[128];

	while (fgets(line, sizeof(line), file)) {
		if (strstr(line, "pagesets"))
			in_pagesets = true;
		else if (strstr(line, "Node "))
			in_pagesets = false;
		if (sscanf(line, " pages free %llu", &pages) == 1 ||
		    (in_pagesets && sscanf(line, " count: %llu", &pages) == 1))
			sum += pages;
	}
	fclose(file);
	return sum * (ESX_PAGE / 1024);
}

static void shrink_slabs(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[512];

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink",
			 entry->d_name);
		/* Some caches refuse; the rest is enough. */
		esx_try_write(path, "1", 1);
	}
	closedir(dir);
}

uint64_t host_settled_free_kib(void)
{
	uint64_t best = 0;

	/*
	 * Frees that wait for a grace period or a work item come late, and
	 * other programs take memory for a moment: the most that was free in
	 * a series of looks is what is really free.
	 */
	for (uint64_t look = 0; look < tap_scaled(20, 8); look++) {
		uint64_t now;

		sync();
		esx_set("/proc/sys/vm/drop_caches", "3");
		if (look % 5 == 0)
			shrink_slabs();
		usleep(50000);
		now = host_free_kib();
		if (now > best)
			best = now;
	}
	return best;
}

void host_needs_cross_memory(void)
{
	if (process_vm_readv(getpid(), NULL, 0, NULL, 0, 0) < 0 && errno == ENOSYS)
		tap_skip("config: no CONFIG_CROSS_MEMORY_ATTACH");
}

bool host_kernel_before(unsigned int major, unsigned int minor)
{
	unsigned int is_major, is_minor;
	struct utsname name;

	CHECK_OK(uname(&name));
	CHECK(sscanf(name.release, "%u.%u", &is_major, &is_minor) == 2);
	return is_major < major || (is_major == major && is_minor < minor);
}

unsigned int host_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN);
}

struct parallel_thread {
	pthread_t thread;
	void (*work)(void *arg, unsigned int index);
	void *arg;
	unsigned int index;
	pthread_barrier_t *start;
};

static void *parallel_main(void *arg)
{
	struct parallel_thread *t = arg;

	pthread_barrier_wait(t->start);
	t->work(t->arg, t->index);
	return NULL;
}

void host_parallel(unsigned int nr, void (*work)(void *arg, unsigned int index),
		   void *arg)
{
	struct parallel_thread threads[nr];
	pthread_barrier_t start;

	pthread_barrier_init(&start, NULL, nr);
	for (unsigned int i = 0; i < nr; i++) {
		threads[i] = (struct parallel_thread){ 0, work, arg, i, &start };
		if (pthread_create(&threads[i].thread, NULL, parallel_main,
				   &threads[i]))
			FAIL("pthread_create");
	}
	for (unsigned int i = 0; i < nr; i++)
		pthread_join(threads[i].thread, NULL);
	pthread_barrier_destroy(&start);
}

void *host_shared(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		FAIL("mmap: %s", strerror(errno));
	return memory;
}

int host_loop_device(size_t size)
{
	int control = CHECK_OK(open("/dev/loop-control", O_RDWR | O_CLOEXEC));
	struct loop_info64 info = { .lo_flags = LO_FLAGS_AUTOCLEAR };
	int backing = CHECK_OK(memfd_create("disk", MFD_CLOEXEC));
	char path[32];
	int number, fd;

	CHECK_OK(ftruncate(backing, size));
	number = CHECK_OK(ioctl(control, LOOP_CTL_GET_FREE));
	snprintf(path, sizeof(path), "/dev/loop%d", number);
	fd = CHECK_OK(open(path, O_RDWR | O_DIRECT | O_CLOEXEC));
	CHECK_OK(ioctl(fd, LOOP_SET_FD, backing));
	CHECK_OK(ioctl(fd, LOOP_SET_STATUS64, &info));
	close(backing);
	close(control);
	return fd;
}

void host_private_mounts(void)
{
	CHECK_OK(unshare(CLONE_NEWNS));
	CHECK_OK(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL));
}

void host_become(uid_t uid)
{
	CHECK_OK(setgroups(0, NULL));
	CHECK_OK(setresgid(uid, uid, uid));
	CHECK_OK(setresuid(uid, uid, uid));
	/* Changing user hides the process from its own /proc files. */
	CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
}
