package io.blkcast.nbd;

import io.netty.buffer.ByteBuf;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.function.Predicate;

/**
 * The server's side of fixed newstyle negotiation, over buffers: reads what the client sent, writes
 * what is to be answered. For one thread.
 */
final class Negotiation {

  /** What comes after what was read. */
  enum Next {
    /** More of the negotiation. */
    NEGOTIATE,
    /** Requests: {@link #agreement()} is there. */
    TRANSMIT,
    /** Nothing: send what is to be answered, and close. */
    CLOSE
  }

  private static final int OPTION_HEADER = 16;

  /** A client has no reason to send more in one option. */
  private static final int MAX_OPTION = 64 << 10;

  /** So much of a name is told back to a client: who knows the name knows the rest. */
  private static final int TOLD_OF_NAME = 256;

  private final Map<String, BlockStore> exports;
  private final Predicate<BlockStore> admission;
  private boolean flagsRead;
  private boolean noZeroes;
  private boolean structured;
  private Optional<String> allocationOf = Optional.empty();
  private Optional<Agreement> agreement = Optional.empty();

  /**
   * @param exports stores by name; may change while this is in use
   * @param admission asked for a place when the client has chosen an export
   */
  Negotiation(Map<String, BlockStore> exports, Predicate<BlockStore> admission) {
    this.exports = exports;
    this.admission = admission;
  }

  /** What the server says first. */
  static void greet(ByteBuf out) {
    out.writeLong(Nbd.INIT_MAGIC);
    out.writeLong(Nbd.OPTION_MAGIC);
    out.writeShort(Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES);
  }

  /** Empty until {@link Next#TRANSMIT}. */
  Optional<Agreement> agreement() {
    return agreement;
  }

  /**
   * Reads all whole messages; what is left in the buffer is the beginning of the next, or of the
   * requests.
   */
  Next read(ByteBuf in, ByteBuf out) throws ProtocolException {
    if (!flagsRead) {
      if (in.readableBytes() < 4) {
        return Next.NEGOTIATE;
      }
      readFlags(in.readInt());
    }
    while (in.readableBytes() >= OPTION_HEADER) {
      int at = in.readerIndex();
      if (in.getLong(at) != Nbd.OPTION_MAGIC) {
        throw new ProtocolException("an option does not begin with its magic number");
      }
      long length = in.getUnsignedInt(at + 12);
      if (length > MAX_OPTION) {
        throw new ProtocolException("an option of " + length + " bytes");
      }
      if (in.readableBytes() < OPTION_HEADER + length) {
        break;
      }
      int option = in.getInt(at + 8);
      in.skipBytes(OPTION_HEADER);
      Next next = option(option, in.readSlice((int) length), out);
      if (next != Next.NEGOTIATE) {
        return next;
      }
    }
    return Next.NEGOTIATE;
  }

  /** What the export can do, as the protocol's transmission flags. */
  static int transmissionFlags(BlockStore store) {
    int flags =
        Nbd.EXPORT_HAS_FLAGS
            | Nbd.EXPORT_SEND_FLUSH
            | Nbd.EXPORT_SEND_FUA
            | Nbd.EXPORT_SEND_DF
            | Nbd.EXPORT_CAN_MULTI_CONN;
    return store.readOnly()
        ? flags | Nbd.EXPORT_READ_ONLY
        : flags | Nbd.EXPORT_SEND_TRIM | Nbd.EXPORT_SEND_WRITE_ZEROES | Nbd.EXPORT_SEND_FAST_ZERO;
  }

  private void readFlags(int flags) throws ProtocolException {
    if ((flags & ~(Nbd.FLAG_FIXED_NEWSTYLE | Nbd.FLAG_NO_ZEROES)) != 0) {
      throw new ProtocolException("unknown client flags " + Integer.toHexString(flags));
    }
    noZeroes = (flags & Nbd.FLAG_NO_ZEROES) != 0;
    flagsRead = true;
  }

