"""`python -m fenix_grpc.cli`: the command `fenix` without its script."""

from fenix_grpc.cli import main

if __name__ == "__main__":
    main()
