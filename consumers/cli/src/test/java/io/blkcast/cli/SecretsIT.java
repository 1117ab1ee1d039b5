package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import io.blkcast.testkit.NeedsTool;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/**
 * Searches everything that a run gives out for every secret that it was given, with all logging on.
 */
class SecretsIT {

  private static final String READER = "r3ader-of-secrets-0123456789";
  private static final String OPERATOR = "0perator-of-secrets-0123456789";
  private static final String REGISTRY_USER = "registry-user:reg1stry-p4ssw0rd";
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private Path dir;

  private final Map<String, String> given = new LinkedHashMap<>();

  @Test
  @NeedsTool("openssl")
  void nothing_given_out_holds_a_secret() throws Exception {
    HttpServer registry = registry();
    try (SecuredBroker secured = new SecuredBroker(dir)) {
      secured.addUsers("exporter");
      grantAll(secured);
      run(secured, registry.getAddress().getPort());
    } finally {
      registry.stop(0);
    }
  }

  private void run(SecuredBroker secured, int registryPort) throws Exception {
    Map<String, String> kafka =
        new TreeMap<>(secured.scram("exporter", SecuredBroker.password("exporter")));
    secured
        .certificate("exporter")
        .forEach(
            (key, value) -> {
              if (key.startsWith("ssl.key")) {
                kafka.put(key, value);
              }
            });
    Path tokens =
        Files.writeString(dir.resolve("tokens"), "read " + READER + "\noperate " + OPERATOR);
    Path token = Files.writeString(dir.resolve("token"), OPERATOR);
    int api = ThreadLocalRandom.current().nextInt(15_000, 31_000);
    int management = api + 1;
    String yaml =
        SecuredBroker.yaml(kafka, "blkcast.")
            + """
            schemaRegistry: { url: "http://%s@127.0.0.1:%d" }
            volumes: [{ name: vol, path: '%s', size: 1MiB }]
            http: { listen: "127.0.0.1:%d", tokens: '%s' }
            management: { listen: "127.0.0.1:%d" }
            state: '%s'
            """
                .formatted(
                    REGISTRY_USER,
                    registryPort,
                    dir.resolve("disk.img"),
                    api,
                    tokens,
                    management,
                    dir.resolve("state"));
    Path config = Files.writeString(dir.resolve("blkcast.yaml"), yaml);

    Process exporter = blkcast("exporter", "run", "--config", config.toString());
    String url = "http://127.0.0.1:" + api;
    try {
      Awaitility.await()
          .atMost(Duration.ofMinutes(2))
          .ignoreExceptionsInstanceOf(IOException.class)
          .until(
              () -> {
                assertThat(exporter.isAlive()).as(() -> text("exporter")).isTrue();
                return get("http://127.0.0.1:" + management + "/readyz", "").startsWith("200");
              });
      for (String command : List.of("increment", "status", "volumes", "pause vol", "resume vol")) {
        given.put(command, command(command + " --api " + url + " --token-file " + token));
      }
      given.put("status --json", command("status --json --api " + url + " --token-file " + token));
      given.put("no token", command("status --api " + url));
      for (String bearer : List.of("", READER, OPERATOR, OPERATOR + "x")) {
        given.put("GET " + bearer.length(), get(url + "/api/v1/volumes/vol", bearer));
      }
      given.put("metrics", get("http://127.0.0.1:" + management + "/metrics", ""));
      given.put("health", get("http://127.0.0.1:" + management + "/readyz", ""));
      Process replicator =
          blkcast(
              "replicate",
              ("replicate --once --volume vol --target "
                      + dir.resolve("replica")
                      + " --config "
                      + config)
                  .split(" "));
      assertThat(replicator.waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(replicator.exitValue()).as(() -> text("replicate")).isZero();

      // Brokers that are gone, and then what is wrong from the start.
      secured.broker.stop();
      Thread.sleep(3_000);
      given.put("health without brokers", get("http://127.0.0.1:" + management + "/readyz", ""));
    } finally {
      exporter.destroy();
      assertThat(exporter.waitFor(60, TimeUnit.SECONDS)).isTrue();
    }
    Process check = blkcast("check", "run", "--check", "--config", config.toString());
    assertThat(check.waitFor(60, TimeUnit.SECONDS)).isTrue();
    wrong("yaml", yaml.replace("required username", "required' username"));
    wrong("key", yaml.replace("kafka:\n", "kafkas:\n"));
    wrong("url", yaml.replace("\"http://registry", "\"ftp://registry"));
    wrong("port", yaml.replace("\"http://registry", "\"http://[registry"));
    wrong("nested", yaml.replace("  sasl.jaas.config: ", "  sasl.jaas.config: - "));
    for (String log : List.of("exporter", "replicate", "check")) {
      given.put(log + ".log", text(log));
    }

    assertThat(given.get("exporter.log"))
        .as("logging is on, to the last")
        .contains("TRACE")
        .contains("DEBUG")
        .contains("sasl.jaas.config = [hidden]");
    assertThat(given.get("check.log")).contains("sasl.jaas.config");
    String basic =
        Base64.getEncoder().encodeToString(REGISTRY_USER.getBytes(StandardCharsets.UTF_8));
    List<String> inFile =
        List.of(
            SecuredBroker.password("exporter"),
            SecuredBroker.STORE_PASSWORD,
            "reg1stry-p4ssw0rd",
            READER,
            OPERATOR);
    List<String> secrets = Stream.concat(inFile.stream(), Stream.of(basic)).toList();
    // The search finds what is there: these files hold all of them.
    String planted = yaml + Files.readString(tokens) + basic;
    assertThat(found(Map.of("planted", planted), secrets)).hasSize(secrets.size());
    assertThat(found(given, secrets)).isEmpty();
  }

  private static List<String> found(Map<String, String> texts, List<String> secrets) {
    List<String> found = new ArrayList<>();
    texts.forEach(
        (where, text) ->
            secrets.forEach(
                secret -> {
                  int at = text.indexOf(secret);
                  if (at >= 0) {
                    found.add(
                        where + ": " + text.substring(Math.max(0, at - 200), at + secret.length()));
                  }
                }));
    return found;
  }

  /** What the commands say to a configuration that is wrong. */
  private void wrong(String what, String yaml) throws IOException {
    Path config = Files.writeString(dir.resolve("wrong.yaml"), yaml);
    given.put("run " + what, command("run --check --config " + config));
    StringWriter out = new StringWriter();
    new CommandLine(new ReplicateCommand())
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(out, true))
        .execute(
            "--volume",
            "vol",
            "--target",
            dir.resolve("r2").toString(),
            "--config",
            config.toString(),
            "--bootstrap-servers",
            "127.0.0.1:x");
    given.put("replicate " + what, out.toString());
  }