  private Next option(int option, ByteBuf data, ByteBuf out) throws ProtocolException {
    switch (option) {
      case Nbd.OPT_EXPORT_NAME:
        return exportName(data, out);
      case Nbd.OPT_ABORT:
        reply(out, option, Nbd.REP_ACK);
        return Next.CLOSE;
      case Nbd.OPT_LIST:
        list(data, out);
        return Next.NEGOTIATE;
      case Nbd.OPT_INFO:
      case Nbd.OPT_GO:
        return go(option, data, out);
      case Nbd.OPT_STRUCTURED_REPLY:
        if (data.isReadable()) {
          refuse(out, option, Nbd.REP_ERR_INVALID, "structured replies take no data");
        } else {
          structured = true;
          reply(out, option, Nbd.REP_ACK);
        }
        return Next.NEGOTIATE;
      case Nbd.OPT_LIST_META_CONTEXT:
      case Nbd.OPT_SET_META_CONTEXT:
        metaContext(option, data, out);
        return Next.NEGOTIATE;
      default:
        refuse(out, option, Nbd.REP_ERR_UNSUP, "option " + option + " is not supported");
        return Next.NEGOTIATE;
    }
  }

  /** The oldest way to choose an export: it can only be refused by hanging up. */
  private Next exportName(ByteBuf data, ByteBuf out) throws ProtocolException {
    if (data.readableBytes() > Nbd.MAX_STRING) {
      throw new ProtocolException("a name of " + data.readableBytes() + " bytes");
    }
    String name = data.toString(StandardCharsets.UTF_8);
    BlockStore store = exports.get(name);
    if (store == null) {
      throw new ProtocolException(noneIsNamed(name));
    }
    if (!admission.test(store)) {
      return Next.CLOSE;
    }
    out.writeLong(store.size());
    out.writeShort(transmissionFlags(store));
    if (!noZeroes) {
      out.writeZero(124);
    }
    agree(name, store);
    return Next.TRANSMIT;
  }

  private void list(ByteBuf data, ByteBuf out) {
    if (data.isReadable()) {
      refuse(out, Nbd.OPT_LIST, Nbd.REP_ERR_INVALID, "a list takes no data");
      return;
    }
    for (String name : new TreeSet<>(exports.keySet())) {
      byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
      header(out, Nbd.OPT_LIST, Nbd.REP_SERVER, 4 + bytes.length);
      out.writeInt(bytes.length).writeBytes(bytes);
    }
    reply(out, Nbd.OPT_LIST, Nbd.REP_ACK);
  }

  private Next go(int option, ByteBuf data, ByteBuf out) {
    Optional<String> name = string(data);
    if (name.isEmpty()
        || data.readableBytes() < 2
        || data.readableBytes() != 2 + 2 * data.getUnsignedShort(data.readerIndex())) {
      refuse(out, option, Nbd.REP_ERR_INVALID, "malformed name or list of what to tell");
      return Next.NEGOTIATE;
    }
    BlockStore store = exports.get(name.get());
    if (store == null) {
      refuse(out, option, Nbd.REP_ERR_UNKNOWN, noneIsNamed(name.get()));
      return Next.NEGOTIATE;
    }
    if (option == Nbd.OPT_GO && !admission.test(store)) {
      refuse(out, option, Nbd.REP_ERR_POLICY, "the export has as many clients as it may have");
      return Next.NEGOTIATE;
    }
    header(out, option, Nbd.REP_INFO, 12);
    out.writeShort(Nbd.INFO_EXPORT).writeLong(store.size());
    out.writeShort(transmissionFlags(store));
    header(out, option, Nbd.REP_INFO, 14);
    out.writeShort(Nbd.INFO_BLOCK_SIZE).writeInt(1);
    out.writeInt(Nbd.PREFERRED_BLOCK).writeInt(Nbd.MAX_PAYLOAD);
    for (int wishes = data.readUnsignedShort(); wishes > 0; wishes--) {
      if (data.readUnsignedShort() == Nbd.INFO_NAME) {
        byte[] bytes = name.get().getBytes(StandardCharsets.UTF_8);
        header(out, option, Nbd.REP_INFO, 2 + bytes.length);
        out.writeShort(Nbd.INFO_NAME).writeBytes(bytes);
      }
    }
    reply(out, option, Nbd.REP_ACK);
    if (option == Nbd.OPT_INFO) {
      return Next.NEGOTIATE;
    }
    agree(name.get(), store);
    return Next.TRANSMIT;
  }

