package io.fenix;

import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;

/** Waits between tries, longer after each failure in a row. */
public final class Backoff {
  private static final long FIRST_MS = 200;
  private static final long LONGEST_MS = 5_000;
  private static final Set<Status.Code> PASSING = EnumSet.of(
      Status.Code.UNAVAILABLE, Status.Code.DEADLINE_EXCEEDED, Status.Code.RESOURCE_EXHAUSTED, Status.Code.CANCELLED);

  private int failures;

  /** For a success. */
  public void reset() {
    failures = 0;
  }

  /** Waits before the next try; throws the error at once when another try would not help. */
  public void pause(StatusRuntimeException failed) throws InterruptedException {
    if (!passes(failed.getStatus())) throw failed;
    long full = Math.min(LONGEST_MS, FIRST_MS << Math.min(failures++, 10));
    // random, so that clients of a server that was away spread out
    Thread.sleep(ThreadLocalRandom.current().nextLong(full / 2, full));
  }

  /** Some breaks of an encrypted connection are UNKNOWN to grpc-java, with what broke it as the cause. */
  private static boolean passes(Status status) {
    return PASSING.contains(status.getCode())
        || (status.getCode() == Status.Code.UNKNOWN && status.getCause() instanceof IOException);
  }

  /** Whether an error of a watch says that its token is too old, or another server's: begin without it. */
  public static boolean isUnknownToken(StatusRuntimeException failed) {
    var code = failed.getStatus().getCode();
    return code == Status.Code.OUT_OF_RANGE || code == Status.Code.INVALID_ARGUMENT;
  }
}
