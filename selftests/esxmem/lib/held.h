/* SPDX-License-Identifier: GPL-2.0 */
/*
 * held: a file whose direct reads stay in flight until told to end.
 *
 * It is a FUSE filesystem with one file in it, served by a child of the case.
 * A direct read of it pins the reader's pages as O_DIRECT reads of a disk do;
 * they are written to when the read is answered.
 */
#ifndef ESX_HELD_H
#define ESX_HELD_H

#include <stddef.h>

/** HELD_SIZE - bytes of the file */
#define HELD_SIZE (16UL << 20)

struct held;

/** held_start() - mount and serve; skips the case where FUSE is missing */
struct held *held_start(void);

/** held_open() - open the file for direct reading */
int held_open(struct held *held);

/** held_wait() - wait until @requests reads are in flight and unanswered */
void held_wait(struct held *held, unsigned int requests);

/** held_release() - answer what is in flight, and all that comes */
void held_release(struct held *held);

/** held_id() - the contents number, for esx_has(), of a page of the file */
#define held_id(page) (0x4e1d0000UL + (page))

#endif /* ESX_HELD_H */
