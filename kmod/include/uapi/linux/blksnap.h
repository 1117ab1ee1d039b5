/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
#ifndef _UAPI_LINUX_BLKSNAP_H
#define _UAPI_LINUX_BLKSNAP_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define BLKSNAP_FILTER_NAME	"blksnap"	/* name for BLKFILTER_ATTACH */
#define BLKSNAP_CTL		"blksnap-control" /* /dev/blksnap-control */
#define BLKSNAP_IMAGE_NAME	"blksnap-image_"  /* followed by major:minor of the source */
#define BLKSNAP_IMAGE_NAME_LEN	32

/* Sector of this interface, whatever the device's: 512 bytes. */

/**
 * struct blksnap_uuid - identifier of a snapshot or a generation
 * @b: 16 bytes, as the kernel's uuid_t
 */
struct blksnap_uuid {
	__u8 b[16];
};

/**
 * enum blkfilter_ctl_blksnap - commands for BLKFILTER_CTL, filter "blksnap"
 * @BLKFILTER_CTL_BLKSNAP_CBTINFO: out struct blksnap_cbtinfo
 * @BLKFILTER_CTL_BLKSNAP_CBTMAP: in struct blksnap_cbtmap; returns bytes copied
 * @BLKFILTER_CTL_BLKSNAP_CBTDIRTY: in struct blksnap_cbtdirty
 * @BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD: in struct blksnap_snapshotadd
 * @BLKFILTER_CTL_BLKSNAP_SNAPSHOTINFO: out struct blksnap_snapshotinfo
 * @BLKFILTER_CTL_BLKSNAP_CBTEPOCH: extension, out struct blksnap_cbtepoch
 * @BLKFILTER_CTL_BLKSNAP_RELEASE: extension, in struct blksnap_release
 * @BLKFILTER_CTL_BLKSNAP_STAT: extension, out struct blksnap_device_stat
 * @BLKFILTER_CTL_BLKSNAP_THRESHOLD: extension, in struct blksnap_threshold
 */
enum blkfilter_ctl_blksnap {
	BLKFILTER_CTL_BLKSNAP_CBTINFO = 0,
	BLKFILTER_CTL_BLKSNAP_CBTMAP = 1,
	BLKFILTER_CTL_BLKSNAP_CBTDIRTY = 2,
	BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD = 3,
	BLKFILTER_CTL_BLKSNAP_SNAPSHOTINFO = 4,
	BLKFILTER_CTL_BLKSNAP_CBTEPOCH = 64,
	BLKFILTER_CTL_BLKSNAP_RELEASE = 65,
	BLKFILTER_CTL_BLKSNAP_STAT = 66,
	BLKFILTER_CTL_BLKSNAP_THRESHOLD = 67,
};

/**
 * struct blksnap_attach_opt - options of BLKFILTER_ATTACH, second generation
 * @flags: BLKSNAP_ATTACH_* bits; unknown ones are -EINVAL
 * @reserved: must be zero
 */
struct blksnap_attach_opt {
	__u32 flags;
	__u32 reserved;
};

/* On a whole disk: cover what is written to its partitions as well. */
#define BLKSNAP_ATTACH_WHOLE_DISK	(1U << 0)

/**
 * struct blksnap_cbtinfo - the readable change map
 * @device_capacity: bytes
 * @block_size: bytes of a tracking block, a power of two
 * @block_count: blocks, and so bytes of the map
 * @generation_id: changes when older changes numbers lose their meaning
 * @changes_number: the number closed by the last take; 0 before the first
 * @reserved: zero
 */
struct blksnap_cbtinfo {
	__u64 device_capacity;
	__u32 block_size;
	__u32 block_count;
	struct blksnap_uuid generation_id;
	__u8 changes_number;
	__u8 reserved[7];
};

/**
 * struct blksnap_cbtmap - part of the readable change map
 * @offset: first byte of the map wanted; past the map is -ENODATA
 * @length: bytes wanted; cut to the map's end
 * @buffer: user pointer that takes them
 */
