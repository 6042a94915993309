// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of hashes, comparisons and salts (share/hash.c).
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/xxhash.h>

#include "../share/hash.h"
#include "suites.h"

/* Two pages that fill with the same bytes, none of them zero. */
struct pages {
	struct page *a;
	struct page *b;
};

static u8 *bytes_of(struct page *page)
{
	return page_address(page);
}

static void fill_page(struct page *page)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE; i++)
		bytes_of(page)[i] = i % 251 + 1;
}

static int init_pages(struct kunit *test)
{
	struct pages *pages = kunit_kzalloc(test, sizeof(*pages), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, pages);
	test->priv = pages;
	pages->a = alloc_page(GFP_KERNEL);
	pages->b = alloc_page(GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages->a);
	KUNIT_ASSERT_NOT_NULL(test, pages->b);
	fill_page(pages->a);
	fill_page(pages->b);
	return 0;
}

static void exit_pages(struct kunit *test)
{
	struct pages *pages = test->priv;

	if (!pages)
		return;
	if (pages->a)
		__free_page(pages->a);
	if (pages->b)
		__free_page(pages->b);
}

static void salts_of_two_kinds_differ(struct kunit *test)
{
	u32 i, j;

	for (i = 0; i < 100; i++) {
		for (j = 0; j < 100; j++)
			KUNIT_EXPECT_NE(test, esx_salt_vm(i), esx_salt_uid(j));
		KUNIT_EXPECT_NE(test, esx_salt_vm(i), esx_salt_host());
		KUNIT_EXPECT_NE(test, esx_salt_uid(i), esx_salt_host());
		KUNIT_EXPECT_NE(test, esx_salt_vm(i), esx_salt_group(""));
		KUNIT_EXPECT_NE(test, esx_salt_uid(i), esx_salt_group("0"));
	}
	KUNIT_EXPECT_NE(test, esx_salt_host(), esx_salt_group("host"));
}

static void salts_of_one_kind_differ(struct kunit *test)
{
	static const char *const names[] = {
		"", "a", "b", "aa", "0123456789abcdef", "0123456789abcdeF",
	};
	u32 i, j;

	for (i = 0; i < 100; i++) {
		for (j = 0; j < i; j++) {
			KUNIT_EXPECT_NE(test, esx_salt_vm(i), esx_salt_vm(j));
			KUNIT_EXPECT_NE(test, esx_salt_uid(i), esx_salt_uid(j));
		}
	}
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		for (j = 0; j < i; j++)
			KUNIT_EXPECT_NE(test, esx_salt_group(names[i]), esx_salt_group(names[j]));
	}
}

static void salt_stays_what_it_is(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_salt_vm(7), esx_salt_vm(7));
	KUNIT_EXPECT_EQ(test, esx_salt_uid(7), esx_salt_uid(7));
	KUNIT_EXPECT_EQ(test, esx_salt_host(), esx_salt_host());
	KUNIT_EXPECT_EQ(test, esx_salt_group("web"), esx_salt_group("web"));
	KUNIT_EXPECT_EQ(test, esx_salt_vm(7), esx_salt_derive(ESX_SALT_VM, 7));
	KUNIT_EXPECT_EQ(test, esx_salt_uid(7), esx_salt_derive(ESX_SALT_UID, 7));
}

static void hash_depends_on_salt(struct kunit *test)
{
	struct pages *pages = test->priv;

	KUNIT_EXPECT_NE(test, esx_hash_page(pages->a, esx_salt_vm(1)),
			esx_hash_page(pages->a, esx_salt_vm(2)));
	KUNIT_EXPECT_NE(test, esx_hash_page(pages->a, 0), esx_hash_page(pages->a, 1));
}

static void hash_depends_on_contents_only(struct kunit *test)
{
	struct pages *pages = test->priv;
	u64 salt = esx_salt_vm(1);

	KUNIT_EXPECT_EQ(test, esx_hash_page(pages->a, salt), esx_hash_page(pages->b, salt));
}

/* The same sum by another way, in pieces that fit no word. */
static void hash_is_xxh64_of_the_whole_page(struct kunit *test)
{
	struct pages *pages = test->priv;
	struct xxh64_state state;
	size_t at, len;

	xxh64_reset(&state, 42);
	for (at = 0; at < PAGE_SIZE; at += len) {
		len = min_t(size_t, 61, PAGE_SIZE - at);
		xxh64_update(&state, bytes_of(pages->a) + at, len);
	}
	KUNIT_EXPECT_EQ(test, esx_hash_page(pages->a, 42), xxh64_digest(&state));
	KUNIT_EXPECT_EQ(test, esx_hash_page_fetch(pages->a, 42, NULL), xxh64_digest(&state));
	bytes_of(pages->b)[0] = 0;
	KUNIT_EXPECT_EQ(test, esx_hash_page_fetch(pages->a, 42, pages->b), xxh64_digest(&state));
}

