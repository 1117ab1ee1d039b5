// SPDX-License-Identifier: GPL-2.0
/*
 * five hundred group snapshots are each of one instant (fault 13)
 * long
 * timeout: 1200
 */
#include "group.h"

int main(void)
{
	group_rounds(2, 6, 500);
	return 0;
}
