// SPDX-License-Identifier: GPL-2.0
/* /dev/esxmem against arguments that are wrong, each with its listed errno. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/esx.h"

#define FILE_SIZE (8 * ESX_PAGE)

/* Descriptors the tables name. */
enum fd_kind { FD_FILE, FD_DIR, FD_ROOT_DIR, FD_CLOSED, FD_OTHER_FS, FD_DEVICE };

static int nameless_file(void)
{
	int fd = CHECK_OK(open(esx_dir(), O_RDWR | O_TMPFILE, 0600));

	CHECK_OK(ftruncate(fd, FILE_SIZE));
	return fd;
}

static int open_kind(enum fd_kind kind)
{
	switch (kind) {
	case FD_FILE:
		return nameless_file();
	case FD_DIR:
		return CHECK_OK(open(esx_dir(), O_RDONLY | O_DIRECTORY));
	case FD_ROOT_DIR:
		return CHECK_OK(open("/", O_RDONLY | O_DIRECTORY));
	case FD_CLOSED:
		return 987;
	case FD_OTHER_FS:
		return CHECK_OK(memfd_create("other", 0));
	case FD_DEVICE:
		return esx_ctl();
	}
	FAIL("no such kind");
}

static void expect_errno(unsigned long code, void *arg, int expected,
			 const char *what)
{
	int result;

	errno = 0;
	result = ioctl(esx_ctl(), code, arg);
	if (expected)
		CHECK_MSG(result == -1 && errno == expected,
			  "%s: %d (%s), expected %s", what, result,
			  strerror(errno), strerror(expected));
	else
		CHECK_MSG(!result, "%s: %s", what, strerror(errno));
}

static const struct command {
	unsigned long code;
	uint32_t size;
	const char *name;
} commands[] = {
	{ ESXMEM_IOC_INFO, sizeof(struct esxmem_info), "info" },
	{ ESXMEM_IOC_MERGE, sizeof(struct esxmem_merge), "merge" },
	{ ESXMEM_IOC_ATTACH_KVM, sizeof(struct esxmem_attach_kvm), "attach" },
	{ ESXMEM_IOC_AUDIT, sizeof(struct esxmem_audit), "audit" },
	{ ESXMEM_IOC_PAGES, sizeof(struct esxmem_pages), "pages" },
	{ ESXMEM_IOC_RECLAIM, sizeof(struct esxmem_reclaim), "reclaim" },
};

/* An argument of two pages, of which the command would be content. */
static char *good_argument(const struct command *c)
{
	static char states[8];
	char *arg = calloc(2, ESX_PAGE);

	*(uint32_t *)arg = c->size;
	if (c->code == ESXMEM_IOC_MERGE) {
		((struct esxmem_merge *)arg)->fd = open_kind(FD_FILE);
	} else if (c->code == ESXMEM_IOC_PAGES) {
		struct esxmem_pages *pages = (void *)arg;

		pages->fd = open_kind(FD_FILE);
		pages->count = 8;
		pages->states = (uintptr_t)states;
	} else if (c->code == ESXMEM_IOC_RECLAIM) {
		((struct esxmem_reclaim *)arg)->fd = open_kind(FD_FILE);
	}
	return arg;
}

/* What a good argument gives: there is no KVM machine to attach here. */
static int good_errno(const struct command *c)
{
	return c->code == ESXMEM_IOC_ATTACH_KVM ? -1 : 0;
}

static void sizes_below_the_first_are_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char *arg = good_argument(&commands[i]);

		for (uint32_t size = 0; size < commands[i].size; size++) {
			*(uint32_t *)arg = size;
			expect_errno(commands[i].code, arg, EINVAL,
				     commands[i].name);
		}
	}
}

static void larger_sizes_are_taken_if_the_rest_is_zero(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		char *arg = good_argument(c);

		if (good_errno(c))
			continue;
		for (uint32_t size = c->size; size <= ESX_PAGE; size += 8) {
			*(uint32_t *)arg = size;
			expect_errno(c->code, arg, 0, c->name);
		}
	}
}

