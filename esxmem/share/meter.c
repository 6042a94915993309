// SPDX-License-Identifier: GPL-2.0
/*
 * Budgets: how long a thread has to rest for what it has spent.
 *
 * Arithmetic alone: the clocks are read by the caller.
 */
#include <linux/export.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/time64.h>

#include "../compat.h"
#include "meter.h"

/* Rest that is saved up, at the most: who has slept must not run wild after. */
#define MAX_CREDIT_NS	(100 * NSEC_PER_MSEC)

/* What was spent should have taken @price_ns since @since_ns. */
static u64 debt_of(u64 price_ns, u64 *since_ns, u64 wall_ns)
{
	u64 wall = wall_ns - *since_ns;

	if (price_ns >= wall)
		return price_ns - wall;
	if (wall - price_ns > MAX_CREDIT_NS)
		*since_ns = wall_ns - price_ns - MAX_CREDIT_NS;
	return 0;
}

/**
 * esx_meter_start() - open an account
 * @meter: the meter
 * @cpu_ns: CPU time of the thread so far
 * @wall_ns: now
 */
void esx_meter_start(struct esx_meter *meter, u64 cpu_ns, u64 wall_ns)
{
	meter->cpu_ns = cpu_ns;
	meter->pages = 0;
	meter->cpu_wall_ns = wall_ns;
	meter->pages_wall_ns = wall_ns;
}
ESX_EXPORT_FOR_TESTS(esx_meter_start);

/**
 * esx_meter_debt_ns() - how long to rest
 * @meter: the meter
 * @budget: what may be spent
 * @cpu_ns: CPU time of the thread so far
 * @wall_ns: now
 *
 * Return: nanoseconds, by the tighter of the limits; 0: go on.
 */
u64 esx_meter_debt_ns(struct esx_meter *meter, const struct esx_budget *budget, u64 cpu_ns,
		      u64 wall_ns)
{
	u64 price = mul_u64_u64_div_u64(cpu_ns - meter->cpu_ns, 1000000, budget->cpu_ppm);
	u64 debt = debt_of(price, &meter->cpu_wall_ns, wall_ns);

	if (!budget->pages_per_second)
		return debt;
	price = mul_u64_u64_div_u64(meter->pages, NSEC_PER_SEC, budget->pages_per_second);
	return max(debt, debt_of(price, &meter->pages_wall_ns, wall_ns));
}
ESX_EXPORT_FOR_TESTS(esx_meter_debt_ns);
