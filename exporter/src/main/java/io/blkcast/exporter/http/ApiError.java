package io.blkcast.exporter.http;

import io.blkcast.exporter.increment.RequestRefusedException;
import io.vertx.core.json.JsonObject;
import java.util.Locale;

/**
 * An error as the API tells it.
 *
 * @param status of HTTP
 * @param code machine-readable, lower case with dashes
 * @param message cause, for people
 * @param remedy what to do about it
 */
record ApiError(int status, String code, String message, String remedy) {

  static ApiError unknownVolume(String name) {
    return new ApiError(
        404,
        "unknown-volume",
        "there is no volume '" + name + "'",
        "GET /api/v1/volumes lists the configured ones");
  }

  static ApiError noSuchPath(String path) {
    return new ApiError(
        404, "not-found", "there is nothing at " + path, "see /openapi.yaml for what there is");
  }

  static ApiError wrongMethod(String method, String path) {
    return new ApiError(
        405,
        "method-not-allowed",
        method + " cannot be done to " + path,
        "see /openapi.yaml for what can");
  }

  static ApiError bodyTooLarge(long most) {
    return new ApiError(
        413, "body-too-large", "a body of more than " + most + " bytes", "requests have no bodies");
  }

  static ApiError tooManyStreams(int most) {
    return new ApiError(
        503,
        "too-many-streams",
        "progress is streamed to " + most + " clients already",
        "end one of them, or GET .../progress from time to time");
  }

  static ApiError foreignOrigin(String origin) {
    return new ApiError(
        403,
        "foreign-origin",
        "a web page of " + origin + " may not call this API",
        "call it from a program, or through a proxy that serves page and API alike");
  }

  static ApiError foreignName(String name) {
    return new ApiError(
        403,
        "foreign-name",
        "without tokens this API is not called '" + name + "'",
        "call it by its address, as localhost, or by the name in http.listen; or have it ask for"
            + " tokens with http.tokens");
  }

  static ApiError unauthenticated(boolean given) {
    return new ApiError(
        401,
        "unauthenticated",
        given ? "this token is not known here" : "this API asks for a bearer token",
        "send 'Authorization: Bearer TOKEN', with --token-file at the command line; the exporter's"
            + " http.tokens names the file of good ones");
  }

  static ApiError readOnly() {
    return new ApiError(
        403,
        "read-only",
        "the bearer of this token may only look",
        "use a token that stands in the file of http.tokens as 'operate TOKEN'");
  }

  static ApiError internal() {
    return new ApiError(500, "internal", "unexpected failure", "see the exporter's log");
  }

  static ApiError of(Throwable failure) {
    if (!(failure instanceof RequestRefusedException refused)) {
      return internal();
    }
    String code = refused.code().name().toLowerCase(Locale.ROOT).replace('_', '-');
    String message = String.valueOf(refused.getMessage());
    return switch (refused.code()) {
      case UNKNOWN_VOLUME ->
          new ApiError(404, code, message, "GET /api/v1/volumes lists the configured ones");
      case PAUSED -> new ApiError(409, code, message, "POST …/resume first");
      case FENCED ->
          new ApiError(409, code, message, "stop one of the two, then POST …/resume at the other");
      case FAILED -> new ApiError(409, code, message, "mend the cause, then POST …/resume");
      case CLOSED -> new ApiError(503, code, message, "try again when the exporter runs again");
    };
  }

  JsonObject json() {
    return new JsonObject().put("code", code).put("message", message).put("remedy", remedy);
  }
}
