// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger of admission (esxmem/tax/ledger.c) against a model, in random steps:
 * VMs appear, grow, shrink, get other limits and die; so do the resource pools that
 * they are in, which also move; the host's pool and the rule change.
 *
 * The model knows the rules as they are documented, and nothing of how the ledger
 * keeps its sums: it counts in bytes, keeps no sum at all, and adds everything up
 * anew for each question.  After each step every verdict, sum and parameter has to
 * be the same on both sides.
 */
#include "../../esxmem/tax/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../esxmem/lib/tap.h"

#define STEPS 10000000UL
#define VMS 10
#define FILES 3
#define POOLS 4
/* Where a VM or pool is that is in no pool. */
#define HOST POOLS
#define PAGE 4096ULL

/* One VM, as the model sees it: what was said of it, in bytes. */
struct model_vm {
	bool alive;
	int pool;
	uint64_t files[FILES];
	uint64_t min, max;
	uint32_t shares, tax;
};

/* VMs that stand together; in another pool, or at the top. */
struct model_pool {
	int parent;
	uint64_t min, max;
};

struct model {
	uint64_t pool;
	bool strict;
	struct model_vm vms[VMS];
	struct model_pool pools[POOLS];
};

/* The same, as the module keeps it. */
struct real_vm {
	struct esx_vm_params params;
	struct esx_reserve reserve;
};

struct real {
	struct esx_ledger ledger;
	struct real_vm vms[VMS];
	struct esx_account accounts[POOLS];
};

/* What members of a pool, or of the host, have together: by rule, and guaranteed. */
enum kind { RELAXED, STRICT, GUARANTEED, NR_KINDS };

struct sums {
	uint64_t of[POOLS + 1][NR_KINDS];
};

struct bed {
	uint64_t seed;
	struct model model;
	/* Of the model as it is. */
	struct sums sums;
	struct real real;
	/* What the last step came to, on the model's word. */
	int verdict;
};

static uint64_t draw(struct bed *bed, uint64_t below)
{
	bed->seed ^= bed->seed << 13;
	bed->seed ^= bed->seed >> 7;
	bed->seed ^= bed->seed << 17;
	return (bed->seed >> 8) % below;
}

/*
 * The model.
 */

