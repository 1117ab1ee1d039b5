package io.blkcast.exporter.source.blksnap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.blkcast.exporter.source.SourceException;
import io.blkcast.exporter.source.SourceException.Code;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What an operator is told names the cause and the remedy. */
class ErrorsTest {

  private static ErrnoException errno(String name) {
    for (int number = 1; number < 134; number++) {
      if (ErrnoException.name(number).equals(name)) {
        return new ErrnoException("do this", number);
      }
    }
    throw new IllegalArgumentException(name);
  }

  private static void check(SourceException told, Code code, String remedy) {
    assertThat(told.code()).isEqualTo(code);
    assertThat(told).hasMessageContaining("do this").hasMessageContaining(remedy);
  }

  @ParameterizedTest
  @CsvSource({
    "ENOENT, UNSUPPORTED, modprobe blksnap",
    "ENXIO, UNSUPPORTED, blkcast-dkms",
    "EPERM, PERMISSION, CAP_SYS_ADMIN",
    "EACCES, PERMISSION, CAP_SYS_ADMIN",
    "ENOTTY, UNSUPPORTED, Another program's module",
    "EIO, IO, EIO",
  })
  void of_the_control_device(String errno, Code code, String remedy) {
    check(Errors.control(errno(errno)), code, remedy);
  }

  @ParameterizedTest
  @CsvSource({
    "EPERM, PERMISSION, CAP_SYS_ADMIN",
    "ENODEV, GONE, /dev/disk/by-id",
    "EBUSY, BUSY, blksnapctl list",
    "EALREADY, BUSY, blksnapctl list",
    "ENOSPC, NO_SPACE, another place or a limit",
    "ENOTTY, UNSUPPORTED, modprobe blksnap",
    "EOPNOTSUPP, UNSUPPORTED, kernel log",
    "EAGAIN, BUSY, changed its size",
    "ETIMEDOUT, BUSY, did not freeze",
    "ETIMEDOUT, BUSY, difference storage did not write",
    "ENOMEM, BUSY, short of memory",
    "EINVAL, INVALID, EINVAL",
    "EIO, IO, EIO",
  })
  void of_a_device(String errno, Code code, String remedy) {
    SourceException told = Errors.device("db01", errno(errno));
    check(told, code, remedy);
    if (code != Code.PERMISSION) {
      assertThat(told).hasMessageContaining("Volume db01");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "ENOENT, NO_SPACE, There is no /spare",
    "EBUSY, NO_SPACE, in use",
    "EINVAL, NO_SPACE, ext4",
    "EOPNOTSUPP, NO_SPACE, ext4",
    "ENOSPC, NO_SPACE, Make room in /spare",
    "EPERM, PERMISSION, CAP_SYS_ADMIN",
    "EIO, IO, EIO",
  })
  void of_a_difference_storage(String errno, Code code, String remedy) {
    check(Errors.create("/spare", errno(errno)), code, remedy);
  }

  @Test
  void a_filter_of_another_is_named_and_else_the_user_of_the_kernel_function_looked_for() {
    ErrnoException busy = errno("EBUSY");
    check(Errors.attach("db01", busy, "bdevfilter"), Code.BUSY, "bdevfilter is attached");
    check(Errors.attach("db01", busy, ""), Code.BUSY, "kernel.ftrace_enabled");
    check(Errors.attach("db01", busy, "blksnap"), Code.BUSY, "/sys/class/block/*/filter");
    check(Errors.attach("db01", errno("ENODEV"), "other"), Code.GONE, "not there");
  }

  @Test
  void a_module_of_another_major_version_is_refused_with_both_named() {
    SourceException told =
        catchThrowableOfType(
            SourceException.class,
            () -> Errors.requireKnown(new ControlDevice.Version(3, 1, 0, 0)));
    assertThat(told.code()).isEqualTo(Code.UNSUPPORTED);
    assertThat(told).hasMessageContaining("3.1.0.0").hasMessageContaining("modprobe -r");
    assertThatCode(() -> Errors.requireKnown(new ControlDevice.Version(2, 7, 0, 0)))
        .doesNotThrowAnyException();
  }

  @Test
  void a_missing_module_is_told_by_the_real_system_call() {
    // There is no control device where these tests run: the kernel under them takes no modules.
    SourceException told =
        catchThrowableOfType(
            SourceException.class,
            () -> {
              try {
                new ControlDevice().close();
              } catch (ErrnoException e) {
                throw Errors.control(e);
              }
            });
    assertThat(told.code()).isEqualTo(Code.UNSUPPORTED);
    assertThat(told).hasMessageContaining("/dev/blksnap-control: ENOENT");
  }
}
