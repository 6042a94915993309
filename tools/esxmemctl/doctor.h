/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The doctor's checks and how they report.
 */
#ifndef ESXMEMCTL_DOCTOR_H
#define ESXMEMCTL_DOCTOR_H

#include <stdbool.h>

struct esx_report;

/**
 * enum esx_verdict - how a check ended
 * @ESX_OK: nothing to do
 * @ESX_WARN: works, but not as well or not for as long as it could
 * @ESX_FAIL: a VM cannot be run, or its memory not be shared
 */
enum esx_verdict {
	ESX_OK,
	ESX_WARN,
	ESX_FAIL,
};

void esx_report(struct esx_report *report, enum esx_verdict verdict, const char *check,
		const char *advice, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

bool esx_doctor_is_loaded(const char *module);

void esx_doctor_modules(struct esx_report *report);
void esx_doctor_device(struct esx_report *report);
void esx_doctor_mounts(struct esx_report *report);
void esx_doctor_kvm(struct esx_report *report);
void esx_doctor_rivals(struct esx_report *report);
void esx_doctor_policy(struct esx_report *report);
void esx_doctor_orphans(struct esx_report *report);

#endif /* ESXMEMCTL_DOCTOR_H */
