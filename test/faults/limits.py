"""Every command with little address space: it ends, by itself, with its answer or with an error."""
import resource

from commands import Scene, every_command
from harness import Counts, judge, print_table, run, temporary_folder


def try_limits(megabytes):
    """Each command under each limit, as `ulimit -v` sets it. Returns whether all is well."""
    by_limit = {limit: Counts() for limit in megabytes}
    by_command = []
    with temporary_folder() as folder:
        scene = Scene(folder)
        for command in every_command(scene):
            counts = Counts()
            scene.command = command
            command.prepare()
            name, why = judge(run(command.arguments, scene.folder), None, command.find_wrong)
            assert name == "no harm", (command.name, name, why)
            for limit in megabytes:
                n_bytes = limit << 20
                command.prepare()
                outcome = run(command.arguments, scene.folder,
                              limit=lambda: resource.setrlimit(resource.RLIMIT_AS, (n_bytes, n_bytes)))
                name, why = judge(outcome, None, command.find_wrong)
                if name == "told":
                    lost = command.finish()
                    name, why = ("wrong", lost) if lost is not None else (name, why)
                for c in (counts, by_limit[limit]):
                    c.add(name, f"{command.name}: {limit} MB: {why}")
            by_command.append((command.name, counts))
    for counts in by_limit.values():
        counts.bad = []
    print_table("address space", [(f"{limit} MB", counts) for limit, counts in by_limit.items()])
    return print_table("command, with little address space", by_command)
