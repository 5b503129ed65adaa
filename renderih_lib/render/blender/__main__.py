"""The child of `renderih_lib.render.cycles`: JSON lines in on stdin, JSON lines out on a pipe of its own.

Whatever Blender prints goes to the ordinary stdout and cannot disturb the replies.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from renderih_lib.render.blender import few_threads


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reply-fd", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--scratch", type=Path, required=True, help="folder of the parent, for files of a moment"
    )
    args = parser.parse_args()
    with few_threads(args.threads):
        import bpy

        from renderih_lib.render.blender.studio import Studio
    replies, studio = os.fdopen(args.reply_fd, "w"), None
    for line in sys.stdin:
        job = json.loads(line)
        operation = job.pop("operation")
        try:
            if operation == "setup":
                studio = Studio(scratch=args.scratch, threads=args.threads, **job)
                reply = {"blender": bpy.app.version_string}
            else:
                reply = getattr(studio, operation)(job)
        except Exception as error:  # the parent decides what a failure means; this process stays usable
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            reply = {"error": f"{kind}{error}"}
        try:
            replies.write(json.dumps(reply) + "\n")
            replies.flush()
        except BrokenPipeError:
            break
    shutil.rmtree(args.scratch, ignore_errors=True)  # a parent that lives kills this process instead


if __name__ == "__main__":
    main()
