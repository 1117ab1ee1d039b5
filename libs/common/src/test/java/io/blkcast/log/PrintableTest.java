package io.blkcast.log;

import static org.assertj.core.api.Assertions.assertThat;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class PrintableTest {

  private static String of(int... characters) {
    return new String(characters, 0, characters.length);
  }

  @Test
  void text_that_is_only_text_stays_as_it_is() {
    String text = "volume 'Größe-日本' 100 % \\ \ud83d\ude00";
    assertThat(Printable.text(text)).isEqualTo(text);
  }

  @Test
  void line_breaks_and_escape_sequences_are_told_and_not_done() {
    assertThat(Printable.text("a\r\nb\tc")).isEqualTo("a\\r\\nb\\tc");
    assertThat(Printable.text(of(0x1b, '[', '2', 'J'))).isEqualTo("\\u001b[2J");
    assertThat(Printable.text(of(0x9b, '2', 'J'))).as("CSI in one").isEqualTo("\\u009b2J");
    assertThat(Printable.text(of(0, 7, 0x7f, 0x85))).isEqualTo("\\u0000\\u0007\\u007f\\u0085");
    assertThat(Printable.text(of(0x2028, 0x2029))).isEqualTo("\\u2028\\u2029");
  }

  @Test
  void characters_that_show_others_than_there_are_are_told() {
    assertThat(Printable.text(of('a', 0x202e, 'b', 0x2066))).isEqualTo("a\\u202eb\\u2066");
    assertThat(Printable.text(of(0x200b, 0xfeff))).isEqualTo("\\u200b\\ufeff");
    assertThat(Printable.text(of(0xe0041))).as("a tag").isEqualTo("\\udb40\\udc41");
    assertThat(Printable.text("\ud800x")).as("half of a pair").isEqualTo("\\ud800x");
  }

  @Test
  void long_text_is_cut_and_says_so() {
    assertThat(Printable.text("abcdef", 6)).isEqualTo("abcdef");
    assertThat(Printable.text("ab\ncdef", 3)).isEqualTo("ab\\n… (4 characters more)");
    assertThat(Printable.text("a\ud83d\ude00b", 2)).isEqualTo("a… (3 characters more)");
  }

  @Test
  void lines_of_ours_stay_lines() {
    assertThat(Printable.lines("{\n  \"a\": \"" + of(0x9b) + "\"\n}"))
        .isEqualTo("{\n  \"a\": \"\\u009b\"\n}");
    assertThat(Printable.lines("a\r\n")).isEqualTo("a\\r\n");
  }

  @Property
  void nothing_that_is_obeyed_comes_through(@ForAll String text) {
    assertThat(Printable.text(text).codePoints())
        .noneMatch(Character::isISOControl)
        .noneMatch(c -> Character.getType(c) == Character.FORMAT)
        .noneMatch(c -> c == 0x2028 || c == 0x2029);
  }
}
