"""script/faults: what the product does when the machine fails it. See doc/faults.md."""
import argparse
import sys

import calls
import folders
import kills
import limits
import power
import serve

# Each takes the options and returns whether all is well; its second form is the short one.
PARTS = {
    "calls": lambda o: calls.try_commands(o.n or (2 if o.short else 100), o.seed, o.command, o.sort),
    "limits": lambda o: limits.try_limits((250, 400, 800) if o.short else range(200, 1300, 50)),
    "serve": lambda o: serve.try_server(o.n or (1 if o.short else 20), 1 if o.short else 4, o.seed, o.sort),
    "kills": lambda o: kills.try_kills(o.n or (5 if o.short else 150), o.seed),
    "folders": lambda o: folders.try_folders(o.n or (6 if o.short else 150), o.seed),
    "power": lambda o: power.try_power(),
}


def main():
    parser = argparse.ArgumentParser(prog="script/faults", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--short", action="store_true", help="the form that script/test runs: about a minute")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, help="faults of each sort for each command, kills, or starts of the server")
    parser.add_argument("--command", help="only commands with this in their names")
    parser.add_argument("--sort", help="only faults with this in their names")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]}: no such part; there are {', '.join(PARTS)}")
    # The power cuts are unit tests, which run anyway.
    results = [PARTS[name](options) for name in options.parts or PARTS if not (options.short and name == "power")]
    sys.exit(0 if all(results) else 1)


main()
