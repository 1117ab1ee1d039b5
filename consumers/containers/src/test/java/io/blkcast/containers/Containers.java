package io.blkcast.containers;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.ContainerNetwork;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.Network.Ipam;
import java.util.List;
import org.testcontainers.DockerClientFactory;
import org.testcontainers.containers.Container.ExecResult;
import org.testcontainers.containers.GenericContainer;
import org.testcontainers.containers.Network;

/**
 * What is done to a container from outside while it keeps its files: Testcontainers itself only
 * starts and removes.
 */
final class Containers {

  private static final DockerClient DOCKER = DockerClientFactory.lazyClient();
  private static final int GRACE_S = 30;

  private Containers() {}

  static void stop(GenericContainer<?> container) {
    DOCKER.stopContainerCmd(container.getContainerId()).withTimeout(GRACE_S).exec();
  }

  static void kill(GenericContainer<?> container) {
    DOCKER.killContainerCmd(container.getContainerId()).exec();
  }

  static void start(GenericContainer<?> container) {
    DOCKER.startContainerCmd(container.getContainerId()).exec();
  }

  static void pause(GenericContainer<?> container) {
    DOCKER.pauseContainerCmd(container.getContainerId()).exec();
  }

  static void unpause(GenericContainer<?> container) {
    DOCKER.unpauseContainerCmd(container.getContainerId()).exec();
  }

  static void disconnect(GenericContainer<?> container, Network network) {
    DOCKER
        .disconnectFromNetworkCmd()
        .withContainerId(container.getContainerId())
        .withNetworkId(network.getId())
        .withForce(true)
        .exec();
  }

  /** A network of which containers may be given addresses: of the range that the engine chose. */
  static Network network() {
    Network any = Network.newNetwork();
    String subnet = subnet(any);
    any.close();
    return Network.builder()
        .createNetworkCmdModifier(
            command ->
                command.withIpam(new Ipam().withConfig(new Ipam.Config().withSubnet(subnet))))
        .build();
  }

  private static String subnet(Network network) {
    return DOCKER
        .inspectNetworkCmd()
        .withNetworkId(network.getId())
        .exec()
        .getIpam()
        .getConfig()
        .get(0)
        .getSubnet();
  }

  /**
   * An address of a {@link #network}.
   *
   * @param last its last byte; the engine itself gives low ones away
   */
  static String address(Network network, int last) {
    String subnet = subnet(network);
    return subnet.substring(0, subnet.lastIndexOf('.') + 1) + last;
  }

  static void connect(
      GenericContainer<?> container, Network network, String alias, String address) {
    DOCKER
        .connectToNetworkCmd()
        .withContainerId(container.getContainerId())
        .withNetworkId(network.getId())
        .withContainerNetwork(
            new ContainerNetwork()
                .withAliases(List.of(alias))
                .withIpamConfig(new ContainerNetwork.Ipam().withIpv4Address(address)))
        .exec();
  }

  static boolean isRunning(GenericContainer<?> container) {
    return Boolean.TRUE.equals(inspect(container).getState().getRunning());
  }

  /** The port of this machine: another one after every start. */
  static int port(GenericContainer<?> container, int port) {
    return Integer.parseInt(
        inspect(container)
            .getNetworkSettings()
            .getPorts()
            .getBindings()
            .get(ExposedPort.tcp(port))[0]
            .getHostPortSpec());
  }

  private static InspectContainerResponse inspect(GenericContainer<?> container) {
    return DOCKER.inspectContainerCmd(container.getContainerId()).exec();
  }

  /** Standard output of a command in the container, which must succeed. */
  static String run(GenericContainer<?> container, String... command) {
    ExecResult result = exec(container, command);
    if (result.getExitCode() != 0) {
      throw new IllegalStateException(
          "%s: %s%s".formatted(List.of(command), result.getStdout(), result.getStderr()));
    }
    return result.getStdout();
  }

  static ExecResult exec(GenericContainer<?> container, String... command) {
    try {
      return container.execInContainer(command);
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
