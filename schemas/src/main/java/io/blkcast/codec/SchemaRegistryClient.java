package io.blkcast.codec;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The calls of Confluent's registry API that a codec needs; other registries offer it too. Keeps no
 * state: what was learnt is kept by the framing, and stays known while the registry is down.
 * Thread-safe.
 *
 * <p>The registry is not trusted to behave: a call ends within its time, to the last byte of the
 * answer, and takes no more than {@value #MOST_BYTES} of it. Redirects are not followed, so that
 * credentials stay with the host that they are for.
 */
public final class SchemaRegistryClient {

  private static final String MEDIA_TYPE = "application/vnd.schemaregistry.v1+json";
  private static final Duration TIMEOUT = Duration.ofSeconds(10);
  private static final Duration CHECK_TIMEOUT = Duration.ofSeconds(3);

  /** Of a registry's own words in ours. */
  private static final int MOST_REASON = 500;

  /** Far more than any schema of ours has. */
  private static final int MOST_BYTES = 1 << 20;

  private static final Logger LOG = LoggerFactory.getLogger(SchemaRegistryClient.class);
  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpClient http = HttpClient.newBuilder().connectTimeout(TIMEOUT).build();
  private final String base;
  private final Optional<String> authorization;

  /**
   * @param url http or https; with path, for instance {@code http://registry:8080/apis/ccompat/v7};
   *     {@code user:password@} before the host is sent as basic authentication
   */
  public SchemaRegistryClient(URI url) {
    String scheme = url.getScheme();
    if (!"http".equals(scheme) && !"https".equals(scheme) || url.getHost() == null) {
      throw new IllegalArgumentException(
          "a schema registry's URL looks like http://host:8081, with http or https");
    }
    this.authorization =
        Optional.ofNullable(url.getUserInfo())
            .map(
                user ->
                    "Basic "
                        + Base64.getEncoder()
                            .encodeToString(user.getBytes(StandardCharsets.UTF_8)));
    String path = Optional.ofNullable(url.getRawPath()).orElse("");
    this.base =
        scheme
            + "://"
            + url.getHost()
            + (url.getPort() < 0 ? "" : ":" + url.getPort())
            + (path.endsWith("/") ? path.substring(0, path.length() - 1) : path);
    if (authorization.isPresent() && "http".equals(scheme) && !isLoopback(url.getHost())) {
      LOG.warn(
          "user and password for the schema registry {} are sent in clear: whoever listens on the"
              + " network can read them; use https",
          base);
    }
  }

  /** Without asking a name server: what is no literal address of this host may be elsewhere. */
  private static boolean isLoopback(String host) {
    return host.equals("localhost") || host.equals("[::1]") || host.matches("127(\\.\\d+){3}");
  }

  /**
   * Registers a schema, or finds it registered.
   *
   * @return its id
   * @throws CodecException {@code INCOMPATIBLE} where the registry refuses it, {@code
   *     REGISTRY_DENIED}, {@code REGISTRY_UNAVAILABLE}
   */
  int register(String subject, String schema) {
    String body = JsonNodeFactory.instance.objectNode().put("schema", schema).toString();
    HttpRequest.Builder request =
        request(versions(subject))
            .header("Content-Type", MEDIA_TYPE)
            .POST(HttpRequest.BodyPublishers.ofString(body));
    JsonNode id;
    try {
      id = call(request, "registering " + subject).path("id");
    } catch (CodecException e) {
      if (e.code() != CodecException.Code.INCOMPATIBLE) {
        throw e;
      }
      throw new CodecException(e.code(), e.getMessage() + difference(subject, schema), e);
    }
    if (!id.isInt()) {
      throw unavailable("registering " + subject, "answer without an id", null);
    }
    return id.intValue();
  }

  private static String versions(String subject) {
    return "/subjects/" + URLEncoder.encode(subject, StandardCharsets.UTF_8) + "/versions";
  }

  /** What stands between our schema and the newest of the subject, as far as it can be told. */
  private String difference(String subject, String schema) {
    JsonNode latest;
    Schema theirs;
    try {
      latest = call(request(versions(subject) + "/latest").GET(), "looking up " + subject);
      theirs = Schemas.parse(latest.path("schema").asText());
    } catch (CodecException e) {
      return "; " + e.getMessage();
    }
    Schema ours = Schemas.parse(schema);
    String unread;
    try {
      unread =
          Stream.of(incompatibilities(ours, theirs), incompatibilities(theirs, ours))
              .flatMap(List::stream)
              .distinct()
              .collect(Collectors.joining("; "));
    } catch (StackOverflowError e) {
      unread = "it nests too deeply to tell";
    }
    return " (its version "
        + latest.path("version").asText()
        + (unread.isEmpty() ? " can be read with ours and ours with it" : " differs: " + unread)
        + "). Delete or rename what others registered there, relax the subject's compatibility"
        + " level, or give blkcast another topics.prefix";
  }

  private static List<String> incompatibilities(Schema reader, Schema writer) {
    return SchemaCompatibility.checkReaderWriterCompatibility(reader, writer)
        .getResult()
        .getIncompatibilities()
        .stream()
        .map(i -> i.getType() + " at " + i.getLocation() + ": " + i.getMessage())
        .toList();
  }

  /**
   * Asks the registry for a sign of life.
   *
   * @throws CodecException {@code REGISTRY_UNAVAILABLE}, {@code REGISTRY_DENIED}
   */
  public void check() {
    call(request("/schemas/types").GET(), "asking for a sign of life", CHECK_TIMEOUT);
  }

  /**
   * Looks up a schema.
   *
   * @throws CodecException {@code UNKNOWN_SCHEMA} where there is none of that id, {@code MALFORMED}
   *     where what is registered is no Avro schema that can be used, {@code REGISTRY_DENIED},
   *     {@code REGISTRY_UNAVAILABLE}
   */
  Schema byId(int id) {
    String what = "looking up schema " + id;
    JsonNode schema = call(request("/schemas/ids/" + id).GET(), what).path("schema");
    if (!schema.isTextual()) {
      throw unavailable(what, "answer without a schema", null);
    }
    return Schemas.parse(schema.textValue());
  }

  private HttpRequest.Builder request(String path) {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(URI.create(base + path))
            .timeout(TIMEOUT)
            .header("Accept", MEDIA_TYPE + ", application/json");
    authorization.ifPresent(value -> request.header("Authorization", value));
    return request;
  }

  private JsonNode call(HttpRequest.Builder request, String what) {
    return call(request, what, TIMEOUT);
  }

  private JsonNode call(HttpRequest.Builder request, String what, Duration limit) {
    HttpResponse<byte[]> response = exchange(request, what, limit);
    int status = response.statusCode();
    if (status == 200) {
      try {
        return JSON.readTree(response.body());
      } catch (IOException | StackOverflowError e) {
        throw unavailable(what, "answer is no JSON; does the URL lack a path?", e);
      }
    }
    String detail =
        what + " at the schema registry " + base + ": " + status + " " + reason(response);
    switch (status) {
      case 401, 403 ->
          throw new CodecException(
              CodecException.Code.REGISTRY_DENIED,
              detail + "; give user and password in the URL, and the right to read and write");
      case 404 ->
          throw new CodecException(
              CodecException.Code.UNKNOWN_SCHEMA,
              detail + "; is it the registry that the writer used, and is the URL's path right?");
      case 409, 422 ->
          throw new CodecException(
              CodecException.Code.INCOMPATIBLE,
              detail + "; the subject holds a schema that ours does not follow on");
      default -> throw unavailable(what, status + " " + reason(response), null);
    }
  }

  /** Sends and receives, the body included, within the limit. */
  private HttpResponse<byte[]> exchange(HttpRequest.Builder request, String what, Duration limit) {
    CompletableFuture<HttpResponse<byte[]>> answer =
        http.sendAsync(request.timeout(limit).build(), info -> new BoundedBody(MOST_BYTES));
    try {
      return answer.get(limit.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      Throwable cause = e.getCause() == null ? e : e.getCause();
      throw unavailable(what, words(cause), cause);
    } catch (TimeoutException e) {
      throw unavailable(what, "no whole answer within " + limit.toSeconds() + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw unavailable(what, "interrupted", e);
    } finally {
      // Ends the exchange where it is not over, and with it the connection.
      answer.cancel(true);
    }
  }

  private static String words(Throwable cause) {
    if (cause.getMessage() != null) {
      return cause.getMessage();
    }
    return cause instanceof ConnectException ? "no connection; is it running?" : cause.toString();
  }

  private CodecException unavailable(String what, String cause, @Nullable Throwable thrown) {
    String message = what + " at the schema registry " + base + " failed: " + cause;
    return thrown == null
        ? new CodecException(CodecException.Code.REGISTRY_UNAVAILABLE, message)
        : new CodecException(CodecException.Code.REGISTRY_UNAVAILABLE, message, thrown);
  }

  private static String reason(HttpResponse<byte[]> response) {
    int status = response.statusCode();
    if (status >= 300 && status < 400) {
      return "redirects are not followed; configure the URL that it leads to";
    }
    try {
      String message = JSON.readTree(response.body()).path("message").asText();
      return message.length() > MOST_REASON ? message.substring(0, MOST_REASON) + "…" : message;
    } catch (IOException | StackOverflowError e) {
      return "";
    }
  }
}
