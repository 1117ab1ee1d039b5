package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.testkit.NeedsTool;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Holds {@link Abi} against what the C compiler makes of the module's headers. Needs gcc. */
class AbiIT {

  @TempDir Path dir;

  @Test
  @NeedsTool("gcc")
  void numbersSizesAndOffsetsAreThoseOfTheHeaders() throws Exception {
    Map<String, Integer> ours = new LinkedHashMap<>();
    ours.put("BLKFILTER_ATTACH", Abi.BLKFILTER_ATTACH);
    ours.put("BLKFILTER_DETACH", Abi.BLKFILTER_DETACH);
    ours.put("BLKFILTER_CTL", Abi.BLKFILTER_CTL);
    ours.put("BLKFILTER_ATTACH_V1", Abi.BLKFILTER_ATTACH_V1);
    ours.put("BLKFILTER_DETACH_V1", Abi.BLKFILTER_DETACH_V1);
    ours.put("BLKFILTER_CTL_V1", Abi.BLKFILTER_CTL_V1);
    ours.put("BLKFILTER_NAME_LENGTH", Abi.BLKFILTER_NAME_LENGTH);
    ours.put("sizeof(struct blkfilter_name)", Abi.BLKFILTER_NAME_LENGTH);
    ours.put("sizeof(struct blkfilter_attach)", Abi.ATTACH_SIZE);
    ours.put("offsetof(struct blkfilter_attach, opt)", Abi.ATTACH_OPT);
    ours.put("offsetof(struct blkfilter_attach, optlen)", Abi.ATTACH_OPTLEN);
    ours.put("sizeof(struct blkfilter_ctl)", Abi.CTL_SIZE);
    ours.put("offsetof(struct blkfilter_ctl, cmd)", Abi.CTL_CMD);
    ours.put("offsetof(struct blkfilter_ctl, optlen)", Abi.CTL_OPTLEN);
    ours.put("offsetof(struct blkfilter_ctl, opt)", Abi.CTL_OPT);

    ours.put("BLKFILTER_CTL_BLKSNAP_CBTINFO", Abi.CBTINFO);
    ours.put("sizeof(struct blksnap_cbtinfo)", Abi.CBTINFO_SIZE);
    ours.put("offsetof(struct blksnap_cbtinfo, device_capacity)", 0);
    ours.put("offsetof(struct blksnap_cbtinfo, block_size)", Abi.CBTINFO_BLOCK_SIZE);
    ours.put("offsetof(struct blksnap_cbtinfo, block_count)", Abi.CBTINFO_BLOCK_COUNT);
    ours.put("offsetof(struct blksnap_cbtinfo, generation_id)", Abi.CBTINFO_GENERATION);
    ours.put("offsetof(struct blksnap_cbtinfo, changes_number)", Abi.CBTINFO_CHANGES_NUMBER);
    ours.put("BLKFILTER_CTL_BLKSNAP_CBTMAP", Abi.CBTMAP);
    ours.put("sizeof(struct blksnap_cbtmap)", Abi.CBTMAP_SIZE);
    ours.put("offsetof(struct blksnap_cbtmap, offset)", 0);
    ours.put("offsetof(struct blksnap_cbtmap, length)", Abi.CBTMAP_LENGTH);
    ours.put("offsetof(struct blksnap_cbtmap, buffer)", Abi.CBTMAP_BUFFER);
    ours.put("sizeof(struct blksnap_attach_opt)", Abi.ATTACH_OPTIONS_SIZE);
    ours.put("BLKSNAP_ATTACH_WHOLE_DISK", Abi.ATTACH_WHOLE_DISK);
    ours.put("BLKFILTER_CTL_BLKSNAP_CBTDIRTY", Abi.CBTDIRTY);
    ours.put("sizeof(struct blksnap_cbtdirty)", Abi.CBTDIRTY_SIZE);
    ours.put("offsetof(struct blksnap_cbtdirty, dirty_sectors)", Abi.CBTDIRTY_RANGES);
    ours.put("sizeof(struct blksnap_sectors)", Abi.RANGE_SIZE);
    ours.put("offsetof(struct blksnap_sectors, count)", 8);
    ours.put("BLKFILTER_CTL_BLKSNAP_STAT", Abi.STAT);
    ours.put("sizeof(struct blksnap_device_stat)", Abi.DEVICE_STAT_SIZE);
    ours.put("offsetof(struct blksnap_device_stat, copied_bytes)", Abi.DEVICE_STAT_COPIED);
    ours.put("offsetof(struct blksnap_device_stat, released_bytes)", Abi.DEVICE_STAT_RELEASED);
    ours.put("sizeof(struct blksnap_snapshot_array)", Abi.COLLECT_SIZE);
    ours.put("offsetof(struct blksnap_snapshot_array, ids)", Abi.COLLECT_IDS);
    ours.put("BLKFILTER_CTL_BLKSNAP_SNAPSHOTADD", Abi.SNAPSHOTADD);
    ours.put("sizeof(struct blksnap_snapshotadd)", Abi.UUID_SIZE);
    ours.put("BLKFILTER_CTL_BLKSNAP_SNAPSHOTINFO", Abi.SNAPSHOTINFO);
    ours.put("sizeof(struct blksnap_snapshotinfo)", Abi.SNAPSHOTINFO_SIZE);
    ours.put("offsetof(struct blksnap_snapshotinfo, error_code)", 0);
    ours.put("offsetof(struct blksnap_snapshotinfo, image)", Abi.SNAPSHOTINFO_IMAGE);
    ours.put("BLKSNAP_IMAGE_NAME_LEN", Abi.IMAGE_NAME_LENGTH);
    ours.put("BLKFILTER_CTL_BLKSNAP_CBTEPOCH", Abi.CBTEPOCH);
    ours.put("sizeof(struct blksnap_cbtepoch)", Abi.CBTEPOCH_SIZE);
    ours.put("offsetof(struct blksnap_cbtepoch, tracking_id)", 0);
    ours.put("offsetof(struct blksnap_cbtepoch, epoch)", Abi.CBTEPOCH_EPOCH);
    ours.put("offsetof(struct blksnap_cbtepoch, map_epoch)", Abi.CBTEPOCH_MAP_EPOCH);
    ours.put("offsetof(struct blksnap_cbtepoch, oldest_base)", Abi.CBTEPOCH_OLDEST_BASE);
    ours.put("BLKFILTER_CTL_BLKSNAP_RELEASE", Abi.RELEASE);
    ours.put("sizeof(struct blksnap_release)", Abi.RELEASE_SIZE);
    ours.put("offsetof(struct blksnap_release, enable)", 0);
    ours.put("BLKFILTER_CTL_BLKSNAP_THRESHOLD", Abi.THRESHOLD);
    ours.put("sizeof(struct blksnap_threshold)", Abi.THRESHOLD_SIZE);

    ours.put("IOCTL_BLKSNAP_VERSION", Abi.VERSION);
    ours.put("sizeof(struct blksnap_version)", Abi.VERSION_SIZE);
    ours.put("offsetof(struct blksnap_version, minor)", 2);
    ours.put("offsetof(struct blksnap_version, revision)", 4);
    ours.put("offsetof(struct blksnap_version, build)", 6);
    ours.put("IOCTL_BLKSNAP_SNAPSHOT_CREATE", Abi.SNAPSHOT_CREATE);
    ours.put("sizeof(struct blksnap_snapshot_create)", Abi.CREATE_SIZE);
    ours.put("offsetof(struct blksnap_snapshot_create, diff_storage_limit_sect)", 0);
    ours.put(
        "offsetof(struct blksnap_snapshot_create, diff_storage_filename)", Abi.CREATE_FILENAME);
    ours.put("offsetof(struct blksnap_snapshot_create, id)", Abi.CREATE_ID);
    ours.put("IOCTL_BLKSNAP_SNAPSHOT_DESTROY", Abi.SNAPSHOT_DESTROY);
    ours.put("IOCTL_BLKSNAP_SNAPSHOT_TAKE", Abi.SNAPSHOT_TAKE);
    ours.put("IOCTL_BLKSNAP_SNAPSHOT_COLLECT", Abi.SNAPSHOT_COLLECT);
    ours.put("IOCTL_BLKSNAP_SNAPSHOT_WAIT_EVENT", Abi.SNAPSHOT_WAIT_EVENT);
    ours.put("sizeof(struct blksnap_snapshot_event)", Abi.EVENT_SIZE);
    ours.put("offsetof(struct blksnap_snapshot_event, timeout_ms)", Abi.EVENT_TIMEOUT_MS);
    ours.put("offsetof(struct blksnap_snapshot_event, code)", Abi.EVENT_CODE);
    ours.put("offsetof(struct blksnap_snapshot_event, time_label)", Abi.EVENT_TIME_LABEL);
    ours.put("offsetof(struct blksnap_snapshot_event, data)", Abi.EVENT_DATA);
    ours.put("IOCTL_BLKSNAP_FEATURES", Abi.FEATURES);
    ours.put("sizeof(struct blksnap_features)", Abi.FEATURES_SIZE);
    ours.put("IOCTL_BLKSNAP_SNAPSHOT_STAT", Abi.SNAPSHOT_STAT);
    ours.put("sizeof(struct blksnap_snapshot_stat)", Abi.STAT_SIZE);
    ours.put("offsetof(struct blksnap_snapshot_stat, limit_sect)", Abi.STAT_LIMIT_SECT);
    ours.put("offsetof(struct blksnap_snapshot_stat, allocated_sect)", Abi.STAT_ALLOCATED_SECT);
    ours.put("offsetof(struct blksnap_snapshot_stat, used_sect)", Abi.STAT_USED_SECT);
    ours.put("offsetof(struct blksnap_snapshot_stat, error_code)", Abi.STAT_ERROR_CODE);
    ours.put("IOCTL_BLKSNAP_SNAPSHOT_WATERMARK", Abi.SNAPSHOT_WATERMARK);
    ours.put("sizeof(struct blksnap_snapshot_watermark)", Abi.WATERMARK_SIZE);
    ours.put("offsetof(struct blksnap_snapshot_watermark, used_sect)", Abi.WATERMARK_USED_SECT);
    ours.put("IOCTL_BLKSNAP_SUBSCRIBE", Abi.SUBSCRIBE);

    ours.put("BLKSNAP_FEATURE_EPOCH", (int) Abi.FEATURE_EPOCH);
    ours.put("BLKSNAP_FEATURE_RELEASE", (int) Abi.FEATURE_RELEASE);
    ours.put("BLKSNAP_FEATURE_SMALL_COPY", (int) Abi.FEATURE_SMALL_COPY);
    ours.put("BLKSNAP_FEATURE_POLL", (int) Abi.FEATURE_POLL);
    ours.put("BLKSNAP_FEATURE_WHOLE_DISK", (int) Abi.FEATURE_WHOLE_DISK);
    ours.put("BLKSNAP_FEATURE_WATERMARK", (int) Abi.FEATURE_WATERMARK);
    ours.put("BLKSNAP_FEATURE_DEVICE_EVENTS", (int) Abi.FEATURE_DEVICE_EVENTS);
    ours.put("BLKSNAP_FEATURE_STAT", (int) Abi.FEATURE_STAT);
    ours.put("BLKSNAP_FEATURE_GROUP_INSTANT", (int) Abi.FEATURE_GROUP_INSTANT);
    ours.put("BLKSNAP_EVENT_CODE_CORRUPTED", Abi.EVENT_CORRUPTED);
    ours.put("BLKSNAP_EVENT_CODE_NO_SPACE", Abi.EVENT_NO_SPACE);
    ours.put("BLKSNAP_EVENT_CODE_WATERMARK", Abi.EVENT_WATERMARK);
    ours.put("BLKSNAP_EVENT_CODE_CHANGED", Abi.EVENT_CHANGED);
    ours.put("BLKSNAP_EVENT_CODE_RESIZED", Abi.EVENT_RESIZED);
    ours.put("BLKSNAP_EVENT_CODE_REMOVED", Abi.EVENT_REMOVED);
    ours.put("BLKSNAP_EVENT_CODE_LOST", Abi.EVENT_LOST);
    ours.put("offsetof(struct blksnap_event_corrupted, err_code)", 8);
    ours.put("offsetof(struct blksnap_event_changed, changed_bytes)", 8);
    ours.put("offsetof(struct blksnap_event_resized, old_capacity)", 8);
    ours.put("offsetof(struct blksnap_event_resized, new_capacity)", 16);
    ours.put("offsetof(struct blksnap_event_watermark, limit_sect)", 8);
    ours.put("BLKDISCARD", Abi.BLKDISCARD);

    assertThat(compiled(ours.keySet())).isEqualTo(ours);
  }

  /** Value of each C expression, by a program that is compiled against the headers and run. */
  private Map<String, Integer> compiled(Iterable<String> expressions) throws Exception {
    StringBuilder c =
        new StringBuilder(
            """
            #include <stddef.h>
            #include <stdio.h>
            #include <linux/fs.h>
            #include <linux/blk-filter.h>
            #include <linux/blksnap.h>
            int main(void) {
            """);
    for (String expression : expressions) {
      c.append("printf(\"%d\\n\", (int)(").append(expression).append("));\n");
    }
    Path program = dir.resolve("abi.c");
    Files.writeString(program, c.append("return 0; }\n"));
    Path headers = Path.of("..", "kmod", "include", "uapi").toAbsolutePath();
    run("gcc", "-I" + headers, "-o", dir.resolve("abi").toString(), program.toString());
    String[] lines = run(dir.resolve("abi").toString()).split("\n");
    Map<String, Integer> values = new LinkedHashMap<>();
    int line = 0;
    for (String expression : expressions) {
      values.put(expression, Integer.valueOf(lines[line++]));
    }
    return values;
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor()).as("%s: %s", String.join(" ", command), output).isZero();
    return output;
  }
}
