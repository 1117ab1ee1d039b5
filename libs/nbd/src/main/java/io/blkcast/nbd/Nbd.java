package io.blkcast.nbd;

/** Numbers of the NBD protocol (NetworkBlockDevice/nbd, doc/proto.md). */
public final class Nbd {

  static final long INIT_MAGIC = 0x4e42444d41474943L; // "NBDMAGIC"
  public static final long OPTION_MAGIC = 0x49484156454f5054L; // "IHAVEOPT"
  static final long OPTION_REPLY_MAGIC = 0x3e889045565a9L;
  public static final int REQUEST_MAGIC = 0x25609513;
  static final int SIMPLE_REPLY_MAGIC = 0x67446698;
  static final int STRUCTURED_REPLY_MAGIC = 0x668e33ef;

  static final int FLAG_FIXED_NEWSTYLE = 1;
  static final int FLAG_NO_ZEROES = 1 << 1;

  public static final int OPT_EXPORT_NAME = 1;
  static final int OPT_ABORT = 2;
  static final int OPT_LIST = 3;
  static final int OPT_INFO = 6;
  static final int OPT_GO = 7;
  static final int OPT_STRUCTURED_REPLY = 8;
  static final int OPT_LIST_META_CONTEXT = 9;
  static final int OPT_SET_META_CONTEXT = 10;

  static final int REP_ACK = 1;
  static final int REP_SERVER = 2;
  static final int REP_INFO = 3;
  static final int REP_META_CONTEXT = 4;
  static final int REP_ERR_UNSUP = 0x8000_0001;
  static final int REP_ERR_POLICY = 0x8000_0002;
  static final int REP_ERR_INVALID = 0x8000_0003;
  static final int REP_ERR_UNKNOWN = 0x8000_0006;

  static final int INFO_EXPORT = 0;
  static final int INFO_NAME = 1;
  static final int INFO_BLOCK_SIZE = 3;

  static final int EXPORT_HAS_FLAGS = 1;
  static final int EXPORT_READ_ONLY = 1 << 1;
  static final int EXPORT_SEND_FLUSH = 1 << 2;
  static final int EXPORT_SEND_FUA = 1 << 3;
  static final int EXPORT_SEND_TRIM = 1 << 5;
  static final int EXPORT_SEND_WRITE_ZEROES = 1 << 6;
  static final int EXPORT_SEND_DF = 1 << 7;
  static final int EXPORT_CAN_MULTI_CONN = 1 << 8;
  static final int EXPORT_SEND_FAST_ZERO = 1 << 11;

  static final int CMD_READ = 0;
  public static final int CMD_WRITE = 1;
  static final int CMD_DISC = 2;
  static final int CMD_FLUSH = 3;
  static final int CMD_TRIM = 4;
  static final int CMD_WRITE_ZEROES = 6;
  static final int CMD_BLOCK_STATUS = 7;

  static final int CMD_FLAG_FUA = 1;
  static final int CMD_FLAG_NO_HOLE = 1 << 1;
  static final int CMD_FLAG_DF = 1 << 2;
  static final int CMD_FLAG_REQ_ONE = 1 << 3;
  static final int CMD_FLAG_FAST_ZERO = 1 << 4;

  static final int REPLY_FLAG_DONE = 1;
  static final int REPLY_NONE = 0;
  static final int REPLY_OFFSET_DATA = 1;
  static final int REPLY_OFFSET_HOLE = 2;
  static final int REPLY_BLOCK_STATUS = 5;
  static final int REPLY_ERROR = (1 << 15) + 1;

  static final int STATE_HOLE = 1;
  static final int STATE_ZERO = 1 << 1;

  static final String BASE_ALLOCATION = "base:allocation";

  /** Our only context's id; any number will do. */
  static final int BASE_ALLOCATION_ID = 1;

  /** Largest payload of a request, as announced: what every client may count on. */
  static final int MAX_PAYLOAD = 32 << 20;

  static final int PREFERRED_BLOCK = 4096;

  /** Longest string of the protocol. */
  static final int MAX_STRING = 4096;

  private Nbd() {}
}
