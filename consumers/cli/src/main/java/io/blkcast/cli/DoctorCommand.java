package io.blkcast.cli;

import io.blkcast.config.Redactor;
import io.blkcast.exporter.doctor.Doctor;
import io.blkcast.exporter.doctor.Finding;
import io.blkcast.exporter.doctor.Finding.Verdict;
import io.blkcast.exporter.doctor.Host;
import io.blkcast.exporter.source.blksnap.BlksnapProbe;
import io.blkcast.log.Printable;
import io.vertx.core.json.JsonArray;
import io.vertx.core.json.JsonObject;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = {
      "Look at this host, the kernel module, the brokers and the topics, and say what to do.",
      "Changes nothing. Run it as the user that runs the exporter.",
      "Exit status 1 where something keeps the exporter from running."
    })
final class DoctorCommand implements Callable<Integer> {

  @Mixin private ConfigOption config = new ConfigOption();

  @Option(names = "--json", description = "Print one JSON object.")
  private boolean json;

  @Spec private @Nullable CommandSpec spec;

  @Override
  public Integer call() {
    List<Finding> findings =
        new Doctor(Host.local(), BlksnapProbe.local()).examine(config.file, System.getenv());
    PrintWriter out = Output.of(spec);
    out.print(Printable.lines(json ? object(findings) : table(findings)));
    out.flush();
    return healthy(findings) ? CommandException.OK : CommandException.FAILED;
  }

  static boolean healthy(List<Finding> findings) {
    return findings.stream().noneMatch(finding -> finding.verdict() == Verdict.FAILURE);
  }

  static String object(List<Finding> findings) {
    JsonArray all = new JsonArray();
    for (Finding finding : findings) {
      JsonObject one =
          new JsonObject()
              .put("check", finding.check())
              .put("verdict", finding.verdict().name())
              .put("found", Redactor.text(finding.found()));
      if (!finding.remedy().isEmpty()) {
        one.put("remedy", Redactor.text(finding.remedy()));
      }
      all.add(one);
    }
    return new JsonObject().put("healthy", healthy(findings)).put("findings", all).encodePrettily()
        + System.lineSeparator();
  }

  static String table(List<Finding> findings) {
    List<List<String>> rows = new ArrayList<>();
    rows.add(List.of("VERDICT", "CHECK", "FOUND"));
    for (Finding finding : findings) {
      String verdict = finding.verdict() == Verdict.OK ? "ok" : finding.verdict().name();
      String check = finding.check();
      for (String line : Redactor.text(finding.found()).split("\n")) {
        rows.add(List.of(verdict, check, line));
        verdict = "";
        check = "";
      }
      if (!finding.remedy().isEmpty()) {
        rows.add(List.of("", "", "-> " + Redactor.text(finding.remedy())));
      }
    }
    return Text.table(rows);
  }
}
