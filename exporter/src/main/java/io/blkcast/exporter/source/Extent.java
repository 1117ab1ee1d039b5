package io.blkcast.exporter.source;

/**
 * A changed range of a volume.
 *
 * @param offset first byte, a multiple of the tracking block
 * @param length bytes, at least 1; a multiple of the tracking block but at the volume's end
 */
public record Extent(long offset, long length) {

  public Extent {
    if (offset < 0 || length <= 0) {
      throw new IllegalArgumentException("bad extent: offset " + offset + ", length " + length);
    }
  }

  /** First byte after the extent. */
  public long end() {
    return offset + length;
  }
}
