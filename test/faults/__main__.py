"""script/faults: what the product does when the machine fails it. See doc/faults.md."""
import argparse
import sys

import calls
import limits

PARTS = {"calls": lambda options: calls.try_commands(options.n or (2 if options.short else 100), options.seed,
                                                     options.command, options.sort),
         "limits": lambda options: limits.try_limits((250, 400, 800) if options.short else range(200, 1300, 50))}


def main():
    parser = argparse.ArgumentParser(prog="script/faults", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (default: all)")
    parser.add_argument("--short", action="store_true", help="the form that script/test runs: about a minute")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-n", type=int, help="faults of each sort for each command")
    parser.add_argument("--command", help="only commands with this in their names")
    parser.add_argument("--sort", help="only faults with this in their names")
    options = parser.parse_args()
    unknown = [name for name in options.parts if name not in PARTS]
    if unknown:
        parser.error(f"{unknown[0]}: no such part; there are {', '.join(PARTS)}")
    results = [PARTS[name](options) for name in options.parts or PARTS]
    sys.exit(0 if all(results) else 1)


main()
