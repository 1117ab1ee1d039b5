package io.blkcast.config;

import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Hides secrets before anything is printed. Works by the key where there is one, and by the shape
 * of the text where there is none.
 *
 * <p>Where a text can be read in two ways, what may be a secret is hidden. What tells where a fault
 * is stays: names of keys, hosts, paths and line numbers.
 */
public final class Redactor {

  /** What stands in a secret's place. */
  public static final String HIDDEN = "******";

  /** The part of a key's name that makes its value a secret. */
  private static final String SECRET_WORD =
      "jaas|passw|passphrase|pwd|secret|token|credential|private|(?:api|access)[._-]?key"
          + "|keystore[._-]key|user[._-]?info|bearer[._-]auth|authorization|cookie";

  /**
   * Keys whose value is secret as a whole. {@code sasl.jaas.config} holds user and password in one;
   * {@code ssl.keystore.key} is a private key in PEM; {@code ssl.keystore.certificate.chain} and
   * truststores are public.
   */
  private static final Pattern SECRET_KEY =
      Pattern.compile("(?:.*(?:" + SECRET_WORD + ").*|.*[._-]key)", Pattern.CASE_INSENSITIVE);

  /** Keys whose value tells where a secret is, or of what kind. */
  private static final Pattern ABOUT_SECRET =
      Pattern.compile(
          ".*(?:tokens|[._-](?:file|files|path|location|url|uri|class|type|alias)"
              + "|token\\.endpoint.*)",
          Pattern.CASE_INSENSITIVE);

  /** A word, and what may stand between a key and its value. */
  private static final Pattern KEY =
      Pattern.compile(
          "(?<![\\w.-])([\\w.-]{1,200})((?:\\\\?[\"'])?\\s*(?:=>|[=:>]|%3D|%3A)\\s*|\\s+)",
          Pattern.CASE_INSENSITIVE);

  /** As compilers and our own messages point at a line, or a line and a column. */
  private static final Pattern LINE_NUMBER = Pattern.compile(":\\d{1,7}(?::\\d{1,7})?:\\s");

  private static final Pattern QUERY =
      Pattern.compile(
          "([?&](?:key|sig|signature|auth|code|pass|sas)=)[^&#\\s\"']+", Pattern.CASE_INSENSITIVE);

  private static final Pattern BEARER =
      Pattern.compile(
          "(bearer\\s+)(?!(?:tokens?|auth|authentication|scheme)\\b)[\\w.~+/=%-]+",
          Pattern.CASE_INSENSITIVE);

  /** Base64 rather than a word of English. */
  private static final Pattern BASIC =
      Pattern.compile("((?i:basic)\\s+)(?=[a-z]*[A-Z0-9+/=])[A-Za-z0-9+/=]{4,}");

  private static final Pattern PEM_KEY =
      Pattern.compile(
          "-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|\\z)",
          Pattern.DOTALL);

  private static final Pattern JAAS =
      Pattern.compile(
          "LoginModule\\s+(?:required|requisite|sufficient|optional)\\b", Pattern.CASE_INSENSITIVE);

  /** User and colon of a URL, unless it is a host and its port. */
  private static final Pattern URL_USER =
      Pattern.compile("[^/@\\s:\"']{1,200}:(?!\\d{1,5}(?:[/?#,;\\s]|$))[^\\s]");

  private static final Pattern ENCODED_URL_USER =
      Pattern.compile("(%3A%2F%2F)\\S*%40", Pattern.CASE_INSENSITIVE);

  private static final Pattern BARE_USER =
      Pattern.compile("(?<![\\w/.-])([\\w.+-]{1,200}:)[^\\s@/\"'*]{1,500}@(?=[\\w\\[])");

  private Redactor() {}

  /** Whether the value of such a key is not to be shown. */
  public static boolean isSecret(String key) {
    return SECRET_KEY.matcher(key).matches() && !ABOUT_SECRET.matcher(key).matches();
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
    clean = jaas(clean);
    clean = urls(clean);
    clean = ENCODED_URL_USER.matcher(clean).replaceAll("$1" + HIDDEN + "%40");
    clean = keys(clean);
    clean = QUERY.matcher(clean).replaceAll("$1" + HIDDEN);
    clean = BEARER.matcher(clean).replaceAll("$1" + HIDDEN);
    clean = BASIC.matcher(clean).replaceAll("$1" + HIDDEN);
    return BARE_USER.matcher(clean).replaceAll("$1" + HIDDEN + "@");
  }

  /** Hides the options of login modules, up to the semicolon that ends them. */
  private static String jaas(String text) {
    StringBuilder clean = new StringBuilder();
    Matcher module = JAAS.matcher(text);
    int done = 0;
    while (module.find(done)) {
      clean.append(text, done, module.end()).append(' ').append(HIDDEN).append(';');
      done = Math.min(text.length(), endOfOptions(text, module.end()) + 1);
    }
    return clean.append(text, done, text.length()).toString();
  }

