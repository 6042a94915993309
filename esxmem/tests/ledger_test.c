// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of admission's arithmetic (tax/ledger.c): values worked out by hand, and
 * against a model that knows nothing but the rules, and adds everything up anew
 * in each step.
 */
#include "../tax/ledger.h"
#include "../tax/price.h"
#include "suites.h"

#define MB	256ULL	/* pages */

static const struct esx_vm_params plain = {
	.shares = ESX_SHARES_DEFAULT,
	.tax_percent = ESX_TAX_DEFAULT,
};

static void terms_follow_the_size(struct kunit *test)
{
	struct esx_vm_params params = plain;
	struct esx_terms terms = esx_ledger_terms(&params, 100 * MB);

	KUNIT_EXPECT_EQ(test, terms.min, 0);
	KUNIT_EXPECT_EQ(test, terms.max, 100 * MB);
	KUNIT_EXPECT_EQ(test, terms.shares, 1000);

	params.min_pages = 200 * MB;
	params.max_pages = 150 * MB;
	params.shares = 7;
	terms = esx_ledger_terms(&params, 100 * MB);
	KUNIT_EXPECT_EQ(test, terms.min, 100 * MB);
	KUNIT_EXPECT_EQ(test, terms.max, 100 * MB);
	KUNIT_EXPECT_EQ(test, terms.shares, 7);
	terms = esx_ledger_terms(&params, 500 * MB);
	KUNIT_EXPECT_EQ(test, terms.min, 150 * MB);
	KUNIT_EXPECT_EQ(test, terms.max, 150 * MB);
}

static void shares_are_never_none_by_default(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_ledger_terms(&plain, 1).shares, 1);
	KUNIT_EXPECT_EQ(test, esx_ledger_terms(&plain, U64_MAX).shares, ESX_SHARES_MAX);
}

static void overhead_is_half_a_per_cent(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, esx_ledger_overhead(0), 0);
	/* 1 GB: 2^18 * 20 bytes are 1280 pages. */
	KUNIT_EXPECT_EQ(test, esx_ledger_overhead(1024 * MB), 1280 + 16);
	KUNIT_EXPECT_EQ(test, esx_ledger_overhead(1), 1 + 16);
}

static void only_a_minimum_is_reserved_when_relaxed(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 10 * MB };
	struct esx_vm_params params = plain;
	struct esx_reserve a = {}, b = {};

	KUNIT_EXPECT_EQ(test, esx_ledger_move(&ledger, NULL, &a, &params, 1ULL << 50), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 0);

	/* 9 MB: 2304 pages, 12 for metadata, 16; of 2560. */
	params.min_pages = 9 * MB;
	KUNIT_EXPECT_EQ(test, esx_ledger_move(&ledger, NULL, &b, &params, 20 * MB), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 2304 + 12 + 16);
	KUNIT_EXPECT_EQ(test, esx_ledger_unreserved(&ledger), 228);
}

static void refusal_changes_nothing(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 10 * MB }, before;
	struct esx_vm_params params = plain;
	struct esx_reserve vm = {}, vm_before;

	params.min_pages = 5 * MB;
	KUNIT_ASSERT_EQ(test, esx_ledger_move(&ledger, NULL, &vm, &params, 5 * MB), 0);
	before = ledger;
	vm_before = vm;
	params.min_pages = 10 * MB;
	KUNIT_EXPECT_EQ(test, esx_ledger_move(&ledger, NULL, &vm, &params, 20 * MB), -ENOSPC);
	KUNIT_EXPECT_EQ(test, esx_ledger_set_pool(&ledger, 5 * MB), -ENOSPC);
	KUNIT_EXPECT_MEMEQ(test, &ledger, &before, sizeof(ledger));
	KUNIT_EXPECT_MEMEQ(test, &vm, &vm_before, sizeof(vm));
}