  private void metaContext(int option, ByteBuf data, ByteBuf out) {
    boolean set = option == Nbd.OPT_SET_META_CONTEXT;
    if (set) {
      allocationOf = Optional.empty();
    }
    Optional<String> name = string(data);
    Optional<List<String>> queries = name.flatMap(ignored -> strings(data));
    if (!structured || queries.isEmpty() || data.isReadable()) {
      String cause = structured ? "malformed queries" : "structured replies come first";
      refuse(out, option, Nbd.REP_ERR_INVALID, cause);
      return;
    }
    if (!exports.containsKey(name.orElseThrow())) {
      refuse(out, option, Nbd.REP_ERR_UNKNOWN, noneIsNamed(name.get()));
      return;
    }
    boolean wanted = queries.get().contains(Nbd.BASE_ALLOCATION);
    boolean listed = !set && (queries.get().isEmpty() || queries.get().contains("base:"));
    if (wanted || listed) {
      byte[] bytes = Nbd.BASE_ALLOCATION.getBytes(StandardCharsets.UTF_8);
      header(out, option, Nbd.REP_META_CONTEXT, 4 + bytes.length);
      out.writeInt(set ? Nbd.BASE_ALLOCATION_ID : 0).writeBytes(bytes);
    }
    if (set && wanted) {
      allocationOf = name;
    }
    reply(out, option, Nbd.REP_ACK);
  }

  private static String noneIsNamed(String name) {
    boolean isLong = name.length() > TOLD_OF_NAME;
    return "no export is named '" + (isLong ? name.substring(0, TOLD_OF_NAME) + "…" : name) + "'";
  }

  private void agree(String name, BlockStore store) {
    agreement =
        Optional.of(
            new Agreement(name, store, structured, allocationOf.filter(name::equals).isPresent()));
  }

  /** A string with its length before it; empty if there is not that much. */
  private static Optional<String> string(ByteBuf data) {
    if (data.readableBytes() < 4) {
      return Optional.empty();
    }
    long length = data.readUnsignedInt();
    if (length > Math.min(data.readableBytes(), Nbd.MAX_STRING)) {
      return Optional.empty();
    }
    return Optional.of(data.readCharSequence((int) length, StandardCharsets.UTF_8).toString());
  }

  private static Optional<List<String>> strings(ByteBuf data) {
    if (data.readableBytes() < 4) {
      return Optional.empty();
    }
    long count = data.readUnsignedInt();
    List<String> strings = new ArrayList<>();
    for (long i = 0; i < count; i++) {
      Optional<String> string = string(data);
      if (string.isEmpty()) {
        return Optional.empty();
      }
      strings.add(string.get());
    }
    return Optional.of(strings);
  }

  private static void refuse(ByteBuf out, int option, int error, String cause) {
    byte[] bytes = cause.getBytes(StandardCharsets.UTF_8);
    header(out, option, error, bytes.length);
    out.writeBytes(bytes);
  }

  private static void reply(ByteBuf out, int option, int type) {
    header(out, option, type, 0);
  }

  private static void header(ByteBuf out, int option, int type, int length) {
    out.writeLong(Nbd.OPTION_REPLY_MAGIC).writeInt(option).writeInt(type).writeInt(length);
  }
}
