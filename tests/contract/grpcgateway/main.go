// The Go grpc-gateway, generated from the annotations of the contract, in front of a fenix server: what the gateway's
// standard mapping is compared with.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	// Errors are printed with their details only where the types of the details are linked in.
	_ "google.golang.org/genproto/googleapis/rpc/errdetails"

	"github.com/fenix-grpc/fenix/tests/contract/grpcgateway/fenixv1"
)

func main() {
	server := flag.String("server", "", "HOST:PORT of the gRPC server")
	flag.Parse()
	channel, err := grpc.NewClient(*server, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	mux := runtime.NewServeMux()
	// What is registered last is tried first, and /v1/maintenance/{session_id}/detail must not be taken for the project
	// "detail": sessions come after projects.
	for _, register := range []func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error{
		fenixv1.RegisterConstraintServiceHandler,
		fenixv1.RegisterProjectServiceHandler,
		fenixv1.RegisterSessionServiceHandler,
	} {
		if err := register(context.Background(), mux, channel); err != nil {
			log.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	log.Fatal(http.Serve(listener, mux))
}
