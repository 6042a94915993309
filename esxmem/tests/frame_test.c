// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of machine frames (frame.c).
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/pagemap.h>

#include "../frame.h"
#include "../share/hash.h"
#include "../types.h"
#include "suites.h"

static const struct esx_frame_req req;

static struct folio *alloc_frame(struct kunit *test)
{
	struct folio *folio = esx_frame_alloc(&req, true);

	KUNIT_ASSERT_NOT_NULL(test, folio);
	return folio;
}

static void new_frame_is_zero_and_ours_alone(struct kunit *test)
{
	struct folio *folio = alloc_frame(test);

	KUNIT_EXPECT_EQ(test, folio_order(folio), 0);
	KUNIT_EXPECT_TRUE(test, esx_page_is_zero(folio_page(folio, 0)));
	KUNIT_EXPECT_TRUE(test, esx_frame_is_idle(folio));
	KUNIT_EXPECT_NULL(test, folio->mapping);
	esx_frame_release(folio);
}

static void huge_frame_is_zero_and_ours_alone(struct kunit *test)
{
	struct folio *folio = esx_frame_alloc_huge(&req);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, folio);
	KUNIT_EXPECT_EQ(test, folio_order(folio), ESX_REGION_ORDER);
	for (i = 0; i < ESX_REGION_PAGES; i++)
		KUNIT_EXPECT_TRUE(test, esx_page_is_zero(folio_page(folio, i)));
	KUNIT_EXPECT_TRUE(test, esx_frame_is_idle(folio));
	esx_frame_release(folio);
}

static void frames_are_counted(struct kunit *test)
{
	long before = esx_frame_count();
	struct folio *small, *huge;

	small = alloc_frame(test);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), before + 1);
	huge = esx_frame_alloc_huge(&req);
	KUNIT_ASSERT_NOT_NULL(test, huge);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), before + 1 + ESX_REGION_PAGES);
	esx_frame_release(huge);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), before + 1);
	esx_frame_release(small);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), before);
}

static void pinned_frame_is_not_idle(struct kunit *test)
{
	struct folio *folio = alloc_frame(test);

	folio_get(folio);
	KUNIT_EXPECT_FALSE(test, esx_frame_is_idle(folio));
	folio_put(folio);
	KUNIT_EXPECT_TRUE(test, esx_frame_is_idle(folio));
	esx_frame_release(folio);
}

/* A pin of one part is a pin of all. */
static void huge_frame_with_pinned_part_is_not_idle(struct kunit *test)
{
	struct folio *folio = esx_frame_alloc_huge(&req);

	KUNIT_ASSERT_NOT_NULL(test, folio);
	get_page(folio_page(folio, 77));
	KUNIT_EXPECT_FALSE(test, esx_frame_is_idle(folio));
	put_page(folio_page(folio, 77));
	KUNIT_EXPECT_TRUE(test, esx_frame_is_idle(folio));
	esx_frame_release(folio);
}

/* Who holds a pin keeps the memory, though esxmem has forgotten it. */
static void released_frame_lives_as_long_as_its_pin(struct kunit *test)
{
	struct address_space mapping = {};
	long before = esx_frame_count();
	struct folio *folio = alloc_frame(test);
	u8 *bytes = folio_address(folio);

	esx_frame_adopt(folio, &mapping, 1);
	bytes[5] = 0xa5;
	folio_get(folio);
	esx_frame_release(folio);
	KUNIT_EXPECT_EQ(test, esx_frame_count(), before);
	KUNIT_EXPECT_EQ(test, folio_ref_count(folio), 1);
	KUNIT_EXPECT_EQ(test, bytes[5], 0xa5);
	KUNIT_EXPECT_NULL(test, folio->mapping);
	folio_put(folio);
}

static void adopted_frame_knows_its_file(struct kunit *test)
{
	struct address_space mapping = {};
	struct folio *folio = alloc_frame(test);

	esx_frame_adopt(folio, &mapping, 12345);
	KUNIT_EXPECT_PTR_EQ(test, folio->mapping, &mapping);
	KUNIT_EXPECT_EQ(test, folio->index, 12345);
	esx_frame_disown(folio);
	KUNIT_EXPECT_NULL(test, folio->mapping);
	esx_frame_release(folio);
}

static void zero_frames_are_permanent(struct kunit *test)
{
	long before = esx_frame_count();
	pgoff_t pgoff;

	for (pgoff = 0; pgoff < 1000; pgoff++) {
		struct folio *folio = esx_frame_zero(pgoff);

		KUNIT_ASSERT_NOT_NULL(test, folio);
		KUNIT_EXPECT_TRUE(test, esx_page_is_zero(folio_page(folio, 0)));
		KUNIT_EXPECT_PTR_EQ(test, folio, esx_frame_zero(pgoff));
	}
	KUNIT_EXPECT_EQ(test, esx_frame_count(), before);
}

static struct kunit_case frame_cases[] = {
	KUNIT_CASE(new_frame_is_zero_and_ours_alone),
	KUNIT_CASE(huge_frame_is_zero_and_ours_alone),
	KUNIT_CASE(frames_are_counted),
	KUNIT_CASE(pinned_frame_is_not_idle),
	KUNIT_CASE(huge_frame_with_pinned_part_is_not_idle),
	KUNIT_CASE(released_frame_lives_as_long_as_its_pin),
	KUNIT_CASE(adopted_frame_knows_its_file),
	KUNIT_CASE(zero_frames_are_permanent),
	{}
};

struct kunit_suite esx_frame_suite = {
	.name = "esx_frame",
	.test_cases = frame_cases,
};
