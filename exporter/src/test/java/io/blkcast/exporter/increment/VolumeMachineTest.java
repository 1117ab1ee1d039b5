package io.blkcast.exporter.increment;

import static org.assertj.core.api.Assertions.assertThat;

import io.blkcast.exporter.publish.VolumePublisher.Committed;
import io.blkcast.schema.IncrementKind;
import io.blkcast.schema.VolumeEvent;
import io.blkcast.schema.VolumeEventType;
import io.vertx.core.Future;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class VolumeMachineTest {

  private final Simulation simulation = new Simulation(42);
  private final Faults faults = new Faults(simulation.random);
  private final FakeSource source = new FakeSource(simulation, faults);
  private final FakeKafka kafka = new FakeKafka(simulation, faults, source);

  private SimulatedExporter exporter(String... volumes) {
    return new SimulatedExporter(simulation, source, kafka, List.of(volumes), Optional.empty());
  }

  private Committed done(Future<Committed> future) {
    simulation.runUntil(future::isComplete);
    return future.result();
  }

  @Test
  void the_first_increment_is_a_baseline_and_the_next_holds_what_changed_since() {
    source.add("a", 20);
    source.write("a", 10);
    SimulatedExporter exporter = exporter("a");
    Committed first = done(exporter.increment("a"));
    source.write("a", 1);
    Committed second = done(exporter.increment("a"));

    assertThat(first.manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
    assertThat(first.manifest().getChangedBytes()).isEqualTo(20 * FakeSource.BLOCK);
    assertThat(second.manifest().getKind()).isEqualTo(IncrementKind.DELTA);
    assertThat(second.manifest().getChangedBytes()).isEqualTo(FakeSource.BLOCK);
    assertThat(second.manifest().getParentIncrementId())
        .isEqualTo(first.manifest().getIncrementId());
    assertThat(kafka.replica("a")).isEqualTo(source.content("a"));
  }

  @Test
  void an_increment_without_changes_is_committed_all_the_same() {
    source.add("a", 4);
    SimulatedExporter exporter = exporter("a");
    done(exporter.increment("a"));
    assertThat(done(exporter.increment("a")).manifest().getChangedBytes()).isZero();
  }

  @Test
  void a_restarted_exporter_goes_on_from_what_kafka_has() {
    source.add("a", 8);
    Committed first = done(exporter("a").increment("a"));
    source.write("a", 2);
    simulation.crash();
    source.crash();
    Committed second = done(exporter("a").increment("a"));
    assertThat(second.manifest().getParentIncrementId())
        .isEqualTo(first.manifest().getIncrementId());
    assertThat(second.manifest().getKind()).isEqualTo(IncrementKind.DELTA);
  }

  @Test
  void lost_history_and_a_resync_lead_to_a_baseline_and_tell_so() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    done(exporter.increment("a"));
    source.loseHistory("a");
    assertThat(done(exporter.increment("a")).manifest().getKind())
        .isEqualTo(IncrementKind.BASELINE);
    assertThat(done(exporter.machine("a").request(Trigger.CALL, true)).manifest().getKind())
        .isEqualTo(IncrementKind.BASELINE);
    simulation.settle();
    assertThat(kafka.events.stream().map(VolumeEvent::getType))
        .filteredOn(VolumeEventType.RESYNC_STARTED::equals)
        .hasSize(2);
  }

  @Test
  void a_request_during_an_increment_is_met_by_a_later_snapshot() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    Future<Committed> first = exporter.increment("a");
    VolumeMonitor monitor = exporter.machine("a").monitor();
    simulation.runUntil(() -> monitor.progress().state() == IncrementState.EXPORTING);
    source.write("a", 3);
    Future<Committed> second = exporter.increment("a");
    Future<Committed> third = exporter.machine("a").request(Trigger.CALL, true);
    done(third);
    assertThat(first.result().manifest().getIncrementId())
        .isNotEqualTo(second.result().manifest().getIncrementId());
    assertThat(second.result()).as("one increment meets both").isEqualTo(third.result());
    assertThat(third.result().manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
    assertThat(kafka.replica("a")).isEqualTo(source.content("a"));
  }

  @Test
  void a_resync_that_is_signalled_again_while_it_is_under_way_is_done_once() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    VolumeMachine machine = exporter.machine("a");
    done(exporter.increment("a"));
    Future<Committed> first = machine.request(Trigger.SIGNAL, true);
    simulation.runUntil(() -> machine.monitor().progress().state() == IncrementState.EXPORTING);
    Future<Committed> repeated = machine.request(Trigger.SIGNAL, true);
    done(repeated);
    simulation.settle();
    assertThat(repeated.result()).isEqualTo(first.result());
    assertThat(kafka.committed("a")).as("the first, and the resync").hasSize(2);

    Future<Committed> called = machine.request(Trigger.CALL, true);
    simulation.runUntil(() -> machine.monitor().progress().state() == IncrementState.EXPORTING);
    Future<Committed> later = machine.request(Trigger.CALL, true);
    done(later);
    assertThat(later.result()).as("a call wants a later snapshot").isNotEqualTo(called.result());
    assertThat(kafka.committed("a")).hasSize(4);
  }

  @Test
  void volumes_of_a_group_are_taken_at_one_instant() {
    source.add("a", 8);
    source.add("b", 6);
    SimulatedExporter exporter = exporter("a", "b");
    Future<Void> ready =
        Future.all(exporter.machines.stream().map(VolumeMachine::ready).toList()).mapEmpty();
    simulation.runUntil(ready::isComplete);
    Committed a = done(exporter.increment("a"));
    simulation.runUntil(() -> kafka.committed("b").size() == 1);
    var b = kafka.committed("b").get(0).manifest();
    assertThat(a.manifest().getGroupId()).isNotNull().isEqualTo(b.getGroupId());
    assertThat(a.manifest().getTargetSnapshotId()).isEqualTo(b.getTargetSnapshotId());
  }

  @Test
  void the_schedule_takes_one_at_once_and_then_one_a_period_and_rests_while_paused() {
    source.add("a", 4);
    SimulatedExporter exporter =
        new SimulatedExporter(
            simulation, source, kafka, List.of("a"), Optional.of(Duration.ofMinutes(15)));
    simulation.runUntil(() -> kafka.committed("a").size() == 3);
    List<Long> minutes =
        kafka.committed("a").stream()
            .map(i -> i.manifest().getCommittedAt().getEpochSecond() / 60)
            .toList();
    assertThat(minutes.get(1) - minutes.get(0)).isEqualTo(15);
    assertThat(minutes.get(2) - minutes.get(1)).isEqualTo(15);

    Future<Void> paused = exporter.machine("a").pause();
    simulation.runUntil(paused::isComplete);
    simulation.run(10_000);
    assertThat(kafka.committed("a")).hasSize(3);
    Future<Committed> refused = exporter.increment("a");
    simulation.runUntil(refused::isComplete);
    assertThat(refused.cause())
        .isInstanceOfSatisfying(
            RequestRefusedException.class,
            e -> assertThat(e.code()).isEqualTo(RequestRefusedException.Code.PAUSED));
    exporter.machine("a").resume();
    simulation.runUntil(() -> kafka.committed("a").size() == 4);
  }

  @Test
  void a_pause_holds_over_a_restart_until_the_volume_is_resumed() {
    source.add("a", 4);
    Map<String, Intent> intents = new HashMap<>();
    SimulatedExporter first = exporter(intents);
    done(first.increment("a"));
    Future<Void> paused = first.machine("a").pause();
    simulation.runUntil(paused::isComplete);
    simulation.crash();
    source.crash();

    SimulatedExporter second = exporter(intents);
    simulation.runUntil(second.machine("a").ready()::isComplete);
    assertThat(second.machine("a").monitor().progress().status()).isEqualTo(VolumeStatus.PAUSED);
    simulation.run(10_000);
    assertThat(kafka.committed("a")).hasSize(1);
    Future<Void> resumed = second.machine("a").resume();
    simulation.runUntil(resumed::isComplete);
    assertThat(intents).containsEntry("a", Intent.NONE);
    done(second.increment("a"));
  }

  @Test
  void a_resync_that_was_asked_for_is_done_after_a_restart_and_once() {
    source.add("a", 8);
    Map<String, Intent> intents = new HashMap<>();
    SimulatedExporter first = exporter(intents);
    done(first.increment("a"));
    Future<Committed> resync = first.machine("a").request(Trigger.CALL, true);
    simulation.runUntil(() -> intents.getOrDefault("a", Intent.NONE).resync());
    Future<Void> closed = first.machine("a").close();
    simulation.runUntil(closed::isComplete);
    boolean done = resync.succeeded();
    simulation.crash();
    source.crash();

    SimulatedExporter second = exporter(intents);
    simulation.runUntil(() -> kafka.committed("a").size() == 2);
    simulation.runUntil(() -> intents.get("a").equals(Intent.NONE));
    assertThat(done).as("closed before it was done").isFalse();
    assertThat(kafka.committed("a").get(1).manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
    assertThat(done(second.increment("a")).manifest().getKind()).isEqualTo(IncrementKind.DELTA);
  }

  private SimulatedExporter exporter(Map<String, Intent> intents) {
    return new SimulatedExporter(
        simulation, source, kafka, List.of("a"), Optional.empty(), intents);
  }

  @Test
  void a_second_exporter_shuts_the_first_out_for_good() {
    source.add("a", 8);
    SimulatedExporter first = exporter("a");
    done(first.increment("a"));
    SimulatedExporter second = exporter("a");
    simulation.runUntil(second.machine("a").ready()::isComplete);
    Future<Committed> late = first.increment("a");
    simulation.runUntil(late::isComplete);
    assertThat(late.cause()).isInstanceOf(RequestRefusedException.class);
    assertThat(first.machine("a").monitor().progress().status()).isEqualTo(VolumeStatus.FENCED);
    assertThat(kafka.committed("a")).hasSize(1);
    done(second.increment("a"));
    assertThat(kafka.committed("a")).hasSize(2);
    assertThat(first.machine("a").monitor().progress().status()).isEqualTo(VolumeStatus.FENCED);
  }

  @Test
  void closing_gives_up_what_is_under_way_and_leaves_nothing_behind() {
    source.add("a", 64);
    source.write("a", 60);
    SimulatedExporter exporter = exporter("a");
    Future<Committed> asked = exporter.increment("a");
    VolumeMonitor monitor = exporter.machine("a").monitor();
    simulation.runUntil(() -> monitor.progress().state() == IncrementState.EXPORTING);
    simulation.run(20);
    Future<Void> closed = exporter.machine("a").close();
    simulation.runUntil(closed::isComplete);
    assertThat(asked.failed()).isTrue();
    assertThat(kafka.committed("a")).isEmpty();
    assertThat(source.openSnapshots).isZero();
    assertThat(exporter.shared.budget().used()).isZero();
    assertThat(exporter.shared.buffers().lent()).isZero();
  }

  @Test
  void memory_in_flight_stays_within_its_bound() {
    source.add("a", 200);
    source.add("b", 200);
    source.write("a", 400);
    source.write("b", 400);
    SimulatedExporter exporter = exporter("a", "b");
    Future<Committed> asked = exporter.increment("a");
    simulation.runUntil(
        () -> {
          assertThat(exporter.shared.budget().used())
              .isLessThanOrEqualTo(SimulatedExporter.IN_FLIGHT);
          assertThat(exporter.shared.buffers().lent())
              .isLessThanOrEqualTo(SimulatedExporter.IN_FLIGHT);
          return asked.isComplete();
        });
    assertThat(exporter.shared.buffers().allocated())
        .isLessThanOrEqualTo(SimulatedExporter.IN_FLIGHT);
  }

  @Test
  void buffers_of_extents_smaller_than_a_chunk_stay_within_the_bound_too() {
    for (String volume : List.of("a", "b")) {
      source.add(volume, 200);
    }
    SimulatedExporter exporter = exporter("a", "b");
    done(exporter.increment("a"));
    simulation.runUntil(() -> kafka.committed("b").size() == 1);
    source.scatter("a");
    source.scatter("b");
    Future<Committed> asked = exporter.increment("a");
    simulation.runUntil(
        () -> {
          assertThat(exporter.shared.buffers().lent())
              .isLessThanOrEqualTo(exporter.shared.budget().used());
          return asked.isComplete();
        });
    assertThat(asked.result().manifest().getExtentCount()).isEqualTo(100);
  }

  @Test
  void without_memory_for_buffers_the_attempt_is_given_up_and_taken_anew() {
    source.add("a", 64);
    source.write("a", 60);
    int[] allocations = {0};
    BufferPool buffers =
        new BufferPool(
            2 * SimulatedExporter.IN_FLIGHT,
            capacity -> {
              if (++allocations[0] == 2) {
                throw new OutOfMemoryError("no direct memory");
              }
              return ByteBuffer.allocate(capacity);
            });
    SimulatedExporter exporter = new SimulatedExporter(simulation, source, kafka, buffers, "a");
    done(exporter.increment("a"));
    assertThat(exporter.machine("a").monitor().history())
        .extracting(attempt -> attempt.failure().map(Failure::code))
        .containsExactly(Optional.empty(), Optional.of("internal"));
    assertThat(exporter.shared.budget().used()).isZero();
    assertThat(exporter.shared.buffers().lent()).isZero();
  }

  @Test
  void what_cannot_be_released_does_not_hold_the_export_up() {
    source.add("a", 2 * 5000);
    SimulatedExporter exporter = exporter("a");
    done(exporter.increment("a"));
    source.scatter("a");
    source.releasesFail = true;
    assertThat(done(exporter.increment("a")).manifest().getExtentCount()).isEqualTo(5000);
    assertThat(kafka.replica("a")).isEqualTo(source.content("a"));
  }

  @Test
  void a_device_that_is_not_there_yet_is_waited_for() {
    source.add("a", 4);
    source.gone = true;
    SimulatedExporter exporter = exporter("a");
    VolumeMonitor monitor = exporter.machine("a").monitor();
    simulation.runUntil(() -> monitor.progress().lastError().isPresent());
    assertThat(monitor.progress().lastError().orElseThrow().code()).isEqualTo("source-gone");
    simulation.run(200);
    assertThat(exporter.machine("a").ready().isComplete())
        .as("neither ready nor a reason to give up")
        .isFalse();
    source.gone = false;
    simulation.runUntil(exporter.machine("a").ready()::isComplete);
    assertThat(exporter.machine("a").ready().succeeded()).isTrue();
    done(exporter.increment("a"));
  }

  private SimulatedExporter restarted() {
    simulation.crash();
    source.crash();
    return exporter("a");
  }

  private void assertDoubted(SimulatedExporter exporter, String reason) {
    Committed next = done(exporter.increment("a"));
    assertThat(next.manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
    simulation.settle();
    assertThat(kafka.events)
        .filteredOn(event -> event.getType() == VolumeEventType.RESYNC_NEEDED)
        .singleElement()
        .satisfies(event -> assertThat(event.getMessage()).contains(reason));
    assertThat(source.histories.get("a").doubt()).as("healed").isEmpty();
    assertThat(done(exporter.increment("a")).manifest().getKind()).isEqualTo(IncrementKind.DELTA);
  }

  @Test
  void a_checkpoint_that_was_forged_is_not_built_on() {
    source.add("a", 8);
    done(exporter("a").increment("a"));
    source.write("a", 3);
    kafka.forge("a");
    assertDoubted(restarted(), "is not the one that this exporter committed last");
  }

  @Test
  void an_older_checkpoint_of_ours_is_not_built_on() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    Committed first = done(exporter.increment("a"));
    done(exporter.increment("a"));
    kafka.rollBack("a", first.checkpoint());
    assertDoubted(restarted(), first.manifest().getIncrementId().toString());
  }

  @Test
  void a_record_restored_from_yesterday_or_gone_is_a_doubt() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    done(exporter.increment("a"));
    VolumeHistory yesterday = source.histories.get("a");
    done(exporter.increment("a"));
    source.histories.put("a", yesterday);
    assertDoubted(restarted(), "one of the two is older");
    kafka.events.clear();
    source.histories.remove("a");
    assertDoubted(restarted(), "the state directory has no record");
  }

  @Test
  void a_checkpoint_that_cannot_be_read_or_is_gone_is_a_doubt() {
    source.add("a", 8);
    done(exporter("a").increment("a"));
    kafka.garbage("a");
    assertDoubted(restarted(), "the checkpoint is garbage");
    kafka.events.clear();
    kafka.loseCheckpoint("a");
    assertDoubted(restarted(), "Kafka has no checkpoint of this volume any more");
  }

  @Test
  void a_record_of_another_before_the_commit_ends_the_attempt_and_leads_to_a_baseline() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    done(exporter.increment("a"));
    kafka.intrude("a");
    Committed next = done(exporter.increment("a"));
    assertThat(next.manifest().getKind()).isEqualTo(IncrementKind.BASELINE);
    simulation.settle();
    assertThat(kafka.events)
        .filteredOn(event -> event.getSeverity() == io.blkcast.schema.Severity.ERROR)
        .first()
        .satisfies(event -> assertThat(event.getMessage()).contains("offset 7 of increments-0"));
  }

  @Test
  void a_doubt_outlives_failed_attempts_and_restarts() {
    source.add("a", 8);
    done(exporter("a").increment("a"));
    kafka.forge("a");
    SimulatedExporter second = restarted();
    simulation.runUntil(second.machine("a").ready()::isComplete);
    assertThat(source.histories.get("a").doubt()).isPresent();
    assertThat(second.machine("a").monitor().progress().lastError())
        .get()
        .satisfies(
            error -> assertThat(error.message()).contains("the next increment is a BASELINE"));
    faults.probability(0.9);
    second.increment("a");
    simulation.run(2000);
    faults.probability(0);
    assertThat(source.histories.get("a").doubt()).isPresent();
    assertThat(done(restarted().increment("a")).manifest().getKind())
        .isEqualTo(IncrementKind.BASELINE);
  }

  @Test
  void lost_history_is_remembered_before_the_attempt_goes_on() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    done(exporter.increment("a"));
    source.loseHistory("a");
    exporter.increment("a");
    VolumeMonitor monitor = exporter.machine("a").monitor();
    simulation.runUntil(() -> monitor.progress().state() == IncrementState.EXPORTING);
    assertThat(source.histories.get("a").doubt()).isPresent();
  }

  @Test
  void who_resumes_a_fenced_volume_takes_it_over() {
    source.add("a", 8);
    SimulatedExporter first = exporter("a");
    done(first.increment("a"));
    SimulatedExporter second = exporter("a");
    simulation.runUntil(second.machine("a").ready()::isComplete);
    Future<Committed> late = first.increment("a");
    simulation.runUntil(late::isComplete);
    assertThat(first.machine("a").monitor().progress().status()).isEqualTo(VolumeStatus.FENCED);
    first.machine("a").resume();
    done(first.increment("a"));
    Future<Committed> other = second.increment("a");
    simulation.runUntil(other::isComplete);
    assertThat(second.machine("a").monitor().progress().status()).isEqualTo(VolumeStatus.FENCED);
  }

  private SimulatedExporter fencedFalsely() {
    source.add("a", 8);
    SimulatedExporter exporter = exporter("a");
    done(exporter.increment("a"));
    kafka.seize("a");
    Future<Committed> refused = exporter.increment("a");
    simulation.runUntil(refused::isComplete);
    assertThat(exporter.machine("a").monitor().progress().status()).isEqualTo(VolumeStatus.FENCED);
    Future<Committed> resync = exporter.machine("a").request(Trigger.CALL, true);
    simulation.runUntil(resync::isComplete);
    assertThat(resync.cause()).as("told, not left waiting").hasMessageContaining("another has it");
    kafka.orphan("a");
    return exporter;
  }

  @Test
  void a_volume_that_is_fenced_falsely_is_taken_over_again_by_itself() {
    SimulatedExporter exporter = fencedFalsely();
    VolumeMonitor monitor = exporter.machine("a").monitor();
    simulation.runUntil(() -> monitor.progress().status() == VolumeStatus.ACTIVE);
    assertThat(done(exporter.increment("a")).manifest().getKind()).isEqualTo(IncrementKind.DELTA);
  }

  @Test
  void a_resync_of_a_volume_that_is_fenced_falsely_takes_it_over_at_once() {
    SimulatedExporter exporter = fencedFalsely();
    assertThat(done(exporter.machine("a").request(Trigger.CALL, true)).manifest().getKind())
        .isEqualTo(IncrementKind.BASELINE);
  }

  @Test
  void a_resync_of_a_failed_volume_tries_it_again() {
    source.add("a", 8);
    source.refused = true;
    SimulatedExporter exporter = exporter("a");
    VolumeMonitor monitor = exporter.machine("a").monitor();
    simulation.runUntil(() -> monitor.progress().status() == VolumeStatus.FAILED);
    source.refused = false;
    assertThat(done(exporter.machine("a").request(Trigger.CALL, true)).manifest().getKind())
        .isEqualTo(IncrementKind.BASELINE);
  }
}
