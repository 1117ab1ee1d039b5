package io.blkcast;

import static com.tngtech.archunit.lang.conditions.ArchConditions.not;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static java.util.Map.entry;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.NullMarked;

/** Holds the layout of the project: who may know whom. */
@AnalyzeClasses(packages = "io.blkcast", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

  private static final String ALL = "io.blkcast.";
  private static final String EXPORTER = "io.blkcast.exporter";

  /** Whom each package of ours may know besides itself, all without {@value #ALL}. */
  private static final Map<String, Set<String>> KNOWN =
      Map.ofEntries(
          entry("schema", Set.of()),
          entry("codec", Set.of("schema")),
          entry("config", Set.of()),
          entry("file", Set.of()),
          entry("log", Set.of()),
          entry("kafka", Set.of("codec", "config", "kafka.access")),
          entry("kafka.access", Set.of("codec")),
          entry("nbd", Set.of()),
          entry("testkit", Set.of()),
          entry("exporter.source", Set.of()),
          entry("exporter.source.disk", Set.of("exporter.source", "file", "nbd")),
          entry("exporter.source.blksnap", Set.of("exporter.source", "file")),
          entry("exporter.publish", Set.of("codec", "file", "kafka", "kafka.access", "schema")),
          entry(
              "exporter.increment",
              Set.of("codec", "exporter.publish", "exporter.source", "kafka", "schema")),
          entry("exporter.hook", Set.of("exporter.increment", "exporter.source", "file")),
          entry(
              "exporter.http",
              Set.of(
                  "exporter.increment", "exporter.publish", "exporter.source", "file", "schema")),
          entry("exporter.config", Set.of("codec", "config", "kafka")),
          entry(
              "exporter",
              Set.of(
                  "codec",
                  "config",
                  "exporter.config",
                  "exporter.hook",
                  "exporter.http",
                  "exporter.increment",
                  "exporter.publish",
                  "exporter.source",
                  "exporter.source.blksnap",
                  "exporter.source.disk",
                  "file",
                  "kafka",
                  "nbd",
                  "schema")),
          entry(
              "exporter.doctor",
              Set.of(
                  "config",
                  "exporter",
                  "exporter.config",
                  "exporter.publish",
                  "exporter.source",
                  "exporter.source.blksnap",
                  "file",
                  "kafka")),
          entry("client", Set.of("codec", "config", "file", "kafka.access", "schema")),
          entry("replicator", Set.of("client", "file", "schema")),
          entry(
              "cli",
              Set.of(
                  "cli.quickstart",
                  "client",
                  "codec",
                  "config",
                  "exporter",
                  "exporter.config",
                  "exporter.doctor",
                  "exporter.source.blksnap",
                  "file",
                  "kafka.access",
                  "log",
                  "replicator",
                  "schema")),
          entry(
              "cli.quickstart",
              Set.of(
                  "client",
                  "config",
                  "exporter",
                  "exporter.config",
                  "exporter.publish",
                  "log",
                  "nbd",
                  "replicator",
                  "schema",
                  "testkit")));

  @ArchTest
  static final ArchRule each_package_knows_only_those_that_it_may =
      classes()
          .should(
              new ArchCondition<>("know only what their package may") {
                @Override
                public void check(JavaClass item, ConditionEvents events) {
                  String name = item.getPackageName().substring(ALL.length());
                  Set<String> known = KNOWN.get(name);
                  if (known == null) {
                    events.add(
                        SimpleConditionEvent.violated(item, "package " + name + " has no rule"));
                    return;
                  }
                  for (Dependency dependency : item.getDirectDependenciesFromSelf()) {
                    String other = dependency.getTargetClass().getPackageName();
                    if (other.startsWith(ALL)
                        && !other.equals(ALL + name)
                        && !known.contains(other.substring(ALL.length()))) {
                      events.add(SimpleConditionEvent.violated(item, dependency.getDescription()));
                    }
                  }
                }
              });

  @ArchTest
  static final ArchRule devices_know_no_kafka =
      noClasses()
          .that()
          .resideInAnyPackage(EXPORTER + ".source..", "io.blkcast.nbd..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("org.apache.kafka..", "org.apache.avro..");

  @ArchTest
  static final ArchRule packages_have_no_cycles =
      slices().matching("io.blkcast.(**)").should().beFreeOfCycles();

  @ArchTest
  static final ArchRule no_nulls_across_packages =
      classes()
          .that()
          .resideOutsideOfPackage("io.blkcast.schema")
          .should(
              not(
                  com.tngtech.archunit.lang.conditions.ArchConditions.be(
                      DescribedPredicate.describe(
                          "in a package that is not @NullMarked",
                          c -> !c.getPackage().isAnnotatedWith(NullMarked.class)))));
}