  private static String command(String line) {
    StringWriter out = new StringWriter();
    ExporterCommands.root()
        .setOut(new PrintWriter(out, true))
        .setErr(new PrintWriter(out, true))
        .execute(line.split(" "));
    assertThat(out.toString()).as(line).isNotBlank();
    return out.toString();
  }

  private static String get(String url, String bearer) throws IOException, InterruptedException {
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url));
    if (!bearer.isEmpty()) {
      request.header("Authorization", "Bearer " + bearer);
    }
    var response = HttpClient.newHttpClient().send(request.build(), BodyHandlers.ofString());
    return response.statusCode() + " " + response.headers().map() + " " + response.body();
  }

  private Process blkcast(String log, String... arguments) throws IOException {
    Path logback =
        Files.writeString(
            dir.resolve("logback-trace.xml"),
            """
            <configuration>
              <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
                <encoder><pattern>%level %logger %msg%n%ex</pattern></encoder>
              </appender>
              <root level="TRACE"><appender-ref ref="out"/></root>
            </configuration>
            """);
    List<String> command = new ArrayList<>(Rig.command(arguments));
    command.replaceAll(
        word ->
            word.startsWith("-Dlogback.configurationFile=")
                ? "-Dlogback.configurationFile=" + logback
                : word);
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(dir.resolve(log + ".log").toFile())
        .start();
  }

  private String text(String log) {
    try {
      return Files.readString(dir.resolve(log + ".log"), StandardCharsets.ISO_8859_1);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  private static void grantAll(SecuredBroker secured) {
    for (String line : List.of("acls exporter --volume vol", "acls consumer")) {
      command(
          line
              + " --principal User:exporter --apply --bootstrap-servers "
              + secured.broker.bootstrapServers());
    }
  }

  /** As much of a schema registry as is asked for a password. */
  private static HttpServer registry() throws IOException {
    List<String> schemas = new ArrayList<>();
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext(
        "/",
        exchange -> {
          byte[] body = exchange.getRequestBody().readAllBytes();
          String path = exchange.getRequestURI().getPath();
          String answer = "[]";
          if (path.startsWith("/subjects")) {
            JsonNode schema = JSON.readTree(body).get("schema");
            if (!schemas.contains(schema.asText())) {
              schemas.add(schema.asText());
            }
            answer = "{\"id\": " + (schemas.indexOf(schema.asText()) + 1) + "}";
          } else if (path.startsWith("/schemas/ids/")) {
            int id = Integer.parseInt(path.substring("/schemas/ids/".length()));
            answer = JSON.createObjectNode().put("schema", schemas.get(id - 1)).toString();
          }
          byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
          int status = exchange.getRequestHeaders().containsKey("Authorization") ? 200 : 401;
          exchange.sendResponseHeaders(status, bytes.length);
          exchange.getResponseBody().write(bytes);
          exchange.close();
        });
    server.start();
    return server;
  }
}
