package io.blkcast.exporter.doctor;

/**
 * What one check has found.
 *
 * @param check what was looked at, in a word or two
 * @param verdict what it means
 * @param found for people
 * @param remedy what to do; empty where nothing is to be done
 */
public record Finding(String check, Verdict verdict, String found, String remedy) {

  /** What a finding means for an exporter. */
  public enum Verdict {
    /** As it should be. */
    OK,
    /** It runs, but not as well, or not for ever. */
    WARNING,
    /** It does not run like that. */
    FAILURE
  }

  static Finding ok(String check, String found) {
    return new Finding(check, Verdict.OK, found, "");
  }

  static Finding warning(String check, String found, String remedy) {
    return new Finding(check, Verdict.WARNING, found, remedy);
  }

  static Finding failure(String check, String found, String remedy) {
    return new Finding(check, Verdict.FAILURE, found, remedy);
  }
}
