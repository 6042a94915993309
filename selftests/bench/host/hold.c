// SPDX-License-Identifier: GPL-2.0
/*
 * hold: keeps memory of known contents and does to it what it is told.
 *
 *   hold MEMORY SET MIB SEED
 *
 * MEMORY is as memory_map() says, SET as contents_find() says.  Prints a line
 * of JSON when the memory is filled, and one in answer to each line read:
 *
 *   check	count the pages whose contents are not what they should be
 *   read	read a byte of each page
 *   store	time the first store to each page
 *   fork	share the memory with a child, copy-on-write, from now on
 *   machine	start a virtual machine on the memory that reads each page
 *   touch N [FIRST]	have it read N pages, the first of them FIRST or 0
 *
 * Ends at the end of input, or with a complaint when something goes wrong.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <lib/esx.h>
#include <lib/vmm.h>

#include "contents.h"
#include "memory.h"
#include "stores.h"

struct hold {
	char *start;
	size_t pages;
	const struct contents *contents;
	uint64_t seed;
	unsigned int stores; /* to the first byte of each page */
	struct vmm vmm;
	bool has_vmm;
	const char *words; /* that follow the command */
};

static char *page_at(const struct hold *hold, size_t page)
{
	return hold->start + page * ESX_PAGE;
}

static void expected(const struct hold *hold, size_t page, char *bytes)
{
	esx_fill(bytes, contents_of(hold->contents, page, hold->pages, hold->seed));
	if (hold->stores)
		bytes[0] = hold->stores;
}

static void fill(struct hold *hold)
{
	char bytes[ESX_PAGE];

	for (size_t i = 0; i < hold->pages; i++) {
		expected(hold, i, bytes);
		memcpy(page_at(hold, i), bytes, ESX_PAGE);
	}
	printf("{\"pid\": %d, \"pages\": %zu}\n", getpid(), hold->pages);
}

static void do_check(struct hold *hold)
{
	char bytes[ESX_PAGE];
	size_t wrong = 0;

	for (size_t i = 0; i < hold->pages; i++) {
		expected(hold, i, bytes);
		wrong += !!memcmp(page_at(hold, i), bytes, ESX_PAGE);
	}
	printf("{\"wrong\": %zu}\n", wrong);
}

static void do_read(struct hold *hold)
{
	for (size_t i = 0; i < hold->pages; i++)
		(void)*(volatile char *)page_at(hold, i);
	printf("{}\n");
}

static void do_store(struct hold *hold)
{
	struct stores s;

	hold->stores++;
	s = stores_time(hold->start, hold->pages, hold->seed + hold->stores, hold->stores);
	printf("{\"stores\": %zu, \"median\": %.1f, \"p90\": %.1f, \"p99\": %.1f, "
	       "\"highest\": %.1f, \"mean\": %.1f}\n",
	       hold->pages, s.median, s.p90, s.p99, s.highest, s.mean);
}

static void do_fork(struct hold *hold)
{
	pid_t child = CHECK_OK(fork());

	(void)hold;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	printf("{\"child\": %d}\n", child);
}

static void do_machine(struct hold *hold)
{
	struct vmm_job job = { .gpa = VMM_RAM, .pages = hold->pages };

	vmm_start(&hold->vmm, hold->start, hold->pages * ESX_PAGE);
	hold->has_vmm = true;
	vmm_touch(&hold->vmm, 0, &job);
	printf("{}\n");
}

static void do_touch(struct hold *hold)
{
	size_t pages = 0, first = 0;
	struct vmm_job job;

	CHECK_MSG(hold->has_vmm, "there is no machine that could touch pages");
	if (sscanf(hold->words, "%zu %zu", &pages, &first) < 1 || !pages || first >= hold->pages ||
	    pages > hold->pages - first)
		FAIL("touch %s: no such pages", hold->words);
	job = (struct vmm_job){ .gpa = VMM_RAM + first * ESX_PAGE, .pages = pages };
	vmm_touch(&hold->vmm, 0, &job);
	printf("{}\n");
}

static const struct command {
	const char *name;
	void (*run)(struct hold *hold);
} commands[] = {
	{ "check", do_check }, { "read", do_read },	  { "store", do_store },
	{ "fork", do_fork },   { "machine", do_machine }, { "touch", do_touch },
};

static void obey(struct hold *hold, char *line)
{
	const char *name = strsep(&line, " ");

	hold->words = line ?: "";
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name))
			continue;
		commands[i].run(hold);
		fflush(stdout);
		return;
	}
	FAIL("%s is no command", name);
}

int main(int argc, char **argv)
{
	struct hold hold = {};
	char line[64];
	size_t size;

	if (argc != 5)
		FAIL("usage: hold MEMORY SET MIB SEED");
	size = strtoul(argv[3], NULL, 0) << 20;
	hold.pages = size / ESX_PAGE;
	hold.seed = strtoul(argv[4], NULL, 0);
	hold.contents = contents_find(argv[2]);
	CHECK_MSG(hold.contents, "%s is no data set", argv[2]);
	hold.start = memory_map(argv[1], size);
	fill(&hold);
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		obey(&hold, line);
	}
	return 0;
}
