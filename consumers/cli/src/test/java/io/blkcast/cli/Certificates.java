package io.blkcast.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** A certificate authority in a directory, made of openssl's own commands. */
final class Certificates {

  private final Path dir;

  Certificates(Path dir) throws Exception {
    this.dir = Files.createDirectories(dir);
    openssl(
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
            + " -subj /CN=test-ca -keyout ca.key -out ca.pem");
  }

  /** What trusts this authority, in PEM. */
  Path trust() {
    return dir.resolve("ca.pem");
  }

  /** A key store, PKCS12, of a key and its certificate for this common name. */
  Path keyStore(String name, String password) throws Exception {
    Files.writeString(dir.resolve(name + ".ext"), "subjectAltName=IP:127.0.0.1,DNS:localhost\n");
    openssl(
        "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=%s -keyout %s.key -out %s.csr"
            .formatted(name, name, name));
    openssl(
        "x509 -req -in %s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile %s.ext -out %s.pem"
            .formatted(name, name, name));
    openssl(
        "pkcs12 -export -inkey %s.key -in %s.pem -certfile ca.pem -name %s -out %s.p12 -passout pass:%s"
            .formatted(name, name, name, name, password));
    return dir.resolve(name + ".p12");
  }

  private void openssl(String arguments) throws Exception {
    List<String> command = new java.util.ArrayList<>(List.of("openssl"));
    command.addAll(List.of(arguments.split(" ")));
    Process process =
        new ProcessBuilder(command).directory(dir.toFile()).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as("%s: %s", arguments, output).isZero();
  }
}