static void strict_wants_the_maximum(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 10 * MB };
	struct esx_vm_params params = plain;
	struct esx_reserve vm = {};

	KUNIT_ASSERT_EQ(test, esx_ledger_move(&ledger, NULL, &vm, &params, 20 * MB), 0);
	KUNIT_EXPECT_EQ(test, esx_ledger_set_mode(&ledger, ESX_ADMIT_STRICT), -ENOSPC);
	KUNIT_EXPECT_EQ(test, ledger.mode, ESX_ADMIT_RELAXED);

	/* 8 MB, and metadata for 20: 2048 + 25 + 16. */
	params.max_pages = 8 * MB;
	KUNIT_ASSERT_EQ(test, esx_ledger_move(&ledger, NULL, &vm, &params, 20 * MB), 0);
	KUNIT_EXPECT_EQ(test, esx_ledger_set_mode(&ledger, ESX_ADMIT_STRICT), 0);
	KUNIT_EXPECT_EQ(test, esx_ledger_unreserved(&ledger), 10 * MB - 2089);
}

struct limits_case {
	enum esx_param param;
	u64 value;
	int err;
};

/* Of a VM of 16 MB, one after the other. */
static const struct limits_case limits_cases[] = {
	{ ESX_PARAM_MIN, 16 * MB + 1, -EINVAL },
	{ ESX_PARAM_MAX, 16 * MB + 1, -EINVAL },
	{ ESX_PARAM_MAX, 8 * MB, 0 },
	{ ESX_PARAM_MIN, 8 * MB + 1, -EINVAL },
	{ ESX_PARAM_MIN, 8 * MB, 0 },
	{ ESX_PARAM_MAX, 8 * MB - 1, -EINVAL },
	/* 0 is the size. */
	{ ESX_PARAM_MAX, 0, 0 },
	{ ESX_PARAM_MIN, 16 * MB, 0 },
	{ ESX_PARAM_SHARES, 0, 0 },
	{ ESX_PARAM_TAX, 99, 0 },
	{ ESX_PARAM_MIN, 0, 0 },
};

static void limits_may_not_cross(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 1024 * MB };
	struct esx_vm_params params = plain, before;
	struct esx_reserve vm = {};
	size_t i;

	KUNIT_ASSERT_EQ(test, esx_ledger_resize(&ledger, NULL, &vm, &params, 0, 16 * MB), 0);
	for (i = 0; i < ARRAY_SIZE(limits_cases); i++) {
		const struct limits_case *c = &limits_cases[i];
		int err;

		before = params;
		err = esx_ledger_set_param(&ledger, NULL, &vm, &params, c->param, c->value);
		KUNIT_EXPECT_EQ(test, err, c->err);
		if (err)
			KUNIT_EXPECT_MEMEQ(test, &params, &before, sizeof(params));
	}
	KUNIT_EXPECT_EQ(test, params.shares, 0);
	KUNIT_EXPECT_EQ(test, params.tax_percent, 99);
}

/* A DIMM is unplugged and plugged again: the limits are what they were. */
static void limits_outlive_a_smaller_size(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 1024 * MB };
	struct esx_vm_params params = plain;
	struct esx_reserve vm = {};

	KUNIT_ASSERT_EQ(test, esx_ledger_resize(&ledger, NULL, &vm, &params, 0, 16 * MB), 0);
	KUNIT_ASSERT_EQ(test,
			esx_ledger_set_param(&ledger, NULL, &vm, &params, ESX_PARAM_MAX, 12 * MB),
			0);
	KUNIT_ASSERT_EQ(test,
			esx_ledger_set_param(&ledger, NULL, &vm, &params, ESX_PARAM_MIN, 8 * MB),
			0);
	KUNIT_EXPECT_EQ(test, esx_ledger_resize(&ledger, NULL, &vm, &params, 16 * MB, 4 * MB), 0);
	/* 1024 pages and 5 + 16 for them. */
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 4 * MB + 5 + 16);
	/* One limit can be set while the other is beyond the size. */
	KUNIT_EXPECT_EQ(test,
			esx_ledger_set_param(&ledger, NULL, &vm, &params, ESX_PARAM_MIN, 2 * MB),
			0);
	KUNIT_EXPECT_EQ(test, esx_ledger_resize(&ledger, NULL, &vm, &params, 4 * MB, 16 * MB), 0);
	KUNIT_EXPECT_EQ(test, params.max_pages, 12 * MB);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 2 * MB + 3 + 16);
}

