// SPDX-License-Identifier: GPL-2.0
/*
 * a group snapshot is of one instant: ordered writes over several devices are never seen out of order (fault 13)
 * timeout: 180
 */
#include "group.h"
#include "source.h"

int main(void)
{
	group_rounds(3, 4, repeats(40));
	return 0;
}