  /** Where the next semicolon is that stands in no quotes; else the end. */
  private static int endOfOptions(String text, int from) {
    for (int at = from; at < text.length(); at++) {
      char c = text.charAt(at);
      if (c == ';') {
        return at;
      }
      if (isQuote(text, at)) {
        at = endOfQuoted(text, at) - 1;
      }
    }
    return text.length();
  }

  /** Whether a quote is here, by itself or after a backslash, as in text within JSON. */
  private static boolean isQuote(String text, int at) {
    int sign = at + (text.charAt(at) == '\\' ? 1 : 0);
    return sign < text.length() && (text.charAt(sign) == '"' || text.charAt(sign) == '\'');
  }

  /** The place after the quote that closes the one here; the end of the text if there is none. */
  private static int endOfQuoted(String text, int open) {
    boolean escaped = text.charAt(open) == '\\';
    char quote = text.charAt(open + (escaped ? 1 : 0));
    for (int at = open + (escaped ? 2 : 1); at < text.length(); at++) {
      char c = text.charAt(at);
      boolean backslash = c == '\\' && at + 1 < text.length();
      if (escaped && backslash && text.charAt(at + 1) == quote) {
        return at + 2;
      }
      if (!escaped && c == quote) {
        return at + 1;
      }
      if (backslash) {
        at++;
      }
    }
    return text.length();
  }

  /** Hides what stands between {@code ://} and the last {@code @} before the host. */
  private static String urls(String text) {
    StringBuilder clean = new StringBuilder();
    int done = 0;
    for (int mark = text.indexOf("://"); mark >= 0; mark = text.indexOf("://", mark + 3)) {
      int from = mark + 3;
      if (from < done) {
        continue;
      }
      int at = endOfUser(text, from);
      if (at >= 0) {
        clean.append(text, done, from).append(HIDDEN);
        done = at;
      }
    }
    return clean.append(text, done, text.length()).toString();
  }

  /** The place of the {@code @} after user and password, which may hold anything; -1 if none. */
  private static int endOfUser(String text, int from) {
    int next = text.indexOf("://", from);
    int limit = next < 0 ? text.length() : next;
    int blank = from;
    while (blank < limit && !Character.isWhitespace(text.charAt(blank))) {
      blank++;
    }
    int inWord = text.lastIndexOf('@', blank - 1);
    if (!URL_USER.matcher(text).region(from, limit).lookingAt()) {
      return inWord >= from ? inWord : -1;
    }
    int end = blank;
    while (end < limit && "\n\"'<>".indexOf(text.charAt(end)) < 0) {
      end++;
    }
    int inLine = text.lastIndexOf('@', end - 1);
    return inLine >= from ? inLine : -1;
  }

  /** Hides the values of keys that are secret. */
  private static String keys(String text) {
    StringBuilder clean = new StringBuilder();
    Matcher key = KEY.matcher(text);
    int done = 0;
    for (int from = 0; from <= text.length() && key.find(from); ) {
      from = key.end(1);
      int value = key.end();
      if (isSecret(key.group(1)) && separates(text, key) && value < text.length()) {
        int end = endOfValue(text, value, key.group(1));
        if (end > value) {
          clean.append(text, done, value).append(HIDDEN);
          done = end;
          from = end;
        }
      }
    }
    return clean.append(text, done, text.length()).toString();
  }

  /** Whether what follows the key is its value. */
  private static boolean separates(String text, Matcher key) {
    int start = key.start(1);
    boolean blank = key.group(2).isBlank();
    if (blank) {
      return text.startsWith("--", start);
    }
    if (key.group(2).startsWith(":")) {
      boolean ofPath = start > 0 && text.charAt(start - 1) == '/';
      return !ofPath && !LINE_NUMBER.matcher(text).region(key.start(2), text.length()).lookingAt();
    }
    return true;
  }

  private static int endOfValue(String text, int from, String key) {
    String name = key.toLowerCase(Locale.ROOT);
    if (isQuote(text, from)) {
      return endOfQuoted(text, from);
    }
    boolean line = name.contains("authorization") || name.contains("cookie");
    int end = from;
    while (end < text.length() && !ends(text.charAt(end), line)) {
      end++;
    }
    while (end > from && ",;}])".indexOf(text.charAt(end - 1)) >= 0) {
      end--;
    }
    return end;
  }

  private static boolean ends(char c, boolean line) {
    return line ? c == '\n' || c == '"' || c == '\'' : Character.isWhitespace(c) || c == '<';
  }
}
