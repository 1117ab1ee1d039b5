package io.blkcast.cli.quickstart;

import java.io.IOException;

/** Puts something on the disk, over NBD, and keeps changing it. One call at a time. */
interface Workload extends AutoCloseable {

  /** What is on the disk, for people. */
  String describe();

  /** Prepares the disk; everything is on it when the call returns. */
  void prepare() throws IOException, InterruptedException;

  /** Changes a part; everything is on the disk when the call returns. */
  void change(int round) throws IOException, InterruptedException;

  /** Lets go of the disk; everything is on it when the call returns. Idempotent. */
  @Override
  void close() throws IOException, InterruptedException;
}
