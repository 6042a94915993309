/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A page map for tests: no file, no file system, no mappings.
 */
#ifndef _ESXMEM_TESTS_MAP_H
#define _ESXMEM_TESTS_MAP_H

#include <kunit/test.h>
#include <linux/fs.h>

#include "../pmap.h"
#include "../vm.h"

/* Pages of the map, and the most that its quota allows. */
#define TEST_MAP_PAGES		(8 * ESX_REGION_PAGES)

/**
 * struct test_map - a page map and what belongs to it
 */
struct test_map {
	/** @pmap: the map. */
	struct esx_pmap *pmap;
	/** @vm: the VM that it belongs to; on no list. */
	struct esx_vm vm;
	/** @mapping: of the file that is not there. */
	struct address_space mapping;
	/** @quota: the mount's budget. */
	struct esx_quota quota;
	/** @in_use: a test has the map entered, or was aborted while it had. */
	bool in_use;
};

struct test_map *create_test_map(struct kunit *test, u64 salt);
void destroy_test_map(struct kunit *test, struct test_map *map);
void exit_test_map(struct kunit *test);
void end_sharing_test(struct kunit *test, struct test_map *const *maps, unsigned int nr);

void enter_test_map(struct kunit *test, struct test_map *map);
void leave_test_map(struct test_map *map);

/* The following want the map entered. */
void lock_page_at(struct kunit *test, struct test_map *map, pgoff_t pgoff, unsigned int how,
		  struct esx_slot *slot);
void lock_entry_at(struct kunit *test, struct test_map *map, pgoff_t pgoff,
		   struct esx_slot *slot);
struct folio *new_private_frame(struct kunit *test, struct test_map *map, pgoff_t pgoff);
void set_page_at(struct kunit *test, struct test_map *map, pgoff_t pgoff, unsigned int number);
void set_huge_at(struct kunit *test, struct test_map *map, pgoff_t pgoff);
enum esx_state state_at(struct kunit *test, struct test_map *map, pgoff_t pgoff);
struct page *page_at(struct kunit *test, struct test_map *map, pgoff_t pgoff);

/* These enter it. */
struct page *page_of(struct kunit *test, struct test_map *map, pgoff_t pgoff);
void write_page(struct kunit *test, struct test_map *map, pgoff_t pgoff, unsigned int number);
void fill_alike(struct kunit *test, struct test_map *map, pgoff_t first, pgoff_t end,
		unsigned int number);
void fill_apart(struct kunit *test, struct test_map *map, pgoff_t first, pgoff_t end,
		unsigned int number);
void age_digest(struct kunit *test, struct test_map *map, unsigned int region,
		unsigned int seconds);

void expect_counts(struct kunit *test, struct test_map *map, long nr_zero, long nr_private,
		   long nr_shared, long nr_huge);

#endif /* _ESXMEM_TESTS_MAP_H */
