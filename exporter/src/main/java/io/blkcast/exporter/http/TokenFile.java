package io.blkcast.exporter.http;

import io.blkcast.exporter.http.ApiTokens.Access;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Objects;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets in who shows a token of the file, which is read again within seconds after it has changed.
 * While it is wrong the tokens that were read last stay good.
 */
final class TokenFile {

  private static final Logger LOG = LoggerFactory.getLogger(TokenFile.class);
  private static final long LOOK_EVERY_MS = 2_000;
  private static final String SCHEME = "Bearer ";

  private final Path file;
  private volatile ApiTokens tokens;
  private FileTime seen;

  private TokenFile(Path file) throws IOException {
    this.file = file;
    this.seen = Files.getLastModifiedTime(file);
    this.tokens = ApiTokens.read(file);
  }

  /** Reads the file, now and again; fails where it is wrong now. */
  static Future<TokenFile> watch(Vertx vertx, Path file) {
    return vertx
        .executeBlocking(() -> new TokenFile(file))
        .onSuccess(
            read ->
                vertx.setPeriodic(
                    LOOK_EVERY_MS, ignored -> vertx.executeBlocking(read::lookAgain)));
  }

  private synchronized boolean lookAgain() {
    try {
      FileTime now = Files.getLastModifiedTime(file);
      if (now.equals(seen)) {
        return false;
      }
      seen = now;
      tokens = ApiTokens.read(file);
      LOG.info("tokens of the API read again from {}", file);
      return true;
    } catch (IOException e) {
      FileTime none = FileTime.fromMillis(0);
      if (!Objects.equals(seen, none)) {
        LOG.error("tokens of the API not read again, the old ones stay good: {}", e.toString());
      }
      // Looked at again, and told once.
      seen = none;
      return false;
    }
  }

  /** Passes a call on, or answers 401 without a good token and 403 where it is not enough. */
  void check(RoutingContext call) {
    Optional<String> given =
        Optional.ofNullable(call.request().getHeader("authorization"))
            .filter(value -> value.regionMatches(true, 0, SCHEME, 0, SCHEME.length()))
            .map(value -> value.substring(SCHEME.length()).strip());
    Optional<Access> access = given.flatMap(tokens::of);
    boolean looks =
        call.request().method() == HttpMethod.GET || call.request().method() == HttpMethod.HEAD;
    if (access.isEmpty()) {
      call.response()
          .putHeader(
              "www-authenticate",
              "Bearer realm=\"blkcast\"" + (given.isPresent() ? ", error=\"invalid_token\"" : ""));
      ApiServer.fail(call, ApiError.unauthenticated(given.isPresent()));
    } else if (!looks && access.get() != Access.OPERATE) {
      call.response()
          .putHeader("www-authenticate", "Bearer realm=\"blkcast\", error=\"insufficient_scope\"");
      ApiServer.fail(call, ApiError.readOnly());
    } else {
      call.next();
    }
  }
}
