// An administrator's watch: lists the sessions and follows one until it ends.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"strings"

	"github.com/fenix-grpc/fenix/clients/go"
	pb "github.com/fenix-grpc/fenix/clients/go/fenixv1"
)

func main() {
	log.SetFlags(0)
	server := flag.String("server", "127.0.0.1:12348", "address of fenix")
	token := flag.String("token", os.Getenv("FENIX_TOKEN"), "who is calling, such as a Keystone token")
	ca := flag.String("ca", "", "file with the certificates to trust; plain text without it")
	session := flag.String("session", "", "id of the session to follow; the newest without it")
	flag.Parse()
	conn, err := fenix.Dial(*server, *token, *ca)
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	sessions := pb.NewSessionServiceClient(conn)
	newest, err := list(ctx, sessions)
	if err != nil {
		log.Fatal(err)
	}
	if *session == "" {
		*session = newest
	}
	if *session == "" {
		return // there is none
	}
	if err := follow(ctx, sessions, *session); err != nil {
		log.Fatal(err)
	}
}

// list prints all sessions, oldest first, and returns the id of the newest.
func list(ctx context.Context, sessions pb.SessionServiceClient) (newest string, err error) {
	request := &pb.ListSessionsRequest{}
	for {
		page, err := fenix.Patiently(ctx, sessions.ListSessions, request)
		if err != nil {
			return "", err
		}
		for _, s := range page.Sessions {
			fmt.Printf("%s  %s  %d %%\n", s.SessionId, word(s.State), s.PercentDone)
			newest = s.SessionId
		}
		if request.PageToken = page.NextPageToken; request.PageToken == "" {
			return newest, nil
		}
	}
}

// follow prints what happens to a session from its beginning to its end, through breaks of the connection.
func follow(ctx context.Context, sessions pb.SessionServiceClient, session string) error {
	var backoff fenix.Backoff
	var seen progress
	after := ""
	for {
		stream, err := sessions.WatchSession(ctx, &pb.WatchSessionRequest{SessionId: session, After: after, Follow: true})
		for err == nil {
			var response *pb.WatchSessionResponse
			if response, err = stream.Recv(); err == nil {
				backoff.Reset()
				for _, event := range response.Events {
					seen.show(event)
				}
				after = response.Token
			}
		}
		if errors.Is(err, io.EOF) {
			return nil // the session has ended
		}
		log.Printf("! %v", err)
		if after != "" && fenix.UnknownToken(err) {
			after = ""
		} else if err := backoff.Wait(ctx, err); err != nil {
			return err
		}
	}
}

// progress is how far a session is, as its events tell.
type progress struct{ hosts, done int }

// show prints an event that an administrator waits for.
func (p *progress) show(event *pb.SessionEvent) {
	switch what := event.Event.(type) {
	case *pb.SessionEvent_HostsSelected:
		p.hosts, p.done = len(what.HostsSelected.Hosts), 0
	case *pb.SessionEvent_StateEntered:
		fmt.Println(strings.TrimSpace(word(what.StateEntered.State) + " " + what.StateEntered.Host))
		if what.StateEntered.State == pb.SessionState_SESSION_STATE_MAINTENANCE_FAILED {
			fmt.Println("  " + what.StateEntered.Reason)
		}
	case *pb.SessionEvent_HostChanged:
		if what.HostChanged.Progress == pb.HostProgress_HOST_PROGRESS_MAINTENANCE_COMPLETE {
			p.done++
			fmt.Printf("%s is done, %d of %d hosts\n", what.HostChanged.Host, p.done, p.hosts)
		}
	}
}

// word returns the name of a state without the prefix of its type.
func word(value pb.SessionState) string {
	return strings.TrimPrefix(value.String(), "SESSION_STATE_")
}
