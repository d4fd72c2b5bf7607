// Package fenix connects to a fenix server; the stubs in fenixv1 are the API.
package fenix

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	pb "github.com/fenix-grpc/fenix/clients/go/fenixv1"
)

const (
	callTimeout = 30 * time.Second
	firstWait   = 200 * time.Millisecond
	longestWait = 5 * time.Second
)

// Dial returns a connection to the server at target, such as "127.0.0.1:12348". It connects with the first call and
// again whenever needed. The token says who is calling, with every call; ca is a file with the certificates to trust, and
// without it nothing is encrypted.
func Dial(target, token, ca string) (*grpc.ClientConn, error) {
	transport := insecure.NewCredentials()
	if ca != "" {
		var err error
		if transport, err = credentials.NewClientTLSFromFile(ca, ""); err != nil {
			return nil, err
		}
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		// A dead server is noticed within 40 s; servers refuse clients that ping more often than every 30 s.
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		// A server that came back is found within seconds instead of gRPC's two minutes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: firstWait, Multiplier: 2, Jitter: 0.2, MaxDelay: longestWait},
			MinConnectTimeout: longestWait,
		}),
	}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(authToken(token)))
	}
	return grpc.NewClient(target, options...)
}

type authToken string

func (t authToken) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"x-auth-token": string(t)}, nil
}

func (authToken) RequireTransportSecurity() bool { return false }

// Backoff waits between tries, longer after each failure in a row. The zero value is ready to use.
type Backoff struct{ failures int }

// Reset is for a success.
func (b *Backoff) Reset() { b.failures = 0 }

// Wait waits before the next try; it returns the error at once when another try would not help.
func (b *Backoff) Wait(ctx context.Context, failed error) error {
	switch status.Code(failed) {
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Canceled:
	default:
		return failed
	}
	wait := min(longestWait, firstWait<<min(b.failures, 10))
	b.failures++
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait/2 + rand.N(wait/2)): // so that clients of a server that was away spread out
		return nil
	}
}

// WatchProject calls handle with every response for a project, in order and through breaks of the connection, each of
// which broken is told. What handle has not returned from comes again. It ends with nil once handle says that it is done,
// and with an error when another try would not help.
func WatchProject(
	ctx context.Context, projects pb.ProjectServiceClient, project string,
	handle func(*pb.WatchProjectResponse) (done bool), broken func(error),
) error {
	var backoff Backoff
	for token := ""; ; {
		err := watch(ctx, projects, project, &token, func(response *pb.WatchProjectResponse) bool {
			backoff.Reset()
			return handle(response)
		})
		if err == nil {
			return nil
		}
		broken(err)
		if token != "" && UnknownToken(err) {
			token = "" // begin with the notices that are open
		} else if err := backoff.Wait(ctx, err); err != nil {
			return err
		}
	}
}

func watch(
	ctx context.Context, projects pb.ProjectServiceClient, project string, token *string,
	handle func(*pb.WatchProjectResponse) bool,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := projects.WatchProject(ctx, &pb.WatchProjectRequest{ProjectId: project, After: *token})
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return status.Error(codes.Unavailable, "the server ended the stream")
		}
		if err != nil {
			return err
		}
		if handle(response) {
			return nil
		}
		*token = response.Token // only now: what was not dealt with comes again
	}
}

// UnknownToken says whether an error of a watch means that its token is too old, or another server's: begin without it.
func UnknownToken(err error) bool {
	code := status.Code(err)
	return code == codes.OutOfRange || code == codes.InvalidArgument
}

// Patiently repeats a call that may be repeated until a server answers. What it returns is definite.
func Patiently[Q, R any](
	ctx context.Context, call func(context.Context, Q, ...grpc.CallOption) (R, error), request Q,
) (R, error) {
	var backoff Backoff
	for {
		timed, cancel := context.WithTimeout(ctx, callTimeout)
		response, err := call(timed, request)
		cancel()
		if err == nil {
			return response, nil
		}
		if err := backoff.Wait(ctx, err); err != nil {
			return response, err
		}
	}
}
