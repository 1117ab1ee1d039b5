package io.blkcast.exporter.http;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * Who may use the API: the bearer tokens of a file, one a line as {@code read TOKEN} or {@code
 * operate TOKEN}. Lines that start with # are passed over. Only hashes are kept in memory.
 */
final class ApiTokens {

  /** Guessing 16 random characters of base64 takes 2^96 tries; a word takes few. */
  private static final int LEAST_LENGTH = 16;

  private static final String LEGAL = "[A-Za-z0-9._~+/-]+=*";

  /** What the bearer of a token may do; each includes those before it. */
  enum Access {
    /** Look. */
    READ,
    /** Take increments, resync, pause, resume. */
    OPERATE
  }

  private record Entry(byte[] hash, Access access) {}

  private final List<Entry> entries;

  private ApiTokens(List<Entry> entries) {
    this.entries = entries;
  }

  /**
   * Reads a file; blocks.
   *
   * @throws IOException where it cannot be read, or holds a wrong line or no token; the message
   *     names place and remedy and holds no token
   */
  static ApiTokens read(Path file) throws IOException {
    List<Entry> entries = new ArrayList<>();
    int number = 0;
    for (String line : Files.readAllLines(file)) {
      number++;
      String[] words = line.strip().split("\\s+");
      if (words[0].isEmpty() || words[0].startsWith("#")) {
        continue;
      }
      String place = "http.tokens: " + file + ":" + number;
      if (words.length != 2 || !words[0].equals("read") && !words[0].equals("operate")) {
        throw new IOException(
            place + ": a line is 'read TOKEN' or 'operate TOKEN', two words and no more");
      }
      if (words[1].length() < LEAST_LENGTH || !words[1].matches(LEGAL)) {
        throw new IOException(
            place
                + ": a token has at least "
                + LEAST_LENGTH
                + " of the characters A-Z a-z 0-9 . _ ~ + / -; 'openssl rand -hex 32' makes one");
      }
      entries.add(
          new Entry(hash(words[1]), words[0].equals("read") ? Access.READ : Access.OPERATE));
    }
    if (entries.isEmpty()) {
      throw new IOException(
          "http.tokens: " + file + " holds no token; write a line 'operate TOKEN' into it");
    }
    return new ApiTokens(List.copyOf(entries));
  }

  /** What a token's bearer may do; takes the same time whichever it is, and whether or not. */
  Optional<Access> of(String token) {
    byte[] given = hash(token);
    Optional<Access> found = Optional.empty();
    for (Entry entry : entries) {
      boolean same = MessageDigest.isEqual(entry.hash(), given);
      if (same && found.filter(access -> access.compareTo(entry.access()) >= 0).isEmpty()) {
        found = Optional.of(entry.access());
      }
    }
    return found;
  }

  private static byte[] hash(String token) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(token.getBytes(StandardCharsets.UTF_8));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
