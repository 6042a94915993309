// SPDX-License-Identifier: GPL-2.0
/* The control device, /dev/esxmem. */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "esx.h"

int esx_ctl(void)
{
	static int fd = -1;

	if (fd < 0) {
		fd = open("/dev/esxmem", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			FAIL("open /dev/esxmem: %s", strerror(errno));
	}
	return fd;
}

struct esxmem_info esx_info(void)
{
	struct esxmem_info info = { .size = sizeof(info) };

	CHECK_OK(ioctl(esx_ctl(), ESXMEM_IOC_INFO, &info));
	return info;
}

struct esxmem_audit esx_audit(void)
{
	struct esxmem_audit audit = { .size = sizeof(audit) };

	CHECK_OK(ioctl(esx_ctl(), ESXMEM_IOC_AUDIT, &audit));
	return audit;
}

void esx_audit_clean(void)
{
	struct esxmem_audit audit = esx_audit();

	if (audit.violations)
		FAIL("audit: %llu violations (sums %llu, references %llu, salts %llu, hints %llu)",
		     audit.violations, audit.bad_state_sums, audit.bad_refs,
		     audit.bad_salts, audit.bad_hints);
}

struct esxmem_merge esx_merge(int fd, uint64_t offset, uint64_t length)
{
	struct esxmem_merge merge = {
		.size = sizeof(merge),
		.fd = fd,
		.offset = offset,
		.length = length,
	};

	CHECK_OK(ioctl(esx_ctl(), ESXMEM_IOC_MERGE, &merge));
	return merge;
}

struct esxmem_merge esx_merge_dir(const char *name)
{
	int fd = CHECK_OK(open(esx_path("%s", name), O_RDONLY | O_DIRECTORY));
	struct esxmem_merge merge = esx_merge(fd, 0, 0);

	close(fd);
	return merge;
}

void esx_states(int fd, size_t first, size_t count, uint8_t *states)
{
	while (count) {
		struct esxmem_pages pages = {
			.size = sizeof(pages),
			.fd = fd,
			.count = count > ESXMEM_PAGES_MAX ? ESXMEM_PAGES_MAX :
							    count,
			.offset = first * ESX_PAGE,
			.states = (uintptr_t)states,
		};

		CHECK_OK(ioctl(esx_ctl(), ESXMEM_IOC_PAGES, &pages));
		first += pages.count;
		states += pages.count;
		count -= pages.count;
	}
}

enum esxmem_page_state esx_state(int fd, size_t page)
{
	uint8_t state;

	esx_states(fd, page, 1, &state);
	return state;
}

size_t esx_count(int fd, size_t first, size_t count,
		 enum esxmem_page_state state)
{
	uint8_t states[1024];
	size_t found = 0;

	while (count) {
		size_t part = count < sizeof(states) ? count : sizeof(states);

		esx_states(fd, first, part, states);
		for (size_t i = 0; i < part; i++)
			found += states[i] == state;
		first += part;
		count -= part;
	}
	return found;
}
