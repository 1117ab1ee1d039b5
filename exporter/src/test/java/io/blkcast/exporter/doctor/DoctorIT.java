package io.blkcast.exporter.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.doctor.Finding.Verdict;
import io.blkcast.exporter.source.blksnap.BlksnapProbe;
import io.blkcast.testkit.EmbeddedBroker;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Made-up hosts, a real broker: each fault is found, and its remedy named. */
class DoctorIT {

  private static EmbeddedBroker broker;

  @TempDir Path root;

  private Path proc;
  private Path sys;
  private Path modules;
  private Path config;

  @BeforeAll
  static void startBroker() throws Exception {
    broker = EmbeddedBroker.started();
  }

  @AfterAll
  static void stopBroker() {
    broker.close();
  }

  /** A host on which nothing is wrong but that it has no module: that needs a real one. */
  @BeforeEach
  void host() throws IOException {
    proc = root.resolve("proc");
    sys = root.resolve("sys");
    modules = root.resolve("modules");
    config = root.resolve("exporter.yaml");
    put(proc.resolve("sys/kernel/osrelease"), "6.12.1-amd64\n");
    put(proc.resolve("sys/kernel/ftrace_enabled"), "1\n");
    put(proc.resolve("self/status"), "Name:\tjava\nCapEff:\t0000000000200000\n");
    put(proc.resolve("meminfo"), "MemAvailable: 8388608 kB\n");
    put(modules.resolve("6.12.1-amd64/build/Makefile"), "");
    put(modules.resolve("6.12.1-amd64/modules.dep"), "kernel/fs/ext4/ext4.ko.xz: kernel/x.ko\n");
    put(sys.resolve("kernel/security/lockdown"), "[none] integrity confidentiality\n");
    put(root.resolve("dev/vdb"), "");
    put(sys.resolve("class/block/vdb/filter"), "\n");
    put(sys.resolve("class/block/vdb/size"), Long.toString((1L << 30) / 512));
    yaml("");
  }

