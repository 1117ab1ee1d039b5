package io.blkcast.kafka.access;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.Collections;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Who a Kafka client is to its brokers, as far as its settings tell: brokers do not say whom they
 * denied something. Brokers may map names by rules of their own.
 */
public final class ClientUser {

  private static final Pattern USERNAME =
      Pattern.compile("\\busername\\s*=\\s*(?:\"([^\"]*)\"|'([^']*)'|([^\\s;]+))");

  private ClientUser() {}

  /**
   * The principal, as ACLs name it: {@code User:…}. Never a secret.
   *
   * @param settings of the client
   */
  public static String of(Map<String, ?> settings) {
    String protocol = text(settings, "security.protocol").toUpperCase(Locale.ROOT);
    if (protocol.startsWith("SASL")) {
      Matcher jaas = USERNAME.matcher(text(settings, "sasl.jaas.config"));
      if (!jaas.find()) {
        return "User:<of kafka.sasl.jaas.config>";
      }
      for (int group = 1; group <= jaas.groupCount(); group++) {
        if (jaas.group(group) != null) {
          return "User:" + jaas.group(group);
        }
      }
    }
    if (protocol.equals("SSL") && !text(settings, "ssl.keystore.location").isEmpty()) {
      return subject(settings)
          .map(name -> "User:" + name)
          .orElse("User:<subject of the certificate in kafka.ssl.keystore.location>");
    }
    return "User:ANONYMOUS";
  }

  /** What a denied client is told to do about it. */
  public static String remedy(Map<String, ?> settings, Role role) {
    String user = of(settings);
    return "; the principal "
        + user
        + " lacks that right: 'blkcast acls "
        + role.label()
        + " --principal \""
        + user
        + "\"' prints what to grant";
  }

  private static Optional<String> subject(Map<String, ?> settings) {
    Path file = Path.of(text(settings, "ssl.keystore.location"));
    String type = text(settings, "ssl.keystore.type");
    try (InputStream in = Files.newInputStream(file)) {
      if (type.equalsIgnoreCase("PEM")) {
        // The client's own certificate comes first; the key in the same file is passed over.
        String pem = new String(in.readAllBytes(), StandardCharsets.US_ASCII);
        int begin = pem.indexOf("-----BEGIN CERTIFICATE-----");
        return begin < 0
            ? Optional.empty()
            : name(
                CertificateFactory.getInstance("X.509")
                    .generateCertificate(
                        new ByteArrayInputStream(
                            pem.substring(begin).getBytes(StandardCharsets.US_ASCII))));
      }
      KeyStore store = KeyStore.getInstance(type.isEmpty() ? "JKS" : type);
      store.load(in, text(settings, "ssl.keystore.password").toCharArray());
      for (String alias : Collections.list(store.aliases())) {
        if (store.isKeyEntry(alias)) {
          return name(store.getCertificate(alias));
        }
      }
      return Optional.empty();
    } catch (IOException | GeneralSecurityException e) {
      // The client itself tells better what is wrong with the file.
      return Optional.empty();
    }
  }

  private static Optional<String> name(Certificate certificate) {
    return certificate instanceof X509Certificate x509
        ? Optional.of(x509.getSubjectX500Principal().getName())
        : Optional.empty();
  }

  private static String text(Map<String, ?> settings, String key) {
    Object value = settings.get(key);
    return value == null ? "" : value.toString();
  }
}
