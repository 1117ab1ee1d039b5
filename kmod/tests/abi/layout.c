/* numbers, sizes and offsets of the interface are those that existing tools were compiled with */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>

#include "source.h"

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define AT(type, member, offset) _Static_assert(offsetof(type, member) == (offset), #type "." #member)

_Static_assert(BLKFILTER_ATTACH_V1 == 0xc020128c, "first generation");
_Static_assert(BLKFILTER_DETACH_V1 == 0xc020128d, "first generation");
_Static_assert(BLKFILTER_CTL_V1 == 0xc030128e, "first generation");
_Static_assert(BLKFILTER_ATTACH == 0xc030128e, "second generation");
_Static_assert(BLKFILTER_DETACH == 0xc020128f, "second generation");
_Static_assert(BLKFILTER_CTL == 0xc0301290, "second generation");
SIZE(struct blkfilter_name, 32);
SIZE(struct blkfilter_attach, 48);
AT(struct blkfilter_attach, opt, 32);
AT(struct blkfilter_attach, optlen, 40);
SIZE(struct blkfilter_ctl, 48);
AT(struct blkfilter_ctl, cmd, 32);
AT(struct blkfilter_ctl, optlen, 36);
AT(struct blkfilter_ctl, opt, 40);

SIZE(struct blksnap_cbtinfo, 40);
AT(struct blksnap_cbtinfo, device_capacity, 0);
AT(struct blksnap_cbtinfo, block_size, 8);
AT(struct blksnap_cbtinfo, block_count, 12);
AT(struct blksnap_cbtinfo, generation_id, 16);
AT(struct blksnap_cbtinfo, changes_number, 32);
SIZE(struct blksnap_cbtmap, 16);
AT(struct blksnap_cbtmap, length, 4);
AT(struct blksnap_cbtmap, buffer, 8);
SIZE(struct blksnap_cbtdirty, 16);
AT(struct blksnap_cbtdirty, dirty_sectors, 8);
SIZE(struct blksnap_sectors, 16);
AT(struct blksnap_sectors, count, 8);
SIZE(struct blksnap_snapshotadd, 16);
SIZE(struct blksnap_snapshotinfo, 36);
AT(struct blksnap_snapshotinfo, image, 4);

_Static_assert(IOCTL_BLKSNAP_VERSION == 0x80085600, "VERSION");
_Static_assert(IOCTL_BLKSNAP_SNAPSHOT_CREATE == 0xc0205601, "CREATE");
_Static_assert(IOCTL_BLKSNAP_SNAPSHOT_DESTROY == 0x40105602, "DESTROY");
_Static_assert(IOCTL_BLKSNAP_SNAPSHOT_TAKE == 0x40105603, "TAKE");
_Static_assert(IOCTL_BLKSNAP_SNAPSHOT_COLLECT == 0x80105604, "COLLECT");
_Static_assert(IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT == 0x90005605, "WAIT_EVENT");
SIZE(struct blksnap_version, 8);
SIZE(struct blksnap_snapshot_create, 32);
AT(struct blksnap_snapshot_create, diff_storage_filename, 8);
AT(struct blksnap_snapshot_create, id, 16);
SIZE(struct blksnap_snapshot_array, 16);
AT(struct blksnap_snapshot_array, ids, 8);
SIZE(struct blksnap_snapshot_event, 4096);
AT(struct blksnap_snapshot_event, timeout_ms, 16);
AT(struct blksnap_snapshot_event, code, 20);
AT(struct blksnap_snapshot_event, time_label, 24);
AT(struct blksnap_snapshot_event, data, 32);
AT(struct blksnap_event_corrupted, err_code, 8);
SIZE(struct blksnap_event_corrupted, 12);
SIZE(struct blksnap_event_no_space, 8);

#define result(call) ({ int _r = (call); _r < 0 ? -errno : _r; })

/* The whole life of a snapshot with nothing but bytes and numbers, as a foreign tool makes it. */
int main(void)
{
	struct source source = { .path = sh("dev_null 8") };
	int fd = open_dev(source.path, O_RDWR | O_DIRECT), ctl = ctl_open();
	uint8_t version[8], name[32] = "blksnap", id[16], info[40], create[32] = { 0 }, array[16] = { 0 };
	uint8_t request[48] = "blksnap", snapinfo[36], event[4096] = { 0 };
	uint64_t pointer, limit = 8192;
	uint32_t u32;

	must(result(ioctl(ctl, 0x80085600, version)));
	check(!memcmp(version, "\x02\0\0\0\0\0\0\0", 8), "version is %u.%u.%u.%u, expected 2.0.0.0",
	      version[0], version[2], version[4], version[6]);
	must(result(ioctl(fd, 0xc020128c, name)));

	memset(info, 0xff, sizeof(info));
	u32 = 40;
	memcpy(request + 36, &u32, 4);
	pointer = (uintptr_t)info;
	memcpy(request + 40, &pointer, 8);
	must(result(ioctl(fd, 0xc030128e, request)));
	memcpy(&pointer, info, 8);
	check(pointer == 8 << 20, "capacity %llu", (unsigned long long)pointer);
	memcpy(&u32, info + 8, 4);
	check(u32 == 65536, "tracking block of %u bytes", u32);
	memcpy(&u32, info + 12, 4);
	check(u32 == 128, "%u tracking blocks", u32);

	memcpy(create, &limit, 8);
	pointer = (uintptr_t)"/tmp";
	memcpy(create + 8, &pointer, 8);
	must(result(ioctl(ctl, 0xc0205601, create)));
	memcpy(id, create + 16, 16);
	memset(request, 0, sizeof(request));
	memcpy(request, "blksnap", 7);
	request[32] = 3;
	request[36] = 16;
	pointer = (uintptr_t)id;
	memcpy(request + 40, &pointer, 8);
	must(result(ioctl(fd, 0xc0301290, request)));
	must(result(ioctl(ctl, 0x40105603, id)));

	request[32] = 4;
	request[36] = 36;
	pointer = (uintptr_t)snapinfo;
	memcpy(request + 40, &pointer, 8);
	must(result(ioctl(fd, 0xc0301290, request)));
	check(!memcmp(snapinfo, "\0\0\0\0blksnap-image_", 18), "image '%.32s'", snapinfo + 4);

	memset(array, 0, sizeof(array));
	must(result(ioctl(ctl, 0x80105604, array)));
	check(array[0] == 1, "COLLECT without room does not count the snapshot");
	memset(info, 0, sizeof(info));
	pointer = (uintptr_t)info;
	memcpy(array + 8, &pointer, 8);
	must(result(ioctl(ctl, 0x80105604, array)));
	check(array[0] == 1 && !memcmp(info, id, 16), "COLLECT does not show the snapshot");

	memcpy(event, id, 16);
	event[16] = 1;
	want(result(ioctl(ctl, 0x90005605, event)), -ENOENT);
	must(result(ioctl(ctl, 0x40105602, id)));
	must(result(ioctl(fd, 0xc020128f, name)));
	return 0;
}
