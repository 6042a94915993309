// SPDX-License-Identifier: GPL-2.0
/*
 * The ledger of admission (esxmem/tax/ledger.c) against a model, in random steps:
 * VMs appear, grow, shrink, get other limits and die; the pool and the rule change.
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
#define PAGE 4096ULL

/* One VM, as the model sees it: what was said of it, in bytes. */
struct model_vm {
	bool alive;
	uint64_t files[FILES];
	uint64_t min, max;
	uint32_t shares, tax;
};

struct model {
	uint64_t pool;
	bool strict;
	struct model_vm vms[VMS];
};

/* The same, as the module keeps it. */
struct real_vm {
	struct esx_vm_params params;
	struct esx_reserve reserve;
};

struct real {
	struct esx_ledger ledger;
	struct real_vm vms[VMS];
};

struct bed {
	uint64_t seed;
	struct model model;
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

static uint64_t needed(const struct model *model, bool strict)
{
	uint64_t sum = 0;

	for (int i = 0; i < VMS; i++)
		sum += need(&model->vms[i], strict);
	return sum;
}

/* May VM @nr become @wanted?  Who wants no more than he has may. */
static int admits(const struct model *model, int nr, const struct model_vm *wanted)
{
	struct model after = *model;

	after.vms[nr] = *wanted;
	if (need(wanted, model->strict) <= need(&model->vms[nr], model->strict) ||
	    needed(&after, model->strict) <= model->pool)
		return 0;
	return -ENOSPC;
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
	       real->reserve.pages[ESX_ADMIT_RELAXED] == need(vm, false) / PAGE &&
	       real->reserve.pages[ESX_ADMIT_STRICT] == need(vm, true) / PAGE;
}

static bool same_host(const struct model *model, const struct esx_ledger *ledger)
{
	uint64_t reserved = needed(model, model->strict);

	return ledger->pool == model->pool / PAGE &&
	       ledger->mode == (model->strict ? ESX_ADMIT_STRICT : ESX_ADMIT_RELAXED) &&
	       ledger->reserved[ESX_ADMIT_RELAXED] == needed(model, false) / PAGE &&
	       ledger->reserved[ESX_ADMIT_STRICT] == needed(model, true) / PAGE &&
	       reserved <= model->pool &&
	       esx_ledger_unreserved(ledger) == (model->pool - reserved) / PAGE;
}

static bool same(const struct bed *bed)
{
	for (int i = 0; i < VMS; i++) {
		if (!same_vm(&bed->model.vms[i], &bed->real.vms[i]))
			return false;
	}
	return same_host(&bed->model, &bed->real.ledger);
}

/*
 * Steps.  Each asks both sides, and says whether the verdicts are the same.
 */

static uint64_t some_size(struct bed *bed)
{
	/* Sparse files of a TiB are common. */
	return draw(bed, 16) ? draw(bed, 3000) * PAGE : (1ULL << 40) - draw(bed, 9) * PAGE;
}

static bool decide(struct bed *bed, int nr, const struct model_vm *wanted, int expected, int err)
{
	if (!expected)
		bed->model.vms[nr] = *wanted;
	bed->verdict = expected;
	return err == expected;
}

static bool resize(struct bed *bed, int nr, int file, uint64_t size)
{
	struct real_vm *real = &bed->real.vms[nr];
	struct model_vm wanted = bed->model.vms[nr];
	uint64_t old = wanted.files[file];
	int expected;

	wanted.files[file] = size;
	expected = admits(&bed->model, nr, &wanted);
	return decide(bed, nr, &wanted, expected,
		      esx_ledger_resize(&bed->real.ledger, &real->reserve, &real->params,
					old / PAGE, size / PAGE));
}

/* A VM is born with the parameters of its mount and without memory. */
static bool create(struct bed *bed, int nr)
{
	struct model_vm vm = {
		.alive = true,
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
		if (bed->real.vms[nr].reserve.pages[mode])
			return false;
	}
	bed->model.vms[nr] = (struct model_vm){};
	bed->real.vms[nr] = (struct real_vm){};
	return true;
}

static bool set_limit(struct bed *bed, int nr, enum esx_param param, uint64_t value)
{
	struct real_vm *real = &bed->real.vms[nr];
	struct model_vm wanted = bed->model.vms[nr];
	int expected = -EINVAL;

	*(param == ESX_PARAM_MIN ? &wanted.min : &wanted.max) = value;
	if (limits_hold(&wanted, value))
		expected = admits(&bed->model, nr, &wanted);
	return decide(bed, nr, &wanted, expected,
		      esx_ledger_set_param(&bed->real.ledger, &real->reserve, &real->params, param,
					   value / PAGE));
}

static bool set_weight(struct bed *bed, int nr, enum esx_param param, uint32_t value)
{
	struct real_vm *real = &bed->real.vms[nr];
	struct model_vm wanted = bed->model.vms[nr];

	*(param == ESX_PARAM_SHARES ? &wanted.shares : &wanted.tax) = value;
	return decide(bed, nr, &wanted, 0,
		      esx_ledger_set_param(&bed->real.ledger, &real->reserve, &real->params, param,
					   value));
}

static bool set_pool(struct bed *bed)
{
	uint64_t pool = draw(bed, 12000) * PAGE;
	int expected = pool < needed(&bed->model, bed->model.strict) ? -ENOSPC : 0;

	if (!expected)
		bed->model.pool = pool;
	bed->verdict = expected;
	return esx_ledger_set_pool(&bed->real.ledger, pool / PAGE) == expected;
}

static bool set_mode(struct bed *bed)
{
	bool strict = draw(bed, 3) == 0;
	int expected = bed->model.pool < needed(&bed->model, strict) ? -ENOSPC : 0;

	if (!expected)
		bed->model.strict = strict;
	bed->verdict = expected;
	return esx_ledger_set_mode(&bed->real.ledger, strict ? ESX_ADMIT_STRICT :
							       ESX_ADMIT_RELAXED) == expected;
}

enum step { CREATE, RESIZE, DIE, SET_MIN, SET_MAX, SET_WEIGHT, SET_POOL, SET_MODE, NR_STEPS };

static const char *const step_names[NR_STEPS] = {
	[CREATE] = "create",   [RESIZE] = "resize",	    [DIE] = "die",
	[SET_MIN] = "set min", [SET_MAX] = "set max",	    [SET_WEIGHT] = "set weight",
	[SET_POOL] = "set pool", [SET_MODE] = "set mode",
};

static enum step choose(struct bed *bed, int nr)
{
	static const enum step often[] = { RESIZE,  RESIZE,  RESIZE,  SET_MIN,	SET_MIN,  SET_MAX,
					   SET_MAX, SET_WEIGHT, SET_POOL, SET_MODE, DIE };

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
	default:
		return set_mode(bed);
	}
}

static struct bed new_bed(void)
{
	struct bed bed = { .seed = 0x2545f4914f6cdd1dULL };

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
		(uint64_t *)&bed.real.vms[3].reserve.pages[ESX_ADMIT_RELAXED],
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

		CHECK_EQ(esx_ledger_resize(&ledger, &reserve, &params, 0, sizes[i]), 0);
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