struct blksnap_cbtmap {
	__u32 offset;
	__u32 length;
	__aligned_u64 buffer;
};

/**
 * struct blksnap_sectors - a range of a device
 * @offset: first sector
 * @count: sectors, at least 1
 */
struct blksnap_sectors {
	__u64 offset;
	__u64 count;
};

/**
 * struct blksnap_cbtdirty - ranges to count as changed
 * @count: elements at @dirty_sectors
 * @dirty_sectors: user pointer to an array of struct blksnap_sectors
 *
 * All ranges are checked before the first is marked.
 */
struct blksnap_cbtdirty {
	__u32 count;
	__aligned_u64 dirty_sectors;
};

/**
 * struct blksnap_snapshotadd - add the device to a snapshot
 * @id: snapshot, from IOCTL_BLKSNAP_SNAPSHOT_CREATE
 */
struct blksnap_snapshotadd {
	struct blksnap_uuid id;
};

/**
 * struct blksnap_snapshotinfo - state of the device's snapshot
 * @error_code: 0 fine, -ENOSPC overflowed, else the errno that corrupted it
 * @image: name of the image under /dev, empty if there is none
 */
struct blksnap_snapshotinfo {
	__s32 error_code;
	__u8 image[BLKSNAP_IMAGE_NAME_LEN];
};

/**
 * struct blksnap_cbtepoch - the change map on a time axis that does not wrap
 * @tracking_id: changes only when history is lost (attach, capacity change)
 * @epoch: takes since tracking began
 * @map_epoch: a block of the readable map with value v > 0 was last written in
 *	epoch @map_epoch + v, where the epoch of a write is one more than the
 *	takes before it. Value 1 after a renumbering means that epoch or earlier.
 * @oldest_base: oldest epoch that still can be the base of an increment
 *
 * With base epoch E, @oldest_base <= E <= @epoch, a block belongs to the
 * increment when its value v > 0 and @map_epoch + v > E. At least the last 127
 * epochs can serve as base, unless tracking is younger.
 */
struct blksnap_cbtepoch {
	struct blksnap_uuid tracking_id;
	__u64 epoch;
	__u64 map_epoch;
	__u64 oldest_base;
};

/**
 * struct blksnap_release - whether BLKDISCARD on the image releases
 * @enable: 1: a discarded range of the image need not be kept any longer: its
 *	copies are freed, writes to it on the source are not copied, and reading it
 *	from the image is an I/O error. 0: a discard keeps its usual meaning.
 * @reserved: must be zero
 */
struct blksnap_release {
	__u32 enable;
	__u32 reserved;
};

#define BLKSNAP_LATENCY_BUCKETS	32

/**
 * struct blksnap_device_stat - figures of one device
 * @written_bytes: bytes written since the last take
 * @changed_blocks: tracking blocks written since the last take
 * @copied_bytes: bytes copied aside for the current snapshot
 * @released_bytes: bytes released from the current snapshot
 * @writes: write requests seen since attach
 * @waited_writes: of those, the ones that waited for a copy
 * @latency: histogram of what the copy added: bucket i counts waits of at least
 *	2^i ns and less than 2^(i+1) ns; the last takes what is longer
 */
struct blksnap_device_stat {
	__u64 written_bytes;
	__u64 changed_blocks;
	__u64 copied_bytes;
	__u64 released_bytes;
	__u64 writes;
	__u64 waited_writes;
	__u64 latency[BLKSNAP_LATENCY_BUCKETS];
};

/**
 * struct blksnap_threshold - when to raise BLKSNAP_EVENT_CODE_CHANGED
 * @changed_bytes: changed tracking blocks since the last take, in bytes, at
 *	which the event is raised once per epoch; 0 switches it off
 */
struct blksnap_threshold {
	__u64 changed_bytes;
};

/*
 * The control device.
 */

