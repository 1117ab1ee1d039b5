package io.blkcast.testkit;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * Names the programs that a test, or every test of a class, starts. Where one is missing the test
 * is skipped, and the reason names its Debian package; with {@code CI=true} in the environment the
 * test fails. Skipped tests are noted in {@code target/skipped-tests} of their module, which {@code
 * ./blkcast test} sums up.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target({ElementType.TYPE, ElementType.METHOD})
@ExtendWith(ToolCondition.class)
public @interface NeedsTool {

  /** Programs, by the names that the resource {@code tools} lists. */
  String[] value();
}
