package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.UUID;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whether a device is the one that was tracked, on a machine that is made up of a sysfs. */
class DeviceIdentityTest {

  private static final UUID TRACKING = new UUID(1, 1);

  @TempDir Path root;
  private StorageHost host;

  @BeforeEach
  void machine() throws IOException {
    host = new StorageHost(root, root.resolve("meminfo"), StorageHost.LOCAL.files());
    fact("sda", "dev", "8:0");
    fact("sda", "diskseq", "7");
    fact("sda", "device/wwid", "naa.5000c500a1b2c3d4");
    fact("sdb", "dev", "8:16");
    fact("sdb", "device/wwid", "naa.5000c500a1b2c3d4");
    fact("loop0", "loop/backing_file", "/srv/disk.img");
    fact("dm-0", "dm/uuid", "LVM-abc");
    slave("dm-0", "sda");
    fact("dm-1", "dm/uuid", "mpath-35000c500a1b2c3d4");
    slave("dm-1", "sda");
    slave("dm-1", "sdb");
  }

  private Path device(String name) {
    return root.resolve("class/block").resolve(name);
  }

  private void fact(String name, String file, String value) throws IOException {
    Path path = device(name).resolve(file);
    Files.createDirectories(path.getParent());
    Files.writeString(path, value + "\n");
  }

  private void slave(String name, String slave) throws IOException {
    Files.createDirectories(device(name).resolve("slaves").resolve(slave));
  }

  private DeviceIdentity of(String name) {
    return DeviceIdentity.of(TRACKING, name, host);
  }

  @Test
  void theSameDeviceIsTheSame() {
    for (String name : new String[] {"sda", "loop0", "dm-0", "dm-1"}) {
      assertThat(of(name).differs(of(name))).isEmpty();
    }
  }

  @Test
  void aDiskExchangedUnderItsNameIsAnother() throws IOException {
    DeviceIdentity before = of("sda");
    fact("sda", "device/wwid", "naa.5000c500ffffffff");
    assertThat(before.differs(of("sda")))
        .hasValueSatisfying(reason -> assertThat(reason).contains("device/wwid"));
    fact("sda", "device/wwid", "naa.5000c500a1b2c3d4");
    fact("sda", "diskseq", "8");
    assertThat(before.differs(of("sda"))).isPresent();
  }

  @Test
  void aNameThatLeadsToAnotherDiskIsAnother() {
    assertThat(of("sda").differs(of("sdb"))).isPresent();
  }

  @Test
  void aLoopDeviceWithAnotherFileIsAnother() throws IOException {
    DeviceIdentity before = of("loop0");
    fact("loop0", "loop/backing_file", "/srv/other.img");
    assertThat(before.differs(of("loop0")))
        .hasValueSatisfying(reason -> assertThat(reason).contains("/srv/other.img"));
  }

  @Test
  void aStackedDeviceThatStandsOnAnotherDiskIsAnother() throws IOException {
    DeviceIdentity before = of("dm-0");
    Files.delete(device("dm-0").resolve("slaves/sda"));
    slave("dm-0", "sdb");
    assertThat(before.differs(of("dm-0"))).isPresent();
  }

  @Test
  void aMultipathDeviceMayLoseAPathButNotItsDisk() throws IOException {
    DeviceIdentity before = of("dm-1");
    Files.delete(device("dm-1").resolve("slaves/sdb"));
    assertThat(before.differs(of("dm-1"))).isEmpty();
    fact("sda", "device/wwid", "naa.5000c500ffffffff");
    assertThat(before.differs(of("dm-1"))).isPresent();
  }

  @Test
  void anArrayMayLoseAMemberAndGetAnother() throws IOException {
    fact("md0", "dev", "9:0");
    fact("md0", "diskseq", "11");
    fact("md0", "md/level", "raid1");
    slave("md0", "sda");
    slave("md0", "loop0");
    slave("dm-2", "md0");
    DeviceIdentity array = of("md0");
    DeviceIdentity above = of("dm-2");
    Files.delete(device("md0").resolve("slaves/sda"));
    slave("md0", "sdb");
    assertThat(array.differs(of("md0"))).isEmpty();
    assertThat(above.differs(of("dm-2"))).isEmpty();
    fact("md0", "diskseq", "12");
    assertThat(array.differs(of("md0"))).isPresent();
    assertThat(above.differs(of("dm-2"))).isPresent();
  }

  @Test
  void aNewHistoryOfTheModuleIsNoDoubt() throws IOException {
    DeviceIdentity before = of("sda");
    fact("sda", "diskseq", "8");
    assertThat(before.differs(DeviceIdentity.of(new UUID(2, 2), "sda", host))).isEmpty();
  }

  @Test
  void whatIsSavedIsComparedAndGarbageIsDoubt() throws IOException {
    Path file = root.resolve("v.device");
    assertThat(DeviceIdentity.differsFromSaved(file, of("dm-0"))).isEmpty();
    of("dm-0").save(file);
    assertThat(DeviceIdentity.differsFromSaved(file, of("dm-0"))).isEmpty();
    assertThat(DeviceIdentity.differsFromSaved(file, of("dm-1"))).isPresent();
    for (String garbage : new String[] {"", "no id", "no id\nx", TRACKING + "\nx"}) {
      Files.writeString(file, garbage);
      assertThat(DeviceIdentity.differsFromSaved(file, of("dm-0")))
          .hasValueSatisfying(reason -> assertThat(reason).contains(file.toString()));
    }
  }
}
