package io.blkcast.log;

import java.util.Map;

/** Whether a person watches the output, and wants it to move. */
public final class Terminal {

  private Terminal() {}

  /**
   * Whether lines may be drawn over: input and output are a terminal that can, and the user has not
   * asked for plain text by NO_COLOR (no-color.org).
   */
  public static boolean isAnimated() {
    return System.console() != null && allows(System.getenv());
  }

  static boolean allows(Map<String, String> environment) {
    return environment.getOrDefault("NO_COLOR", "").isEmpty()
        && !environment.getOrDefault("TERM", "").equals("dumb");
  }
}