/**
 * struct blksnap_version - of the interface, 2.0.0.0
 * @major: incompatible changes
 * @minor: compatible additions
 * @revision: corrections
 * @build: always 0: ask IOCTL_BLKSNAP_FEATURES for what the module can do
 */
struct blksnap_version {
	__u16 major;
	__u16 minor;
	__u16 revision;
	__u16 build;
};

/**
 * struct blksnap_snapshot_create - a new, empty snapshot
 * @diff_storage_limit_sect: most sectors that the difference storage may take
 * @diff_storage_filename: user pointer to the path of a directory, a regular
 *	file or a block device
 * @id: out: the snapshot's identifier
 */
struct blksnap_snapshot_create {
	__u64 diff_storage_limit_sect;
	__u64 diff_storage_filename;
	struct blksnap_uuid id;
};

/**
 * struct blksnap_snapshot_array - identifiers of all snapshots
 * @count: in: room at @ids, 0 to ask for the number only; out: number of snapshots
 * @ids: user pointer to an array of struct blksnap_uuid
 */
struct blksnap_snapshot_array {
	__u32 count;
	__aligned_u64 ids;
};

#define BLKSNAP_EVENT_DATA_SIZE	4064

/**
 * struct blksnap_snapshot_event - one event, oldest first
 * @id: in: the snapshot; zero for the events of devices, of the fd that
 *	subscribed to them
 * @timeout_ms: in: milliseconds to wait at most; 0 asks without waiting
 * @code: out: enum blksnap_event_codes
 * @time_label: out: CLOCK_REALTIME of the event, ns
 * @data: out: the struct that belongs to @code
 */
struct blksnap_snapshot_event {
	struct blksnap_uuid id;
	__u32 timeout_ms;
	__u32 code;
	__s64 time_label;
	__u8 data[BLKSNAP_EVENT_DATA_SIZE];
};

/**
 * enum blksnap_event_codes - what happened
 * @BLKSNAP_EVENT_CODE_CORRUPTED: struct blksnap_event_corrupted
 * @BLKSNAP_EVENT_CODE_NO_SPACE: struct blksnap_event_no_space
 * @BLKSNAP_EVENT_CODE_WATERMARK: extension, struct blksnap_event_watermark
 * @BLKSNAP_EVENT_CODE_CHANGED: extension, of a device, struct blksnap_event_changed
 * @BLKSNAP_EVENT_CODE_RESIZED: extension, of a device, struct blksnap_event_resized
 * @BLKSNAP_EVENT_CODE_REMOVED: extension, of a device, struct blksnap_event_removed
 * @BLKSNAP_EVENT_CODE_LOST: extension, of a device: events were dropped because
 *	the subscriber did not read them; no data
 */
enum blksnap_event_codes {
	BLKSNAP_EVENT_CODE_CORRUPTED = 0,
	BLKSNAP_EVENT_CODE_NO_SPACE = 1,
	BLKSNAP_EVENT_CODE_WATERMARK = 64,
	BLKSNAP_EVENT_CODE_CHANGED = 65,
	BLKSNAP_EVENT_CODE_RESIZED = 66,
	BLKSNAP_EVENT_CODE_REMOVED = 67,
	BLKSNAP_EVENT_CODE_LOST = 68,
};

/**
 * struct blksnap_event_corrupted - the image of a device is lost
 * @dev_id_mj: major number of the device
 * @dev_id_mn: minor number
 * @err_code: why, a positive errno
 */
struct blksnap_event_corrupted {
	__u32 dev_id_mj;
	__u32 dev_id_mn;
	__s32 err_code;
};

/**
 * struct blksnap_event_no_space - the difference storage was too small
 * @requested_nr_sect: sectors that it would have had to have
 */
struct blksnap_event_no_space {
	__u64 requested_nr_sect;
};

struct blksnap_event_watermark {
	__u64 used_sect;
	__u64 limit_sect;
};

