"""Accuracy of the methods against relaxed PBE-D3: make the references, then the table of docs/accuracy.md.

python benchmarks/accuracy.py plan                       starting geometries and reactions of the queue
python benchmarks/accuracy.py references --until 12:40   relax what is missing with CP2K, resumable
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from reference_states import make_plans, make_references


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("command", choices=["plan", "references"])
    parser.add_argument("--until", default="", help="HH:MM UTC of today at which references stop")
    asked = parser.parse_args()
    if asked.command == "plan":
        make_plans()
    else:
        deadline = time.time() + 3.15e7
        if asked.until:
            hour, minute = map(int, asked.until.split(":"))
            deadline = datetime.now(UTC).replace(hour=hour, minute=minute, second=0).timestamp()
        make_references(deadline)


if __name__ == "__main__":
    main()
