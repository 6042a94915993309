/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the library say to each other. */
#ifndef ESX_INTERNAL_H
#define ESX_INTERNAL_H

#include <linux/limits.h>

/** esx_set_dir() - name the directory of the case that comes */
void esx_set_dir(const char *name);

#endif /* ESX_INTERNAL_H */