#define MODEL_VMS	12

/* The rules of admission, said once more and simply. */
struct model {
	u64 pool;
	bool strict;
	struct {
		u64 size, min, max;
	} vms[MODEL_VMS];
};

static u64 model_need(u64 size, u64 min, u64 max, bool strict)
{
	u64 most = max == 0 || max > size ? size : max;
	u64 held = strict ? most : (min < most ? min : most);
	u64 covered = strict ? size : held;

	if (covered == 0)
		return held;
	return held + 16 + (covered * 20 + 4095) / 4096;
}

static u64 model_sum(const struct model *model, bool strict, int except)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < MODEL_VMS; i++) {
		if (i != except)
			sum += model_need(model->vms[i].size, model->vms[i].min, model->vms[i].max,
					  strict);
	}
	return sum;
}

/* May VM @i become this?  Whoever needs no more than before may. */
static bool model_admits(const struct model *model, int i, u64 size, u64 min, u64 max)
{
	u64 need = model_need(size, min, max, model->strict);
	u64 held = model_need(model->vms[i].size, model->vms[i].min, model->vms[i].max,
			      model->strict);

	return need <= held || model_sum(model, model->strict, i) + need <= model->pool;
}

static u64 next(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

static void change_vm(struct kunit *test, u64 *seed, struct model *model,
		      struct esx_ledger *ledger, struct esx_reserve *reserves)
{
	int i = next(seed) % MODEL_VMS, what = next(seed) % 8;
	u64 size = model->vms[i].size, min = model->vms[i].min, max = model->vms[i].max;
	struct esx_vm_params params = plain;
	bool admits;
	int err;

	if (what < 3)
		size = next(seed) % 5000;
	else if (what < 5)
		min = next(seed) % 2000;
	else if (what < 6)
		max = next(seed) % 4000;
	else
		size = min = max = 0;
	params.min_pages = min;
	params.max_pages = max;
	admits = model_admits(model, i, size, min, max);
	err = esx_ledger_move(ledger, NULL, &reserves[i], &params, size);
	KUNIT_ASSERT_EQ(test, err, admits ? 0 : -ENOSPC);
	if (admits) {
		model->vms[i].size = size;
		model->vms[i].min = min;
		model->vms[i].max = max;
	}
}

static void change_host(struct kunit *test, u64 *seed, struct model *model,
			struct esx_ledger *ledger)
{
	bool strict = next(seed) % 4 == 0;
	u64 pool = next(seed) % 20000;
	int err;

	if (next(seed) % 2) {
		err = esx_ledger_set_pool(ledger, pool);
		KUNIT_ASSERT_EQ(test, !err, pool >= model_sum(model, model->strict, -1));
		if (!err)
			model->pool = pool;
	} else {
		err = esx_ledger_set_mode(ledger, strict ? ESX_ADMIT_STRICT : ESX_ADMIT_RELAXED);
		KUNIT_ASSERT_EQ(test, !err, model->pool >= model_sum(model, strict, -1));
		if (!err)
			model->strict = strict;
	}
}

static void ledger_agrees_with_the_model(struct kunit *test)
{
	struct esx_reserve reserves[MODEL_VMS] = {};
	struct esx_ledger ledger = { .pool = 8000 };
	struct model model = { .pool = 8000 };
	u64 seed = 0x2545f4914f6cdd1dULL;
	u32 step;

	/* selftests/model takes ten million, of more kinds. */
	for (step = 0; step < (HAS_CHECKERS ? 50000 : 1000000); step++) {
		if (next(&seed) % 16)
			change_vm(test, &seed, &model, &ledger, reserves);
		else
			change_host(test, &seed, &model, &ledger);
		KUNIT_ASSERT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED],
				model_sum(&model, false, -1));
		KUNIT_ASSERT_EQ(test, ledger.reserved[ESX_ADMIT_STRICT],
				model_sum(&model, true, -1));
		KUNIT_ASSERT_LE(test, ledger.reserved[ledger.mode], ledger.pool);
		if (step % 65536 == 0)
			cond_resched();
	}
}

