// SPDX-License-Identifier: GPL-2.0
/*
 * Unit tests of esxmem, for kernels that have KUnit.
 */
#include <linux/module.h>

#include "suites.h"

kunit_test_suites(&esx_clone_suite, &esx_estimate_suite, &esx_frame_suite, &esx_hash_suite,
		  &esx_hints_suite, &esx_hold_suite, &esx_ledger_suite, &esx_level_suite,
		  &esx_merge_suite, &esx_meter_suite, &esx_permute_suite, &esx_pmap_suite,
		  &esx_policy_suite, &esx_price_suite, &esx_ration_suite, &esx_reclaim_suite,
		  &esx_samples_suite, &esx_scan_suite, &esx_shared_suite, &esx_tally_suite,
		  &esx_tree_suite, &esx_watch_suite, &esx_word_suite);

MODULE_DESCRIPTION("Unit tests of esxmem");
MODULE_LICENSE("GPL");
