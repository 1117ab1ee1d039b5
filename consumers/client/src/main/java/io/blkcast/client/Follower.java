package io.blkcast.client;

import io.blkcast.client.FollowerListener.Phase;
import io.blkcast.client.IncrementException.Code;
import io.blkcast.codec.CodecException;
import io.blkcast.codec.RecordCodec;
import io.blkcast.kafka.access.ClientUser;
import io.blkcast.kafka.access.Role;
import io.blkcast.schema.IncrementCommitted;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.AuthenticationException;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.errors.WakeupException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteBufferDeserializer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows one volume: finds its committed increments in the catalogue, proves each whole, and hands
 * it to a sink.
 *
 * <p><b>Order.</b> The sink's own state is the only memory. A new sink begins with a BASELINE;
 * after that each increment must stand on the one applied last, by parent and by chain digest. An
 * increment that was begun and not finished is applied again before anything else; a BASELINE may
 * be applied at any time, as it replaces everything.
 *
 * <p><b>Proof before application.</b> Nothing of an increment reaches the sink before all of it was
 * read and found to be what its manifest says. One with little data is held in memory in between; a
 * larger one is read twice, and checked chunk by chunk again as it is applied. So a corrupt
 * increment leaves the sink at the last good one. Should records vanish between the two readings,
 * the sink stays marked as applying, and only a BASELINE ends that.
 *
 * <p><b>Failure.</b> When the next increment cannot be taken (records deleted, a link missing, a
 * digest wrong), the catalogue is searched for a later BASELINE; where there is none, one is asked
 * for over the signals topic, repeatedly, until it comes. Brokers that cannot be reached are waited
 * for without end.
 *
 * <p><b>Threads.</b> All is done by the one thread that calls {@link #run}; the consumers' own
 * threads fetch ahead meanwhile, within bounds. {@link #close} may be called from any thread.
 */
public final class Follower implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Follower.class);
  private static final Duration POLL = Duration.ofMillis(500);
  private static final Duration RETRY = Duration.ofSeconds(1);

  /**
   * Most bytes of zeroes given to a sink at once, 256 MiB: a chunk of them may be as large as the
   * volume, and where no hole can be made they are written.
   */
  private static final long ZERO_PIECE = 256L << 20;

  private final FollowerConfig config;
  private final IncrementSink sink;
  private final FollowerListener listener;
  private final Consumer<byte[], ByteBuffer> catalogueConsumer;
  private final Consumer<byte[], ByteBuffer> chunkConsumer;
  private final Catalogue catalogue;
  private final OpenTransactions transactions;
  private final Stall stall;
  private final RangeReader ranges;
  private final Acceptance acceptance;
  private volatile boolean closed;
  private @Nullable String lastWarning;

  /** When {@link #run} returns by itself. */
  public enum Until {
    /** Not before it is closed. */
    CLOSED,
    /** When everything is applied that is committed at the moment. */
    CAUGHT_UP
  }

  public Follower(FollowerConfig config, IncrementSink sink, FollowerListener listener) {
    this(
        config,
        sink,
        listener,
        consumer(config.catalogueSettings()),
        consumer(config.chunkSettings()));
  }

  Follower(
      FollowerConfig config,
      IncrementSink sink,
      FollowerListener listener,
      Consumer<byte[], ByteBuffer> catalogueConsumer,
      Consumer<byte[], ByteBuffer> chunkConsumer) {
    this.config = config;
    this.sink = sink;
    this.listener = listener;
    this.catalogueConsumer = catalogueConsumer;
    this.chunkConsumer = chunkConsumer;
    RecordCodec codec = config.codec();
    catalogue =
        new Catalogue(
            catalogueConsumer,
            config.topics().increments(),
            config.volume(),
            codec,
            Topics.IMPATIENT,
            listener::skipped);
    transactions =
        new OpenTransactions(chunkConsumer, config.topics().increments(), Topics.IMPATIENT);
    stall = new Stall(config.volume(), listener, System::nanoTime);
    ranges =
        new RangeReader(
            chunkConsumer, config.topics().chunks(), codec, config.scratch(), Topics.IMPATIENT);
    acceptance = new Acceptance(config, sink, listener);
  }

  private static Consumer<byte[], ByteBuffer> consumer(Map<String, Object> settings) {
    return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteBufferDeserializer());
  }

  /**
   * Follows the volume on the calling thread, until then or until closed.
   *
   * @throws IncrementException {@code REFUSED}, {@code SINK}, {@code DENIED}, {@code KAFKA}: what
   *     waiting does not heal. With {@code CAUGHT_UP} also what needs a BASELINE that is not there
   */
  public void run(Until until) throws IncrementException {
    boolean started = false;
    while (!closed) {
      sink.inspect();
      try {
        if (!started) {
          catalogue.start(sink.state(), config.from()).ifPresent(catalogue::begin);
          catalogue.refreshEnd();
          started = true;
        }
        offer(catalogue.poll(catalogue.atEnd() ? waitFor(until) : POLL));
        if (catalogue.atEnd() && ended(until)) {
          return;
        }
      } catch (WakeupException e) {
        LOG.debug("{}: woken up", config.volume());
      } catch (AuthorizationException | AuthenticationException e) {
        throw new IncrementException(
            Code.DENIED,
            "not allowed to read %s: %s%s"
                .formatted(
                    config.volume(),
                    e.getMessage(),
                    e instanceof AuthorizationException
                        ? ClientUser.remedy(config.catalogueSettings(), Role.CONSUMER)
                        : "; check kafka.sasl.* and kafka.ssl.*"),
            e);
      } catch (UnknownTopicOrPartitionException e) {
        if (stall.surelyBy(String.valueOf(e.getMessage())) && until == Until.CAUGHT_UP) {
          throw new IncrementException(
              isNew() ? Code.NOTHING : Code.UNDECIDED, String.valueOf(e.getMessage()), e);
        }
        started = false;
        pause();
      } catch (RetriableException e) {
        warnOnce(e);
        pause();
      } catch (CodecException e) {
        if (e.code() != CodecException.Code.REGISTRY_UNAVAILABLE) {
          throw new IncrementException(Code.KAFKA, String.valueOf(e.getMessage()), e);
        }
        stall.surelyBy(String.valueOf(e.getMessage()));
        pause();
      } catch (KafkaException e) {
        throw new IncrementException(Code.KAFKA, "Kafka failed: " + e.getMessage(), e);
      }
    }
  }

  private void offer(List<Catalogue.Entry> entries) throws IncrementException {
    for (int i = 0; i < entries.size(); i++) {
      Catalogue.Entry entry = entries.get(i);
      try {
        if (acceptance.offer(entry.manifest(), entry.raw(), () -> take(entry.manifest()))) {
          catalogue.applied(entry);
        }
      } catch (KafkaException e) {
        // The first left of each partition is sought last.
        for (int left = entries.size() - 1; left >= i; left--) {
          catalogue.seek(entries.get(left));
        }
        throw e;
      }
    }
  }

  private static Duration waitFor(Until until) {
    return until == Until.CAUGHT_UP ? Duration.ZERO : POLL;
  }

  /** What is done when all manifests are read; whether to return. */
  private boolean ended(Until until) throws IncrementException {
    catalogue.refreshEnd();
    if (!catalogue.atEnd()) {
      return false;
    }
    Optional<String> hidden = transactions.look(catalogue.end());
    if (hidden.isPresent()) {
      if (stall.by(hidden.get()) && until == Until.CAUGHT_UP) {
        throw new IncrementException(Code.UNDECIDED, undecided(hidden.get()));
      }
      return false;
    }
    boolean once = until == Until.CAUGHT_UP;
    Optional<IncrementException> missing = acceptance.missing();
    if (missing.isPresent()) {
      stall.over();
      listener.idle();
      if (once) {
        throw missing.get();
      }
      return false;
    }
    if (catalogue.suspect().isPresent()) {
      String why =
          catalogue.suspect().get()
              + "; if a newer version or another configuration of the exporter wrote it, bring this side up to that";
      stall.surelyBy(why);
      if (once) {
        throw new IncrementException(Code.UNDECIDED, undecided(why));
      }
      return false;
    }
    if (isNew() && catalogue.isEmpty()) {
      String why = nothing();
      stall.by(why);
      listener.idle();
      if (once) {
        throw new IncrementException(Code.NOTHING, why);
      }
      return false;
    }
    stall.over();
    listener.caughtUp();
    return once;
  }

  private boolean isNew() {
    IncrementSink.State state = sink.state();
    return state.applied().isEmpty() && state.applying().isEmpty();
  }

  private static String undecided(String why) {
    return "all that can be read is applied, and whether that is the latest cannot be known: "
        + why;
  }

  private String nothing() {
    return "nothing is published of volume %s in %s; %s"
        .formatted(
            config.volume(),
            config.topics().increments(),
            catalogue.others().isEmpty()
                ? "nor of any other volume"
                : "volumes there: " + String.join(", ", catalogue.others()));
  }

  private void take(IncrementCommitted manifest) throws IncrementException {
    long dataBytes = manifest.getChangedBytes() - manifest.getZeroBytes();
    if (dataBytes <= config.bufferBytes()
        && manifest.getChunkCount() <= LeafDigest.DEFAULT_CAPACITY) {
      takeBuffered(manifest);
    } else {
      takeTwice(manifest);
    }
  }

  private void takeBuffered(IncrementCommitted manifest) throws IncrementException {
    List<Buffered> held = new ArrayList<>();
    ranges.read(
        manifest,
        (chunk, content) -> {
          sink.expect(manifest, chunk.getByteOffset(), chunk.getSizeBytes(), content);
          held.add(Buffered.of(chunk, content));
          listener.progress(manifest, Phase.VERIFY, chunk.getSizeBytes());
        });
    sink.begin(manifest);
    for (Buffered chunk : held) {
      apply(manifest, chunk.offset(), chunk.size(), chunk.content());
    }
    sink.commit(manifest);
  }

  private void takeTwice(IncrementCommitted manifest) throws IncrementException {
    ranges.read(
        manifest,
        (chunk, content) -> {
          sink.expect(manifest, chunk.getByteOffset(), chunk.getSizeBytes(), content);
          listener.progress(manifest, Phase.VERIFY, chunk.getSizeBytes());
        });
    sink.begin(manifest);
    ranges.read(
        manifest,
        (chunk, content) -> apply(manifest, chunk.getByteOffset(), chunk.getSizeBytes(), content));
    sink.commit(manifest);
  }

  private void apply(
      IncrementCommitted manifest, long offset, long size, @Nullable ByteBuffer content)
      throws IncrementException {
    if (content != null) {
      sink.data(offset, content.duplicate());
      listener.progress(manifest, Phase.APPLY, size);
      return;
    }
    for (long done = 0; done < size; ) {
      if (closed) {
        throw new WakeupException();
      }
      long piece = Math.min(ZERO_PIECE, size - done);
      sink.zero(offset + done, piece);
      listener.progress(manifest, Phase.APPLY, piece);
      done += piece;
    }
  }

  private void warnOnce(KafkaException e) {
    String message = e.toString();
    if (!message.equals(lastWarning)) {
      LOG.warn("{}: trying again until it works: {}", config.volume(), message);
      lastWarning = message;
    }
  }

  private void pause() {
    try {
      Thread.sleep(RETRY.toMillis());
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      closed = true;
    }
  }

  /** Makes {@link #run} return soon. The sink is left as it is: at worst applying. */
  public void stop() {
    closed = true;
    catalogueConsumer.wakeup();
    chunkConsumer.wakeup();
  }

  /** Stops, and closes the connections; call when {@link #run} has returned. */
  @Override
  public void close() {
    closed = true;
    RecordReader.close(catalogueConsumer);
    RecordReader.close(chunkConsumer);
    acceptance.close();
  }
}
