/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The suites of esxmem_kunit.ko, one for each file.
 */
#ifndef _ESXMEM_TESTS_SUITES_H
#define _ESXMEM_TESTS_SUITES_H

#include <kunit/test.h>

/*
 * Long loops are shorter on kernels full of checkers: these are a hundred times
 * slower, the more so under emulation, and find with fewer rounds what they can.
 */
#define HAS_CHECKERS	(IS_ENABLED(CONFIG_KASAN) || IS_ENABLED(CONFIG_PROVE_LOCKING))
#define SCALE		(HAS_CHECKERS ? 1 : 20)

extern struct kunit_suite esx_clone_suite;
extern struct kunit_suite esx_estimate_suite;
extern struct kunit_suite esx_frame_suite;
extern struct kunit_suite esx_hash_suite;
extern struct kunit_suite esx_hints_suite;
extern struct kunit_suite esx_hold_suite;
extern struct kunit_suite esx_ledger_suite;
extern struct kunit_suite esx_level_suite;
extern struct kunit_suite esx_merge_suite;
extern struct kunit_suite esx_meter_suite;
extern struct kunit_suite esx_permute_suite;
extern struct kunit_suite esx_pmap_suite;
extern struct kunit_suite esx_policy_suite;
extern struct kunit_suite esx_price_suite;
extern struct kunit_suite esx_ration_suite;
extern struct kunit_suite esx_reclaim_suite;
extern struct kunit_suite esx_samples_suite;
extern struct kunit_suite esx_scan_suite;
extern struct kunit_suite esx_shared_suite;
extern struct kunit_suite esx_tally_suite;
extern struct kunit_suite esx_tree_suite;
extern struct kunit_suite esx_watch_suite;
extern struct kunit_suite esx_word_suite;

#endif /* _ESXMEM_TESTS_SUITES_H */
