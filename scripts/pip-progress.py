"""Of what pip prints, show what takes time: what is fetched, on one line that grows, and the unpacking."""

import re
import sys

FETCHED = re.compile(r"\s*(?:Downloading|Using cached|Processing) (?:\S*/)?(\S+)\.(?:whl|tar\.gz)( \(.*\))?$")
separator = "  Fetching "
for line in sys.stdin:
    if found := FETCHED.match(line):
        package = re.sub(r"-(cp|py)\d.*", "", found[1])
        size = found[2] if found[2] and "MB" in found[2] else ""
        print(separator, package, size, sep="", end="", flush=True)
        separator = ", "
    elif line.startswith("Installing collected packages: "):
        print(f".\n  Unpacking {line.count(',') + 1} packages.", flush=True)