static uint64_t size_of(const struct model_vm *vm)
{
	uint64_t size = 0;

	for (int i = 0; i < FILES; i++)
		size += vm->files[i];
	return size;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t effective_max(const struct model_vm *vm)
{
	return vm->max ? least(vm->max, size_of(vm)) : size_of(vm);
}

static uint64_t effective_min(const struct model_vm *vm)
{
	return least(vm->min, effective_max(vm));
}

/* 20 bytes for each page of guest memory, in whole pages, and 64 KiB. */
static uint64_t overhead(uint64_t bytes)
{
	uint64_t metadata = bytes / PAGE * 20, whole = metadata / PAGE * PAGE;

	if (!bytes)
		return 0;
	if (whole < metadata)
		whole += PAGE;
	return whole + 64 * 1024;
}

static uint64_t need(const struct model_vm *vm, bool strict)
{
	if (strict)
		return effective_max(vm) + overhead(size_of(vm));
	return effective_min(vm) + overhead(effective_min(vm));
}

static int depth_of(const struct model *model, int pool)
{
	int depth = 0;

	while (pool != HOST) {
		pool = model->pools[pool].parent;
		depth++;
	}
	return depth;
}

/* A pool stands for its members with what they have, and its minimum at least. */
static uint64_t stands_for(const struct model *model, const struct sums *sums, int pool,
			   enum kind kind)
{
	uint64_t min = model->pools[pool].min, sum = sums->of[pool][kind];

	return sum < min ? min : sum;
}

static struct sums add_up(const struct model *model)
{
	struct sums sums = {};
	int depths[POOLS];

	for (int i = 0; i < VMS; i++) {
		const struct model_vm *vm = &model->vms[i];

		sums.of[vm->pool][RELAXED] += need(vm, false);
		sums.of[vm->pool][STRICT] += need(vm, true);
		sums.of[vm->pool][GUARANTEED] += effective_min(vm);
	}
	for (int i = 0; i < POOLS; i++)
		depths[i] = depth_of(model, i);
	/* The innermost first. */
	for (int depth = POOLS; depth; depth--) {
		for (int i = 0; i < POOLS; i++) {
			for (int kind = 0; depths[i] == depth && kind < NR_KINDS; kind++)
				sums.of[model->pools[i].parent][kind] +=
					stands_for(model, &sums, i, kind);
		}
	}
	return sums;
}

static uint64_t needed(const struct bed *bed, bool strict)
{
	return bed->sums.of[HOST][strict ? STRICT : RELAXED];
}

/* May the model become @after, with sums @is?  What does not grow may be. */
static int admits(const struct bed *bed, const struct model *after, const struct sums *is)
{
	enum kind rule = bed->model.strict ? STRICT : RELAXED;
	const struct sums *was = &bed->sums;

	for (int i = 0; i < POOLS; i++) {
		if (after->pools[i].max && is->of[i][GUARANTEED] > was->of[i][GUARANTEED] &&
		    is->of[i][GUARANTEED] > after->pools[i].max)
			return -ENOSPC;
	}
	return is->of[HOST][rule] <= was->of[HOST][rule] ||
			       is->of[HOST][rule] <= bed->model.pool ?
		       0 :
		       -ENOSPC;
}

static bool limits_hold(const struct model_vm *vm, uint64_t changed)
{
	return (changed <= size_of(vm) || size_of(vm) == 0) &&
	       (vm->max == 0 || vm->min <= vm->max);
}

/*
 * Both sides have to agree.
 */

static bool same_params(const struct model_vm *vm, const struct esx_vm_params *params)
{
	return params->min_pages == vm->min / PAGE && params->max_pages == vm->max / PAGE &&
	       params->shares == vm->shares && params->tax_percent == vm->tax;
}

static bool same_terms(const struct model_vm *vm, const struct real_vm *real)
{
	struct esx_terms terms = esx_ledger_terms(&real->params, real->reserve.size);
	uint64_t shares = vm->shares;

	if (vm->shares == ESX_SHARES_DEFAULT) {
		shares = size_of(vm) * 10 / (1024 * 1024);
		shares = shares < 1 ? 1 : least(shares, 1000000000);
	}
	return terms.size == size_of(vm) / PAGE && terms.min == effective_min(vm) / PAGE &&
	       terms.max == effective_max(vm) / PAGE && terms.shares == shares;
}

static bool same_vm(const struct model_vm *vm, const struct real_vm *real)
{
	return same_params(vm, &real->params) && same_terms(vm, real) &&
	       real->reserve.charge.pages[ESX_ADMIT_RELAXED] == need(vm, false) / PAGE &&
	       real->reserve.charge.pages[ESX_ADMIT_STRICT] == need(vm, true) / PAGE &&
	       real->reserve.charge.min == effective_min(vm) / PAGE;
}

static bool same_pool(const struct bed *bed, int nr, const struct sums *sums)
{
	const struct model_pool *pool = &bed->model.pools[nr];
	const struct esx_account *account = &bed->real.accounts[nr];
	const struct esx_account *parent =
		pool->parent == HOST ? NULL : &bed->real.accounts[pool->parent];

	return account->parent == parent && account->min == pool->min / PAGE &&
	       account->max == pool->max / PAGE &&
	       account->sum.pages[ESX_ADMIT_RELAXED] == sums->of[nr][RELAXED] / PAGE &&
	       account->sum.pages[ESX_ADMIT_STRICT] == sums->of[nr][STRICT] / PAGE &&
	       account->sum.min == sums->of[nr][GUARANTEED] / PAGE &&
	       (!pool->max || sums->of[nr][GUARANTEED] <= pool->max);
}

static bool same_host(const struct model *model, const struct sums *sums,
		      const struct esx_ledger *ledger)
{
	uint64_t reserved = sums->of[HOST][model->strict ? STRICT : RELAXED];

	return ledger->pool == model->pool / PAGE &&
	       ledger->mode == (model->strict ? ESX_ADMIT_STRICT : ESX_ADMIT_RELAXED) &&
	       ledger->reserved[ESX_ADMIT_RELAXED] == sums->of[HOST][RELAXED] / PAGE &&
	       ledger->reserved[ESX_ADMIT_STRICT] == sums->of[HOST][STRICT] / PAGE &&
	       reserved <= model->pool &&
	       esx_ledger_unreserved(ledger) == (model->pool - reserved) / PAGE;
}

static bool same(const struct bed *bed)
{
	for (int i = 0; i < VMS; i++) {
		if (!same_vm(&bed->model.vms[i], &bed->real.vms[i]))
			return false;
	}
	for (int i = 0; i < POOLS; i++) {
		if (!same_pool(bed, i, &bed->sums))
			return false;
	}
	return same_host(&bed->model, &bed->sums, &bed->real.ledger);
}

/*
 * Steps.  Each asks both sides, and says whether the verdicts are the same.
 */

static uint64_t some_size(struct bed *bed)
{
	/* Sparse files of a TiB are common. */
	return draw(bed, 16) ? draw(bed, 3000) * PAGE : (1ULL << 40) - draw(bed, 9) * PAGE;
}

static struct esx_account *account_of(struct bed *bed, int pool)
{
	return pool == HOST ? NULL : &bed->real.accounts[pool];
}

/* The model becomes @after if it admits that and nothing is wrong already. */
static bool decide(struct bed *bed, const struct model *after, int wrong, int err)
{
	struct sums is = add_up(after);

	bed->verdict = wrong ? wrong : admits(bed, after, &is);
	if (!bed->verdict) {
		bed->model = *after;
		bed->sums = is;
	}
	return err == bed->verdict;
}

static bool resize(struct bed *bed, int nr, int file, uint64_t size)
{
	struct real_vm *real = &bed->real.vms[nr];
	struct model after = bed->model;
	uint64_t old = after.vms[nr].files[file];

	after.vms[nr].files[file] = size;
	return decide(bed, &after, 0,
		      esx_ledger_resize(&bed->real.ledger, account_of(bed, after.vms[nr].pool),
					&real->reserve, &real->params, old / PAGE, size / PAGE));
}

/* A VM is born with the parameters of its mount and without memory. */
static bool create(struct bed *bed, int nr)
{
	struct model_vm vm = {
		.alive = true,
		.pool = draw(bed, POOLS + 1),
		.min = draw(bed, 2) ? draw(bed, 1500) * PAGE : 0,
		.shares = draw(bed, 2) ? ESX_SHARES_DEFAULT : draw(bed, 1000),
		.tax = ESX_TAX_DEFAULT,
	};

	bed->model.vms[nr] = vm;
	bed->real.vms[nr] = (struct real_vm){
		.params = {
			.min_pages = vm.min / PAGE,
			.shares = vm.shares,
			.tax_percent = vm.tax,
		},
	};
	return resize(bed, nr, 0, some_size(bed));
}

/* Its files go one by one, whatever the pool is. */
static bool die(struct bed *bed, int nr)
{
	for (int file = 0; file < FILES; file++) {
		if (!resize(bed, nr, file, 0) || bed->verdict)
			return false;
	}
	for (int mode = 0; mode < ESX_NR_ADMISSIONS; mode++) {
		if (bed->real.vms[nr].reserve.charge.pages[mode])
			return false;
	}
	bed->model.vms[nr] = (struct model_vm){ .pool = HOST };
	bed->real.vms[nr] = (struct real_vm){};
	return true;
}

static bool set_limit(struct bed *bed, int nr, enum esx_param param, uint64_t value)
{
	struct real_vm *real = &bed->real.vms[nr];
	struct model after = bed->model;
	struct model_vm *wanted = &after.vms[nr];

	*(param == ESX_PARAM_MIN ? &wanted->min : &wanted->max) = value;
	return decide(bed, &after, limits_hold(wanted, value) ? 0 : -EINVAL,
		      esx_ledger_set_param(&bed->real.ledger, account_of(bed, wanted->pool),
					   &real->reserve, &real->params, param, value / PAGE));
}

static bool set_weight(struct bed *bed, int nr, enum esx_param param, uint32_t value)
{
	struct real_vm *real = &bed->real.vms[nr];
	struct model after = bed->model;
	struct model_vm *wanted = &after.vms[nr];

	*(param == ESX_PARAM_SHARES ? &wanted->shares : &wanted->tax) = value;
	return decide(bed, &after, 0,
		      esx_ledger_set_param(&bed->real.ledger, account_of(bed, wanted->pool),
					   &real->reserve, &real->params, param, value));
}

static bool set_pool(struct bed *bed)
{
	uint64_t pool = draw(bed, 12000) * PAGE;
	int expected = pool < needed(bed, bed->model.strict) ? -ENOSPC : 0;

	if (!expected)
		bed->model.pool = pool;
	bed->verdict = expected;
	return esx_ledger_set_pool(&bed->real.ledger, pool / PAGE) == expected;
}

static bool set_mode(struct bed *bed)
{
	bool strict = draw(bed, 3) == 0;
	int expected = bed->model.pool < needed(bed, strict) ? -ENOSPC : 0;

	if (!expected)
		bed->model.strict = strict;
	bed->verdict = expected;
	return esx_ledger_set_mode(&bed->real.ledger, strict ? ESX_ADMIT_STRICT :
							       ESX_ADMIT_RELAXED) == expected;
}

static int wrong_limits(const struct bed *bed, const struct model *after, int nr)
{
	const struct model_pool *wanted = &after->pools[nr];

	if (wanted->max && wanted->min > wanted->max)
		return -EINVAL;
	return wanted->max && bed->sums.of[nr][GUARANTEED] > wanted->max ? -ENOSPC : 0;
}

static bool limit_pool(struct bed *bed, int nr)
{
	struct model after = bed->model;
	struct model_pool *wanted = &after.pools[nr];

	/* Often none, so that pools end and begin. */
	if (draw(bed, 2))
		wanted->min = draw(bed, 3) ? draw(bed, 2000) * PAGE : 0;
	else
		wanted->max = draw(bed, 3) ? draw(bed, 5000) * PAGE : 0;
	return decide(bed, &after, wrong_limits(bed, &after, nr),
		      esx_ledger_set_account(&bed->real.ledger, &bed->real.accounts[nr],
					     wanted->min / PAGE, wanted->max / PAGE));
}

static bool is_within(const struct model *model, int pool, int top)
{
	while (pool != HOST && pool != top)
		pool = model->pools[pool].parent;
	return pool == top;
}

static bool move_pool(struct bed *bed, int nr)
{
	struct model after = bed->model;
	int to = draw(bed, POOLS + 1);

	if (to != HOST && is_within(&bed->model, to, nr))
		to = HOST;
	after.pools[nr].parent = to;
	return decide(bed, &after, 0,
		      esx_ledger_move_account(&bed->real.ledger, &bed->real.accounts[nr],
					      account_of(bed, to)));
}

enum step {
	CREATE, RESIZE, DIE, SET_MIN, SET_MAX, SET_WEIGHT, SET_POOL, SET_MODE, LIMIT_POOL,
	MOVE_POOL, NR_STEPS
};

static const char *const step_names[NR_STEPS] = {
	[CREATE] = "create",   [RESIZE] = "resize",	    [DIE] = "die",
	[SET_MIN] = "set min", [SET_MAX] = "set max",	    [SET_WEIGHT] = "set weight",
	[SET_POOL] = "set pool", [SET_MODE] = "set mode",
	[LIMIT_POOL] = "limit pool", [MOVE_POOL] = "move pool",
};

static enum step choose(struct bed *bed, int nr)
{
	static const enum step often[] = { RESIZE,  RESIZE,  RESIZE,  SET_MIN,	SET_MIN,  SET_MAX,
					   SET_MAX, SET_WEIGHT, SET_POOL, SET_MODE, DIE,
					   LIMIT_POOL, LIMIT_POOL, MOVE_POOL };

	if (!bed->model.vms[nr].alive)
		return CREATE;
	return often[draw(bed, ARRAY_SIZE(often))];
}

static bool take(struct bed *bed, enum step step, int nr)
{
	switch (step) {
	case CREATE:
		return create(bed, nr);
	case RESIZE:
		return resize(bed, nr, draw(bed, FILES), some_size(bed));
	case DIE:
		return die(bed, nr);
	case SET_MIN:
		return set_limit(bed, nr, ESX_PARAM_MIN, draw(bed, 2000) * PAGE);
	case SET_MAX:
		return set_limit(bed, nr, ESX_PARAM_MAX, draw(bed, 4000) * PAGE);
	case SET_WEIGHT:
		return set_weight(bed, nr, draw(bed, 2) ? ESX_PARAM_SHARES : ESX_PARAM_TAX,
				  draw(bed, 100));
	case SET_POOL:
		return set_pool(bed);
	case LIMIT_POOL:
		return limit_pool(bed, draw(bed, POOLS));
	case MOVE_POOL:
		return move_pool(bed, draw(bed, POOLS));
	default:
		return set_mode(bed);
	}
}

static struct bed new_bed(void)
{
	struct bed bed = { .seed = 0x2545f4914f6cdd1dULL };

	for (int i = 0; i < VMS; i++)
		bed.model.vms[i].pool = HOST;
	for (int i = 0; i < POOLS; i++)
		bed.model.pools[i].parent = HOST;
	bed.model.pool = 6000 * PAGE;
	bed.real.ledger.pool = 6000;
	return bed;
}

/* How often a kind of step was allowed, refused for room, refused as nonsense. */
struct tally {
	unsigned long allowed, no_room, nonsense;
};

static void count(struct tally *tally, int verdict)
{
	*(verdict == 0 ? &tally->allowed : verdict == -ENOSPC ? &tally->no_room :
								&tally->nonsense) += 1;
}

static void ledger_agrees_with_the_model(void)
{
	struct tally tallies[NR_STEPS] = {};
	struct bed bed = new_bed();

	for (unsigned long i = 0; i < STEPS; i++) {
		int nr = draw(&bed, VMS);
		enum step step = choose(&bed, nr);
		struct real before = bed.real;

		CHECK_MSG(take(&bed, step, nr), "step %lu, %s of VM %d: another verdict than %d", i,
			  step_names[step], nr, bed.verdict);
		count(&tallies[step], bed.verdict);
		CHECK_MSG(same(&bed), "step %lu, %s of VM %d: other figures", i, step_names[step],
			  nr);
		/* A new VM has its parameters, though it has no room. */
		CHECK_MSG(!bed.verdict || step == CREATE ||
				  !memcmp(&before, &bed.real, sizeof(before)),
			  "step %lu, %s of VM %d: refused, and something changed", i,
			  step_names[step], nr);
	}

	/* Whatever can happen has happened, and often. */
	for (int step = 0; step < NR_STEPS; step++)
		CHECK(tallies[step].allowed > 1000);
	CHECK(tallies[CREATE].no_room > 1000 && tallies[RESIZE].no_room > 1000);
	CHECK(tallies[SET_MIN].no_room > 1000 && tallies[SET_MIN].nonsense > 1000);
	CHECK(tallies[SET_MAX].no_room > 100 && tallies[SET_MAX].nonsense > 1000);
	CHECK(tallies[SET_POOL].no_room > 1000 && tallies[SET_MODE].no_room > 1000);
	CHECK(tallies[LIMIT_POOL].no_room > 1000 && tallies[LIMIT_POOL].nonsense > 1000);
	CHECK(tallies[MOVE_POOL].no_room > 1000);
	CHECK(!tallies[DIE].no_room && !tallies[SET_WEIGHT].no_room);
}

/* The comparison above is worth something: each figure that is off is seen. */
static void a_ledger_that_is_off_is_noticed(void)
{
	struct bed bed = new_bed();
	uint64_t *figures[] = {
		(uint64_t *)&bed.real.ledger.pool,
		(uint64_t *)&bed.real.ledger.reserved[ESX_ADMIT_RELAXED],
		(uint64_t *)&bed.real.ledger.reserved[ESX_ADMIT_STRICT],
		(uint64_t *)&bed.real.vms[3].reserve.size,
		(uint64_t *)&bed.real.vms[3].reserve.charge.pages[ESX_ADMIT_RELAXED],
		(uint64_t *)&bed.real.vms[3].reserve.charge.min,
		(uint64_t *)&bed.real.accounts[2].min,
		(uint64_t *)&bed.real.accounts[2].max,
		(uint64_t *)&bed.real.accounts[2].sum.pages[ESX_ADMIT_STRICT],
		(uint64_t *)&bed.real.accounts[2].sum.min,
		(uint64_t *)&bed.real.vms[3].params.min_pages,
	};

	CHECK(create(&bed, 3));
	CHECK(same(&bed));
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++) {
		*figures[i] += 1;
		CHECK_MSG(!same(&bed), "figure %zu is off, and nobody sees it", i);
		*figures[i] -= 1;
		CHECK(same(&bed));
	}
}

/* A host of 2 GiB takes what it is given, as long as nobody asks for a guarantee. */
static void no_vm_is_refused_by_default(void)
{
	struct esx_ledger ledger = { .pool = 2ULL << (30 - 12) };
	struct esx_vm_params params = { .shares = ESX_SHARES_DEFAULT,
					.tax_percent = ESX_TAX_DEFAULT };
	const uint64_t sizes[] = { 1, 1ULL << 18, 1ULL << 28, 1ULL << 44, UINT64_MAX >> 12 };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct esx_reserve reserve = {};

		CHECK_EQ(esx_ledger_resize(&ledger, NULL, &reserve, &params, 0, sizes[i]), 0);
		CHECK_EQ(esx_ledger_unreserved(&ledger), 2ULL << (30 - 12));
	}
}

static const struct tap_case cases[] = {
	TAP_CASE(a_ledger_that_is_off_is_noticed),
	TAP_CASE(no_vm_is_refused_by_default),
	TAP_CASE(ledger_agrees_with_the_model),
};

int main(int argc, char **argv)
{
	return tap_main(argc, argv, cases, ARRAY_SIZE(cases), NULL);
}
