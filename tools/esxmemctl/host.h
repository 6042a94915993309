/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's figures.
 */
#ifndef ESXMEMCTL_HOST_H
#define ESXMEMCTL_HOST_H

#include "record.h"

extern const struct esx_field esx_share_counters[];
extern const size_t esx_nr_share_counters;

json_t *esx_host_read(void);

#endif /* ESXMEMCTL_HOST_H */
