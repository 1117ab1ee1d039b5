package io.blkcast.exporter.source.disk;

import io.blkcast.exporter.source.Lineage;
import java.nio.ByteBuffer;
import java.util.List;
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
 * @param image the image when it was last looked at, with no write of ours under way
 * @param writingUntil time in milliseconds since 1970 until which own writes may have changed the
 *     image since; 0 for none
 * @param lineage openings of this state
 */
record ChangeMapHeader(
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
    ImageMark image,
    long writingUntil,
    Lineage lineage) {

  /** Bytes that {@link #encode} writes. */
  static final int ENCODED_BYTES = 224 + Lineage.MOST * 24;

  private static final long MAGIC = 0x626c_6b63_6173_7432L; // "blkcast2"
  private static final long FIRST_MAGIC = 0x626c_6b63_6173_7431L; // "blkcast1"
  private static final int CHECKED_BYTES = ENCODED_BYTES - 4;

  /** History from now on: nothing changed yet, the first number active. */
  static ChangeMapHeader begin(long capacityBytes, int blockSize, UUID session, ImageMark image) {
    UUID generation = UUID.randomUUID();
    return new ChangeMapHeader(
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
        image,
        0,
        Lineage.begin());
  }

  /** After a take; where the numbers run out, the map must have been shifted by {@code shift}. */
  ChangeMapHeader afterTake(int shift) {
    boolean renumbered = shift > 0;
    return new ChangeMapHeader(
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
        image,
        writingUntil,
        lineage);
  }

  ChangeMapHeader opened(UUID newSession, ImageMark found) {
    return with(activeMap, false, newSession, found, 0, lineage.opened(epoch));
  }

  ChangeMapHeader closed(ImageMark last) {
    return with(activeMap, true, session, last, 0, lineage);
  }

  /** Own writes may happen until then. */
  ChangeMapHeader writing(long until) {
    return with(activeMap, clean, session, image, until, lineage);
  }

  /** No own write has happened since the image was found so. */
  ChangeMapHeader settled(ImageMark found) {
    return with(activeMap, clean, session, found, 0, lineage);
  }

  /** With the other of the two maps in the file, which must have been written. */
  ChangeMapHeader withActiveMap(int map) {
    return with(map, clean, session, image, writingUntil, lineage);
  }

  private ChangeMapHeader with(
      int newActiveMap,
      boolean newClean,
      UUID newSession,
      ImageMark newImage,
      long newWritingUntil,
      Lineage newLineage) {
    return new ChangeMapHeader(
        capacityBytes,
        blockSize,
        trackingId,
        generation,
        activeNumber,
        closedGeneration,
        closedNumber,
        epoch,
        mapEpoch,
        newActiveMap,
        newClean,
        newSession,
        newImage,
        newWritingUntil,
        newLineage);
  }

  /** Writes the state at the buffer's start, with its sequence number and a checksum. */
  void encode(ByteBuffer out, long sequence) {
    ByteBuffer encoded = ByteBuffer.allocate(ENCODED_BYTES);
    encoded.putLong(MAGIC).putLong(sequence).putLong(capacityBytes).putInt(blockSize);
    put(encoded, trackingId);
    put(encoded, generation);
    encoded.putInt(activeNumber);
    put(encoded, closedGeneration);
    encoded.putInt(closedNumber).putLong(epoch).putLong(mapEpoch).putInt(activeMap);
    encoded.putInt(clean ? 1 : 0);
    put(encoded, session);
    encoded.putLong(image.device()).putLong(image.inode()).putLong(image.born());
    encoded.putLong(image.size()).putLong(image.changed()).putLong(writingUntil);
    encoded.putInt(lineage.openings().size());
    for (Lineage.Opening opening : lineage.openings()) {
      put(encoded, opening.incarnation());
      encoded.putLong(opening.epoch());
    }
    encoded.putInt(CHECKED_BYTES, checksum(encoded));
    out.put(0, encoded.array());
  }

  /** Sequence number at the buffer's start, -1 where there is no whole state. */
  static long sequence(ByteBuffer in) {
    byte[] bytes = new byte[ENCODED_BYTES];
    in.get(0, bytes);
    ByteBuffer encoded = ByteBuffer.wrap(bytes);
    boolean whole =
        encoded.getLong(0) == MAGIC && encoded.getInt(CHECKED_BYTES) == checksum(encoded);
    return whole ? encoded.getLong(8) : -1;
  }

  /** Whether an earlier version of blkcast wrote what is at the buffer's start. */
  static boolean isOfEarlierVersion(ByteBuffer in) {
    return in.getLong(0) == FIRST_MAGIC;
  }

  /** The state at the buffer's start; empty where it is torn, or something else. */
  static Optional<ChangeMapHeader> decode(ByteBuffer in) {
    if (sequence(in) < 0) {
      return Optional.empty();
    }
    ByteBuffer encoded = in.duplicate().position(16);
    return Optional.of(
        new ChangeMapHeader(
            encoded.getLong(),
            encoded.getInt(),
            uuid(encoded),
            uuid(encoded),
            encoded.getInt(),
            uuid(encoded),
            encoded.getInt(),
            encoded.getLong(),
            encoded.getLong(),
            encoded.getInt(),
            encoded.getInt() == 1,
            uuid(encoded),
            new ImageMark(
                encoded.getLong(),
                encoded.getLong(),
                encoded.getLong(),
                encoded.getLong(),
                encoded.getLong()),
            encoded.getLong(),
            lineage(encoded)));
  }

  private static Lineage lineage(ByteBuffer in) {
    Lineage.Opening[] openings = new Lineage.Opening[in.getInt()];
    for (int i = 0; i < openings.length; i++) {
      openings[i] = new Lineage.Opening(uuid(in), in.getLong());
    }
    return new Lineage(List.of(openings));
  }

  private static int checksum(ByteBuffer encoded) {
    CRC32C crc = new CRC32C();
    crc.update(encoded.array(), 0, CHECKED_BYTES);
    return (int) crc.getValue();
  }

  private static void put(ByteBuffer out, UUID id) {
    out.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
  }

  private static UUID uuid(ByteBuffer in) {
    return new UUID(in.getLong(), in.getLong());
  }
}
