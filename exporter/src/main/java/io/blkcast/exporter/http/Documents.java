package io.blkcast.exporter.http;

import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.io.InputStream;

/** What the API serves from the jar. */
final class Documents {

  private static final String OPENAPI = "openapi.yaml";

  private Documents() {}

  /** The API's description. */
  static Future<Buffer> read(Vertx vertx) {
    return vertx.executeBlocking(
        () -> {
          try (InputStream in = Documents.class.getResourceAsStream(OPENAPI)) {
            if (in == null) {
              throw new IOException(OPENAPI + " is missing from the jar");
            }
            return Buffer.buffer(in.readAllBytes());
          }
        });
  }
}
