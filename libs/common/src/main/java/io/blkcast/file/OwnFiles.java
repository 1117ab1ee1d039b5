package io.blkcast.file;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;

/**
 * Files and directories that belong to the user of this process alone.
 *
 * <p>What is made here has mode 0600 or 0700 from its first moment, whatever the umask, and is made
 * under a name that nobody has: no link is followed. What is found is trusted only if this user or
 * root owns it and nobody else can write it, because a file's content may become a command, and a
 * directory decides what its names mean.
 *
 * <p>A check by name is worth something only where others cannot exchange the name afterwards. See
 * {@link #requirePlace} for the directories above.
 */
public final class OwnFiles {

  /** Mode 0600, for a file to be made by one who opens it otherwise than by this class. */
  public static final FileAttribute<Set<PosixFilePermission>> FILE_MODE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private static final Set<PosixFilePermission> OWNERS_ALONE =
      PosixFilePermissions.fromString("rwx------");
  private static final FileAttribute<Set<PosixFilePermission>> DIRECTORY_MODE =
      PosixFilePermissions.asFileAttribute(OWNERS_ALONE);

  private static final int OTHERS_WRITE = 022;
  private static final int OTHERS_ENTER = 055;
  private static final int STICKY = 01000;
  private static final int TYPE = 0170000;
  private static final int DIRECTORY = 0040000;
  private static final int REGULAR = 0100000;
  private static final int LINK = 0120000;

  /** As many links as Linux follows. */
  private static final int MOST_LINKS = 40;

  private static final int ROOT = 0;

  /** The user by whose rights files are opened. */
  private static final int USER = effectiveUser();

  private OwnFiles() {}

  /** What of an inode decides whether it is trusted. */
  private record Inode(int mode, int uid, int gid, int links) {

    static Inode of(Path path, LinkOption... options) throws IOException {
      Map<String, Object> all = Files.readAttributes(path, "unix:mode,uid,gid,nlink", options);
      return new Inode(
          number(all, "mode"), number(all, "uid"), number(all, "gid"), number(all, "nlink"));
    }

    private static int number(Map<String, Object> all, String name) {
      return (int) Objects.requireNonNull(all.get(name));
    }

    boolean is(int type) {
      return (mode & TYPE) == type;
    }

    boolean trustedOwner() {
      return uid == USER || uid == ROOT;
    }

    boolean othersWrite() {
      return (mode & OTHERS_WRITE) != 0;
    }
  }

  /**
   * Opens a file of ours; with {@link StandardOpenOption#CREATE}, makes it where it is missing.
   *
   * @throws UnsafePathException if it is none of ours
   */
  public static FileChannel open(Path file, OpenOption... options) throws IOException {
    require(file);
    Set<OpenOption> all = new HashSet<>(Set.of(options));
    all.add(LinkOption.NOFOLLOW_LINKS);
    return FileChannel.open(file, all, FILE_MODE);
  }

  /**
   * Makes an empty file in place of whatever has the name, for reading and writing. A link is
   * removed, not what it leads to.
   */
  public static FileChannel replace(Path file, OpenOption... more) throws IOException {
    Files.deleteIfExists(file);
    Set<OpenOption> all = new HashSet<>(Set.of(more));
    all.addAll(
        Set.of(
            StandardOpenOption.CREATE_NEW,
            StandardOpenOption.READ,
            StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS));
    return FileChannel.open(file, all, FILE_MODE);
  }

