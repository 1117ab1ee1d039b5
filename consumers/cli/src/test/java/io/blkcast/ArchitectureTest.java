package io.blkcast;

import static com.tngtech.archunit.lang.conditions.ArchConditions.not;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import org.jspecify.annotations.NullMarked;

/** Holds the layout of the project: who may know whom. */
@AnalyzeClasses(packages = "io.blkcast", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

  private static final String EXPORTER = "io.blkcast.exporter";
  private static final String RECORDS = "io.blkcast.schema..";
  private static final String CODEC = "io.blkcast.codec..";
  private static final String ACCESS = "io.blkcast.kafka..";

  /** The records of the contract stand alone, and their codec knows only them. */
  @ArchTest static final ArchRule records_know_nobody = knowsOnly(RECORDS);

  @ArchTest static final ArchRule the_codec_knows_the_records = knowsOnly(CODEC, RECORDS);

  @ArchTest static final ArchRule access_knows_the_topics = knowsOnly(ACCESS, CODEC, RECORDS);

  @ArchTest static final ArchRule log_knows_nobody = knowsOnly("io.blkcast.log..");

  /** Others will serve with the NBD server, so it knows nothing of the rest. */
  @ArchTest static final ArchRule nbd_knows_nobody = knowsOnly("io.blkcast.nbd..");

  /** What the exporter needs of a device is independent of the devices. */
  @ArchTest static final ArchRule source_knows_nobody = knowsOnly(EXPORTER + ".source");

  @ArchTest
  static final ArchRule the_tracked_disk_knows_source_and_nbd =
      knowsOnly(
          EXPORTER + ".source.disk..",
          EXPORTER + ".source",
          "io.blkcast.nbd..",
          "io.blkcast.config",
          "io.blkcast.file");

  @ArchTest
  static final ArchRule publish_knows_the_records =
      knowsOnly(
          EXPORTER + ".publish..", "io.blkcast.config", "io.blkcast.file", ACCESS, CODEC, RECORDS);

  @ArchTest
  static final ArchRule an_increment_knows_devices_by_their_interface =
      knowsOnly(
          EXPORTER + ".increment..", EXPORTER + ".source", EXPORTER + ".publish..", CODEC, RECORDS);

  @ArchTest
  static final ArchRule nobody_but_the_commands_knows_the_commands =
      noClasses()
          .that()
          .resideInAPackage(EXPORTER + "..")
          .and()
          .resideOutsideOfPackage(EXPORTER + ".cli..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage(EXPORTER + ".cli..");

  @ArchTest
  static final ArchRule the_client_knows_the_records =
      knowsOnly(
          "io.blkcast.client..", "io.blkcast.config", "io.blkcast.file", ACCESS, CODEC, RECORDS);

  @ArchTest
  static final ArchRule the_replicator_knows_the_client =
      knowsOnly(
          "io.blkcast.replicator..",
          "io.blkcast.client..",
          "io.blkcast.config",
          "io.blkcast.file",
          "io.blkcast.log",
          CODEC,
          RECORDS);

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

  /** Classes of the package know, of ours, only themselves and the packages named. */
  private static ArchRule knowsOnly(String pkg, String... others) {
    String[] known = new String[others.length + 1];
    known[0] = pkg;
    System.arraycopy(others, 0, known, 1, others.length);
    return noClasses()
        .that()
        .resideInAPackage(pkg)
        .should()
        .dependOnClassesThat(
            JavaClass.Predicates.resideInAPackage("io.blkcast..")
                .and(DescribedPredicate.not(JavaClass.Predicates.resideInAnyPackage(known))));
  }
}
