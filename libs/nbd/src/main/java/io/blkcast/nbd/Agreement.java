package io.blkcast.nbd;

/**
 * What client and server agreed upon.
 *
 * @param name the export's name
 * @param store what is served
 * @param structured replies may be structured, those to reads always are
 * @param allocation block status is told for {@code base:allocation}
 */
record Agreement(String name, BlockStore store, boolean structured, boolean allocation) {}
