/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For tests in C. Wrappers of the ioctls return a non-negative result or
 * -errno, and judge nothing; check() and the like do. What a test makes, the
 * harness removes.
 */
#ifndef TEST_BLKSNAP_H
#define TEST_BLKSNAP_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/blk-filter.h>
#include <linux/blksnap.h>

/* Judging. */

#define EXIT_PASS 0
#define EXIT_FAIL 1
#define EXIT_SKIP 4

void fail_at(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4), noreturn));
extern void (*on_fail)(void);	/* if set: says more, before a failing test ends */
void skip(const char *reason) __attribute__((noreturn));

#define fail(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)

/* check(condition, "what it means", ...) */
#define check(cond, ...) do { if (!(cond)) fail(__VA_ARGS__); } while (0)

/* must(call): the result, which has to be non-negative */
#define must(call) ({							\
	long _ret = (call);						\
	if (_ret < 0)							\
		fail("%s: %s", #call, errno_name(-_ret));		\
	_ret;								\
})

/* want(call, -EINVAL): exactly that result */
#define want(call, expected) do {					\
	long _ret = (call), _exp = (expected);				\
	if (_ret != _exp)						\
		fail("%s: got %s, expected %s", #call,			\
		     result_name(_ret), result_name(_exp));		\
} while (0)

const char *errno_name(int err);	/* "ENOENT" */
const char *result_name(long ret);	/* "-ENOENT" or the number */

/* Devices. sh("dev_null %d", 64) runs lib.sh's function, and returns its output's last line. */

char *sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
int sh_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

int open_dev(const char *path, int flags);	/* O_CLOEXEC added; fails the test on error */
uint64_t dev_size(int fd);			/* bytes */
bool is_sanitizer(void);
uint64_t now_ns(void);				/* CLOCK_MONOTONIC */
void write_file(const char *path, const char *text);
long read_number(const char *path);
long param_get(const char *name);		/* module parameter of blksnap */
int param_set(const char *name, long value);	/* 0 or -errno */

/* Filter. */

int bf_attach(int fd);
int bf_attach_opt(int fd, const char *name, const void *opt, uint32_t optlen);
int bf_attach_v1(int fd, const char *name);
int bf_detach(int fd);
int bf_detach_name(int fd, const char *name);
int bf_detach_v1(int fd, const char *name);
int bf_ctl(int fd, uint32_t cmd, void *opt, uint32_t optlen);
int bf_ctl_name(int fd, const char *name, uint32_t cmd, void *opt, uint32_t optlen);
int bf_ctl_v1(int fd, const char *name, uint32_t cmd, void *opt, uint32_t optlen);
const char *bf_sysfs(const char *dev);		/* content of its filter file, static buffer */

/* Change map. */

int cbt_info(int fd, struct blksnap_cbtinfo *info);
int cbt_map(int fd, uint32_t offset, uint32_t length, void *buffer);
uint8_t *cbt_map_all(int fd, struct blksnap_cbtinfo *info);	/* malloc'ed */
int cbt_dirty(int fd, const struct blksnap_sectors *ranges, uint32_t count);
int cbt_epoch(int fd, struct blksnap_cbtepoch *epoch);
int dev_stat(int fd, struct blksnap_device_stat *stat);
int dev_threshold(int fd, uint64_t bytes);

/* Snapshots. */

int ctl_open(void);		/* /dev/blksnap-control, fails the test on error */
int snap_create(int ctl, const char *storage, uint64_t limit_sect, struct blksnap_uuid *id);
int snap_add(int fd, const struct blksnap_uuid *id);
int snap_take(int ctl, const struct blksnap_uuid *id);
int snap_destroy(int ctl, const struct blksnap_uuid *id);
int snap_collect(int ctl, struct blksnap_uuid *ids, uint32_t *count);
int snap_info(int fd, struct blksnap_snapshotinfo *info);
int snap_event(int ctl, const struct blksnap_uuid *id, uint32_t timeout_ms,
	       struct blksnap_snapshot_event *event);
int snap_stat(int ctl, const struct blksnap_uuid *id, struct blksnap_snapshot_stat *stat);
int snap_watermark(int ctl, const struct blksnap_uuid *id, uint64_t used_sect);
int snap_subscribe(int ctl, const struct blksnap_uuid *id);	/* NULL: events of devices */
int snap_release(int fd, bool enable);
int snap_version(int ctl, struct blksnap_version *version);
int snap_features(int ctl, uint64_t *features);

/* create + add + take of nr devices, all of which have to succeed */
void snap_make(int ctl, const char *storage, uint64_t limit_sect, const int *fds, int nr,
	       struct blksnap_uuid *id);
int image_open(int fd, int flags);		/* fails the test on error */
int image_error(int fd);			/* error_code of SNAPSHOTINFO */
int image_error_soon(int fd);			/* waits for one: storing follows the writes */

#endif
