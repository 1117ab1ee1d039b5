package io.blkcast.cli;

/** Ends a command: its message goes to standard error as it is, its status to the shell. */
public final class CommandException extends Exception {

  private static final long serialVersionUID = 1L;

  /** Done. */
  public static final int OK = 0;

  /** It did not work. */
  public static final int FAILED = 1;

  /** Wrong use of the command, or a wrong configuration. */
  public static final int USAGE = 2;

  /** The exporter's API does not answer. */
  public static final int UNREACHABLE = 3;

  private final int status;

  /**
   * @param status one of the above
   */
  public CommandException(int status, String message) {
    super(message);
    this.status = status;
  }

  public int status() {
    return status;
  }
}
