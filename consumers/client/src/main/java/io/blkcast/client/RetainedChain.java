package io.blkcast.client;

import static io.blkcast.client.IncrementException.Code.MISSING;

import io.blkcast.schema.DataChunk;
import io.blkcast.schema.IncrementCommitted;
import io.blkcast.schema.IncrementKind;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteBufferDeserializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The increments from a BASELINE to a given one, as far as Kafka still holds them: what a replica
 * must amount to. Blocks; used by one thread. Memory: one manifest for each increment.
 */
public final class RetainedChain implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(RetainedChain.class);
  private static final Duration SETTLE = Duration.ofSeconds(5);
  private static final long PAUSE_MILLIS = 200;

  private final FollowerConfig config;
  private final Consumer<byte[], ByteBuffer> catalogueConsumer;
  private final Consumer<byte[], ByteBuffer> chunkConsumer;
  private final RangeReader ranges;
  private final Catalogue catalogue;
  private final List<Catalogue.Entry> later = new ArrayList<>();

  /** Takes the chunks of one increment, each already held against the manifest. */
  public interface Visitor {
    /**
     * @param content plain content, valid during the call; null when all zero
     */
    void chunk(DataChunk chunk, @Nullable ByteBuffer content) throws IncrementException;
  }

  public RetainedChain(FollowerConfig config) {
    this.config = config;
    catalogueConsumer = consumer(config.catalogueSettings());
    chunkConsumer = consumer(config.chunkSettings());
    ranges =
        new RangeReader(
            chunkConsumer,
            config.topics().chunks(),
            config.codec(),
            config.scratch(),
            Topics.PATIENT);
    catalogue =
        new Catalogue(
            catalogueConsumer,
            config.topics().increments(),
            config.volume(),
            config.codec(),
            Topics.PATIENT,
            what -> {});
  }

  private static Consumer<byte[], ByteBuffer> consumer(Map<String, Object> settings) {
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteBufferDeserializer());
  }

  /**
   * The manifests from the BASELINE to the position, in this order, their links and digests
   * checked.
   *
   * @throws IncrementException {@code MISSING} where one is not retained any more, {@code CORRUPT}
   *     where a link or digest is wrong or leads to another chain digest than the position's
   */
  public List<IncrementCommitted> manifests(Position position) throws IncrementException {
    Map<UUID, Catalogue.Entry> found = new HashMap<>();
    later.clear();
    try {
      catalogue.scan(
          entry -> {
            boolean reached = found.containsKey(position.incrementId());
            if (reached) {
              later.add(entry);
            } else if (entry.manifest().getKind() == IncrementKind.BASELINE) {
              found.clear();
            }
            if (!reached) {
              found.put(entry.manifest().getIncrementId(), entry);
            }
          });
    } catch (KafkaException e) {
      throw failed(e);
    }
    List<Catalogue.Entry> chain = new ArrayList<>();
    UUID id = position.incrementId();
    while (id != null) {
      Catalogue.Entry entry = found.get(id);
      if (entry == null || chain.size() >= position.chainLength()) {
        throw new IncrementException(
            MISSING,
            "the manifest of increment %s of %s is not retained any more"
                .formatted(id, config.volume()));
      }
      chain.add(0, entry);
      id = entry.manifest().getParentIncrementId();
    }
    return check(chain, position);
  }

  /**
   * How many increments follow on the position, as far as they were committed when {@link
   * #manifests} was last called; those that do not fit are not counted.
   */
  public int newer(Position position) {
    Position tip = position;
    int count = 0;
    for (Catalogue.Entry entry : later) {
      try {
        Chain.check(
            config.codec(), config.volume(), entry.manifest(), entry.raw(), Optional.of(tip));
        tip = Position.of(entry.manifest());
        count++;
        catalogue.applied(entry);
      } catch (IncrementException e) {
        LOG.debug("{}: not counted: {}", config.volume(), e.getMessage());
      }
    }
    return count;
  }

  /**
   * Why it cannot be known whether {@link #newer} counts all that is committed; empty where it
   * does. Waits some seconds for transactions that are just being committed.
   */
  public Optional<String> hidden() throws IncrementException {
    OpenTransactions transactions =
        new OpenTransactions(chunkConsumer, config.topics().increments(), Topics.PATIENT);
    long start = System.nanoTime();
    try {
      while (true) {
        catalogue.refreshEnd();
        Optional<String> hidden = transactions.look(catalogue.end());
        if (hidden.isEmpty() || System.nanoTime() - start > SETTLE.toNanos()) {
          return hidden.isPresent() ? hidden : catalogue.suspect();
        }
        Thread.sleep(PAUSE_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return Optional.of("this was interrupted");
    } catch (KafkaException e) {
      throw failed(e);
    }
  }

  private List<IncrementCommitted> check(List<Catalogue.Entry> chain, Position position)
      throws IncrementException {
    List<IncrementCommitted> manifests = new ArrayList<>();
    Optional<Position> parent = Optional.empty();
    for (Catalogue.Entry entry : chain) {
      Chain.check(config.codec(), config.volume(), entry.manifest(), entry.raw(), parent);
      manifests.add(entry.manifest());
      parent = Optional.of(Position.of(entry.manifest()));
      catalogue.applied(entry);
    }
    if (!parent.equals(Optional.of(position))) {
      throw new IncrementException(
          IncrementException.Code.CORRUPT,
          "the chain in Kafka leads to %s, the position is %s".formatted(parent, position));
    }
    return manifests;
  }

  /**
   * Reads the chunks of one increment and checks that they are all, and what the manifest says.
   *
   * @throws IncrementException {@code MISSING}, {@code CORRUPT}, {@code KAFKA}, and what the
   *     visitor throws
   */
  public void read(IncrementCommitted manifest, Visitor visitor) throws IncrementException {
    try {
      ranges.read(manifest, visitor::chunk);
    } catch (KafkaException e) {
      throw failed(e);
    }
  }

  private static IncrementException failed(KafkaException e) {
    if (e instanceof UnknownTopicOrPartitionException) {
      return new IncrementException(MISSING, String.valueOf(e.getMessage()), e);
    }
    return new IncrementException(
        IncrementException.Code.KAFKA, "Kafka failed: " + e.getMessage(), e);
  }

  @Override
  public void close() {
    RecordReader.close(catalogueConsumer);
    RecordReader.close(chunkConsumer);
  }
}
