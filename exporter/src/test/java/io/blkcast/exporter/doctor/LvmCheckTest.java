package io.blkcast.exporter.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.doctor.Finding.Verdict;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LVM meets the image of a physical volume, unless it is told not to look at it. */
class LvmCheckTest {

  @TempDir Path root;

  private Path device;

  /**
   * A machine with LVM, and a device that has the label of a physical volume in its second sector.
   */
  @BeforeEach
  void machine() throws IOException {
    Path lvm = Files.createFile(Files.createDirectories(root.resolve("bin")).resolve("lvm"));
    assertThat(lvm.toFile().setExecutable(true)).isTrue();
    device = root.resolve("vdb");
    Files.write(device, labelled(1, "LABELONE", "LVM2 001"));
  }

  private static byte[] labelled(int sector, String label, String type) {
    byte[] disk = new byte[8192];
    System.arraycopy(label.getBytes(StandardCharsets.US_ASCII), 0, disk, sector * 512, 8);
    System.arraycopy(type.getBytes(StandardCharsets.US_ASCII), 0, disk, sector * 512 + 24, 8);
    return disk;
  }

  private Optional<Finding> finding() {
    Host host = new Host(root, root, root, root.resolve("etc"), root.resolve("bin").toString());
    return new LvmCheck(host).of("data", device);
  }

  private void configure(String file, String text) throws IOException {
    Path path = root.resolve("etc/lvm").resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, text);
  }

  @Test
  void a_physical_volume_without_a_filter_is_warned_of_with_the_line_that_is_missing()
      throws Exception {
    Finding finding = finding().orElseThrow();
    assertThat(finding.verdict()).isEqualTo(Verdict.WARNING);
    assertThat(finding.found()).contains(device + " is a physical volume", "duplicate");
    assertThat(finding.remedy()).contains("etc/lvm/lvm.conf", LvmCheck.FILTER);

    configure("lvm.conf", "devices {\n  # " + LvmCheck.FILTER + "\n}\n");
    assertThat(finding().orElseThrow().verdict()).as("a comment").isEqualTo(Verdict.WARNING);
  }

  @Test
  void a_filter_or_a_file_of_devices_is_enough() throws Exception {
    configure("lvm.conf", "devices {\n  " + LvmCheck.FILTER + "\n}\n");
    assertThat(finding().orElseThrow().verdict()).isEqualTo(Verdict.OK);
    Files.delete(root.resolve("etc/lvm/lvm.conf"));
    assertThat(finding().orElseThrow().verdict()).isEqualTo(Verdict.WARNING);
    configure("lvmlocal.conf", "devices { " + LvmCheck.FILTER + " }");
    assertThat(finding().orElseThrow().verdict()).isEqualTo(Verdict.OK);
    Files.delete(root.resolve("etc/lvm/lvmlocal.conf"));
    configure("devices/system.devices", "VERSION=1.1.1\n");
    assertThat(finding().orElseThrow().verdict()).isEqualTo(Verdict.OK);
  }

  @Test
  void what_lvm_does_not_meet_is_not_mentioned() throws Exception {
    Files.write(device, labelled(4, "LABELONE", "LVM2 001"));
    assertThat(finding()).as("a label too far behind").isEmpty();
    Files.write(device, labelled(1, "LABELONE", "whatever"));
    assertThat(finding()).as("another label").isEmpty();
    Files.write(device, new byte[700]);
    assertThat(finding()).as("a device without a label").isEmpty();
    Files.write(device, labelled(1, "LABELONE", "LVM2 001"));
    Files.delete(root.resolve("bin/lvm"));
    assertThat(finding()).as("a machine without LVM").isEmpty();
  }
}
