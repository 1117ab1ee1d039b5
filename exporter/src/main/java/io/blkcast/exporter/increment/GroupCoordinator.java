package io.blkcast.exporter.increment;

import io.blkcast.exporter.source.ChangeSource;
import io.blkcast.exporter.source.Snapshot;
import io.blkcast.exporter.source.Snapshot.Image;
import io.blkcast.exporter.source.SourceException;
import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes the snapshots of the volumes that belong together, all at one instant; a volume on its own
 * is a group of one. When one volume wants a snapshot, every other that can takes part. There is
 * one snapshot at a time: what is asked for meanwhile comes after it.
 *
 * <p>Belongs to a loop of its own; talks to the volumes on theirs.
 */
public final class GroupCoordinator {

  private static final Logger LOG = LoggerFactory.getLogger(GroupCoordinator.class);

  /** A volume of the group. Methods may be called from any thread. */
  interface Member {
    String volume();

    /**
     * A snapshot is about to be taken.
     *
     * @return whether the volume takes part; if so, {@link #taken} or {@link #notTaken} follows
     */
    Future<Boolean> join();

    void taken(GroupSnapshot.Share share);

    void notTaken(Throwable cause);
  }

  private final Loop loop;
  private final ChangeSource source;
  private final ExporterContext.Ids ids;
  private final Quiescer quiescer;
  private final List<Member> members = new ArrayList<>();
  private final List<Snapshot> leftOver = new ArrayList<>();
  private boolean wanted;
  private boolean underWay;

  /**
   * @param quiescer of what runs on the volumes, around each take
   */
  public GroupCoordinator(
      Loop loop, ChangeSource source, ExporterContext.Ids ids, Quiescer quiescer) {
    this.loop = loop;
    this.source = source;
    this.ids = ids;
    this.quiescer = quiescer;
  }

  /** Adds a volume; before the first request. */
  void add(Member member) {
    members.add(member);
  }

  /** Some volume wants a snapshot; from any thread. */
  void request() {
    loop.execute(
        () -> {
          wanted = true;
          next();
        });
  }

  private void next() {
    if (!wanted || underWay) {
      return;
    }
    wanted = false;
    underWay = true;
    gather(members.iterator(), new ArrayList<>());
  }

  private void gather(Iterator<Member> rest, List<Member> joined) {
    if (!rest.hasNext()) {
      take(joined);
      return;
    }
    Member member = rest.next();
    member
        .join()
        .onComplete(
            joins ->
                loop.execute(
                    () -> {
                      if (joins.succeeded() && joins.result()) {
                        joined.add(member);
                      }
                      gather(rest, joined);
                    }));
  }

  private void take(List<Member> joined) {
    if (joined.isEmpty()) {
      ended();
      return;
    }
    List<String> volumes = joined.stream().map(Member::volume).toList();
    loop.blocking(
            Pool.SOURCE,
            () -> {
              destroyLeftOver();
              return takeQuietly(volumes);
            })
        .onComplete(
            taken -> {
              if (taken.succeeded()) {
                hand(taken.result(), joined);
              } else {
                joined.forEach(member -> member.notTaken(taken.cause()));
                ended();
              }
            });
  }

  /** A snapshot, and what it is worth. */
  private record Taken(Snapshot snapshot, Quiescer.Level level) {}

  private Taken takeQuietly(List<String> volumes) throws SourceException {
    Quiescer.Hold hold = quiescer.quiesce(volumes);
    Snapshot snapshot;
    try {
      snapshot = source.take(volumes);
    } catch (SourceException | RuntimeException e) {
      hold.release();
      throw e;
    }
    return new Taken(snapshot, hold.release());
  }

  private void hand(Taken taken, List<Member> joined) {
    Snapshot snapshot = taken.snapshot();
    Optional<UUID> groupId = members.size() > 1 ? Optional.of(ids.next()) : Optional.empty();
    GroupSnapshot group = new GroupSnapshot(snapshot, source, groupId, taken.level());
    Promise<Void> destroyed = Promise.promise();
    group
        .unused()
        .onComplete(
            ignored ->
                loop.execute(
                    () ->
                        loop.perform(Pool.SOURCE, snapshot::close)
                            .onComplete(
                                closed -> {
                                  if (closed.failed()) {
                                    leftOver.add(snapshot);
                                    LOG.warn(
                                        "cannot destroy snapshot {}, tried again before the next:"
                                            + " {}",
                                        snapshot.id(),
                                        closed.cause().toString());
                                  }
                                  destroyed.handle(closed);
                                  ended();
                                })));
    List<Image> images = snapshot.images();
    for (int i = 0; i < joined.size(); i++) {
      joined.get(i).taken(group.share(images.get(i), destroyed.future()));
    }
  }

  /** In the pool, while nothing else touches the list: one snapshot is under way at a time. */
  private void destroyLeftOver() throws Exception {
    while (!leftOver.isEmpty()) {
      leftOver.get(0).close();
      leftOver.remove(0);
    }
  }

  private void ended() {
    underWay = false;
    next();
  }
}
