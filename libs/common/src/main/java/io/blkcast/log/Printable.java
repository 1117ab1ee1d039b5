package io.blkcast.log;

import static java.util.stream.Collectors.joining;

import java.util.Arrays;

/**
 * Text from elsewhere, made fit for a terminal and a log: one line in, one line out, and nothing in
 * it that a terminal obeys or that shows other characters than there are.
 */
public final class Printable {

  private static final char FIRST_PRINTED = ' ';
  private static final char DELETE = 0x7f;
  private static final char LAST_C1 = 0x9f;

  private Printable() {}

  /**
   * Escapes control characters (C0, DEL, C1), line and paragraph separators, characters that only
   * direct or hide others (bidirectional controls, zero width, tags), and halves of surrogate
   * pairs, each as a Java escape such as <code>&#92;u001b</code>.
   */
  public static String text(String text) {
    int clean = 0;
    while (clean < text.length() && isPlain(text.charAt(clean))) {
      clean++;
    }
    if (clean == text.length()) {
      return text;
    }
    StringBuilder out = new StringBuilder(text.length() + 16).append(text, 0, clean);
    for (int at = clean; at < text.length(); ) {
      int character = text.codePointAt(at);
      int end = at + Character.charCount(character);
      if (isPrinted(character)) {
        out.append(text, at, end);
      } else {
        escape(character, text.substring(at, end), out);
      }
      at = end;
    }
    return out.toString();
  }

  /**
   * As {@link #text}, and of long text only the beginning, with the number of characters left out.
   *
   * @param most characters of the given text that are kept
   */
  public static String text(String text, int most) {
    if (text.length() <= most) {
      return text(text);
    }
    int end = Character.isHighSurrogate(text.charAt(most - 1)) ? most - 1 : most;
    return text(text.substring(0, end)) + "… (" + (text.length() - end) + " characters more)";
  }

  /**
   * As {@link #text}, but line feeds stay: for text of several lines that we have put together.
   * JSON keeps its meaning.
   */
  public static String lines(String text) {
    return Arrays.stream(text.split("\n", -1)).map(Printable::text).collect(joining("\n"));
  }

  private static boolean isPlain(char character) {
    return character >= FIRST_PRINTED && character < DELETE;
  }

  private static boolean isPrinted(int character) {
    if (character < FIRST_PRINTED || (character >= DELETE && character <= LAST_C1)) {
      return false;
    }
    return switch (Character.getType(character)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SURROGATE ->
          false;
      default -> true;
    };
  }

  private static void escape(int character, String units, StringBuilder out) {
    switch (character) {
      case '\n' -> out.append("\\n");
      case '\r' -> out.append("\\r");
      case '\t' -> out.append("\\t");
      default -> units.chars().forEach(unit -> out.append(String.format("\\u%04x", unit)));
    }
  }
}
