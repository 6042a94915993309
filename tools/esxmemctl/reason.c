// SPDX-License-Identifier: GPL-2.0
/*
 * Why a VM has the target that it has.
 *
 * The kernel gives memory out so that, between minimum and maximum, a VM with x
 * bytes bought by its shares and a active ones is entitled to
 *
 *	x - tau * max(x - a, 0)
 *
 * where tau is the rate of the tax.  It says the target and what decided it;
 * the rest is worked out from that here.  With the progressive tax x cannot be
 * had from the target in a sentence, and is left out.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "glyph.h"
#include "message.h"
#include "reason.h"
#include "size.h"
#include "top_rows.h"

/* Names of the three estimates, as the files have them. */
static const struct {
	enum esx_figure figure;
	const char *source;
	const char *words;
} estimates[] = {
	{ ESX_F_ACTIVE_SLOW, "slow", "the slow average" },
	{ ESX_F_ACTIVE_FAST, "fast", "the fast average" },
	{ ESX_F_ACTIVE_NOW, "now", "the fast average with the sampling period under way" },
};

#define NR_ESTIMATES (sizeof(estimates) / sizeof(*estimates))

static double known(int64_t figure)
{
	return figure == ESX_UNKNOWN ? (double)NAN : (double)figure;
}

static const char *find_source(const struct esx_top_vm *vm)
{
	int64_t active = vm->figures[ESX_F_ACTIVE];
	size_t i;

	if (active == ESX_UNKNOWN)
		return NULL;
	if (!vm->figures[ESX_F_PERIODS])
		return "backed";
	for (i = 0; i < NR_ESTIMATES; i++)
		if (vm->figures[estimates[i].figure] == active)
			return estimates[i].source;
	return NULL;
}

static double sum_of_shares(const struct esx_top_sample *sample)
{
	double sum = 0;
	size_t i;

	for (i = 0; i < sample->nr; i++)
		sum += known(sample->vms[i].figures[ESX_F_SHARES]);
	return sum;
}

/**
 * esx_reason_find() - work out what a target was made of
 * @reason: out: the result
 * @sample: a sample, which must outlive @reason
 * @vm: a VM of @sample
 */
void esx_reason_find(struct esx_reason *reason, const struct esx_top_sample *sample,
		     const struct esx_top_vm *vm)
{
	double rate = known(vm->figures[ESX_F_TAX]) / 100;
	double active = known(vm->figures[ESX_F_ACTIVE]);
	double target = known(vm->figures[ESX_F_TARGET]);

	*reason = (struct esx_reason){
		.sample = sample,
		.vm = vm,
		.min = esx_effective_min(vm),
		.max = esx_effective_max(vm),
		.shares = known(vm->figures[ESX_F_SHARES]),
		.all_shares = sum_of_shares(sample),
		.source = find_source(vm),
		.idle_cost = rate < 1 ? 1 / (1 - rate) : (double)NAN,
		.bought = (double)NAN,
		.taxed = (double)NAN,
	};
	if (strcmp(vm->why, "tax") || sample->host.progressive || !(rate < 1))
		return;
	reason->bought = (target - rate * active) / (1 - rate);
	reason->taxed = reason->bought - target;
}

/* --- words --- */

/* Words that follow each other, with sizes as they come. */
struct prose {
	char *text;
};

static void ESX_PRINTF(2, 3) say(struct prose *prose, const char *fmt, ...)
{
	char *more, *all;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&more, fmt, args) < 0)
		more = NULL;
	va_end(args);
	all = esx_asprintf("%s%s", prose->text, (char *)esx_must(more));
	free(more);
	free(prose->text);
	prose->text = all;
}

/* Says a size between two words; it is "-" when it is not known. */
static void say_size(struct prose *prose, const char *lead, double bytes, const char *tail)
{
	char *text = bytes >= 0 && bytes < 0x1p63 ? esx_size_text((uint64_t)bytes) :
						    esx_asprintf("-");

	say(prose, "%s%s%s", lead, text, tail);
	free(text);
}

static void say_target(struct prose *prose, const struct esx_reason *reason)
{
	char *name = esx_glyph_clean(reason->vm->name);

	say(prose, "%s", name);
	free(name);
	say_size(prose, " is entitled to ", known(reason->vm->figures[ESX_F_TARGET]),
		 " of memory, its target.");
}

