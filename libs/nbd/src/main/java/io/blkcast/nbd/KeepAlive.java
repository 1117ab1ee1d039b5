package io.blkcast.nbd;

import io.netty.channel.ChannelConfig;
import io.netty.channel.ChannelOption;
import io.netty.channel.socket.nio.NioChannelOption;
import jdk.net.ExtendedSocketOptions;

/**
 * How soon a TCP connection is found dead. A client whose machine has died says nothing, and would
 * keep its place for two hours.
 */
final class KeepAlive {

  private static final ChannelOption<Integer> IDLE =
      NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPIDLE);
  private static final ChannelOption<Integer> INTERVAL =
      NioChannelOption.of(ExtendedSocketOptions.TCP_KEEPINTERVAL);
  private static final int SECONDS = 30;

  private KeepAlive() {}

  /** Vert.x does this for native transports only; where it is unknown, nothing happens. */
  static void set(ChannelConfig config) {
    config.setOption(IDLE, SECONDS);
    config.setOption(INTERVAL, SECONDS);
  }
}
