// SPDX-License-Identifier: GPL-2.0
/*
 * Sampling periods: measured in execution time of the VM, with a cap in time of
 * the wall, so that an idle VM, and one of which no guest is known, has them too.
 *
 * Arithmetic alone: the clocks are read by the caller.
 */
#include <linux/time64.h>

#include "../compat.h"
#include "period.h"

/**
 * esx_period_begin() - a period begins
 * @period: filled
 * @now: the time
 */
void esx_period_begin(struct esx_period *period, const struct esx_clock *now)
{
	period->used_ns = 0;
	period->vm_ns = now->vm_ns;
	period->start_ns = now->wall_ns;
}
ESX_EXPORT_FOR_TESTS(esx_period_begin);

/**
 * esx_period_is_over() - was that the period?
 * @period: the period; goes on counting
 * @now: the time; a VM's clock that is behind is another guest's, from its start
 * @length_ms: execution time of a period
 * @wall_ms: the most that it may take
 *
 * Return: the answer.
 */
bool esx_period_is_over(struct esx_period *period, const struct esx_clock *now, u32 length_ms,
			u32 wall_ms)
{
	u64 since = now->vm_ns >= period->vm_ns ? period->vm_ns : 0;

	period->used_ns += now->vm_ns - since;
	period->vm_ns = now->vm_ns;
	return period->used_ns >= (u64)length_ms * NSEC_PER_MSEC ||
	       now->wall_ns - period->start_ns >= (u64)wall_ms * NSEC_PER_MSEC;
}
ESX_EXPORT_FOR_TESTS(esx_period_is_over);
