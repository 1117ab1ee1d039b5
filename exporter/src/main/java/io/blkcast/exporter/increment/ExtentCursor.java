package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.ChangeMap;

/** Walks the extents of an increment, ascending, without an object for each. For one thread. */
interface ExtentCursor {

  /** Moves to the next extent; false after the last. */
  boolean next();

  /** First byte of the extent. */
  long offset();

  /** Bytes of the extent. */
  long length();

  /** What a change map says has changed. */
  static ExtentCursor of(ChangeMap.Changes changes) {
    ChangeMap.Cursor cursor = changes.cursor();
    return new ExtentCursor() {
      @Override
      public boolean next() {
        return cursor.next();
      }

      @Override
      public long offset() {
        return cursor.offset();
      }

      @Override
      public long length() {
        return cursor.length();
      }
    };
  }

  /** The whole volume as one extent. */
  static ExtentCursor whole(long capacity) {
    return new ExtentCursor() {
      private boolean given;

      @Override
      public boolean next() {
        boolean first = !given && capacity > 0;
        given = true;
        return first;
      }

      @Override
      public long offset() {
        return 0;
      }

      @Override
      public long length() {
        return capacity;
      }
    };
  }

  /** What another cursor leaves out of the volume. */
  static ExtentCursor complement(ExtentCursor of, long capacity) {
    return new ExtentCursor() {
      private long offset;
      private long end;
      private long resume;
      private boolean finished;

      @Override
      public boolean next() {
        while (!finished) {
          offset = resume;
          if (of.next()) {
            end = of.offset();
            resume = of.offset() + of.length();
          } else {
            finished = true;
            end = capacity;
          }
          if (end > offset) {
            return true;
          }
        }
        return false;
      }

      @Override
      public long offset() {
        return offset;
      }

      @Override
      public long length() {
        return end - offset;
      }
    };
  }
}
