package io.blkcast.exporter.config;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Hides secrets before anything is printed. Works by the key where there is one, and by the shape
 * of the text where there is none.
 */
public final class Redactor {

  /** What stands in a secret's place. */
  public static final String HIDDEN = "******";

  /**
   * Keys whose value is secret as a whole. {@code sasl.jaas.config} holds user and password in one;
   * {@code ssl.keystore.key} is a private key in PEM; {@code ssl.keystore.certificate.chain} and
   * truststores are public.
   */
  private static final Pattern SECRET_KEY =
      Pattern.compile(
          "(?i).*(jaas|passw|passphrase|pwd|secret|token(?!\\.endpoint)|credential|private"
              + "|api[._-]?key|keystore\\.key|basic\\.auth\\.user\\.info|bearer\\.auth"
              + "|authorization).*");

  /** Secrets in running text: {@code password="x"}, {@code token=x}, {@code Bearer x}. */
  private static final Pattern IN_TEXT =
      Pattern.compile(
          "(?i)((?:jaas\\.config|passw(?:or)?d|passphrase|pwd|secret|token|credentials?"
              + "|keystore\\.key|user\\.info)[\\w.-]*[\"']?\\s*[=:]\\s*)"
              + "(\"[^\"]*\"|'[^']*'|[^\\s,;}\\])]+)");

  private static final Pattern BEARER = Pattern.compile("(?i)(bearer\\s+)[\\w.~+/=-]+");
  private static final Pattern BASIC = Pattern.compile("(?i)(basic\\s+)[A-Za-z0-9+/=]{8,}");
  private static final Pattern URL_USER = Pattern.compile("(://)[^/@\\s:]+:[^/@\\s]+@");
  private static final Pattern PEM_KEY =
      Pattern.compile(
          "-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", Pattern.DOTALL);
  private static final Pattern JAAS =
      Pattern.compile(
          "(?i)(\\w+(?:\\.\\w+)*LoginModule\\s+(?:required|requisite|sufficient"
              + "|optional))[^;]*;?");

  private Redactor() {}

  /** Whether the value of such a key is not to be shown. */
  public static boolean isSecret(String key) {
    return SECRET_KEY.matcher(key.toLowerCase(Locale.ROOT)).matches();
  }

  /** The value, or a stand-in where the key says that it is secret. */
  public static String value(String key, String value) {
    return isSecret(key) ? HIDDEN : text(value);
  }

  /** A copy to print, in order of key. */
  public static Map<String, String> map(Map<String, String> properties) {
    Map<String, String> shown = new TreeMap<>();
    properties.forEach((key, value) -> shown.put(key, value(key, value)));
    return shown;
  }

  /** Running text, such as an exception's message, with what looks like a secret hidden. */
  public static String text(String text) {
    String clean = PEM_KEY.matcher(text).replaceAll(HIDDEN);
    clean = JAAS.matcher(clean).replaceAll("$1 " + HIDDEN + ";");
    clean = IN_TEXT.matcher(clean).replaceAll("$1" + HIDDEN);
    clean = BEARER.matcher(clean).replaceAll("$1" + HIDDEN);
    clean = BASIC.matcher(clean).replaceAll("$1" + HIDDEN);
    return URL_USER.matcher(clean).replaceAll("$1" + HIDDEN + "@");
  }
}
