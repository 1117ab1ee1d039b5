package io.blkcast.exporter;

import com.sun.jna.Native;
import com.sun.jna.Platform;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The mask of modes of this process, for what cannot be given a mode when it is made: a Unix socket
 * has one from the bind on, and a later chmod would leave others a moment to connect.
 *
 * <p>It is the whole process's: what other threads make meanwhile is closed to others as well.
 */
final class Umask implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Umask.class);

  private static final int OWNER_ALONE = 077;
  private static final boolean AVAILABLE = register();

  private final int before;

  private Umask(int before) {
    this.before = before;
  }

  /** Closes what is made from now on to all but the owner, until {@link #close}. */
  static Umask ownerAlone() {
    return new Umask(AVAILABLE ? umask(OWNER_ALONE) : 0);
  }

  @Override
  public void close() {
    if (AVAILABLE) {
      umask(before);
    }
  }

  private static boolean register() {
    try {
      Native.register(Umask.class, Platform.C_LIBRARY_NAME);
      return true;
    } catch (UnsatisfiedLinkError e) {
      LOG.warn("the umask cannot be set, so it has to be right: {}", e.toString());
      return false;
    }
  }

  private static native int umask(int mask);
}