static void say_limits(struct prose *prose, const struct esx_reason *reason)
{
	double size = known(reason->vm->figures[ESX_F_SIZE]);

	say_size(prose, " Its size is ", size, ";");
	if (reason->min == 0)
		say(prose, " it has no minimum,");
	else
		say_size(prose, " its minimum, which is guaranteed, is ", reason->min, ",");
	say_size(prose, " and its maximum is ", reason->max,
		 reason->max == size ? ", all of it." : ".");
}

static void say_shares(struct prose *prose, const struct esx_reason *reason)
{
	size_t nr = reason->sample->nr;

	if (isnan(reason->shares))
		return;
	say(prose, " It has %.0f shares%s", reason->shares,
	    reason->vm->own_shares ? "" : ", which it gets for its size");
	/* Within a pool they are compared with those of the other members only. */
	if (reason->all_shares > 0 && !reason->pool.name)
		say(prose, ": %.1f%% of the %.0f of %s%zu VM%s",
		    100 * reason->shares / reason->all_shares, reason->all_shares,
		    nr > 1 ? "all " : "", nr, nr == 1 ? "" : "s");
	say(prose, ".");
}

static void say_estimates(struct prose *prose, const struct esx_reason *reason)
{
	const struct esx_top_vm *vm = reason->vm;
	size_t i;

	for (i = 0; i < NR_ESTIMATES; i++) {
		if (reason->source && !strcmp(reason->source, estimates[i].source))
			say(prose, ", the largest of three estimates, %s", estimates[i].words);
	}
	say(prose, " (");
	for (i = 0; i < NR_ESTIMATES; i++) {
		say(prose, "%s%s ", i ? ", " : "", estimates[i].source);
		say_size(prose, "", known(vm->figures[estimates[i].figure]), "");
	}
	say(prose, ").");
}

static void say_active(struct prose *prose, const struct esx_reason *reason)
{
	double active = known(reason->vm->figures[ESX_F_ACTIVE]);

	if (isnan(active))
		return;
	if (reason->source && !strcmp(reason->source, "backed")) {
		say_size(prose, " No sampling period is over yet, so all that it holds, ", active,
			 ", counts as active.");
		return;
	}
	say_size(prose, " Of its memory ", active, " is active");
	say_estimates(prose, reason);
}

static void say_tax(struct prose *prose, const struct esx_reason *reason)
{
	bool progressive = reason->sample->host.progressive > 0;
	int64_t rate = reason->vm->figures[ESX_F_TAX];

	if (rate == ESX_UNKNOWN)
		return;
	if (!rate) {
		say(prose, " Its idle memory is not taxed.");
		return;
	}
	say(prose, " Its idle memory is taxed at %s%lld%%, %s", progressive ? "up to " : "",
	    (long long)rate, reason->vm->own_tax ? "its own rate" : "the host's rate");
	if (progressive)
		say(prose, ", the more the larger the idle part is.");
	else if (!isnan(reason->idle_cost))
		say(prose, ": an idle page costs as much as %.3g active ones.", reason->idle_cost);
	else
		say(prose, ".");
}

static void say_rho(struct prose *prose, const struct esx_reason *reason)
{
	int64_t rho = reason->vm->figures[ESX_F_RHO];

	if (rho != ESX_UNKNOWN)
		say(prose, " It pays rho = %.4f shares for a page.", (double)rho / 1e6);
}

static void say_held(struct prose *prose, const struct esx_reason *reason)
{
	double held = known(reason->vm->figures[ESX_F_BACKED]);
	double target = known(reason->vm->figures[ESX_F_TARGET]);

	if (isnan(held))
		return;
	say_size(prose, " It holds ", held, " now");
	if (held > target)
		say_size(prose, ", ", held - target, " more than its target.");
	else if (held < target)
		say_size(prose, ", ", target - held, " less than its target.");
	else
		say(prose, ", which is its target.");
}

/* --- what decided, and what would change it --- */

static void say_none(struct prose *prose, const struct esx_reason *reason)
{
	int64_t period = reason->sample->host.period;

	say(prose, " Nothing has decided the target: it was not computed yet.");
	if (period != ESX_UNKNOWN)
		say(prose, " That is done at least every %lld seconds.", (long long)period);
}

static void say_max(struct prose *prose, const struct esx_reason *reason)
{
	bool limited = reason->max < known(reason->vm->figures[ESX_F_SIZE]);

	say(prose, " Its maximum decides: it has all that it may have.");
	say(prose, " Only a larger %s would give it more;", limited ? "maximum" : "size");
	say(prose, " when other VMs claim more, or the pool is smaller, it may get less, but not "
		   "less than its minimum.");
}