static void larger_sizes_are_refused_if_the_rest_is_not_zero(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		char *arg = good_argument(c);

		for (uint32_t size = c->size + 1; size <= ESX_PAGE; size += 97) {
			*(uint32_t *)arg = size;
			arg[size - 1] = 1;
			expect_errno(c->code, arg, E2BIG, c->name);
			arg[size - 1] = 0;
		}
	}
}

static void absurd_sizes_are_refused(void)
{
	static const uint32_t sizes[] = { 4097, 8192, 1u << 20, 1u << 31,
					  UINT32_MAX };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char *arg = good_argument(&commands[i]);

		for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
			*(uint32_t *)arg = sizes[s];
			expect_errno(commands[i].code, arg, E2BIG,
				     commands[i].name);
		}
	}
}

static void unknown_flags_are_refused(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		char *arg = good_argument(&commands[i]);

		for (int bit = 0; bit < 32; bit++) {
			((uint32_t *)arg)[1] = 1u << bit;
			expect_errno(commands[i].code, arg, EINVAL,
				     commands[i].name);
		}
	}
}

static void bad_addresses_are_refused(void)
{
	char *page = mmap(NULL, 2 * ESX_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	CHECK(page != MAP_FAILED);
	CHECK_OK(munmap(page + ESX_PAGE, ESX_PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		char *good = good_argument(c);
		char *cut = page + ESX_PAGE - c->size + 8;

		expect_errno(c->code, NULL, EFAULT, c->name);
		expect_errno(c->code, (void *)-8UL, EFAULT, c->name);
		expect_errno(c->code, page + ESX_PAGE, EFAULT, c->name);
		expect_errno(c->code, page + ESX_PAGE - 2, EFAULT, c->name);
		memcpy(cut, good, c->size - 8);
		expect_errno(c->code, cut, EFAULT, c->name);
	}
}

static void results_go_nowhere_but_into_the_argument(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *c = &commands[i];
		char *arg = good_argument(c);

		memset(arg + c->size, 0xcc, ESX_PAGE);
		if (!good_errno(c))
			expect_errno(c->code, arg, 0, c->name);
		for (size_t at = 0; at < ESX_PAGE; at++)
			CHECK_EQ((unsigned char)arg[c->size + at], 0xcc);
	}
}

static void read_only_arguments_are_refused(void)
{
	char *page = mmap(NULL, ESX_PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct esxmem_info info = { .size = sizeof(info) };

	memcpy(page, &info, sizeof(info));
	CHECK_OK(mprotect(page, ESX_PAGE, PROT_READ));
	expect_errno(ESXMEM_IOC_INFO, page, EFAULT, "info");
}

static void bad_merge_arguments_are_refused(void)
{
	static const struct {
		enum fd_kind fd;
		uint32_t reserved;
		uint64_t offset, length;
		int expected;
		const char *what;
	} table[] = {
		{ FD_FILE, 0, 0, 0, 0, "whole file" },
		{ FD_FILE, 0, ESX_PAGE, ESX_PAGE, 0, "one page" },
		{ FD_FILE, 0, 7 * ESX_PAGE, 0, 0, "last page" },
		{ FD_DIR, 0, 0, 0, 0, "directory" },
		{ FD_FILE, 1, 0, 0, EINVAL, "reserved" },
		{ FD_FILE, 0, 1, 0, EINVAL, "offset 1" },
		{ FD_FILE, 0, ESX_PAGE - 1, 0, EINVAL, "offset 4095" },
		{ FD_FILE, 0, 0, 1, EINVAL, "length 1" },
		{ FD_FILE, 0, 0, ESX_PAGE + 1, EINVAL, "length 4097" },
		{ FD_FILE, 0, 9 * ESX_PAGE, 0, EINVAL, "offset beyond" },
		{ FD_FILE, 0, 0, 9 * ESX_PAGE, EINVAL, "length beyond" },
		{ FD_FILE, 0, ESX_PAGE, 8 * ESX_PAGE, EINVAL, "end beyond" },
		{ FD_FILE, 0, -ESX_PAGE, 0, EINVAL, "offset negative" },
		{ FD_FILE, 0, 0, -ESX_PAGE, EINVAL, "length negative" },
		{ FD_FILE, 0, -ESX_PAGE, 2 * ESX_PAGE, EINVAL, "wrap to 4096" },
		{ FD_FILE, 0, ESX_PAGE, -ESX_PAGE, EINVAL, "wrap to 0" },
		{ FD_FILE, 0, 1UL << 63, 1UL << 63, EINVAL, "wrap 2^63" },
		{ FD_FILE, 0, 1UL << 62, ESX_PAGE, EINVAL, "offset 2^62" },
		{ FD_FILE, 0, INT64_MAX & -ESX_PAGE, ESX_PAGE, EINVAL,
		  "end at 2^63" },
		{ FD_DIR, 0, ESX_PAGE, 0, EINVAL, "directory, offset" },
		{ FD_DIR, 0, 0, ESX_PAGE, EINVAL, "directory, length" },
		{ FD_ROOT_DIR, 0, 0, 0, EINVAL, "foreign directory" },
		{ FD_OTHER_FS, 0, 0, 0, EINVAL, "foreign file" },
		{ FD_DEVICE, 0, 0, 0, EINVAL, "the device itself" },
		{ FD_CLOSED, 0, 0, 0, EBADF, "closed descriptor" },
	};

	/* So that the directory is that of a VM. */
	close(esx_file("vm", ESX_PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct esxmem_merge arg = {
			.size = sizeof(arg),
			.fd = open_kind(table[i].fd),
			.reserved = table[i].reserved,
			.offset = table[i].offset,
			.length = table[i].length,
		};

		expect_errno(ESXMEM_IOC_MERGE, &arg, table[i].expected,
			     table[i].what);
	}
}

static void negative_descriptors_are_refused(void)
{
	static const int fds[] = { -1, -100, INT32_MIN, INT32_MAX };
	struct esxmem_merge merge = { .size = sizeof(merge) };
	struct esxmem_pages pages = { .size = sizeof(pages), .count = 1 };
	struct esxmem_attach_kvm attach = { .size = sizeof(attach) };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		merge.fd = pages.fd = attach.kvm_fd = fds[i];
		expect_errno(ESXMEM_IOC_MERGE, &merge, EBADF, "merge");
		expect_errno(ESXMEM_IOC_PAGES, &pages, EBADF, "pages");
	}
}

static void directory_that_is_no_vm_is_refused(void)
{
	struct esxmem_merge arg = { .size = sizeof(arg) };

	CHECK_OK(mkdir(esx_path("empty"), 0700));
	arg.fd = CHECK_OK(open(esx_path("empty"), O_RDONLY | O_DIRECTORY));
	expect_errno(ESXMEM_IOC_MERGE, &arg, EINVAL, "empty directory");
	arg.fd = CHECK_OK(open(esx_mount_point(), O_RDONLY | O_DIRECTORY));
	expect_errno(ESXMEM_IOC_MERGE, &arg, EINVAL, "the mount's root");
}

static void path_descriptors_are_refused(void)
{
	struct esxmem_merge arg = { .size = sizeof(arg) };

	close(esx_file("ram", FILE_SIZE));
	arg.fd = CHECK_OK(open(esx_path("ram"), O_PATH));
	expect_errno(ESXMEM_IOC_MERGE, &arg, EBADF, "O_PATH");
}

static void bad_pages_arguments_are_refused(void)
{
	static char states[ESXMEM_PAGES_MAX];
	static const struct {
		enum fd_kind fd;
		uint32_t count;
		uint64_t offset;
		bool nowhere;
		int expected;
		const char *what;
	} table[] = {
		{ FD_FILE, 8, 0, false, 0, "all pages" },
		{ FD_FILE, 1, 7 * ESX_PAGE, false, 0, "last page" },
		{ FD_FILE, 0, 0, false, EINVAL, "no page" },
		{ FD_FILE, 9, 0, false, EINVAL, "one too many" },
		{ FD_FILE, ESXMEM_PAGES_MAX, 0, false, EINVAL, "beyond" },
		{ FD_FILE, ESXMEM_PAGES_MAX + 1, 0, false, EINVAL, "too many" },
		{ FD_FILE, UINT32_MAX, 0, false, EINVAL, "2^32 - 1" },
		{ FD_FILE, 1, 1, false, EINVAL, "offset 1" },
		{ FD_FILE, 1, 8 * ESX_PAGE, false, EINVAL, "offset at end" },
		{ FD_FILE, 2, 7 * ESX_PAGE, false, EINVAL, "end beyond" },
		{ FD_FILE, 1, -ESX_PAGE, false, EINVAL, "offset negative" },
		{ FD_FILE, 2, -ESX_PAGE, false, EINVAL, "wrap" },
		{ FD_FILE, 1, 1UL << 63, false, EINVAL, "offset 2^63" },
		{ FD_DIR, 1, 0, false, EINVAL, "directory" },
		{ FD_OTHER_FS, 1, 0, false, EINVAL, "foreign file" },
		{ FD_DEVICE, 1, 0, false, EINVAL, "the device itself" },
		{ FD_CLOSED, 1, 0, false, EBADF, "closed descriptor" },
		{ FD_FILE, 8, 0, true, EFAULT, "states nowhere" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct esxmem_pages arg = {
			.size = sizeof(arg),
			.fd = open_kind(table[i].fd),
			.count = table[i].count,
			.offset = table[i].offset,
			.states = table[i].nowhere ? 8 : (uintptr_t)states,
		};

		expect_errno(ESXMEM_IOC_PAGES, &arg, table[i].expected,
			     table[i].what);
	}
}

static void pages_writes_no_more_than_asked(void)
{
	int fd = open_kind(FD_FILE);
	uint8_t states[16];

	memset(states, 0xcc, sizeof(states));
	esx_states(fd, 2, 3, states + 4);
	for (size_t i = 0; i < sizeof(states); i++)
		CHECK_EQ(states[i], i >= 4 && i < 7 ? ESXMEM_PAGE_EMPTY : 0xcc);
}

static void bad_reclaim_arguments_are_refused(void)
{
	static const struct {
		enum fd_kind fd;
		uint32_t reserved;
		uint64_t length, max_hashed;
		int expected;
		const char *what;
	} table[] = {
		{ FD_FILE, 0, 0, 0, 0, "all of a file's VM" },
		{ FD_FILE, 0, ESX_PAGE, 0, 0, "one page" },
		{ FD_FILE, 0, -ESX_PAGE, UINT64_MAX, 0, "the most" },
		{ FD_DIR, 0, 0, 1, 0, "directory" },
		{ FD_FILE, 1, 0, 0, EINVAL, "reserved" },
		{ FD_FILE, 1U << 31, 0, 0, EINVAL, "reserved, last bit" },
		{ FD_FILE, 0, 1, 0, EINVAL, "length 1" },
		{ FD_FILE, 0, ESX_PAGE - 1, 0, EINVAL, "length 4095" },
		{ FD_FILE, 0, UINT64_MAX, 0, EINVAL, "length 2^64 - 1" },
		{ FD_ROOT_DIR, 0, 0, 0, EINVAL, "foreign directory" },
		{ FD_OTHER_FS, 0, 0, 0, EINVAL, "foreign file" },
		{ FD_DEVICE, 0, 0, 0, EINVAL, "the device itself" },
		{ FD_CLOSED, 0, 0, 0, EBADF, "closed descriptor" },
	};

	/* So that the directory is that of a VM. */
	close(esx_file("vm", ESX_PAGE));
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct esxmem_reclaim arg = {
			.size = sizeof(arg),
			.fd = open_kind(table[i].fd),
			.reserved = table[i].reserved,
			.length = table[i].length,
			.max_hashed = table[i].max_hashed,
		};

		expect_errno(ESXMEM_IOC_RECLAIM, &arg, table[i].expected,
			     table[i].what);
	}
}

static void bad_attach_arguments_are_refused(void)
{
	struct esxmem_attach_kvm arg = { .size = sizeof(arg) };
	int result;

	arg.reserved = 1;
	expect_errno(ESXMEM_IOC_ATTACH_KVM, &arg, EINVAL, "reserved");
	arg.reserved = 0;
	/* Without the glue nobody can tell what the descriptor is. */
	arg.kvm_fd = open_kind(FD_FILE);
	result = ioctl(esx_ctl(), ESXMEM_IOC_ATTACH_KVM, &arg);
	CHECK(result == -1);
	if (access("/sys/module/esxmem_kvm", F_OK)) {
		CHECK_EQ(errno, EOPNOTSUPP);
		return;
	}
	CHECK_EQ(errno, EINVAL);
	arg.kvm_fd = open_kind(FD_OTHER_FS);
	expect_errno(ESXMEM_IOC_ATTACH_KVM, &arg, EINVAL, "foreign file");
	arg.kvm_fd = open_kind(FD_CLOSED);
	expect_errno(ESXMEM_IOC_ATTACH_KVM, &arg, EBADF, "closed");
	arg.kvm_fd = -1;
	expect_errno(ESXMEM_IOC_ATTACH_KVM, &arg, EBADF, "negative");
}

static bool known(unsigned int direction, unsigned int nr)
{
	return direction == (_IOC_READ | _IOC_WRITE) &&
	       nr < ARRAY_SIZE(commands);
}

static void unknown_commands_are_refused(void)
{
	static const unsigned int sizes[] = { 0,  1,   4,   8,	 12,   16,   32,
					      64, 104, 112, 168, 1024, 4096,
					      _IOC_SIZEMASK };
	static uint64_t arg[2048];
	unsigned int tried = 0;

	for (unsigned int nr = 0; nr < 256; nr++)
		for (unsigned int direction = 0; direction < 4; direction++)
			for (size_t s = 0; s < ARRAY_SIZE(sizes); s++) {
				if (known(direction, nr))
					continue;
				tried++;
				expect_errno(_IOC(direction, ESXMEM_IOC_TYPE,
						  nr, sizes[s]),
					     arg, ENOTTY, "unknown command");
			}
	for (unsigned int type = 0; type < 256; type++) {
		if (type == ESXMEM_IOC_TYPE)
			continue;
		tried++;
		expect_errno(_IOWR(type, 0, struct esxmem_info), arg, ENOTTY,
			     "unknown type");
	}
	tap_note("%u codes", tried);
}

static void known_commands_of_other_size_codes_check_the_argument(void)
{
	static uint64_t arg[2048];

	for (unsigned int nr = 0; nr < ARRAY_SIZE(commands); nr++)
		for (unsigned int size = 0; size < 512; size++) {
			errno = 0;
			CHECK_EQ(ioctl(esx_ctl(),
				       _IOC(_IOC_READ | _IOC_WRITE,
					    ESXMEM_IOC_TYPE, nr, size),
				       arg),
				 -1);
			CHECK(errno == EINVAL || errno == ENOTTY);
		}
}

static uint64_t odd_value(struct rand *r)
{
	static const uint64_t edges[] = {
		0,	   1,		4095,	    4096,	4097,
		65535,	   65536,	65537,	    INT32_MAX,	1UL << 31,
		UINT32_MAX, 1UL << 32,	INT64_MAX,  1UL << 63,	UINT64_MAX,
		-4096UL,   INT64_MAX - 4095, 0xcccccccc,
	};

	return rand_below(r, 3) ? edges[rand_below(r, ARRAY_SIZE(edges))] :
				  rand_next(r);
}

static bool listed(int error)
{
	static const int errnos[] = { EINVAL, E2BIG,  EFAULT, EBADF,
				      ENOENT, EEXIST, EOPNOTSUPP };

	for (size_t i = 0; i < ARRAY_SIZE(errnos); i++)
		if (errnos[i] == error)
			return true;
	return false;
}

/*
 * A random argument, with sound sizes and descriptors most of the time, so that
 * the fuzz gets beyond the first checks.
 */
static void invent_argument(struct rand *r, const struct command *c, int fd,
			    char *arg)
{
	for (size_t at = 0; at < c->size; at += 4) {
		uint32_t value = rand_below(r, 4) ? 0 : odd_value(r);

		memcpy(arg + at, &value, 4);
	}
	if (rand_below(r, 10))
		*(uint32_t *)arg = c->size;
	if (rand_below(r, 10))
		((uint32_t *)arg)[1] = 0;
	if (c->code == ESXMEM_IOC_MERGE || c->code == ESXMEM_IOC_PAGES ||
	    c->code == ESXMEM_IOC_RECLAIM)
		if (rand_below(r, 10))
			((int32_t *)arg)[2] = fd;
}

static void random_arguments_do_no_harm(void)
{
	static char arg[3 * ESX_PAGE];
	uint64_t calls = tap_scaled(100000, 25000), good = 0;
	struct rand r = { tap_seed(61) };
	int fd = open_kind(FD_FILE);
	char *map = esx_map(fd, FILE_SIZE, 0);

	for (int i = 0; i < 8; i++)
		esx_fill(map + i * ESX_PAGE, 1 + i % 3);
	for (uint64_t n = 0; n < calls; n++) {
		const struct command *c =
			&commands[rand_below(&r, ARRAY_SIZE(commands))];

		/* Each audit stops the world: not so many. */
		if (c->code == ESXMEM_IOC_AUDIT && rand_below(&r, 50))
			continue;
		memset(arg, 0, sizeof(arg));
		memset(arg + c->size + 256, 0xcc, ESX_PAGE);
		invent_argument(&r, c, fd, arg);
		errno = 0;
		if (!ioctl(esx_ctl(), c->code, arg))
			good++;
		else
			CHECK_MSG(listed(errno), "%s: %s", c->name,
				  strerror(errno));
		for (size_t at = 0; at < ESX_PAGE; at += 512)
			CHECK_EQ((unsigned char)arg[c->size + 256 + at], 0xcc);
	}
	tap_note("%llu calls, %llu of them good", (unsigned long long)calls,
		 (unsigned long long)good);
	CHECK(good > calls / 100);
	for (int i = 0; i < 8; i++)
		CHECK(esx_has(map + i * ESX_PAGE, 1 + i % 3));
}

static void info_tells_what_is_there(void)
{
	struct esxmem_info before = esx_info(), after;
	int fd = open_kind(FD_FILE);
	char *map = esx_map(fd, FILE_SIZE, 0);

	for (int i = 0; i < 4; i++)
		esx_fill(map + i * ESX_PAGE, 1 + i);
	after = esx_info();
	CHECK_EQ(after.abi_version, ESXMEM_ABI_VERSION);
	CHECK_EQ(after.size, sizeof(after));
	CHECK_EQ(after.nr_files - before.nr_files, 1);
	CHECK_EQ(after.nr_vms - before.nr_vms, 1);
	CHECK_EQ(after.size_pages - before.size_pages, 8);
	CHECK_EQ(after.private_pages - before.private_pages, 4);
	CHECK_EQ(after.frames - before.frames, 4);
	CHECK_EQ(after.reserved, 0);
}

static void audit_counts_what_info_counts(void)
{
	int fd = open_kind(FD_FILE);
	char *map = esx_map(fd, FILE_SIZE, 0);
	struct esxmem_audit audit;
	struct esxmem_info info;

	for (int i = 0; i < 8; i++)
		esx_fill(map + i * ESX_PAGE, i / 2);
	esx_merge(fd, 0, 0);
	audit = esx_audit();
	info = esx_info();
	CHECK_EQ(audit.violations, 0);
	CHECK_EQ(audit.files, info.nr_files);
	CHECK_EQ(audit.private_pages, info.private_pages);
	CHECK_EQ(audit.shared_pages, info.shared_pages);
	CHECK_EQ(audit.zero_pages, info.zero_pages);
	CHECK_EQ(audit.huge_pages, info.huge_pages);
	CHECK_EQ(audit.shared_frames, info.shared_frames);
	CHECK_EQ(audit.pages,
		 info.private_pages + info.shared_pages + info.zero_pages);
}

static void plain_users_may_not_open_the_device(void)
{
	pid_t child = fork();

	if (!child) {
		host_become(65534);
		CHECK_ERRNO(open("/dev/esxmem", O_RDWR), EACCES);
		CHECK_ERRNO(open("/dev/esxmem", O_RDONLY), EACCES);
		_exit(0);
	}
	tap_join(child);
}

/* Whoever was handed a descriptor may look, but change nothing. */
static void plain_users_may_only_read_the_figures(void)
{
	struct command merge = commands[1];
	char *merge_arg = good_argument(&merge);
	pid_t child;

	esx_ctl();
	child = fork();
	if (!child) {
		static char arg[ESX_PAGE];

		host_become(65534);
		esx_info();
		expect_errno(ESXMEM_IOC_MERGE, merge_arg, EPERM, "merge");
		for (size_t i = 2; i < ARRAY_SIZE(commands); i++) {
			memset(arg, 0, sizeof(arg));
			*(uint32_t *)arg = commands[i].size;
			expect_errno(commands[i].code, arg, EPERM,
				     commands[i].name);
		}
		/* An unknown command stays unknown. */
		expect_errno(_IO(ESXMEM_IOC_TYPE, 99), arg, ENOTTY, "unknown");
		_exit(0);
	}
	tap_join(child);
}

static void merge_can_be_killed(void)
{
	size_t pages = tap_scaled(16384, 8192);
	int fd = esx_file("ram", pages * ESX_PAGE);
	char *map = esx_map(fd, pages * ESX_PAGE, 0);
	int status;

	for (size_t i = 0; i < pages; i++)
		*(uint64_t *)(map + i * ESX_PAGE) = i;
	for (int round = 0; round < 10; round++) {
		pid_t child = fork();

		if (!child)
			for (;;)
				esx_merge(fd, 0, 0);
		usleep(3000 * round);
		CHECK_OK(kill(child, SIGKILL));
		CHECK_EQ(waitpid(child, &status, 0), child);
		CHECK(WIFSIGNALED(status));
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(sizes_below_the_first_are_refused),
	TAP_CASE(larger_sizes_are_taken_if_the_rest_is_zero),
	TAP_CASE(larger_sizes_are_refused_if_the_rest_is_not_zero),
	TAP_CASE(absurd_sizes_are_refused),
	TAP_CASE(unknown_flags_are_refused),
	TAP_CASE(bad_addresses_are_refused),
	TAP_CASE(results_go_nowhere_but_into_the_argument),
	TAP_CASE(read_only_arguments_are_refused),
	TAP_CASE(bad_merge_arguments_are_refused),
	TAP_CASE(negative_descriptors_are_refused),
	TAP_CASE(directory_that_is_no_vm_is_refused),
	TAP_CASE(path_descriptors_are_refused),
	TAP_CASE(bad_pages_arguments_are_refused),
	TAP_CASE(pages_writes_no_more_than_asked),
	TAP_CASE(bad_reclaim_arguments_are_refused),
	TAP_CASE(bad_attach_arguments_are_refused),
	TAP_CASE(unknown_commands_are_refused),
	TAP_CASE(known_commands_of_other_size_codes_check_the_argument),
	TAP_CASE(random_arguments_do_no_harm),
	TAP_CASE(info_tells_what_is_there),
	TAP_CASE(audit_counts_what_info_counts),
	TAP_CASE(plain_users_may_not_open_the_device),
	TAP_CASE(plain_users_may_only_read_the_figures),
	TAP_CASE(merge_can_be_killed),
};

ESX_MAIN(cases)
