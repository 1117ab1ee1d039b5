/* SPDX-License-Identifier: GPL-2.0 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/blk-filter.h>
#include <linux/blksnap.h>

extern bool json;		/* --json */

/* main.c */

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));

/*
 * Says that @what of @object failed with @err, why that is so and what to do,
 * and exits. Some errnos mean different things to different commands: @hints
 * is a list of these, ended by errno 0; it comes before the general ones.
 */
struct hint {
	int err;
	const char *text;
};
void die_errno(int err, const char *what, const char *object, const struct hint *hints)
	__attribute__((noreturn));

uint64_t parse_number(const char *text, const char *what);
uint64_t parse_size(const char *text);		/* bytes; suffixes K M G T */
void parse_id(const char *text, struct blksnap_uuid *id);
const char *id_text(const struct blksnap_uuid *id);	/* static, four at a time */
void json_string(const char *text);

/* device.c: what goes through the device's own file descriptor */

int cmd_attach(int argc, char **argv);
int cmd_detach(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_dirty(int argc, char **argv);
int cmd_epoch(int argc, char **argv);
int cmd_image(int argc, char **argv);
int cmd_release(int argc, char **argv);
int cmd_threshold(int argc, char **argv);
int cmd_stat(int argc, char **argv);

int device_open(const char *path, int flags);
int attach_plain(int fd);
int device_ctl(int fd, uint32_t cmd, void *opt, uint32_t optlen);	/* -1 and errno */
void device_cbtinfo(int fd, const char *path, struct blksnap_cbtinfo *info);

/* map.c */

int cmd_map(int argc, char **argv);

/* snapshot.c: what goes through the control device */

int cmd_create(int argc, char **argv);
int cmd_add(int argc, char **argv);
int cmd_take(int argc, char **argv);
int cmd_snapshot(int argc, char **argv);
int cmd_destroy(int argc, char **argv);
int cmd_list(int argc, char **argv);
int cmd_watermark(int argc, char **argv);
int cmd_features(int argc, char **argv);
int cmd_version(int argc, char **argv);
int snapshot_stat(const char *id);

int control_open(void);

/* events.c */

int cmd_events(int argc, char **argv);

#endif
