/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TESTS_GROUP_H
#define TESTS_GROUP_H

/*
 * Threads write a number to device 0, then, once that is complete, to device 1,
 * and so on, then the next number. A group snapshot of one instant can show the
 * number only falling from device to device, and by one at most in all. Ends the
 * test where it does not (fault 13). @devices of 8 MiB and more are made here.
 */
void group_rounds(unsigned int devices, unsigned int threads, unsigned int rounds);

#endif /* TESTS_GROUP_H */
