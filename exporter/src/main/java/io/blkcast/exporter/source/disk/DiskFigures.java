package io.blkcast.exporter.source.disk;

/**
 * What a tracked disk has done since it was opened, in bytes; storage as of now.
 *
 * @param readBytes read by its users, snapshots apart
 * @param writtenBytes written
 * @param zeroedBytes of data that trims and zero writes made holes or zeroes
 * @param changedBytes in tracking blocks changed since the last take
 * @param storageUsedBytes of the difference storage in use; 0 without a snapshot
 * @param storageLimitBytes its limit; 0 without a snapshot
 */
public record DiskFigures(
    long readBytes,
    long writtenBytes,
    long zeroedBytes,
    long changedBytes,
    long storageUsedBytes,
    long storageLimitBytes) {}
