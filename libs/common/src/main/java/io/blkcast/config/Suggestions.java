package io.blkcast.config;

import java.util.Collection;
import java.util.Comparator;
import java.util.Locale;
import java.util.Optional;

/** Finds the word that a mistyped one was meant to be. */
public final class Suggestions {

  private Suggestions() {}

  /** The nearest of the known words, if any is near enough to be worth naming. */
  public static Optional<String> nearest(String word, Collection<String> known) {
    String typed = fold(word);
    return known.stream()
        .filter(candidate -> distance(typed, fold(candidate)) <= Math.max(2, typed.length() / 3))
        .min(Comparator.comparingInt(candidate -> distance(typed, fold(candidate))));
  }

  /** ", did you mean 'x'?" or the list of what there is. */
  public static String hint(String word, Collection<String> known) {
    return nearest(word, known)
        .map(near -> "; did you mean '" + near + "'?")
        .orElseGet(() -> "; known: " + String.join(", ", known.stream().sorted().toList()));
  }

  private static String fold(String word) {
    return word.toLowerCase(Locale.ROOT).replaceAll("[^a-z0-9]", "");
  }

  /** Levenshtein's distance, with a swap of neighbours counted once. */
  private static int distance(String a, String b) {
    int[][] cost = new int[a.length() + 1][b.length() + 1];
    for (int i = 0; i <= a.length(); i++) {
      cost[i][0] = i;
    }
    for (int j = 0; j <= b.length(); j++) {
      cost[0][j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      for (int j = 1; j <= b.length(); j++) {
        int differ = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1;
        int best =
            Math.min(Math.min(cost[i - 1][j] + 1, cost[i][j - 1] + 1), cost[i - 1][j - 1] + differ);
        if (i > 1
            && j > 1
            && a.charAt(i - 1) == b.charAt(j - 2)
            && a.charAt(i - 2) == b.charAt(j - 1)) {
          best = Math.min(best, cost[i - 2][j - 2] + 1);
        }
        cost[i][j] = best;
      }
    }
    return cost[a.length()][b.length()];
  }
}
