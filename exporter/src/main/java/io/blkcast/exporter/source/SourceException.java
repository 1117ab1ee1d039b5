package io.blkcast.exporter.source;

/** A source could not do what was asked of it. The message names cause and remedy. */
public class SourceException extends Exception {

  private static final long serialVersionUID = 1L;

  /** What kind of failure it is; decides what the exporter does next. */
  public enum Code {
    /** No volume of that name at this source. */
    UNKNOWN_VOLUME,
    /** The volume is not tracked. */
    NOT_TRACKED,
    /** The volume is in a snapshot, or its device is used by another. Try later. */
    BUSY,
    /** The device or image has vanished. */
    GONE,
    /** The difference storage could not be made or is full. */
    NO_SPACE,
    /** The image is no more what it was: the increment must be given up. */
    CORRUPTED,
    /** The range was released. */
    RELEASED,
    /** Not permitted: root or CAP_SYS_ADMIN is missing. */
    PERMISSION,
    /** The source lacks something for good: no module, a wrong version, a refused device. */
    UNSUPPORTED,
    /** Arguments out of range. */
    INVALID,
    /** The device or the storage failed. */
    IO,
    /** The source was closed. */
    CLOSED
  }

  private final Code code;

  public SourceException(Code code, String message) {
    super(message);
    this.code = code;
  }

  public SourceException(Code code, String message, Throwable cause) {
    super(message, cause);
    this.code = code;
  }

  public Code code() {
    return code;
  }
}
