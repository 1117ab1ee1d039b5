package io.blkcast.exporter.increment;

import io.vertx.core.Future;
import io.vertx.core.Promise;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.function.BooleanSupplier;

/**
 * Loops, pools and time in one thread: at each step, one of the things that could happen next in
 * reality happens, chosen at random; when nothing can, time jumps to the next timer. What blocks
 * fails when it is called on a loop.
 */
final class Simulation {

  private record Alarm(Instant at, long number, SimulatedLoop loop, Runnable task) {}

  final Random random;
  private final List<SimulatedLoop> loops = new ArrayList<>();
  private final List<Runnable> background = new ArrayList<>();
  private final PriorityQueue<Alarm> alarms =
      new PriorityQueue<>(Comparator.comparing(Alarm::at).thenComparing(Alarm::number));
  private final InstantSource clock = this::now;
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");
  private long alarmNumber;
  private double mortality;
  private boolean onLoop;
  private boolean inPool;

  Simulation(long seed) {
    random = new Random(seed);
  }

  Instant now() {
    return now;
  }

  InstantSource clock() {
    return clock;
  }

  Loop loop() {
    SimulatedLoop loop = new SimulatedLoop();
    loops.add(loop);
    return loop;
  }

  /** Something that happens by itself some time, as an acknowledgement of Kafka. */
  void later(Runnable task) {
    background.add(task);
  }

  /** The process ends here and now. */
  static final class Died extends Error {
    private static final long serialVersionUID = 1L;
  }

  /** From now on the process dies with this probability wherever it {@linkplain #mayDie may}. */
  void mortality(double now) {
    mortality = now;
  }

  /** For fakes of what a crash must not confuse: before and after each step that stays. */
  void mayDie() {
    if (mortality > 0 && random.nextDouble() < mortality) {
      throw new Died();
    }
  }

  /** For fakes of what blocks. */
  void mustBeInPool() {
    if (!inPool) {
      throw new AssertionError("a blocking call on the event loop");
    }
  }

  /** Lets time go by while something blocks; timers that come due meanwhile run after it. */
  void pass(Duration time) {
    now = now.plus(time);
  }

  private boolean step() {
    Alarm due = alarms.peek();
    if (due != null && !due.at().isAfter(now)) {
      alarms.remove(due);
      due.loop().execute(due.task());
      return true;
    }
    List<SimulatedLoop> ready = loops.stream().filter(loop -> !loop.tasks.isEmpty()).toList();
    int choices = ready.size() + background.size();
    if (choices == 0) {
      Alarm next = alarms.poll();
      if (next == null) {
        return false;
      }
      now = next.at().isAfter(now) ? next.at() : now;
      next.loop().execute(next.task());
      return true;
    }
    int choice = random.nextInt(choices);
    if (choice < ready.size()) {
      onLoop = true;
      try {
        ready.get(choice).tasks.remove().run();
      } finally {
        onLoop = false;
      }
    } else {
      background.remove(choice - ready.size()).run();
    }
    return true;
  }

  /** Lets things happen until the condition holds; fails when it never does. */
  void runUntil(BooleanSupplier condition) {
    for (int steps = 0; !condition.getAsBoolean(); steps++) {
      if (!step() || steps > 200_000) {
        throw new AssertionError(
            steps > 200_000 ? "no end after 200000 steps" : "stuck: nothing will ever happen");
      }
    }
  }

  /** Lets so many things happen, or as many as there are. */
  void run(int steps) {
    for (int i = 0; i < steps && step(); i++) {
      // on
    }
  }

  /** Lets things happen until only timers are left. */
  void settle() {
    while (!background.isEmpty() || loops.stream().anyMatch(loop -> !loop.tasks.isEmpty())) {
      step();
    }
  }

  /** Forgets the loops of a crashed process and all that was under way in it. */
  void crash() {
    loops.clear();
    background.clear();
    alarms.clear();
  }

  private final class SimulatedLoop implements Loop {

    private final Deque<Runnable> tasks = new ArrayDeque<>();

    @Override
    public void execute(Runnable task) {
      tasks.add(task);
    }

    @Override
    public Timer schedule(Duration delay, Runnable task) {
      Alarm alarm = new Alarm(now.plus(delay), alarmNumber++, this, task);
      alarms.add(alarm);
      return () -> alarms.remove(alarm);
    }

    @Override
    public InstantSource clock() {
      return clock;
    }

    @Override
    public <T> Future<T> blocking(Pool pool, Callable<T> work) {
      if (!onLoop) {
        throw new AssertionError("blocking work may be asked for on a loop only");
      }
      Promise<T> promise = Promise.promise();
      background.add(
          () -> {
            inPool = true;
            try {
              T result = work.call();
              execute(() -> promise.complete(result));
            } catch (Exception e) {
              execute(() -> promise.fail(e));
            } finally {
              inPool = false;
            }
          });
      return promise.future();
    }
  }
}
