package io.blkcast.file;

import java.io.IOException;
import java.nio.file.Path;

/** A file or directory that another user could have written or could exchange. */
public final class UnsafePathException extends IOException {

  private static final long serialVersionUID = 1L;

  private final String why;
  private final String remedy;

  /**
   * @param why in the words of a sentence that begins with the path
   * @param remedy what to do about it
   */
  UnsafePathException(Path path, String why, String remedy) {
    super(path + " " + why + ". It was neither read nor changed. " + remedy);
    this.why = path + " " + why;
    this.remedy = remedy;
  }

  /** What is wrong, the path first. */
  public String why() {
    return why;
  }

  /** What to do about it. */
  public String remedy() {
    return remedy;
  }
}