struct blksnap_event_changed {
	__u32 dev_id_mj;
	__u32 dev_id_mn;
	__u64 changed_bytes;
};

struct blksnap_event_resized {
	__u32 dev_id_mj;
	__u32 dev_id_mn;
	__u64 old_capacity;
	__u64 new_capacity;
};

struct blksnap_event_removed {
	__u32 dev_id_mj;
	__u32 dev_id_mn;
};

/**
 * struct blksnap_features - what this module can do beyond the series
 * @features: BLKSNAP_FEATURE_* bits
 */
struct blksnap_features {
	__u64 features;
};

#define BLKSNAP_FEATURE_EPOCH		(1ULL << 0)
#define BLKSNAP_FEATURE_RELEASE		(1ULL << 1)
#define BLKSNAP_FEATURE_SMALL_COPY	(1ULL << 2)
#define BLKSNAP_FEATURE_WATERMARK	(1ULL << 3)
#define BLKSNAP_FEATURE_DEVICE_EVENTS	(1ULL << 4)
#define BLKSNAP_FEATURE_POLL		(1ULL << 5)
#define BLKSNAP_FEATURE_STAT		(1ULL << 6)
#define BLKSNAP_FEATURE_WHOLE_DISK	(1ULL << 7)
#define BLKSNAP_FEATURE_GROUP_INSTANT	(1ULL << 8)

/**
 * struct blksnap_snapshot_stat - figures of one snapshot
 * @id: in: the snapshot
 * @limit_sect: most sectors the difference storage may take
 * @allocated_sect: sectors that the storage has taken so far
 * @used_sect: of those, the ones that hold copies
 * @error_code: 0, or the errno of the storage
 * @devices: devices in the snapshot
 */
struct blksnap_snapshot_stat {
	struct blksnap_uuid id;
	__u64 limit_sect;
	__u64 allocated_sect;
	__u64 used_sect;
	__s32 error_code;
	__u32 devices;
};

/**
 * struct blksnap_snapshot_watermark - when to raise BLKSNAP_EVENT_CODE_WATERMARK
 * @id: the snapshot
 * @used_sect: sectors holding copies at which the event is raised, once; 0
 *	switches it off
 */
struct blksnap_snapshot_watermark {
	struct blksnap_uuid id;
	__u64 used_sect;
};

/**
 * struct blksnap_subscribe - what poll() on this control fd reports
 * @id: a snapshot: readable while it has events, hung up once it is destroyed;
 *	zero: the events of all attached devices from now on, in a queue of this fd
 */
struct blksnap_subscribe {
	struct blksnap_uuid id;
};

#define IOCTL_BLKSNAP_VERSION		  _IOR('V', 0, struct blksnap_version)
#define IOCTL_BLKSNAP_SNAPSHOT_CREATE	  _IOWR('V', 1, struct blksnap_snapshot_create)
#define IOCTL_BLKSNAP_SNAPSHOT_DESTROY	  _IOW('V', 2, struct blksnap_uuid)
#define IOCTL_BLKSNAP_SNAPSHOT_TAKE	  _IOW('V', 3, struct blksnap_uuid)
#define IOCTL_BLKSNAP_SNAPSHOT_COLLECT	  _IOR('V', 4, struct blksnap_snapshot_array)
#define IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT _IOR('V', 5, struct blksnap_snapshot_event)

#define IOCTL_BLKSNAP_FEATURES		  _IOR('V', 64, struct blksnap_features)
#define IOCTL_BLKSNAP_SNAPSHOT_STAT	  _IOWR('V', 65, struct blksnap_snapshot_stat)
#define IOCTL_BLKSNAP_SNAPSHOT_WATERMARK  _IOW('V', 66, struct blksnap_snapshot_watermark)
#define IOCTL_BLKSNAP_SUBSCRIBE		  _IOW('V', 67, struct blksnap_subscribe)

#endif /* _UAPI_LINUX_BLKSNAP_H */
