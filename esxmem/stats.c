// SPDX-License-Identifier: GPL-2.0
/*
 * The host's event counters.
 */
#include "stats.h"

struct esx_events esx_host_events;
