"""The command line: parse, call one verb, print, exit code.

Exit codes: 0 done, 1 some rows failed (they are recorded), 2 the question was wrong.
"""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and exit; errors that were meant are printed without a traceback."""
    import typer

    from qdsurf.cli.commands import app
    from qdsurf.errors import AskError, QdsurfError

    traceback = "--traceback" in sys.argv
    arguments = [a for a in sys.argv[1:] if a != "--traceback"]
    try:
        code = typer.main.get_command(app).main(args=arguments, prog_name="qdsurf", standalone_mode=False)
    except QdsurfError as error:
        if traceback:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, AskError) else 1)
    except KeyboardInterrupt:
        print("interrupted; what is finished is kept, the same command goes on from there", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        show = getattr(error, "show", None)  # usage errors of the option parser print themselves
        if show is None or traceback:
            raise
        show()
        sys.exit(getattr(error, "exit_code", 2))
    sys.exit(code if isinstance(code, int) else 0)
