package io.blkcast.exporter.source.disk;

import java.nio.ByteBuffer;
import java.util.Optional;
import java.util.UUID;
import java.util.zip.CRC32C;

/**
 * What is saved of tracking besides the maps themselves.
 *
 * @param capacityBytes size of the volume
 * @param blockSize bytes of a tracking block
 * @param trackingId new when history was lost
 * @param generation of the active number
 * @param activeNumber changes number that writes are marked with, 1..255
 * @param closedGeneration generation of the last take's number
 * @param closedNumber changes number that the last take closed; 0 before the first
 * @param epoch takes since tracking began
 * @param mapEpoch a block of value v &gt; 0 was last written in epoch mapEpoch + v
 * @param activeMap which of the two maps in the file is the active one, 0 or 1
 * @param clean nothing was written since this was saved, and everything is on stable storage
 * @param session boot of the machine under which the maps were last opened
 * @param imageMark what told the image from a changed one when it was closed clean; 0 otherwise
 */
record TrackingState(
    long capacityBytes,
    int blockSize,
    UUID trackingId,
    UUID generation,
    int activeNumber,
    UUID closedGeneration,
    int closedNumber,
    long epoch,
    long mapEpoch,
    int activeMap,
    boolean clean,
    UUID session,
    long imageMark) {

  /** Bytes that {@link #encode} writes. */
  static final int ENCODED_BYTES = 160;

  private static final long MAGIC = 0x626c_6b63_6173_7431L; // "blkcast1"
  private static final int CHECKED_BYTES = ENCODED_BYTES - 4;

  /** History from now on: nothing changed yet, the first number active. */
  static TrackingState begin(long capacityBytes, int blockSize, UUID session) {
    UUID generation = UUID.randomUUID();
    return new TrackingState(
        capacityBytes,
        blockSize,
        UUID.randomUUID(),
        generation,
        1,
        generation,
        0,
        0,
        0,
        0,
        false,
        session,
        0);
  }

  /** After a take; where the numbers run out, the map must have been shifted by {@code shift}. */
  TrackingState afterTake(int shift) {
    boolean renumbered = shift > 0;
    return new TrackingState(
        capacityBytes,
        blockSize,
        trackingId,
        renumbered ? UUID.randomUUID() : generation,
        activeNumber + 1 - shift,
        generation,
        activeNumber,
        epoch + 1,
        mapEpoch + shift,
        renumbered ? 1 - activeMap : activeMap,
        clean,
        session,
        imageMark);
  }

  TrackingState opened(UUID newSession) {
    return with(false, newSession, 0);
  }

  TrackingState closed(long newImageMark) {
    return with(true, session, newImageMark);
  }

  private TrackingState with(boolean newClean, UUID newSession, long newImageMark) {
    return new TrackingState(
        capacityBytes,
        blockSize,
        trackingId,
        generation,
        activeNumber,
        closedGeneration,
        closedNumber,
        epoch,
        mapEpoch,
        activeMap,
        newClean,
        newSession,
        newImageMark);
  }

  /** Writes the state at the buffer's start, with its sequence number and a checksum. */
  void encode(ByteBuffer out, long sequence) {
    ByteBuffer image = ByteBuffer.allocate(ENCODED_BYTES);
    image.putLong(MAGIC).putLong(sequence).putLong(capacityBytes).putInt(blockSize);
    put(image, trackingId);
    put(image, generation);
    image.putInt(activeNumber);
    put(image, closedGeneration);
    image.putInt(closedNumber).putLong(epoch).putLong(mapEpoch).putInt(activeMap);
    image.putInt(clean ? 1 : 0);
    put(image, session);
    image.putLong(imageMark);
    image.putInt(CHECKED_BYTES, checksum(image));
    out.put(0, image.array());
  }

  /** Sequence number at the buffer's start, -1 where there is no whole state. */
  static long sequence(ByteBuffer in) {
    byte[] bytes = new byte[ENCODED_BYTES];
    in.get(0, bytes);
    ByteBuffer image = ByteBuffer.wrap(bytes);
    boolean whole = image.getLong(0) == MAGIC && image.getInt(CHECKED_BYTES) == checksum(image);
    return whole ? image.getLong(8) : -1;
  }

  /** The state at the buffer's start; empty where it is torn, or something else. */
  static Optional<TrackingState> decode(ByteBuffer in) {
    if (sequence(in) < 0) {
      return Optional.empty();
    }
    ByteBuffer image = in.duplicate().position(16);
    return Optional.of(
        new TrackingState(
            image.getLong(),
            image.getInt(),
            uuid(image),
            uuid(image),
            image.getInt(),
            uuid(image),
            image.getInt(),
            image.getLong(),
            image.getLong(),
            image.getInt(),
            image.getInt() == 1,
            uuid(image),
            image.getLong()));
  }

  private static int checksum(ByteBuffer image) {
    CRC32C crc = new CRC32C();
    crc.update(image.array(), 0, CHECKED_BYTES);
    return (int) crc.getValue();
  }

  private static void put(ByteBuffer out, UUID id) {
    out.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
  }

  private static UUID uuid(ByteBuffer in) {
    return new UUID(in.getLong(), in.getLong());
  }
}
