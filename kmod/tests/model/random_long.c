// SPDX-License-Identifier: GPL-2.0
/*
 * hundreds of thousands of random operations on two devices give what a plain model says
 * long
 * timeout: 3000
 */
#include "model.h"
#include "random.h"

int main(void)
{
	model_run(random_seed(), 200000);
	return 0;
}
