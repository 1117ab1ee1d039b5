package io.blkcast.containers;

import com.github.dockerjava.api.model.Bind;
import com.github.dockerjava.api.model.Volume;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.Awaitility;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;
import org.testcontainers.containers.wait.strategy.Wait;
import org.testcontainers.lifecycle.Startables;
import org.testcontainers.utility.DockerImageName;

/**
 * The three brokers of the compose file. The third has its log on a small disk of its own, in
 * memory, which another container holds open: so the disk outlives the broker, and can be filled
 * and emptied whether that runs or not.
 *
 * <p>Each keeps its address: where two of them were started again with each other's, the third
 * would go on talking to the wrong one over the connection that it made by what it knew of their
 * names.
 */
final class Brokers implements AutoCloseable {

  private static final Duration PATIENCE = Duration.ofMinutes(4);
  private static final String DATA = "/var/lib/kafka/data";

  /** For 20 minutes of the writer's 640 KiB/s, none of which is deleted meanwhile. */
  private static final int SMALL_DISK_MIB = 768;

  /** Last byte of the addresses, less the broker's id. */
  private static final int FIRST_ADDRESS = 200;

  private static final Pattern PARTITION = Pattern.compile("Leader: (\\d+)\\s.*?Isr: ([\\d,]+)");

  private final Network network;
  private final String smallDisk = "blkcast-test-" + Long.toHexString(System.nanoTime());
  private final GenericContainer<?> diskHolder;
  private final Map<Integer, GenericContainer<?>> brokers = new TreeMap<>();

  /** State of the one partition of a topic. */
  record Partition(int leader, Set<Integer> inSync) {}

  Brokers(ComposeFile compose, Network network) {
    this.network = network;
    DockerClientFactory.lazyClient()
        .createVolumeCmd()
        .withName(smallDisk)
        .withDriver("local")
        .withDriverOpts(
            Map.of(
                "type", "tmpfs", "device", "tmpfs", "o", "mode=1777,size=" + SMALL_DISK_MIB + "m"))
        .exec();
    for (int id = 1; id <= 3; id++) {
      String name = "kafka-" + id;
      String address = address(id);
      brokers.put(
          id,
          new GenericContainer<>(DockerImageName.parse(compose.image(name)))
              .withEnv(compose.environment(name))
              .withNetwork(network)
              .withNetworkAliases(name)
              .withCreateContainerCmdModifier(command -> command.withIpv4Address(address))
              .waitingFor(
                  Wait.forSuccessfulCommand("bash -c '</dev/tcp/127.0.0.1/9092'")
                      .withStartupTimeout(PATIENCE)));
    }
    onSmallDisk(broker(3));
    diskHolder =
        onSmallDisk(new GenericContainer<>(DockerImageName.parse(compose.image("kafka-3"))))
            .withCommand("sleep", "infinity");
  }

  private GenericContainer<?> onSmallDisk(GenericContainer<?> container) {
    return container.withCreateContainerCmdModifier(
        command -> command.getHostConfig().withBinds(new Bind(smallDisk, new Volume(DATA))));
  }

  void start() {
    diskHolder.start();
    Startables.deepStart(brokers.values()).join();
  }

  GenericContainer<?> broker(int id) {
    return brokers.get(id);
  }

  void cutOff(int id) {
    Containers.disconnect(broker(id), network);
  }

  void connect(int id) {
    Containers.connect(broker(id), network, "kafka-" + id, address(id));
  }

  private String address(int id) {
    return Containers.address(network, FIRST_ADDRESS + id);
  }

  /** Fills the third broker's disk to the last byte. */
  void fillDisk() {
    Containers.exec(diskHolder, "sh", "-c", "cat /dev/zero >" + DATA + "/filler");
  }

  void emptyDisk() {
    Containers.run(diskHolder, "rm", DATA + "/filler");
  }

  /** As a broker that runs knows it. */
  Partition partition(String topic, int askedBroker) {
    String text =
        Containers.run(
            broker(askedBroker),
            "sh",
            "-c",
            "KAFKA_HEAP_OPTS=-Xmx128m /opt/kafka/bin/kafka-topics.sh --describe --topic "
                + topic
                + " --bootstrap-server 127.0.0.1:9092");
    Matcher found = PARTITION.matcher(text);
    if (!found.find()) {
      throw new IllegalStateException("no partition in: " + text);
    }
    Set<Integer> inSync = new TreeSet<>();
    for (String id : found.group(2).split(",")) {
      inSync.add(Integer.parseInt(id));
    }
    return new Partition(Integer.parseInt(found.group(1)), inSync);
  }

  /** Waits until exactly these brokers hold all of a topic. */
  void awaitInSync(String topic, Set<Integer> expected) {
    int asked = expected.iterator().next();
    Awaitility.await("brokers " + expected + " in sync on " + topic)
        .atMost(PATIENCE)
        .pollInterval(Duration.ofSeconds(1))
        .ignoreExceptions()
        .until(() -> partition(topic, asked).inSync().equals(expected));
  }

  @Override
  public void close() {
    brokers.values().forEach(GenericContainer::stop);
    diskHolder.stop();
    DockerClientFactory.lazyClient().removeVolumeCmd(smallDisk).exec();
  }

  /** All, by id. */
  List<Integer> ids() {
    return List.copyOf(brokers.keySet());
  }
}
