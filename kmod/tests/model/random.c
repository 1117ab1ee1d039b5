// SPDX-License-Identifier: GPL-2.0
/*
 * some thousand random operations on two devices give what a plain model says, byte for byte and number for number
 * timeout: 300
 */
#include "model.h"
#include "random.h"
#include "source.h"

int main(void)
{
	model_run(random_seed(), repeats(2000));
	return 0;
}
