package io.blkcast.exporter.cli;

/** The exporter as a program of its own. */
public final class Main {

  private Main() {}

  public static void main(String[] arguments) {
    System.exit(ExporterCommands.root().execute(arguments));
  }
}
