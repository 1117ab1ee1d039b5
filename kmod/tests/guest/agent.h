/* SPDX-License-Identifier: GPL-2.0 */
#ifndef AGENT_H
#define AGENT_H

/* Writes a line to the host; newlines in it would end it. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Runs a command of the guest and waits; returns its exit status. */
int run(const char *const argv[]);

/* Remembers the modules' parameters, once, after they were loaded. */
void reset_init(void);

/*
 * Puts the guest back into the state in which a test finds it. Returns the
 * number of things that would not go away; each was told to the host.
 */
int reset_all(void);

/* Loads the modules under test unless they are loaded; 0 or an errno. */
int load_modules(void);

#endif