  private static void put(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  private void yaml(String more) throws IOException {
    put(
        config,
        """
        kafka: { bootstrap.servers: "%s" }
        topics: { prefix: "%s." }
        state: %s/state
        volumes:
          - name: data
            source: blksnap
            device: %s/dev/vdb
            differenceStorage: { path: %s, limit: 64MiB }
        %s
        """
            .formatted(broker.bootstrapServers(), root.getFileName(), root, root, root, more));
  }

  private List<Finding> examine() {
    Host host = new Host(proc, sys, modules, root.resolve("etc"), System.getenv("PATH"));
    return new Doctor(host, BlksnapProbe.of(sys, proc.resolve("meminfo")))
        .examine(config, Map.of());
  }

  private Finding finding(String check) {
    return examine().stream().filter(f -> f.check().equals(check)).findFirst().orElseThrow();
  }

  private void expect(String check, Verdict verdict, String found, String remedy) {
    Finding finding = finding(check);
    assertThat(finding.verdict()).as(finding.toString()).isEqualTo(verdict);
    assertThat(finding.found()).contains(found);
    assertThat(finding.remedy()).contains(remedy);
  }

  @Test
  void on_a_good_host_only_the_module_is_missing() {
    assertThat(examine())
        .filteredOn(finding -> finding.verdict() == Verdict.FAILURE)
        .extracting(Finding::check)
        .containsExactly("module");
    expect("module", Verdict.FAILURE, "not installed for 6.12.1-amd64", "blkcast-dkms");
    expect("kernel", Verdict.OK, "6.12.1", "");
    expect("capabilities", Verdict.OK, "CAP_SYS_ADMIN", "");
    expect("brokers", Verdict.OK, "1 nodes", "");
    expect("topics", Verdict.OK, "will be made: ", "");
    expect("difference storage of data", Verdict.OK, root + ", up to 64 MiB", "");
    expect("volume data", Verdict.WARNING, "another after a boot", "/dev/disk/by-id");
  }

  @Test
  void what_is_wrong_with_the_kernel_is_told_with_the_command_that_mends_it() throws Exception {
    put(
        modules.resolve("6.12.1-amd64/modules.dep"),
        "updates/dkms/blksnap.ko.xz: updates/dkms/blkfilter.ko.xz\n");
    expect("module", Verdict.FAILURE, "not loaded", "modprobe blksnap");
    Files.delete(modules.resolve("6.12.1-amd64/build/Makefile"));
    expect("headers", Verdict.WARNING, "missing", "linux-headers-amd64");
    put(modules.resolve("6.12.1-amd64/modules.dep"), "");
    expect("headers", Verdict.FAILURE, "missing", "apt install linux-headers-6.12.1-amd64");
    put(proc.resolve("sys/kernel/ftrace_enabled"), "0\n");
    expect("kernel hooks", Verdict.FAILURE, "ftrace", "sysctl kernel.ftrace_enabled=1");
    put(proc.resolve("sys/kernel/ftrace_enabled"), "1\n");
    put(sys.resolve("kernel/livepatch/fix_cve/enabled"), "1\n");
    expect("kernel hooks", Verdict.WARNING, "fix_cve", "EBUSY");
    put(proc.resolve("self/status"), "CapEff:\t00000000a80425fb\n");
    expect("capabilities", Verdict.FAILURE, "no CAP_SYS_ADMIN", "root");
    Path variable =
        sys.resolve("firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c");
    Files.createDirectories(variable.getParent());
    Files.write(variable, new byte[] {6, 0, 0, 0, 1});
    expect("Secure Boot", Verdict.WARNING, "on", "mokutil");
    Files.write(variable, new byte[] {6, 0, 0, 0, 0});
    expect("Secure Boot", Verdict.OK, "off", "");
    put(proc.resolve("sys/kernel/osrelease"), "5.10.0-30-amd64\n");
    expect("kernel", Verdict.FAILURE, "too old", "6.1");
    Files.createDirectories(sys.resolve("module/blksnap"));
    expect("module", Verdict.FAILURE, "loaded, but", "modprobe");
  }

  @Test
  void what_is_wrong_with_a_volume_is_told() throws Exception {
    put(sys.resolve("class/block/vdb/filter"), "bdevfilter\n");
    expect("volume data", Verdict.FAILURE, "bdevfilter", "Detach");
    put(sys.resolve("class/block/vdb/filter"), "blksnap\n");
    expect("volume data", Verdict.WARNING, "is tracked", "/dev/disk/by-id");
    put(sys.resolve("class/block/vdb/size"), Long.toString((1L << 40) / 512));
    expect("difference storage of data", Verdict.WARNING, "a fiftieth", "differenceStorage.path");
    Files.delete(root.resolve("dev/vdb"));
    expect("volume data", Verdict.FAILURE, "there is no device", "lsblk");
    yaml("hooks: [{ volume: data, after: \"true\" }]");
    expect("hooks of data", Verdict.OK, "guard", "");
    yaml("volums: []");
    expect("configuration", Verdict.FAILURE, "unknown key", "Mend the file");
    expect("kernel", Verdict.OK, "6.12.1", "");
  }

  @Test
  void topics_that_would_lose_data_and_brokers_that_do_not_answer_are_told() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      String prefix = root.getFileName() + ".";
      admin
          .createTopics(
              List.of(
                  new NewTopic(prefix + "chunks", 1, (short) 1)
                      .configs(Map.of("max.message.bytes", "1000")),
                  new NewTopic(prefix + "increments", 1, (short) 1)
                      .configs(Map.of("cleanup.policy", "compact"))))
          .all()
          .get();
      List<Finding> topics =
          examine().stream().filter(finding -> finding.check().equals("topics")).toList();
      assertThat(topics).extracting(Finding::verdict).containsOnly(Verdict.FAILURE);
      assertThat(topics)
          .extracting(Finding::found)
          .anyMatch(found -> found.contains("max.message.bytes=1000"))
          .anyMatch(found -> found.contains("cleanup.policy=compact"));
      assertThat(topics).extracting(Finding::remedy).allMatch(r -> r.contains("kafka-configs"));
      assertThat(admin.listTopics().names().get())
          .as("nothing is made")
          .doesNotContain(prefix + "checkpoints");
    }
    Files.writeString(
        config, Files.readString(config).replace(broker.bootstrapServers(), "127.0.0.1:1"));
    expect("brokers", Verdict.FAILURE, "", "bootstrap.servers");
  }

  @Test
  void a_registry_is_asked_where_one_is_configured() throws Exception {
    com.sun.net.httpserver.HttpServer registry =
        com.sun.net.httpserver.HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
    int[] status = {200};
    registry.createContext(
        "/subjects",
        exchange -> {
          exchange.sendResponseHeaders(status[0], -1);
          exchange.close();
        });
    registry.start();
    try {
      yaml("schemaRegistry: { url: \"http://127.0.0.1:" + registry.getAddress().getPort() + "\" }");
      expect("schema registry", Verdict.OK, "answers", "");
      status[0] = 401;
      expect("schema registry", Verdict.FAILURE, "401", "schemaRegistry.url");
    } finally {
      registry.stop(0);
    }
    expect("schema registry", Verdict.FAILURE, "does not answer", "schemaRegistry.url");
  }
}
