#!/bin/sh
# Generates the Python stubs of proto/fenix/v1 into fenix_grpc/v1 (and moves them to that package's name).
# usage: proto/generate.sh [OUT]      OUT defaults to fenix_grpc/v1; CI generates elsewhere and compares.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
out=${1:-$root/fenix_grpc/v1}
python=${PYTHON:-$root/.venv/bin/python}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$root/proto"
PATH=$(dirname "$python"):$PATH "$python" -m grpc_tools.protoc -I. --python_out="$work" --pyi_out="$work" \
  --grpc_python_out="$work" --mypy_grpc_out="quiet:$work" fenix/v1/*.proto
find "$work" -name '*.py*' -exec sed -i 's/\bfenix\.v1 import/fenix_grpc.v1 import/; s/\bfrom fenix import v1\b/from fenix_grpc import v1/; s/\bimport fenix\.v1\b/import fenix_grpc.v1/' {} +
mkdir -p "$out"
rm -f "$out"/*_pb2*.py "$out"/*_pb2*.pyi
rm -f "$work"/fenix/v1/types_pb2_grpc.* "$work"/fenix/v1/events_pb2_grpc.* "$work"/fenix/v1/plan_pb2_grpc.*   # no services there
cp "$work"/fenix/v1/* "$out"/
