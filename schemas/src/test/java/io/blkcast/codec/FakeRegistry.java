package io.blkcast.codec;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The two calls of a schema registry, over HTTP as its API has them. */
final class FakeRegistry implements AutoCloseable {

  private static final ObjectMapper JSON = new ObjectMapper();

  private final HttpServer server;
  private final List<String> schemas = new ArrayList<>();
  final Map<String, Integer> subjects = new LinkedHashMap<>();
  final List<String> authorizations = new ArrayList<>();
  int requests;
  int answerWith = 200;

  FakeRegistry() throws IOException {
    server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.createContext("/", this::handle);
    server.start();
  }

  URI url() {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort() + "/apis/ccompat/v7/");
  }

  URI urlWithPassword() {
    return URI.create(url().toString().replace("http://", "http://user:secret@"));
  }

  private synchronized void handle(HttpExchange exchange) throws IOException {
    requests++;
    authorizations.add(String.valueOf(exchange.getRequestHeaders().getFirst("Authorization")));
    String[] path = exchange.getRequestURI().getRawPath().split("/");
    if (answerWith != 200) {
      answer(exchange, answerWith, "{\"error_code\": 1, \"message\": \"as told\"}");
    } else if (path[4].equals("subjects")) {
      JsonNode body = JSON.readTree(exchange.getRequestBody());
      String schema = body.get("schema").textValue();
      if (!schemas.contains(schema)) {
        schemas.add(schema);
      }
      int id = schemas.indexOf(schema) + 1;
      subjects.put(URLDecoder.decode(path[5], StandardCharsets.UTF_8), id);
      answer(exchange, 200, "{\"id\": " + id + "}");
    } else {
      int id = Integer.parseInt(path[6]);
      if (id > schemas.size()) {
        answer(exchange, 404, "{\"error_code\": 40403, \"message\": \"Schema not found\"}");
      } else {
        answer(
            exchange,
            200,
            JsonNodeFactory.instance.objectNode().put("schema", schemas.get(id - 1)).toString());
      }
    }
  }

  private static void answer(HttpExchange exchange, int status, String body) throws IOException {
    byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
    exchange.sendResponseHeaders(status, bytes.length);
    exchange.getResponseBody().write(bytes);
    exchange.close();
  }

  @Override
  public void close() {
    server.stop(0);
  }
}