static void say_bought(struct prose *prose, const struct esx_reason *reason)
{
	int64_t rate = reason->vm->figures[ESX_F_TAX];

	say(prose, " Its shares decide: ");
	say_size(prose, "they buy ", known(reason->vm->figures[ESX_F_TARGET]),
		 rate ? ", and as all of that is active the tax takes nothing." :
			", and there is no tax to take any of it.");
	say(prose, " More shares, a larger minimum, a larger pool or smaller claims of other VMs "
		   "would give it more; using more memory would not.");
}

static void say_taxed(struct prose *prose, const struct esx_reason *reason)
{
	double idle = reason->bought - known(reason->vm->figures[ESX_F_ACTIVE]);

	say(prose, " Its shares and the tax decide");
	if (isnan(reason->bought)) {
		say(prose, ": part of what its shares buy is idle, and taxed away.");
	} else {
		say_size(prose, ": its shares buy ", reason->bought, ", of which ");
		say_size(prose, "", idle, " is idle, and the tax takes ");
		say_size(prose, "", reason->taxed, " of that.");
	}
	say(prose, " Using more of its memory would give it more, up to %lld%% of what becomes "
		   "active; so would more shares, a lower tax, a larger pool or smaller claims of "
		   "other VMs.",
	    (long long)reason->vm->figures[ESX_F_TAX]);
}

static void say_min(struct prose *prose, const struct esx_reason *reason)
{
	if (reason->sample->host.shortfall > 0) {
		say_size(prose, " The minima of all VMs together exceed the pool by ",
			 known(reason->sample->host.shortfall),
			 ": each VM has its minimum as target, and not all of them can be met.");
		say(prose, " Smaller minima, fewer VMs or a larger pool would change that.");
	} else if (reason->shares == 0) {
		say(prose, " Its minimum decides: without shares it gets no more.");
		say(prose, " Any shares, or a larger minimum, would give it more.");
	} else {
		say(prose, " Its minimum decides: its shares, less the tax on what is idle, "
			   "would buy less.");
		say(prose, " A larger minimum would give it more; more shares, a lower tax or "
			   "using more of its memory only once they buy more than the minimum.");
	}
}

static const struct {
	const char *word;
	void (*say)(struct prose *prose, const struct esx_reason *reason);
} whys[] = {
	{ "none", say_none }, { "max", say_max }, { "shares", say_bought },
	{ "tax", say_taxed }, { "min", say_min },
};

static void say_why(struct prose *prose, const struct esx_reason *reason)
{
	char *word;
	size_t i;

	for (i = 0; i < sizeof(whys) / sizeof(*whys); i++) {
		if (!strcmp(reason->vm->why, whys[i].word)) {
			whys[i].say(prose, reason);
			return;
		}
	}
	word = esx_glyph_clean(reason->vm->why);
	if (*word)
		say(prose, " What decided is \"%s\", which this esxmemctl does not know.", word);
	else
		say(prose, " What decided is not known.");
	free(word);
}

/* What the word for a pool's target comes to. */
static const char *pool_decides(const struct esx_reason *reason)
{
	const char *why = reason->pool.why;

	if (!strcmp(why, "max"))
		return reason->pool.max && reason->pool.target >= reason->pool.max ?
			       "its maximum: a larger one would give them more" :
			       "what they can use at the most";
	if (!strcmp(why, "min"))
		return "its minimum";
	return !strcmp(why, "tax") ? "its shares, and the tax on what they do not use" :
				     "its shares";
}

static void say_pool(struct prose *prose, const struct esx_reason *reason)
{
	char *name;

	if (!reason->pool.name)
		return;
	name = esx_glyph_clean(reason->pool.name);
	say(prose, " It competes in the pool %s", name);
	say_size(prose, ", whose VMs are entitled to ", (double)reason->pool.target, " together");
	say(prose, " by %s; among them that is handed out as above.", pool_decides(reason));
	free(name);
}

/**
 * esx_reason_text() - say in words why a VM has its target
 * @reason: what it was made of
 *
 * Return: a paragraph in one line, to be freed
 */
char *esx_reason_text(const struct esx_reason *reason)
{
	struct prose prose = { .text = esx_asprintf("%s", "") };

	say_target(&prose, reason);
	say_limits(&prose, reason);
	say_shares(&prose, reason);
	say_active(&prose, reason);
	say_tax(&prose, reason);
	say_rho(&prose, reason);
	say_why(&prose, reason);
	say_pool(&prose, reason);
	say_held(&prose, reason);
	return prose.text;
}