/* Sizes do not wrap: what shrinks would be taken for growth, and be refused. */
static void sizes_have_an_end(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 10 * MB };
	struct esx_vm_params params = { .min_pages = MB, .shares = ESX_SHARES_DEFAULT };
	struct esx_reserve a = {};

	KUNIT_EXPECT_EQ(test,
			esx_ledger_resize(&ledger, NULL, &a, &params, 0, ESX_LEDGER_SIZE_MAX), 0);
	KUNIT_EXPECT_EQ(test, esx_ledger_resize(&ledger, NULL, &a, &params, 0, 1), -ENOSPC);
	KUNIT_EXPECT_EQ(test, esx_ledger_resize(&ledger, NULL, &a, &params, 5, U64_MAX), -ENOSPC);
	KUNIT_EXPECT_EQ(test, a.size, ESX_LEDGER_SIZE_MAX);
	KUNIT_EXPECT_EQ(test,
			esx_ledger_resize(&ledger, NULL, &a, &params, ESX_LEDGER_SIZE_MAX, 3), 0);
	KUNIT_EXPECT_EQ(test, esx_ledger_resize(&ledger, NULL, &a, &params, 3, 0), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_STRICT], 0);
}

/* A pool reserves 100 pages at the host; its member uses these, then the host's. */
static void members_use_the_minimum_of_their_account_first(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 400 };
	struct esx_account account = {};
	struct esx_vm_params params = { .min_pages = 50 };
	struct esx_reserve vm = {};

	KUNIT_ASSERT_EQ(test, esx_ledger_set_account(&ledger, &account, 100, 0), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 100);
	/* 50, and 1 + 16 of overhead. */
	KUNIT_ASSERT_EQ(test, esx_ledger_move(&ledger, &account, &vm, &params, 1000), 0);
	KUNIT_EXPECT_EQ(test, account.sum.pages[ESX_ADMIT_RELAXED], 67);
	KUNIT_EXPECT_EQ(test, account.sum.min, 50);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 100);
	params.min_pages = 200;
	KUNIT_ASSERT_EQ(test, esx_ledger_move(&ledger, &account, &vm, &params, 1000), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 217);
	/* Strict: the maximum, and 5 + 16 of overhead, whatever the account's minimum. */
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_STRICT], 1021);
	params.min_pages = 400;
	KUNIT_EXPECT_EQ(test, esx_ledger_move(&ledger, &account, &vm, &params, 1000), -ENOSPC);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 217);
	KUNIT_ASSERT_EQ(test, esx_ledger_move(&ledger, &account, &vm, &params, 0), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 100);
	KUNIT_ASSERT_EQ(test, esx_ledger_set_account(&ledger, &account, 0, 0), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 0);
}

