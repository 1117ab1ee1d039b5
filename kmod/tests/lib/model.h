/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_MODEL_H
#define TESTS_MODEL_H

#include <stdint.h>

/*
 * Random operations on two devices, driven on the module and on the plain model
 * of volume.h in lock step; the same seed gives the same operations. Ends the
 * test at the first mismatch, with the step and what led to it. $STEPS
 * overrides @steps.
 */
void model_run(uint64_t seed, unsigned int steps);

#endif /* TESTS_MODEL_H */
