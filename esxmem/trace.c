// SPDX-License-Identifier: GPL-2.0
/*
 * The bodies of the tracepoints.
 */
#include <linux/module.h>

#define CREATE_TRACE_POINTS
#include "trace.h"

/* The KVM glue is a module of its own. */
EXPORT_TRACEPOINT_SYMBOL_GPL(esxmem_attach);
EXPORT_TRACEPOINT_SYMBOL_GPL(esxmem_detach);
