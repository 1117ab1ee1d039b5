package io.blkcast.exporter.hook;

import io.blkcast.exporter.increment.Quiescer.Level;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A process that freezes and then does nothing, to be killed. Arguments: directory, commands. */
final class HookVictim {

  private HookVictim() {}

  public static void main(String[] args) throws Exception {
    new Hooks(
            new HookSettings(
                "victim",
                args[1],
                args[2],
                Duration.ofSeconds(20),
                Duration.ofMinutes(5),
                Level.APPLICATION,
                true,
                Path.of(args[0])))
        .quiesce(List.of("a"));
    System.out.println("frozen");
    Thread.sleep(Duration.ofMinutes(10).toMillis());
  }
}
