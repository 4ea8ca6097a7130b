"""``python -m sim --port N``: the simulated provider as a process of its own."""

import argparse

from sim.server import run


def main() -> None:
    """Serve until stopped, and say once where."""
    parser = argparse.ArgumentParser(prog="python -m sim", description="The simulated provider.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    options = parser.parse_args()
    host = f"[{options.host}]" if ":" in options.host else options.host

    def ready(port: int) -> None:
        print(f"sim listening on http://{host}:{port}/v1", flush=True)

    run(options.host, options.port, ready=ready)


if __name__ == "__main__":
    main()
