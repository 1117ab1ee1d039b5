package io.blkcast.exporter.source.blksnap;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;

/**
 * Numbers of the modules' binary interface: ioctls, sizes and offsets of their arguments, all
 * little-endian. They are those of {@code kmod/include/uapi/linux/blk-filter.h} and {@code
 * blksnap.h}; a test holds them against what the C compiler makes of these headers.
 */
final class Abi {

  static final String FILTER = "blksnap";
  static final String CONTROL_DEVICE = "/dev/blksnap-control";
  static final int SECTOR = 512;

  /** Attach, detach and control on a block device, second generation (rebase for Linux 6.15). */
  static final int BLKFILTER_ATTACH = 0xc030128e;

  static final int BLKFILTER_DETACH = 0xc020128f;
  static final int BLKFILTER_CTL = 0xc0301290;

  /** The same, first generation (series v7). */
  static final int BLKFILTER_ATTACH_V1 = 0xc020128c;

  static final int BLKFILTER_DETACH_V1 = 0xc020128d;
  static final int BLKFILTER_CTL_V1 = 0xc030128e;

  static final int BLKFILTER_NAME_LENGTH = 32;
  static final int ATTACH_SIZE = 48;
  static final int ATTACH_OPT = 32;
  static final int ATTACH_OPTLEN = 40;
  static final int ATTACH_OPTIONS_SIZE = 8;
  static final int ATTACH_WHOLE_DISK = 1;
  static final int CTL_SIZE = 48;
  static final int CTL_CMD = 32;
  static final int CTL_OPTLEN = 36;
  static final int CTL_OPT = 40;

  static final int CBTINFO = 0;
  static final int CBTINFO_SIZE = 40;
  static final int CBTINFO_BLOCK_SIZE = 8;
  static final int CBTINFO_BLOCK_COUNT = 12;
  static final int CBTINFO_GENERATION = 16;
  static final int CBTINFO_CHANGES_NUMBER = 32;

  static final int CBTMAP = 1;
  static final int CBTMAP_SIZE = 16;
  static final int CBTMAP_LENGTH = 4;
  static final int CBTMAP_BUFFER = 8;

  static final int CBTDIRTY = 2;
  static final int CBTDIRTY_SIZE = 16;
  static final int CBTDIRTY_RANGES = 8;
  static final int RANGE_SIZE = 16;

  static final int SNAPSHOTADD = 3;
  static final int UUID_SIZE = 16;

  static final int SNAPSHOTINFO = 4;
  static final int SNAPSHOTINFO_SIZE = 36;
  static final int SNAPSHOTINFO_IMAGE = 4;
  static final int IMAGE_NAME_LENGTH = 32;

  static final int CBTEPOCH = 64;
  static final int CBTEPOCH_SIZE = 40;
  static final int CBTEPOCH_EPOCH = 16;
  static final int CBTEPOCH_MAP_EPOCH = 24;
  static final int CBTEPOCH_OLDEST_BASE = 32;

  static final int RELEASE = 65;
  static final int RELEASE_SIZE = 8;

  static final int STAT = 66;
  static final int DEVICE_STAT_SIZE = 304;
  static final int DEVICE_STAT_COPIED = 16;
  static final int DEVICE_STAT_RELEASED = 24;

  static final int THRESHOLD = 67;
  static final int THRESHOLD_SIZE = 8;

  static final int VERSION = 0x80085600;
  static final int VERSION_SIZE = 8;
  static final int SNAPSHOT_CREATE = 0xc0205601;
  static final int CREATE_SIZE = 32;
  static final int CREATE_FILENAME = 8;
  static final int CREATE_ID = 16;
  static final int SNAPSHOT_DESTROY = 0x40105602;
  static final int SNAPSHOT_TAKE = 0x40105603;
  static final int SNAPSHOT_COLLECT = 0x80105604;
  static final int COLLECT_SIZE = 16;
  static final int COLLECT_IDS = 8;
  static final int SNAPSHOT_WAIT_EVENT = 0x90005605;
  static final int EVENT_SIZE = 4096;
  static final int EVENT_TIMEOUT_MS = 16;
  static final int EVENT_CODE = 20;
  static final int EVENT_TIME_LABEL = 24;
  static final int EVENT_DATA = 32;
  static final int FEATURES = 0x80085640;
  static final int FEATURES_SIZE = 8;
  static final int SNAPSHOT_STAT = 0xc0305641;
  static final int STAT_SIZE = 48;
  static final int STAT_LIMIT_SECT = 16;
  static final int STAT_ALLOCATED_SECT = 24;
  static final int STAT_USED_SECT = 32;
  static final int STAT_ERROR_CODE = 40;
  static final int SNAPSHOT_WATERMARK = 0x40185642;
  static final int WATERMARK_SIZE = 24;
  static final int WATERMARK_USED_SECT = 16;
  static final int SUBSCRIBE = 0x40105643;

  static final long FEATURE_EPOCH = 1;
  static final long FEATURE_RELEASE = 1 << 1;
  static final long FEATURE_SMALL_COPY = 1 << 2;
  static final long FEATURE_WATERMARK = 1 << 3;
  static final long FEATURE_DEVICE_EVENTS = 1 << 4;
  static final long FEATURE_POLL = 1 << 5;
  static final long FEATURE_STAT = 1 << 6;
  static final long FEATURE_WHOLE_DISK = 1 << 7;
  static final long FEATURE_GROUP_INSTANT = 1 << 8;

  static final int EVENT_CORRUPTED = 0;
  static final int EVENT_NO_SPACE = 1;
  static final int EVENT_WATERMARK = 64;
  static final int EVENT_CHANGED = 65;
  static final int EVENT_RESIZED = 66;
  static final int EVENT_REMOVED = 67;
  static final int EVENT_LOST = 68;

  /**
   * Discard a range of a block device, {@code linux/fs.h}: {@code u64 start, u64 length}, bytes.
   */
  static final int BLKDISCARD = 0x1277;

  private Abi() {}

  /** The features' names, for people. */
  static String featureNames(long features) {
    List<String> names =
        List.of(
            "epochs",
            "release",
            "small copies",
            "watermarks",
            "device events",
            "poll",
            "figures",
            "whole disks",
            "one instant for groups");
    List<String> known = new ArrayList<>();
    for (int bit = 0; bit < names.size(); bit++) {
      if ((features >> bit & 1) != 0) {
        known.add(names.get(bit));
      }
    }
    return String.join(", ", known);
  }

  /** A zeroed buffer for an argument, in the kernel's byte order. */
  static ByteBuffer argument(int size) {
    return ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Puts the filter's name at the start of an argument. */
  static ByteBuffer named(int size) {
    return argument(size).put(0, FILTER.getBytes(StandardCharsets.US_ASCII));
  }

  static void putUuid(ByteBuffer argument, int at, UUID id) {
    ByteBuffer bytes = ByteBuffer.allocate(UUID_SIZE);
    bytes.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
    argument.put(at, bytes.array());
  }

  static UUID uuid(ByteBuffer argument, int at) {
    ByteBuffer bytes = ByteBuffer.allocate(UUID_SIZE);
    argument.get(at, bytes.array());
    return new UUID(bytes.getLong(), bytes.getLong());
  }

  /** A zero-terminated string of at most {@code length} bytes. */
  static String string(ByteBuffer argument, int at, int length) {
    byte[] bytes = new byte[length];
    argument.get(at, bytes);
    int end = 0;
    while (end < length && bytes[end] != 0) {
      end++;
    }
    return new String(Arrays.copyOf(bytes, end), StandardCharsets.UTF_8);
  }
}
