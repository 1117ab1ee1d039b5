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

  /** The same, made wider to multiples of a unit, and one where they touch then; up to an end. */
  static ExtentCursor widened(ExtentCursor of, int unit, long limit) {
    return new Range() {
      private long nextOffset;
      private long nextEnd;
      private boolean pending;

      private boolean pull() {
        if (!of.next()) {
          return false;
        }
        nextOffset = of.offset() / unit * unit;
        nextEnd = Math.min(limit, (of.offset() + of.length() + unit - 1) / unit * unit);
        return nextOffset < limit;
      }

      @Override
      public boolean next() {
        if (!pending && !pull()) {
          return false;
        }
        offset = nextOffset;
        end = nextEnd;
        for (pending = pull(); pending && nextOffset <= end; pending = pull()) {
          end = Math.max(end, nextEnd);
        }
        return true;
      }
    };
  }

  /** What two cursors have in common. */
  static ExtentCursor intersection(ExtentCursor one, ExtentCursor other) {
    return new Range() {
      private boolean begun;
      private boolean both;

      @Override
      public boolean next() {
        if (!begun) {
          begun = true;
          both = one.next() && other.next();
        }
        while (both) {
          long oneEnd = one.offset() + one.length();
          long otherEnd = other.offset() + other.length();
          offset = Math.max(one.offset(), other.offset());
          end = Math.min(oneEnd, otherEnd);
          both = oneEnd <= otherEnd ? one.next() : other.next();
          if (end > offset) {
            return true;
          }
        }
        return false;
      }
    };
  }

  /** What another cursor leaves out of the volume. */
  static ExtentCursor complement(ExtentCursor of, long capacity) {
    return new Range() {
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
    };
  }

  /** A cursor that knows where its extent ends. */
  abstract class Range implements ExtentCursor {
    long offset;
    long end;

    @Override
    public final long offset() {
      return offset;
    }

    @Override
    public final long length() {
      return end - offset;
    }
  }
}