static void part_of_compound_page_is_hashed_alone(struct kunit *test)
{
	struct pages *pages = test->priv;
	struct page *compound = alloc_pages(GFP_KERNEL | __GFP_COMP | __GFP_ZERO, 3);
	struct page *part;

	KUNIT_ASSERT_NOT_NULL(test, compound);
	part = nth_page(compound, 5);
	fill_page(part);
	KUNIT_EXPECT_EQ(test, esx_hash_page(part, 1), esx_hash_page(pages->a, 1));
	KUNIT_EXPECT_TRUE(test, esx_pages_equal(part, pages->a));
	KUNIT_EXPECT_TRUE(test, esx_page_is_zero(nth_page(compound, 4)));
	KUNIT_EXPECT_FALSE(test, esx_page_is_zero(part));
	KUNIT_EXPECT_TRUE(test, esx_page_is_zero(nth_page(compound, 6)));
	__free_pages(compound, 3);
}

static void each_bit_counts(struct kunit *test)
{
	static const u16 offsets[] = { 0, 1, 7, 8, 31, 32, 63, 2047, 2048, 4064, 4088, 4094, 4095 };
	struct pages *pages = test->priv;
	u64 hash = esx_hash_page(pages->a, 1);
	unsigned int i, bit;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		for (bit = 0; bit < 8; bit++) {
			bytes_of(pages->b)[offsets[i]] ^= BIT(bit);
			KUNIT_EXPECT_NE(test, esx_hash_page(pages->b, 1), hash);
			KUNIT_EXPECT_FALSE(test, esx_pages_equal(pages->a, pages->b));
			bytes_of(pages->b)[offsets[i]] ^= BIT(bit);
		}
	}
	KUNIT_EXPECT_EQ(test, esx_hash_page(pages->b, 1), hash);
	KUNIT_EXPECT_TRUE(test, esx_pages_equal(pages->a, pages->b));
}

static void zero_page_has_no_bit_set(struct kunit *test)
{
	struct pages *pages = test->priv;
	u8 *bytes = bytes_of(pages->a);
	unsigned int i;

	memset(bytes, 0, PAGE_SIZE);
	KUNIT_EXPECT_TRUE(test, esx_page_is_zero(pages->a));
	for (i = 0; i < PAGE_SIZE; i++) {
		bytes[i] = BIT(i % 8);
		KUNIT_EXPECT_FALSE(test, esx_page_is_zero(pages->a));
		bytes[i] = 0;
	}
	KUNIT_EXPECT_TRUE(test, esx_page_is_zero(pages->a));
}

/*
 * xxh64 adds word * P2 to one of four lanes, rotates by 31 and multiplies by P1.
 * A change of the top bit survives the first product as it is and arrives in the
 * lane's next round as +-2^30 * P1, where a second change takes it back.  The
 * sign is that of a bit that depends on the seed: half of the seeds collide.
 *
 * This is no wish but a warning: nobody may build on hashes that are unique.
 * Should this fail then the hash became stronger, and the comment in hash.c and
 * the tests of false matches want another way to make collisions.
 */
static void guest_can_make_collisions(struct kunit *test)
{
	static const u64 p1 = 0x9e3779b185ebca87ULL, p2 = 0xc2b2ae3d27d4eb4fULL;
	struct pages *pages = test->priv;
	u64 *words = (u64 *)bytes_of(pages->b);
	unsigned int i, nr_equal = 0;
	u64 p2_inverse = p2, salt;

	/* Newton: each step doubles the number of right bits. */
	for (i = 0; i < 5; i++)
		p2_inverse *= 2 - p2 * p2_inverse;
	KUNIT_ASSERT_EQ(test, p2 * p2_inverse, 1ULL);

	words[0] ^= BIT_ULL(63);
	words[4] += (p1 << 30) * p2_inverse;
	KUNIT_ASSERT_FALSE(test, esx_pages_equal(pages->a, pages->b));

	for (i = 1; i <= 256; i++) {
		salt = i * p1;
		nr_equal += esx_hash_page(pages->a, salt) == esx_hash_page(pages->b, salt);
	}
	KUNIT_EXPECT_GT(test, nr_equal, 64);
	KUNIT_EXPECT_LT(test, nr_equal, 192);
}

static struct kunit_case hash_cases[] = {
	KUNIT_CASE(salts_of_two_kinds_differ),
	KUNIT_CASE(salts_of_one_kind_differ),
	KUNIT_CASE(salt_stays_what_it_is),
	KUNIT_CASE(hash_depends_on_salt),
	KUNIT_CASE(hash_depends_on_contents_only),
	KUNIT_CASE(hash_is_xxh64_of_the_whole_page),
	KUNIT_CASE(part_of_compound_page_is_hashed_alone),
	KUNIT_CASE(each_bit_counts),
	KUNIT_CASE(zero_page_has_no_bit_set),
	KUNIT_CASE(guest_can_make_collisions),
	{}
};

struct kunit_suite esx_hash_suite = {
	.name = "esx_hash",
	.init = init_pages,
	.exit = exit_pages,
	.test_cases = hash_cases,
};
