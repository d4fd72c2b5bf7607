package io.fenix;

import io.fenix.v1.ConstraintServiceGrpc;
import io.fenix.v1.ProjectServiceGrpc;
import io.fenix.v1.SessionServiceGrpc;
import io.grpc.ChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.stub.AbstractStub;
import io.grpc.stub.MetadataUtils;
import java.io.File;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** A connection to fenix, made with the first call and again whenever needed; the generated stubs are the API. */
public final class Fenix implements AutoCloseable {
  private final ManagedChannel channel;

  /** What applications demand of every maintenance. */
  public final ConstraintServiceGrpc.ConstraintServiceBlockingStub constraints;
  /** For managers of projects. */
  public final ProjectServiceGrpc.ProjectServiceBlockingStub projects;
  /** For administrators. */
  public final SessionServiceGrpc.SessionServiceBlockingStub sessions;

  private Fenix(ManagedChannel channel, String token) {
    var metadata = new Metadata();
    if (!token.isEmpty()) metadata.put(Metadata.Key.of("x-auth-token", Metadata.ASCII_STRING_MARSHALLER), token);
    var authenticate = MetadataUtils.newAttachHeadersInterceptor(metadata);
    this.channel = channel;
    this.constraints = ConstraintServiceGrpc.newBlockingStub(channel).withInterceptors(authenticate);
    this.projects = ProjectServiceGrpc.newBlockingStub(channel).withInterceptors(authenticate);
    this.sessions = SessionServiceGrpc.newBlockingStub(channel).withInterceptors(authenticate);
  }

  /**
   * A connection to the server, such as {@code 127.0.0.1:12348}.
   *
   * @param token says who is calling, with every call; may be empty
   * @param ca a file with the certificates to trust; null for plain text
   */
  public static Fenix connect(String server, String token, String ca) throws IOException {
    ChannelCredentials credentials = ca == null
        ? InsecureChannelCredentials.create()
        : TlsChannelCredentials.newBuilder().trustManager(new File(ca)).build();
    // A dead server is noticed within 40 s; servers refuse clients that ping more often than every 30 s.
    var channel = Grpc.newChannelBuilder(server, credentials)
        .keepAliveTime(30, TimeUnit.SECONDS)
        .keepAliveTimeout(10, TimeUnit.SECONDS)
        .build();
    return new Fenix(channel, token);
  }

  /** The response of a call that may be repeated, as soon as a server answers. What it throws is definite. */
  public static <S extends AbstractStub<S>, T> T patiently(S stub, Function<S, T> call) throws InterruptedException {
    for (var backoff = new Backoff(); ; ) {
      try {
        return call.apply(stub.withDeadlineAfter(30, TimeUnit.SECONDS));
      } catch (StatusRuntimeException failed) {
        backoff.pause(failed);
      }
    }
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