  /** Makes a file without a name, which goes with the process however that ends. */
  public static FileChannel scratch(Path directory, String prefix) throws IOException {
    Path file = directory.resolve(prefix + UUID.randomUUID());
    FileChannel channel = replace(file);
    try {
      Files.delete(file);
      return channel;
    } catch (IOException e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Reads a whole file of ours.
   *
   * @throws UnsafePathException if it is none of ours
   * @throws NoSuchFileException if it is missing
   */
  public static byte[] read(Path file) throws IOException {
    try (FileChannel channel = open(file, StandardOpenOption.READ);
        InputStream in = Channels.newInputStream(channel)) {
      return in.readAllBytes();
    }
  }

  /**
   * Holds that a file, if there is one, is a regular file of one name, that this user or root owns
   * it, and that nobody else can write it.
   */
  public static void require(Path file) throws IOException {
    Inode inode;
    try {
      inode = Inode.of(file, LinkOption.NOFOLLOW_LINKS);
    } catch (NoSuchFileException e) {
      return;
    }
    if (!inode.is(REGULAR)) {
      throw new UnsafePathException(
          file,
          inode.is(LINK) ? "is a symbolic link" : "is not a regular file",
          "Remove it, or put a regular file in its place");
    }
    if (!inode.trustedOwner()) {
      throw new UnsafePathException(
          file, belongs(inode), "If you trust what it holds, run: chown " + USER + " " + file);
    }
    if (inode.othersWrite()) {
      throw new UnsafePathException(
          file, "can be written by others", "If you trust what it holds, run: chmod go-w " + file);
    }
    if (inode.links() > 1) {
      throw new UnsafePathException(
          file,
          "has " + inode.links() + " names (hard links), and may be written by another of them",
          "Copy it to a new file, and rename that to its name");
    }
  }

  /** Makes a directory, and those above it that are missing. */
  public static void createDirectories(Path directory) throws IOException {
    if (Files.isDirectory(directory)) {
      return;
    }
    Path parent = directory.toAbsolutePath().getParent();
    if (parent != null) {
      createDirectories(parent);
    }
    try {
      Files.createDirectory(directory, DIRECTORY_MODE);
    } catch (FileAlreadyExistsException e) {
      if (!Files.isDirectory(directory)) {
        throw e;
      }
    }
  }

  /**
   * Makes a directory that is for this user alone, or takes one that is there. One that others can
   * only read is closed to them.
   *
   * @return whether it was open to others until now
   * @throws UnsafePathException if others could have put something into it, or can exchange it
   */
  public static boolean claimDirectory(Path directory) throws IOException {
    requireDirectory(directory);
    createDirectories(directory);
    requireDirectory(directory);
    boolean open = (Inode.of(directory).mode() & OTHERS_ENTER) != 0;
    if (open) {
      Files.setPosixFilePermissions(directory, OWNERS_ALONE);
    }
    return open;
  }

  /**
   * Holds that a directory, if there is one, is this user's, that nobody else can put something
   * into it, and that nobody can exchange it. Changes nothing.
   */
  public static void requireDirectory(Path directory) throws IOException {
    Inode inode;
    try {
      inode = Inode.of(directory);
    } catch (NoSuchFileException e) {
      requirePlace(directory);
      return;
    }
    if (inode.uid() != USER) {
      throw new UnsafePathException(
          directory,
          belongs(inode),
          "If you trust what is in it, run: chown -R "
              + USER
              + " "
              + directory
              + "; or give another directory");
    }
    if (inode.othersWrite()) {
      throw new UnsafePathException(
          directory,
          "can be written by others",
          "If you trust what is in it, run: chmod -R go-rwx " + directory);
    }
    requirePlace(directory);
  }

  /**
   * Holds that nobody but this user and root can exchange what the path leads to: each directory
   * and link on the way is this user's or root's, and others can write no directory, unless it is
   * sticky as {@code /tmp} is. The way ends at the first name that is missing.
   *
   * <p>What this user's own private group can write counts as his alone.
   */
  public static void requirePlace(Path path) throws IOException {
    walk(path.toAbsolutePath(), 0);
  }

  private static void walk(Path path, int links) throws IOException {
    if (links > MOST_LINKS) {
      throw new UnsafePathException(path, "leads over too many links", "Give another path");
    }
    Path at = path.getRoot();
    requireStep(at, path);
    for (Path name : path) {
      Path above = at;
      at = at.resolve(name);
      try {
        if (requireStep(at, path).is(LINK)) {
          walk(above.resolve(Files.readSymbolicLink(at)), links + 1);
        }
      } catch (NoSuchFileException e) {
        return;
      }
    }
  }

  private static Inode requireStep(Path step, Path path) throws IOException {
    Inode inode = Inode.of(step, LinkOption.NOFOLLOW_LINKS);
    if (!inode.trustedOwner()) {
      throw new UnsafePathException(
          path,
          "can be exchanged by another user: " + step + " " + belongs(inode),
          "Run 'chown " + USER + " " + step + "', or give another path");
    }
    boolean shared = inode.othersWrite() && (inode.mode() & STICKY) == 0 && inode.is(DIRECTORY);
    if (shared && !ofPrivateGroup(inode)) {
      throw new UnsafePathException(
          path,
          "can be exchanged by other users: they can write " + step,
          "Run 'chmod go-w " + step + "', or give another path");
    }
    return inode;
  }

  /**
   * Many systems give each user a group of the same number, and a umask of 002; orchestrators give
   * a volume to such a group.
   */
  private static boolean ofPrivateGroup(Inode inode) {
    return USER != ROOT && inode.gid() == USER && (inode.mode() & 02) == 0;
  }

  private static String belongs(Inode inode) {
    return "belongs to user " + inode.uid() + ", and this runs as user " + USER;
  }

  private static int effectiveUser() {
    try {
      Path status = Path.of("/proc/self/status");
      if (Files.exists(status)) {
        for (String line : Files.readAllLines(status)) {
          if (line.startsWith("Uid:")) {
            return Integer.parseUnsignedInt(line.split("\\s+")[2]);
          }
        }
      }
      Path probe = Files.createTempFile("blkcast-", ".user");
      try {
        return (int) Files.getAttribute(probe, "unix:uid");
      } finally {
        Files.delete(probe);
      }
    } catch (IOException e) {
      throw new UncheckedIOException("cannot find out which user this runs as", e);
    }
  }
}
