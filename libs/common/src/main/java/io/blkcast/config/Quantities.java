package io.blkcast.config;

import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Sizes and durations as people write them. */
public final class Quantities {

  private static final Pattern QUANTITY = Pattern.compile("(\\d+)\\s*([A-Za-z]*)");

  /**
   * IEC units are binary; the bare letters are too, as in qemu-img, dd and Kubernetes' users'
   * heads.
   */
  private static final Map<String, Long> SIZES =
      Map.ofEntries(
          Map.entry("", 1L),
          Map.entry("b", 1L),
          Map.entry("k", 1L << 10),
          Map.entry("kib", 1L << 10),
          Map.entry("m", 1L << 20),
          Map.entry("mib", 1L << 20),
          Map.entry("g", 1L << 30),
          Map.entry("gib", 1L << 30),
          Map.entry("t", 1L << 40),
          Map.entry("tib", 1L << 40),
          Map.entry("kb", 1000L),
          Map.entry("mb", 1_000_000L),
          Map.entry("gb", 1_000_000_000L),
          Map.entry("tb", 1_000_000_000_000L));

  private static final Map<String, Duration> DURATIONS =
      Map.of(
          "ms", Duration.ofMillis(1),
          "s", Duration.ofSeconds(1),
          "m", Duration.ofMinutes(1),
          "h", Duration.ofHours(1),
          "d", Duration.ofDays(1));

  private Quantities() {}

  /**
   * Parses a size such as {@code 64KiB}, {@code 10GiB}, {@code 512}.
   *
   * @return bytes
   * @throws IllegalArgumentException with a message that shows the right form
   */
  public static long size(String text) {
    Matcher matcher = QUANTITY.matcher(text.strip());
    Long unit = matcher.matches() ? SIZES.get(matcher.group(2).toLowerCase(Locale.ROOT)) : null;
    if (unit == null) {
      throw new IllegalArgumentException(
          "'" + text + "' is not a size; write a whole number and a unit, such as 64KiB or 10GiB");
    }
    try {
      return Math.multiplyExact(Long.parseLong(matcher.group(1)), unit);
    } catch (ArithmeticException | NumberFormatException e) {
      throw new IllegalArgumentException("size '" + text + "' is too large", e);
    }
  }

  /**
   * Parses a duration such as {@code 500ms}, {@code 30s}, {@code 15m}, {@code 6h}, {@code 1d}.
   *
   * @throws IllegalArgumentException with a message that shows the right form
   */
  public static Duration duration(String text) {
    Matcher matcher = QUANTITY.matcher(text.strip());
    Duration unit = matcher.matches() ? DURATIONS.get(matcher.group(2)) : null;
    if (unit == null) {
      throw new IllegalArgumentException(
          "'"
              + text
              + "' is not a duration; write a whole number and ms, s, m, h or d,"
              + " such as 15m");
    }
    try {
      return unit.multipliedBy(Long.parseLong(matcher.group(1)));
    } catch (ArithmeticException | NumberFormatException e) {
      throw new IllegalArgumentException("duration '" + text + "' is too long", e);
    }
  }
}
