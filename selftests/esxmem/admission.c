// SPDX-License-Identifier: GPL-2.0
/* Admission: who gets his size, and that all that was reserved comes back. */
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define MIB (1UL << 20)

static uint64_t reserved(void)
{
	return esx_get_number(esx_tax_knob("reserved_bytes"));
}

/* 20 bytes a page, and 64 KiB. */
static uint64_t with_overhead(uint64_t bytes)
{
	uint64_t pages = bytes / ESX_PAGE;

	return bytes + ((pages * 20 + ESX_PAGE - 1) / ESX_PAGE + 16) * ESX_PAGE;
}

/* VMs end a moment after their last file. */
static void expect_reserved(uint64_t bytes)
{
	for (int look = 0; reserved() != bytes; look++) {
		CHECK_MSG(look < 500, "%llu bytes are reserved, expected %llu",
			  (unsigned long long)reserved(), (unsigned long long)bytes);
		usleep(10000);
	}
}

static void no_minimum_reserves_nothing(void)
{
	int fd = esx_vm_file("vm", 16 * MIB);

	CHECK_EQ(reserved(), 0);
	/* Larger than any pool: a promise of nothing. */
	CHECK_OK(ftruncate(fd, 1L << 50));
	CHECK_EQ(reserved(), 0);
}

static void minimum_is_reserved_with_overhead(void)
{
	int fd = esx_vm_file("vm", 16 * MIB);

	esx_set_number(esx_vm_knob("vm", "min_bytes"), 8 * MIB);
	CHECK_EQ(reserved(), with_overhead(8 * MIB));
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "reserved_bytes")), with_overhead(8 * MIB));
	CHECK_OK(ftruncate(fd, 4 * MIB));
	CHECK_EQ(reserved(), with_overhead(4 * MIB));
	CHECK_OK(ftruncate(fd, 32 * MIB));
	CHECK_EQ(reserved(), with_overhead(8 * MIB));
	esx_set_number(esx_vm_knob("vm", "min_bytes"), 0);
	CHECK_EQ(reserved(), 0);
}

static void large_sparse_files_are_admitted_by_default(void)
{
	static const size_t sizes[] = { ESX_PAGE, 1UL << 30, 1UL << 40, 1UL << 43 };
	uint64_t refusals = esx_get_number(esx_tax_knob("refusals"));

	CHECK(!strcmp(esx_get(esx_tax_knob("admission")), "relaxed"));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char vm[32];

		snprintf(vm, sizeof(vm), "vm%zu", i);
		esx_vm_file(vm, sizes[i]);
		CHECK_EQ(esx_get_number(esx_vm_knob(vm, "min_bytes")), 0);
		CHECK_EQ(esx_get_number(esx_vm_knob(vm, "max_bytes")), 0);
		CHECK_EQ(esx_get_number(esx_vm_knob(vm, "reserved_bytes")), 0);
	}
	CHECK_EQ(esx_get_number(esx_tax_knob("refusals")), refusals);
}

static void files_of_a_vm_count_together(void)
{
	int first = esx_file("vm/first", 8 * MIB), second = esx_file("vm/second", 8 * MIB);

	esx_set_number(esx_vm_knob("vm", "min_bytes"), 16 * MIB);
	CHECK_EQ(reserved(), with_overhead(16 * MIB));
	CHECK_OK(ftruncate(first, 0));
	CHECK_EQ(reserved(), with_overhead(8 * MIB));
	CHECK_OK(unlink(esx_path("vm/second")));
	close(second);
	expect_reserved(0);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "min_bytes")), 16 * MIB);
}

static void a_clone_that_grows_its_file_asks(void)
{
	struct file_clone_range range = { .src_length = 8 * MIB };
	int from = esx_vm_file("from", 8 * MIB), to = esx_vm_file("to", 8 * MIB);

	esx_set_number(esx_vm_knob("to", "min_bytes"), 8 * MIB);
	CHECK_OK(ftruncate(to, 0));
	CHECK_EQ(pwrite(from, "x", 1, 0), 1);
	esx_set_number(esx_tax_knob("pool_bytes"), 6 * MIB);
	range.src_fd = from;
	CHECK_ERRNO(ioctl(to, FICLONERANGE, &range), ENOSPC);
	CHECK_EQ(lseek(to, 0, SEEK_END), 0);
	CHECK_EQ(reserved(), 0);
	esx_set_number(esx_tax_knob("pool_bytes"), 9 * MIB);
	CHECK_OK(ioctl(to, FICLONERANGE, &range));
	CHECK_EQ(reserved(), with_overhead(8 * MIB));
}

