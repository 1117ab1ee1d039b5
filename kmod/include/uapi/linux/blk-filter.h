/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_BLK_FILTER_H
#define _UAPI_LINUX_BLK_FILTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Bytes of a filter's name, the terminating zero included. */
#define BLKFILTER_NAME_LENGTH	32

/**
 * struct blkfilter_name - attach (first generation) and detach (both)
 * @name: name of the filter, zero-terminated
 */
struct blkfilter_name {
	__u8 name[BLKFILTER_NAME_LENGTH];
};

/**
 * struct blkfilter_attach - attach with options (second generation)
 * @name: name of the filter, zero-terminated
 * @opt: user pointer to the filter's own options, 0 for none
 * @optlen: bytes at @opt
 * @reserved: must be zero
 */
struct blkfilter_attach {
	__u8 name[BLKFILTER_NAME_LENGTH];
	__aligned_u64 opt;
	__u32 optlen;
	__u32 reserved;
};

/**
 * struct blkfilter_ctl - a command to the attached filter
 * @name: name of the filter, zero-terminated
 * @cmd: command, as the filter defines them
 * @optlen: bytes at @opt; the filter may shorten it to what it used
 * @opt: user pointer to the command's argument
 */
struct blkfilter_ctl {
	__u8 name[BLKFILTER_NAME_LENGTH];
	__u32 cmd;
	__u32 optlen;
	__aligned_u64 opt;
};

/*
 * The interface exists in two generations, and both work at once. They share
 * the number 0xc030128e: eight zero bytes after the name are an attach without
 * options. So is an attach with options what has 1..4096 in the last eight bytes
 * (optlen, and reserved zero) and @opt not below 4096: as a command its argument
 * would be in the first page. Anything else is a first-generation command.
 */
#define BLKFILTER_ATTACH_V1	_IOWR(0x12, 140, struct blkfilter_name)
#define BLKFILTER_DETACH_V1	_IOWR(0x12, 141, struct blkfilter_name)
#define BLKFILTER_CTL_V1	_IOWR(0x12, 142, struct blkfilter_ctl)

#define BLKFILTER_ATTACH	_IOWR(0x12, 142, struct blkfilter_attach)
#define BLKFILTER_DETACH	_IOWR(0x12, 143, struct blkfilter_name)
#define BLKFILTER_CTL		_IOWR(0x12, 144, struct blkfilter_ctl)

#endif /* _UAPI_LINUX_BLK_FILTER_H */
