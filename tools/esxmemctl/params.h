/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Parameters: what can be said of a VM's memory when it is made.
 */
#ifndef ESXMEMCTL_PARAMS_H
#define ESXMEMCTL_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "setting.h"

/**
 * enum esx_param - the parameters, as esx_getopt() returns their options
 */
enum esx_param {
	ESX_PARAM_FIRST = 256,
	ESX_PARAM_MIN = ESX_PARAM_FIRST,
	ESX_PARAM_MAX,
	ESX_PARAM_SHARES,
	ESX_PARAM_TAX,
	ESX_PARAM_END,
};

#define ESX_NR_PARAMS (ESX_PARAM_END - ESX_PARAM_FIRST)

/* For the table of a subcommand's long options, and for its help. */
#define ESX_PARAM_OPTIONS                                      \
	{ "min", required_argument, NULL, ESX_PARAM_MIN },     \
	{ "max", required_argument, NULL, ESX_PARAM_MAX },     \
	{ "shares", required_argument, NULL, ESX_PARAM_SHARES }, \
	{ "tax", required_argument, NULL, ESX_PARAM_TAX }

#define ESX_PARAM_HELP                                               \
	"      --min SIZE     memory that is guaranteed\n"                \
	"      --max SIZE     most memory it is entitled to, 0: its size\n" \
	"      --shares N     its right to memory between the two\n"      \
	"      --tax 0..99    tax on its idle memory, in per cent\n"

/**
 * struct esx_params - parameters of a VM that is about to be made
 * @given: as typed, by enum esx_param from ESX_PARAM_FIRST; NULL: not given
 * @changes: the same as the kernel wants them
 * @nr_changes: how many of them were given
 */
struct esx_params {
	char *given[ESX_NR_PARAMS];
	struct esx_change changes[ESX_CHANGES_MAX];
	size_t nr_changes;
};

bool esx_params_take(struct esx_params *params, int option, char *arg);
int esx_params_check(struct esx_params *params, uint64_t size);
int esx_params_apply(const struct esx_params *params, const char *name);
bool esx_params_explain_refusal(const char *name, uint64_t size);

#endif /* ESXMEMCTL_PARAMS_H */