static void growth_beyond_the_pool_is_refused(void)
{
	int fd = esx_vm_file("vm", 8 * MIB);
	uint64_t refusals = esx_get_number(esx_tax_knob("refusals"));

	esx_set_number(esx_vm_knob("vm", "min_bytes"), 8 * MIB);
	/* The minimum counts as far as the VM is large. */
	CHECK_OK(ftruncate(fd, 4 * MIB));
	esx_set_number(esx_tax_knob("pool_bytes"), 6 * MIB);
	CHECK_ERRNO(ftruncate(fd, 8 * MIB), ENOSPC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4 * MIB);
	CHECK_EQ(reserved(), with_overhead(4 * MIB));
	CHECK_ERRNO(fallocate(fd, 0, 0, 8 * MIB), ENOSPC);
	CHECK_EQ(pwrite(fd, "x", 1, 8 * MIB - 1), -1);
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(lseek(fd, 0, SEEK_END), 4 * MIB);
	CHECK_EQ(esx_get_number(esx_tax_knob("refusals")), refusals + 3);
	esx_set_number(esx_tax_knob("pool_bytes"), 9 * MIB);
	CHECK_OK(ftruncate(fd, 8 * MIB));
}

static void minimum_beyond_the_pool_is_refused(void)
{
	esx_vm_file("a", 16 * MIB);
	esx_vm_file("b", 16 * MIB);
	esx_set_number(esx_vm_knob("a", "min_bytes"), 8 * MIB);
	esx_set_number(esx_tax_knob("pool_bytes"), 12 * MIB);
	CHECK_ERRNO(esx_try_number(esx_vm_knob("b", "min_bytes"), 4 * MIB), ENOSPC);
	CHECK_EQ(esx_get_number(esx_vm_knob("b", "min_bytes")), 0);
	CHECK_OK(esx_try_number(esx_vm_knob("b", "min_bytes"), 3 * MIB));
	CHECK_EQ(reserved(), with_overhead(8 * MIB) + with_overhead(3 * MIB));
	CHECK_ERRNO(esx_try_number(esx_tax_knob("pool_bytes"), 11 * MIB), ENOSPC);
	CHECK_EQ(esx_get_number(esx_tax_knob("pool_bytes")), 12 * MIB);
	esx_set_number(esx_vm_knob("a", "min_bytes"), 0);
	esx_set_number(esx_vm_knob("b", "min_bytes"), 0);
}

/* Does the log, from where @log is, say of @vm that it was refused something? */
static bool log_has_refusal(int log, const char *vm)
{
	char line[8192], name[64];
	ssize_t length;

	snprintf(name, sizeof(name), "/%s of ", vm);
	for (;;) {
		length = read(log, line, sizeof(line) - 1);
		if (length < 0 && errno == EPIPE)
			continue;
		if (length < 0)
			return false;
		line[length] = '\0';
		if (strstr(line, name) && strstr(line, "not admitted"))
			return true;
	}
}

static void one_vm_does_not_keep_the_log_from_another(void)
{
	int log = CHECK_OK(open("/dev/kmsg", O_RDONLY | O_NONBLOCK));

	CHECK_OK(lseek(log, 0, SEEK_END));
	esx_vm_file("loud", 16 * MIB);
	esx_vm_file("meek", 16 * MIB);
	esx_set_number(esx_tax_knob("pool_bytes"), 4 * MIB);
	for (int i = 0; i < 200; i++)
		CHECK_ERRNO(esx_try_number(esx_vm_knob("loud", "min_bytes"), 8 * MIB), ENOSPC);
	CHECK_ERRNO(esx_try_number(esx_vm_knob("meek", "min_bytes"), 8 * MIB), ENOSPC);
	CHECK_MSG(log_has_refusal(log, "meek"), "the log has no word of it");
	close(log);
}

static void strict_admission_wants_the_maximum(void)
{
	int fd = esx_vm_file("vm", 16 * MIB);

	esx_set_number(esx_tax_knob("pool_bytes"), 12 * MIB);
	CHECK_ERRNO(esx_try_write(esx_tax_knob("admission"), "strict", 6), ENOSPC);
	CHECK(!strcmp(esx_get(esx_tax_knob("admission")), "relaxed"));
	esx_set_number(esx_vm_knob("vm", "max_bytes"), 8 * MIB);
	esx_set(esx_tax_knob("admission"), "strict");
	/* The maximum, and the overhead of the size. */
	CHECK_EQ(reserved(), 8 * MIB + with_overhead(16 * MIB) - 16 * MIB);
	CHECK_ERRNO(esx_try_number(esx_vm_knob("vm", "max_bytes"), 12 * MIB), ENOSPC);
	CHECK_EQ(esx_get_number(esx_vm_knob("vm", "max_bytes")), 8 * MIB);
	CHECK_OK(ftruncate(fd, 4 * MIB));
	CHECK_EQ(reserved(), with_overhead(4 * MIB));
}

static void unlink_gives_back(void)
{
	int fd = esx_vm_file("vm", 16 * MIB);

	esx_set_number(esx_vm_knob("vm", "min_bytes"), 16 * MIB);
	CHECK_OK(unlink(esx_path("vm/ram")));
	/* As long as somebody has it open it is a VM. */
	CHECK_EQ(reserved(), with_overhead(16 * MIB));
	close(fd);
	expect_reserved(0);
}