/* What is guaranteed in an inner account counts in the outer one; overhead does not. */
static void guarantees_stay_within_each_maximum(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 1000 };
	struct esx_account outer = {}, inner = { .parent = &outer };
	struct esx_vm_params params = { .min_pages = 100 };
	struct esx_reserve a = {}, b = {};

	KUNIT_ASSERT_EQ(test, esx_ledger_set_account(&ledger, &outer, 0, 100), 0);
	KUNIT_EXPECT_EQ(test, esx_ledger_move(&ledger, &inner, &a, &params, 100), 0);
	params.min_pages = 1;
	KUNIT_EXPECT_EQ(test, esx_ledger_move(&ledger, &outer, &b, &params, 100), -ENOSPC);
	KUNIT_EXPECT_PTR_EQ(test, esx_ledger_full_account(&inner, 100, 101), &outer);
	KUNIT_EXPECT_NULL(test, esx_ledger_full_account(&inner, 100, 100));
	KUNIT_EXPECT_EQ(test, esx_ledger_set_account(&ledger, &outer, 0, 99), -ENOSPC);
	KUNIT_EXPECT_EQ(test, esx_ledger_set_account(&ledger, &outer, 102, 101), -EINVAL);
	KUNIT_EXPECT_EQ(test, esx_ledger_set_account(&ledger, &inner, 101, 0), -ENOSPC);
	KUNIT_EXPECT_EQ(test, esx_ledger_set_account(&ledger, &inner, 100, 0), 0);
	KUNIT_EXPECT_EQ(test, outer.sum.min, 100);
	KUNIT_EXPECT_EQ(test, outer.max, 100);
}

static void an_account_takes_its_charge_along(struct kunit *test)
{
	struct esx_ledger ledger = { .pool = 200 };
	struct esx_account from = {}, to = {}, account = { .parent = &from };
	struct esx_vm_params params = { .min_pages = 50 };
	struct esx_reserve vm = {};

	KUNIT_ASSERT_EQ(test, esx_ledger_set_account(&ledger, &from, 60, 0), 0);
	KUNIT_ASSERT_EQ(test, esx_ledger_set_account(&ledger, &to, 0, 40), 0);
	KUNIT_ASSERT_EQ(test, esx_ledger_move(&ledger, &account, &vm, &params, 50), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 67);
	KUNIT_EXPECT_EQ(test, esx_ledger_move_account(&ledger, &account, &to), -ENOSPC);
	KUNIT_EXPECT_PTR_EQ(test, account.parent, &from);
	KUNIT_EXPECT_EQ(test, from.sum.min, 50);
	KUNIT_EXPECT_EQ(test, to.sum.min, 0);
	KUNIT_ASSERT_EQ(test, esx_ledger_set_account(&ledger, &to, 0, 50), 0);
	KUNIT_EXPECT_EQ(test, esx_ledger_move_account(&ledger, &account, &to), 0);
	/* The one keeps its minimum, the other has what came. */
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 60 + 67);
	KUNIT_EXPECT_EQ(test, from.sum.min, 0);
	KUNIT_EXPECT_EQ(test, to.sum.min, 50);
	KUNIT_EXPECT_EQ(test, esx_ledger_move_account(&ledger, &account, NULL), 0);
	KUNIT_EXPECT_EQ(test, ledger.reserved[ESX_ADMIT_RELAXED], 60 + 67);
	KUNIT_EXPECT_EQ(test, to.sum.pages[ESX_ADMIT_RELAXED], 0);
}

static struct kunit_case ledger_cases[] = {
	KUNIT_CASE(sizes_have_an_end),
	KUNIT_CASE(terms_follow_the_size),
	KUNIT_CASE(shares_are_never_none_by_default),
	KUNIT_CASE(overhead_is_half_a_per_cent),
	KUNIT_CASE(only_a_minimum_is_reserved_when_relaxed),
	KUNIT_CASE(refusal_changes_nothing),
	KUNIT_CASE(strict_wants_the_maximum),
	KUNIT_CASE(limits_may_not_cross),
	KUNIT_CASE(limits_outlive_a_smaller_size),
	KUNIT_CASE(ledger_agrees_with_the_model),
	KUNIT_CASE(members_use_the_minimum_of_their_account_first),
	KUNIT_CASE(guarantees_stay_within_each_maximum),
	KUNIT_CASE(an_account_takes_its_charge_along),
	{}
};

struct kunit_suite esx_ledger_suite = {
	.name = "esx_ledger",
	.test_cases = ledger_cases,
};
