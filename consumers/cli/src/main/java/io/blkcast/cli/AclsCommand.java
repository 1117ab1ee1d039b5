package io.blkcast.cli;

import io.blkcast.codec.TopicNames;
import io.blkcast.config.Redactor;
import io.blkcast.kafka.access.Right;
import io.blkcast.kafka.access.Role;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Reader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

@Command(
    name = "acls",
    mixinStandardHelpOptions = true,
    description = "Print, or grant, the least rights on Kafka with which a role can do its work.",
    footer = {
      "",
      "Without --apply a shell script is printed, for review, that calls Kafka's kafka-acls.sh",
      "(set KAFKA_ACLS where it has another name). Nothing is taken away: rights that a principal",
      "has beside these stay. Example:",
      "  blkcast acls exporter --principal User:exporter --volume db01-data > acls.sh"
    })
final class AclsCommand implements Callable<Integer> {

  @Spec private @Nullable CommandSpec spec;

  @Parameters(index = "0", paramLabel = "exporter|consumer", description = "The role.")
  private String role = "";

  @Option(
      names = "--principal",
      required = true,
      paramLabel = "User:NAME",
      description = "Who is to have the rights; User:CN=… where clients have certificates.")
  private String principal = "";

  @Option(
      names = "--volume",
      paramLabel = "NAME",
      description = "Volume that an exporter publishes; may be repeated.")
  private List<String> volumes = List.of();

  @Option(
      names = "--prefix",
      paramLabel = "PREFIX",
      defaultValue = TopicNames.DEFAULT_PREFIX,
      description = "topics.prefix of the configuration. Default: ${DEFAULT-VALUE}")
  private String prefix = TopicNames.DEFAULT_PREFIX;

  @Option(
      names = "--no-create",
      description = "An exporter may not make the topics: a person makes them.")
  private boolean noCreate;

  @Option(
      names = "--no-signals",
      description = "A consumer may not ask for a BASELINE, nor give other signals.")
  private boolean noSignals;

  @Option(
      names = "--group",
      paramLabel = "GROUP",
      description = "Group of a consumer that is not ours; may be repeated.")
  private List<String> groups = List.of();

  @Option(names = "--apply", description = "Grant the rights rather than print them.")
  private boolean apply;

  @Option(
      names = "--bootstrap-servers",
      paramLabel = "HOST:PORT",
      description = "Kafka's brokers, for --apply.")
  private @Nullable String bootstrapServers;

  @Option(
      names = "--command-config",
      paramLabel = "FILE",
      description = "Properties of Kafka's admin client, for --apply: who grants.")
  private @Nullable Path commandConfig;

  @Override
  public Integer call() throws CommandException {
    List<Right> rights = rights();
    PrintWriter out = Output.of(spec);
    if (apply) {
      grant(rights);
      out.println(principal + " can work as " + role + " now");
    } else {
      out.println("#!/bin/sh -e");
      out.println("# Rights of " + principal + " as blkcast " + role + ".");
      out.println(
          "acls() { \"${KAFKA_ACLS:-kafka-acls.sh}\" --bootstrap-server \"${BOOTSTRAP_SERVERS:?}\""
              + " ${COMMAND_CONFIG:+--command-config \"$COMMAND_CONFIG\"} \"$@\"; }");
      rights.forEach(right -> out.println("acls " + right.arguments(principal)));
    }
    out.flush();
    return CommandException.OK;
  }

  private List<Right> rights() throws CommandException {
    Role chosen =
        switch (role.toLowerCase(Locale.ROOT)) {
          case "exporter" -> Role.EXPORTER;
          case "consumer" -> Role.CONSUMER;
          default -> throw usage("'" + role + "' is no role; write exporter or consumer");
        };
    if (!principal.matches("[A-Za-z]+:.+") || principal.indexOf('\n') >= 0) {
      throw usage("--principal: '" + principal + "' is none; write for instance User:exporter");
    }
    if (chosen == Role.EXPORTER && volumes.isEmpty()) {
      throw usage("an exporter's rights hang on its volumes; name each with --volume");
    }
    try {
      return chosen.rights(new TopicNames(prefix), volumes, !noCreate, !noSignals, groups);
    } catch (IllegalArgumentException e) {
      throw usage("--prefix: " + e.getMessage());
    }
  }

  private void grant(List<Right> rights) throws CommandException {
    Map<String, Object> settings = new HashMap<>();
    if (commandConfig != null) {
      Properties properties = new Properties();
      try (Reader reader = Files.newBufferedReader(commandConfig)) {
        properties.load(reader);
      } catch (IOException | IllegalArgumentException e) {
        throw usage("--command-config: " + commandConfig + " cannot be read: " + e);
      }
      properties.stringPropertyNames().forEach(k -> settings.put(k, properties.getProperty(k)));
    }
    if (bootstrapServers != null) {
      settings.put("bootstrap.servers", bootstrapServers);
    }
    if (!settings.containsKey("bootstrap.servers")) {
      throw usage("--apply needs --bootstrap-servers");
    }
    try (Admin admin = Admin.create(settings)) {
      admin
          .createAcls(rights.stream().flatMap(r -> r.bindings(principal).stream()).toList())
          .all()
          .get();
    } catch (ExecutionException | KafkaException e) {
      Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
      throw new CommandException(
          CommandException.FAILED,
          "not granted: "
              + Redactor.text(String.valueOf(cause.getMessage()))
              + "; whoever grants needs ALTER on the cluster, and the brokers an authorizer");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new CommandException(CommandException.FAILED, "interrupted");
    }
  }

  private static CommandException usage(String message) {
    return new CommandException(CommandException.USAGE, message);
  }
}
