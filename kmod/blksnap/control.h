/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _BLKSNAP_CONTROL_H
#define _BLKSNAP_CONTROL_H

int control_init(void);
void control_exit(void);

#endif /* _BLKSNAP_CONTROL_H */
