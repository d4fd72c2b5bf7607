#!/bin/sh
# Generates what is committed of the clients: the Go stubs. (Python has proto/generate.sh; the others generate while they
# build.) The plug-ins come into build/tools at the versions below.
# usage: clients/generate.sh [OUT]    OUT defaults to the root of the checkout; CI generates elsewhere and compares.
set -eu
PROTOC_GEN_GO=v1.36.12
PROTOC_GEN_GO_GRPC=v1.6.2

root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root}
tools=$root/build/tools/go-$PROTOC_GEN_GO-$PROTOC_GEN_GO_GRPC
command -v go >/dev/null || { echo "clients/generate.sh: go is missing (https://go.dev/doc/install)" >&2; exit 1; }
[ -x "$tools/protoc-gen-go" ] || GOBIN=$tools go install "google.golang.org/protobuf/cmd/protoc-gen-go@$PROTOC_GEN_GO"
[ -x "$tools/protoc-gen-go-grpc" ] ||
  GOBIN=$tools go install "google.golang.org/grpc/cmd/protoc-gen-go-grpc@$PROTOC_GEN_GO_GRPC"
cd "$root"
rm -rf "$out/clients/go/fenixv1"
PATH=$tools:$root/.venv/bin:$PATH buf generate --template proto/buf.gen.yaml --output "$out"
