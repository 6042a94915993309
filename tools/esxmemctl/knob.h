/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Knobs: the host's settings.
 */
#ifndef ESXMEMCTL_KNOB_H
#define ESXMEMCTL_KNOB_H

#include <jansson.h>

json_t *esx_knobs_read(void);

#endif /* ESXMEMCTL_KNOB_H */
