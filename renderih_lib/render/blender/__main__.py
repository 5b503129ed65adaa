"""The child of `renderih_lib.render.cycles`: JSON lines in on stdin, JSON lines out on a pipe of its own.

Whatever Blender prints goes to the ordinary stdout and cannot disturb the replies.
"""

import argparse
import json
import os
import sys

import bpy

from renderih_lib.render.blender.studio import Studio


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reply-fd", type=int, required=True)
    replies = os.fdopen(parser.parse_args().reply_fd, "w")
    studio = None
    for line in sys.stdin:
        job = json.loads(line)
        operation = job.pop("operation")
        try:
            if operation == "setup":
                studio = Studio(**job)
                reply = {"blender": bpy.app.version_string}
            else:
                reply = getattr(studio, operation)(job)
        except Exception as error:  # the parent decides what a failure means; this process stays usable
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


if __name__ == "__main__":
    main()
