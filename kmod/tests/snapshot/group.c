// SPDX-License-Identifier: GPL-2.0
/*
 * a group snapshot is of one instant: ordered writes over several devices are never seen out of order (fault 13)
 * timeout: 180
 */
#include "group.h"

int main(void)
{
	group_rounds(3, 4, 30);
	return 0;
}