static void killed_owner_gives_back(void)
{
	pid_t child;
	int fd, status;

	fd = esx_vm_file("vm", 16 * MIB);
	esx_set_number(esx_vm_knob("vm", "min_bytes"), 16 * MIB);
	child = fork();
	if (!child) {
		char *memory = esx_map(fd, 16 * MIB, 0);

		memset(memory, 1, MIB);
		CHECK_OK(unlink(esx_path("vm/ram")));
		raise(SIGKILL);
	}
	close(fd);
	CHECK_EQ(waitpid(child, &status, 0), child);
	CHECK(WIFSIGNALED(status));
	expect_reserved(0);
}

#define RACE_FILES 8

/* Each wants 4 MiB for its VMs, of a pool that has room for some of them. */
static void race(void *arg, unsigned int index)
{
	unsigned int *admitted = arg;

	for (unsigned int i = 0; i < RACE_FILES; i++) {
		char path[512];
		int fd;

		snprintf(path, sizeof(path), "%s/vm%u-%u/ram", esx_dir(), index, i);
		fd = CHECK_OK(open(path, O_RDWR | O_CLOEXEC));
		if (!ftruncate(fd, 4 * MIB))
			__atomic_add_fetch(admitted, 1, __ATOMIC_RELAXED);
		else
			CHECK_EQ(errno, ENOSPC);
		close(fd);
	}
}

static void racing_growth_never_exceeds_the_pool(void)
{
	/* Five and a half of them. */
	const uint64_t pool = with_overhead(4 * MIB) * 11 / 2 / ESX_PAGE * ESX_PAGE;

	for (unsigned int round = 0; round < tap_scaled(20, 3); round++) {
		unsigned int admitted = 0;

		for (unsigned int i = 0; i < 2 * RACE_FILES; i++) {
			char vm[32];
			int fd;

			snprintf(vm, sizeof(vm), "vm%u-%u", i % 2, i / 2);
			fd = esx_vm_file(vm, 4 * MIB);
			esx_set_number(esx_vm_knob(vm, "min_bytes"), 4 * MIB);
			CHECK_OK(ftruncate(fd, 0));
			close(fd);
		}
		CHECK_EQ(reserved(), 0);
		esx_set_number(esx_tax_knob("pool_bytes"), pool);
		host_parallel(2, race, &admitted);
		CHECK_EQ(admitted, 5);
		CHECK_EQ(reserved(), 5 * with_overhead(4 * MIB));
		for (unsigned int i = 0; i < 2 * RACE_FILES; i++)
			CHECK_OK(unlink(esx_path("vm%u-%u/ram", i % 2, i / 2)));
		expect_reserved(0);
		esx_set_number(esx_tax_knob("pool_bytes"), 0);
	}
}

/*
 * One sizes the files of a VM, the other turns its minimum: whatever comes out, at
 * rest what is reserved is what the last of both says.
 */
static void shake(void *arg, unsigned int index)
{
	const char *const *knobs = arg;
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/vm/ram", esx_dir());
	fd = CHECK_OK(open(path, O_RDWR | O_CLOEXEC));
	for (unsigned int i = 0; i < tap_scaled(20000, 1000); i++) {
		if (index)
			CHECK(!esx_try_number(knobs[0], i % 8 * MIB) || errno == EINVAL);
		else
			CHECK_OK(ftruncate(fd, i % 13 * MIB));
	}
	close(fd);
}

static void resizing_races_with_limits_to_the_right_sum(void)
{
	int fd = esx_vm_file("vm", 16 * MIB);
	const char *knob = esx_vm_knob("vm", "min_bytes");
	uint64_t minimum;

	host_parallel(2, shake, &knob);
	minimum = esx_get_number(knob);
	CHECK(minimum % MIB == 0 && minimum < 8 * MIB);
	CHECK_OK(ftruncate(fd, 16 * MIB));
	CHECK_EQ(reserved(), minimum ? with_overhead(minimum) : 0);
	CHECK_OK(ftruncate(fd, 0));
	CHECK_EQ(reserved(), 0);
}

static const struct tap_case cases[] = {
	TAP_CASE(no_minimum_reserves_nothing),
	TAP_CASE(large_sparse_files_are_admitted_by_default),
	TAP_CASE(minimum_is_reserved_with_overhead),
	TAP_CASE(files_of_a_vm_count_together),
	TAP_CASE(a_clone_that_grows_its_file_asks),
	TAP_CASE(growth_beyond_the_pool_is_refused),
	TAP_CASE(minimum_beyond_the_pool_is_refused),
	TAP_CASE(one_vm_does_not_keep_the_log_from_another),
	TAP_CASE(strict_admission_wants_the_maximum),
	TAP_CASE(unlink_gives_back),
	TAP_CASE(killed_owner_gives_back),
	TAP_CASE_CPUS(racing_growth_never_exceeds_the_pool, 2),
	TAP_CASE_CPUS(resizing_races_with_limits_to_the_right_sum, 2),
};

ESX_MAIN(cases)
